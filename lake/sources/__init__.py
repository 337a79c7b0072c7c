"""Vendor files in, typed record batches out: what a file is, and its rows with where each one came from."""

from __future__ import annotations

from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.detect import detect
from lake.sources.dialects import DIALECTS
from lake.sources.lines import TextReader
from lake.sources.model import Batch, Block, Channel, Plan, Portion, Reader, Reject, SourceOptions
from lake.sources.own import own_dialects, read_words
from lake.sources.saving import save, saving_to

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Batch",
    "Block",
    "Channel",
    "Plan",
    "Portion",
    "Reader",
    "Reject",
    "SourceOptions",
    "detect",
    "expand",
    "id_space",
    "open_reader",
    "own_dialects",
    "read_words",
    "save",
    "saving_to",
]


def expand(patterns: Sequence[str]) -> list[Path]:
    """Return the files that paths and globs name, sorted and each once; SOURCE_NOT_FOUND when one names none."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern).expanduser()
        files = [path] if path.is_file() else [Path(name) for name in glob(str(path), recursive=True)]  # noqa: PTH207 -- Path.glob takes no absolute patterns
        files = [file for file in files if file.is_file() and (file == path or file.suffix != ".CHECKSUM")]
        if not files:
            what = "is a folder: name its files" if path.is_dir() else "names no file"
            fix = [f"'{pattern.rstrip('/')}/*'"] if path.is_dir() else []
            raise LakeError("SOURCE_NOT_FOUND", f"{pattern} {what}", where=pattern, fix=fix)
        found.update(dict.fromkeys(files))
    return sorted(found)


def id_space(dialect: str) -> str:
    """Return what numbers a dialect's trades; empty where they carry no ids, or nobody knows."""
    return DIALECTS[dialect].id_space if dialect in DIALECTS else ""


def open_reader(plan: Plan, options: SourceOptions, *, block_bytes: int = 1 << 20) -> Reader:  # noqa: ARG001 -- the plan holds all
    """Open a planned source for reading, in blocks of about `block_bytes` unpacked bytes."""
    if plan.recipe.kind == "text":
        return TextReader(plan, block_bytes=block_bytes)
    from lake.sources.columnar import ColumnarReader

    return ColumnarReader(plan)
