"""Reading the last rows of series: of each only the files they lie in are planned and opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.manifest import planning
from lake.read import Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from lake.checksums import StoredFile
    from lake.config import Config
    from lake.manifest import Manifest
    from lake.manifest.planning import Planned
    from lake.manifest.rows import FileRow
    from schemas.keys import Address


class Last(Scan):
    """The last rows of each of some series of one asset, at one snapshot; nothing is read until asked."""

    def __init__(
        self,
        config: Config,
        manifest: Manifest,
        addresses: Sequence[Address],
        count: int,
        *,
        columns: Sequence[str] | None = None,
        as_of: int | str | None = None,
    ) -> None:
        """Plan the read of `count` rows of each series, or of as many as it has; raises as `Scan` does."""
        self._count = count
        self._wanted: dict[int, int] = {}
        super().__init__(config, manifest, addresses, columns=columns, as_of=as_of)

    def _planned(self, manifest: Manifest) -> list[Planned]:
        planned = planning.ends(manifest, self.addresses, self._count, self.snapshot)
        for _, _, files in planned:
            left = self._count
            for file in reversed(files):
                self._wanted[file.id] = min(left, file.rows)
                left -= self._wanted[file.id]
        return planned

    def count(self) -> int:
        """Count the rows; no file is opened for it."""
        return sum(self._wanted.values())

    def groups(self, parquet: StoredFile, start_ns: int | None, end_ns: int | None) -> list[int]:
        """Return the row groups at the end of an open file that the last rows lie in."""
        groups = super().groups(parquet, start_ns, end_ns)
        first, rows = len(groups), 0
        while first and rows < self._count:
            first -= 1
            rows += parquet.metadata.row_group(groups[first]).num_rows
        return groups[first:]

    def _covers(self, _: FileRow) -> bool:
        return False  # nobody wants the whole file

    def _stored(self, file: FileRow, columns: Sequence[str], skip: int, *, bare: bool) -> Iterator[pa.Table]:
        tables = [*super()._stored(file, columns, 0, bare=bare)]
        surplus = sum(table.num_rows for table in tables) - self._wanted[file.id]
        for table in tables[skip:]:
            kept = table.slice(min(surplus, table.num_rows))
            surplus -= table.num_rows - kept.num_rows
            yield kept
