"""What proves that a commit took place which only the log tells of: its files are marked once it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lake import layout
from lake.manifest.log import document_at

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lake.config import Config
    from lake.manifest.log import Entry

    Read = Callable[[Callable[[sqlite3.Connection], Any]], Any]


def files_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a document of the log says of the files that its snapshot added."""
    said = document["files"]
    return [dict(zip(said["columns"], row, strict=True)) for row in said["rows"]]


def places(data: Path, path: str) -> Iterator[Path]:
    """Yield where a file lies in the data root: in its place, or among the replaced ones."""
    for place in (data / path, data / layout.REPLACED / path):
        if place.is_file():
            yield place


def is_marked(data: Path, document: dict[str, Any]) -> bool:
    """Whether a file of the snapshot is there and marked; one that added no files proves nothing either way."""
    found = (place for row in files_of(document) for place in places(data, row["path"]))
    return any(place.stat().st_mode & 0o777 == layout.READ_ONLY for place in found)


def is_lost(read: Read, config: Config, entry: Entry) -> bool:
    """Whether a commit that was seen in the log alone took place, and the manifest does not have it by now either."""
    statement = "SELECT 1 FROM snapshots WHERE hash = ?"
    return took_place(config, entry) and not read(
        lambda connection: connection.execute(statement, (entry.hash,)).fetchone()
    )


def took_place(config: Config, entry: Entry) -> bool:
    """Whether the files of a commit in the log prove that it took place."""
    return is_marked(config.data, document_at(config.log, entry))
