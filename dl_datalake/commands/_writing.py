"""Files that a command writes for its user: outside of the lake's own, and whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator


def refuse_inside(output: Path, data: Path) -> None:
    """Refuse, with USAGE, to write into the lake's data folder."""
    if output.resolve().is_relative_to(data.resolve()):
        raise LakeError(
            "USAGE",
            f"{output} lies among the lake's own files",
            why="In the data folder are the files the manifest names, and nothing else is written there.",
            fix=["write it elsewhere"],
        )


@contextmanager
def replacing(output: Path) -> Iterator[BinaryIO]:
    """Give a file to write that is renamed to `output` at the end: whoever looks sees the old one or the whole new."""
    staged = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        with staged.open("xb") as sink:
            yield sink
        staged.replace(output)
    finally:
        staged.unlink(missing_ok=True)
