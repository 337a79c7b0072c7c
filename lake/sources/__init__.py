"""Vendor files in, typed record batches out: what a file is, and its rows with where each one came from.

Its parts are loaded when they are first asked for: whoever only looks at the declared dialects needs no Arrow.
"""

from __future__ import annotations

from glob import glob
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.sources.detection import detect
    from lake.sources.model import Batch, Block, Channel, Plan, Portion, Reader, Reject, SourceOptions
    from lake.sources.preview import Preview, preview_of

__all__ = [
    "Batch",
    "Block",
    "Channel",
    "Plan",
    "Portion",
    "Preview",
    "Reader",
    "Reject",
    "SourceOptions",
    "detect",
    "expand",
    "id_space",
    "open_reader",
    "preview_of",
]

_HOMES = {
    "detect": "detection",
    **dict.fromkeys(("Batch", "Block", "Channel", "Plan", "Portion", "Reader", "Reject", "SourceOptions"), "model"),
    "Preview": "preview",
    "preview_of": "preview",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home module, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


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
    from lake.sources.dialects import known

    found = known().get(dialect)
    return found.id_space if found is not None else ""


def open_reader(plan: Plan, options: SourceOptions, *, block_bytes: int = 1 << 20) -> Reader:  # noqa: ARG001 -- the plan holds all
    """Open a planned source for reading, in blocks of about `block_bytes` unpacked bytes."""
    if plan.recipe.kind == "text":
        from lake.sources.text import TextReader

        return TextReader(plan, block_bytes=block_bytes)
    from lake.sources.columnar import ColumnarReader

    return ColumnarReader(plan)
