"""What a read would do: which files and row groups, how many bytes, from where; nothing but footers is read for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.places import Places
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from lake.checksums import StoredFile
    from lake.manifest.rows import FileRow
    from lake.read import Scan
    from schemas.keys import Address

_NAMES = tuple(column.name for column in IDENTITY)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a read would do."""

    addresses: tuple[Address, ...]
    snapshot: int
    start_ns: int | None
    end_ns: int | None
    where: str
    """The condition; empty where there is none."""
    columns: tuple[str, ...]
    """Those that are decoded, the condition's among them; the names of the series are not, they are known."""
    files: int
    """Those that are opened."""
    files_passed_over: int
    """Those in the range that are not: by what the manifest knows of them, no row of theirs fits the condition."""
    tiers: dict[str, int]
    """How many of the files lie in which tier."""
    groups: int
    """Row groups that are read."""
    groups_passed_over: int
    """Row groups of the opened files that are not, by the range and the condition."""
    rows: int
    """Rows in the row groups that are read."""
    bytes: int
    """Bytes of the columns that are read, as they are stored."""
    bytes_stored: int
    """Bytes of the files that are opened, whole."""
    unreadable: tuple[str, ...]
    """What is wrong with files that cannot be opened now; they are not in the row groups, rows and bytes."""

    def __str__(self) -> str:
        """Return it as lines for people."""
        names = ", ".join(map(str, self.addresses[:3])) + ("" if len(self.addresses) <= 3 else ", …")
        tiers = ", ".join(f"{name} {count:,}" for name, count in sorted(self.tiers.items()))
        lines = [
            f"series      {len(self.addresses):,}: {names}",
            f"snapshot    {self.snapshot}",
            f"condition   {self.where or 'none'}",
            f"files       {self.files:,} opened, {self.files_passed_over:,} passed over",
            f"tiers       {tiers or 'none'}",
            f"row groups  {self.groups:,} read, {self.groups_passed_over:,} passed over, {self.rows:,} rows",
            f"columns     {', '.join(self.columns) or 'none'}",
            f"bytes       {self.bytes:,} of {self.bytes_stored:,}",
            *(f"unreadable  {told}" for told in self.unreadable),
        ]
        return "\n".join(lines)


def explain(scan: Scan) -> Explanation:
    """Return what a read would do; of each planned file the footer is read."""
    places = Places(scan.config)
    needed = _needed(scan)
    found: Counter[str] = Counter()
    unreadable: list[str] = []
    for file in scan.plan:
        try:
            with places.parquet(file, scan.declaration) as parquet:
                found.update(_read(scan, file, parquet, needed))
        except LakeError as error:
            unreadable.append(f"{error.code}: {error.message} ({error.where})")
    return Explanation(
        scan.addresses,
        scan.snapshot,
        scan.start_ns,
        scan.end_ns,
        "" if scan.where is None else str(scan.where),
        needed,
        len(scan.plan),
        scan.passed_over,
        dict(Counter(file.tier for file in scan.plan)),
        found["groups"],
        found["all"] - found["groups"],
        found["rows"],
        found["bytes"],
        sum(file.bytes for file in scan.plan),
        tuple(unreadable),
    )


def _needed(scan: Scan) -> tuple[str, ...]:
    wanted = set(scan.columns) | (scan.where.columns if scan.where is not None else set())
    if any(scan.span(file) != (None, None) for file in scan.plan):
        wanted.add("ts")  # rows at the edges of the range are told by it
    return tuple(name for name in scan.declaration.names if name in wanted and name not in _NAMES)


def _read(scan: Scan, file: FileRow, parquet: StoredFile, needed: tuple[str, ...]) -> dict[str, int]:
    groups = scan.groups(parquet, *scan.span(file))
    names = parquet.schema_arrow.names
    places = [names.index(name) for name in needed if name in names]
    chosen = [parquet.metadata.row_group(group) for group in groups]
    return {
        "groups": len(groups),
        "all": parquet.num_row_groups,
        "rows": sum(group.num_rows for group in chosen),
        "bytes": sum(group.column(place).total_compressed_size for group in chosen for place in places),
    }
