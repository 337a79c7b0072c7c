"""Vendor files in, typed record batches out: what a file is, and its rows with where each one came from.

Its parts are loaded when they are first asked for: whoever only looks at the declared dialects needs no Arrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.sources.containers import Source, SourceFile, members, verify_checksum
    from lake.sources.detection import detect
    from lake.sources.model import Batch, Block, Channel, Plan, Portion, Reader, Reject, SourceOptions
    from lake.sources.own import own_dialects, read_words
    from lake.sources.preview import Preview, preview_of
    from lake.sources.saving import check_saving, save, saving_to
    from lake.sources.walk import Found, expand

__all__ = [
    "Batch",
    "Block",
    "Channel",
    "Found",
    "Plan",
    "Portion",
    "Preview",
    "Reader",
    "Reject",
    "Source",
    "SourceFile",
    "SourceOptions",
    "check_saving",
    "detect",
    "expand",
    "id_space",
    "members",
    "open_reader",
    "own_dialects",
    "preview_of",
    "read_words",
    "save",
    "saving_to",
    "verify_checksum",
]

_HOMES = {
    "detect": "detection",
    **dict.fromkeys(("Batch", "Block", "Channel", "Plan", "Portion", "Reader", "Reject", "SourceOptions"), "model"),
    "Preview": "preview",
    "preview_of": "preview",
    **dict.fromkeys(("Source", "SourceFile", "members", "verify_checksum"), "containers"),
    **dict.fromkeys(("Found", "expand"), "walk"),
    **dict.fromkeys(("own_dialects", "read_words"), "own"),
    **dict.fromkeys(("check_saving", "save", "saving_to"), "saving"),
}


def __getattr__(name: str) -> object:
    """Load a public name from its home module, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def id_space(dialect: str) -> str:
    """Return what numbers a dialect's trades; empty where they carry no ids, or nobody knows."""
    from lake.sources.dialects import known

    found = known().get(dialect)
    return found.id_space if found is not None else ""


def open_reader(plan: Plan, *, block_bytes: int = 1 << 20) -> Reader:
    """Open a planned source for reading, in blocks of about `block_bytes` unpacked bytes."""
    if plan.recipe.kind == "text":
        from lake.sources.lines import open_lines

        return open_lines(plan, block_bytes=block_bytes)
    if plan.recipe.feed is not None:
        from lake.sources.feed import FeedParser
        from lake.sources.lines import open_lines

        # A message takes many times its length in memory while it is looked at.
        return open_lines(plan, block_bytes=max(1, block_bytes // 4), parser=FeedParser(plan.recipe.feed))
    if plan.recipe.kind == "dbn":
        from lake.sources.dbn import open_dbn

        return open_dbn(plan, block_bytes=block_bytes)
    if plan.recipe.kind == "bi5":
        from lake.sources.bi5 import open_bi5

        return open_bi5(plan, block_bytes=block_bytes)
    from lake.sources.columnar import ColumnarReader

    return ColumnarReader(plan)
