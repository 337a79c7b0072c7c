"""Which source is trusted most: what was asked for, what dl.toml declares, else the order they are named in."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.reconcile.model import Source


def ordered(sources: Sequence[Source], asked: Sequence[str], declared: Sequence[str]) -> tuple[list[Source], str]:
    """Return sources with the most trusted first, and where that order is from.

    Of patterns the first that fits a source counts; those that none fits come last, as they are named.

    Raises:
        LakeError: USAGE when one that was asked for fits no source.
    """
    for pattern in asked:
        if not any(_fits(source, pattern) for source in sources):
            raise LakeError(
                "USAGE",
                f"{pattern} is none of the sources",
                where="--prefer",
                why="One of those that are compared can be preferred.",
                fix=[f"--prefer {sources[0].address}"],
            )
    fitting = [pattern for pattern in declared if any(_fits(source, pattern) for source in sources)]
    patterns = asked or fitting
    because = "--prefer" if asked else "dl.toml: [reconcile] prefer" if fitting else "the order they are named in"

    def rank(source: Source) -> int:
        return next((place for place, pattern in enumerate(patterns) if _fits(source, pattern)), len(patterns))

    return sorted(sources, key=rank), because


def _fits(source: Source, pattern: str) -> bool:
    return fnmatchcase(str(source.address), pattern) or str(source) == pattern
