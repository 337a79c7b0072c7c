"""How much room a source may need in the lake, told before it is read.

Measured on the vendors' files under the tests and on larger ones made of them, rows in order and out of order: of
plain text 0.1 to 0.6 of its bytes are stored, and up to 0.9 of them lie on the disk at once while rows out of order
are merged; of compressed files 0.8 to 1.4, and up to 2.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake import sources

if TYPE_CHECKING:
    from lake.sources import Plan

_OF_TEXT = 1.0
_OF_PACKED = 2.5
_LEAST = 1_000_000
"""Small files take their place in the manifest's journal, and a day of few rows is a file, too."""


def room_for(plan: Plan) -> int:
    """Return how many bytes the ingest of a source may take at once, staged files and sorted runs included.

    What is stored and merged with it comes on top where a small file touches large partitions; that is not known yet.
    """
    share = _OF_PACKED if _is_packed(plan) else _OF_TEXT
    return _LEAST + int(plan.nbytes * share)


def _is_packed(plan: Plan) -> bool:
    if plan.recipe.kind != "text":
        return True
    with sources.Source(plan.source) as source:
        return source.packed
