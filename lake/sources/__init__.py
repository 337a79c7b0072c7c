"""Vendor files in, typed record batches out: what a file is, and its rows with where each one came from."""

from __future__ import annotations

from lake.sources.containers import Source, SourceFile, members, verify_checksum
from lake.sources.detect import detect
from lake.sources.dialects import DIALECTS
from lake.sources.lines import TextReader
from lake.sources.model import Batch, Block, Channel, Plan, Portion, Reader, Reject, SourceOptions
from lake.sources.walk import Found, expand

__all__ = [
    "Batch",
    "Block",
    "Channel",
    "Found",
    "Plan",
    "Portion",
    "Reader",
    "Reject",
    "Source",
    "SourceFile",
    "SourceOptions",
    "detect",
    "expand",
    "id_space",
    "members",
    "open_reader",
    "verify_checksum",
]


def id_space(dialect: str) -> str:
    """Return what numbers a dialect's trades; empty where they carry no ids, or nobody knows."""
    return DIALECTS[dialect].id_space if dialect in DIALECTS else ""


def open_reader(plan: Plan, options: SourceOptions, *, block_bytes: int = 1 << 20) -> Reader:  # noqa: ARG001 -- the plan holds all
    """Open a planned source for reading, in blocks of about `block_bytes` unpacked bytes."""
    if plan.recipe.kind == "text":
        return TextReader(plan, block_bytes=block_bytes)
    if plan.recipe.kind == "dbn":
        from lake.sources.dbn import open_dbn

        return open_dbn(plan, block_bytes=block_bytes)
    if plan.recipe.kind == "bi5":
        from lake.sources.bi5 import open_bi5

        return open_bi5(plan, block_bytes=block_bytes)
    from lake.sources.columnar import ColumnarReader

    return ColumnarReader(plan)
