"""When files were last found to be as they were stored: who is next, and writing down who was looked at.

No part of a snapshot, so it is written without a commit, and without the libraries that one needs.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from lake.manifest import connection as connections
from lake.manifest.connection import Link, explained, transaction
from lake.manifest.decode import FILES, file_row
from lake.manifest.forgetting import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lake.config import Config
    from lake.manifest.query import Manifest
    from lake.manifest.rows import FileRow

_CHUNK = 512
_MARK_CHUNK = 8_192
_BY_AGE = f"SELECT id FROM files WHERE {KEPT} ORDER BY coalesce(verified_at_ns, -1), to_snapshot IS NOT NULL, id"
_OLDEST = f"""SELECT min(coalesce(verified_at_ns, -1)) FROM files
    WHERE (:tier IS NULL OR tier = :tier) AND {KEPT}"""


def by_age(manifest: Manifest) -> Iterator[FileRow]:
    """Yield all files: never verified ones first, then by when they last were; of the same age the live ones first.

    The order is that of the first call; a file that is gone when its turn comes is left out.
    """
    ids = manifest.read(lambda connection: array("q", (row[0] for row in connection.execute(_BY_AGE))))
    for start in range(0, len(ids), _CHUNK):
        yield from _files(manifest, ids[start : start + _CHUNK])


def _files(manifest: Manifest, ids: Sequence[int]) -> list[FileRow]:
    sql = f"SELECT {FILES} FROM files WHERE id IN ({', '.join('?' * len(ids))})"
    rows = manifest.read(lambda connection: connection.execute(sql, ids).fetchall())
    found = {row[0]: file_row(row) for row in rows}
    return [found[number] for number in ids if number in found]


def oldest_ns(manifest: Manifest, tier: str | None = None) -> int | None:
    """Return when the file that was verified longest ago was, in a tier or in all; None where one never was."""
    found = manifest.read(lambda connection: connection.execute(_OLDEST, {"tier": tier}).fetchone())[0]
    return None if found in {None, -1} else int(found)


def mark(config: Config, file_ids: Sequence[int], at_ns: int) -> None:
    """Record when files were last found to be as stored.

    Raises:
        LakeError: LOCKED, STORAGE, DISK_FULL.
    """
    link = Link(lambda: connections.open_writer(config.manifest, config.wait_s))
    try:
        with explained(config.manifest), link.held() as connection:
            for start in range(0, len(file_ids), _MARK_CHUNK):
                with transaction(connection, config.wait_s):
                    connection.executemany(
                        "UPDATE files SET verified_at_ns = ? WHERE id = ?",
                        ((at_ns, number) for number in file_ids[start : start + _MARK_CHUNK]),
                    )
    finally:
        link.close()
