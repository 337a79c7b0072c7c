"""How many values of stored features are null, from what the footers of the files say: no value is read."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lake.manifest.packed import DAY_NS
from lake.places import Places

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from lake.checksums import StoredFile
    from lake.config import Config
    from lake.manifest import PartRow
    from schemas.columns import Schema

RISE = 0.10
"""By how much the share of nulls of a column may grow from one version of a set to the next."""
_DAY_US = DAY_NS // 1_000


def shares(
    config: Config, schema: Schema, parts: Sequence[PartRow], days: Collection[int]
) -> dict[str, tuple[int, float]]:
    """Return of each nullable column how many values are null, and which share of the rows that is.

    Columns of lists are left out, and so is a column while no file tells of it. Of a sealed file those row groups are
    looked at that lie in the days altogether.

    Args:
        config: The lake.
        schema: The set's schema.
        parts: Days of one series.
        days: The beginnings of those days that count, in nanoseconds.
    """
    places = Places(config)
    names = [column.name for column in schema.columns if column.nullable]
    nulls: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for part in {part.file.id: part for part in parts if part.start_ns in days}.values():
        whole = part.file.partition == part.partition
        with places.parquet(part.file, schema) as parquet:
            for name, count, rows in _told(parquet, names, None if whole else days):
                nulls[name] += count
                total[name] += rows
    return {name: (nulls[name], nulls[name] / total[name]) for name in names if total[name]}


def _told(parquet: StoredFile, names: Sequence[str], days: Collection[int] | None) -> Iterator[tuple[str, int, int]]:
    """Yield columns with how many of how many values are null, row group by row group."""
    places = {parquet.metadata.schema.column(place).path: place for place in range(parquet.metadata.num_columns)}
    for number in range(parquet.metadata.num_row_groups):
        group = parquet.metadata.row_group(number)
        if days is not None:
            clock = group.column(places["ts"]).statistics
            if clock is None or not clock.has_min_max:
                continue
            first, last = clock.min_raw // _DAY_US, clock.max_raw // _DAY_US
            if not all(day * DAY_NS in days for day in range(first, last + 1)):
                continue
        for name in names:
            if name in parquet.absent:
                yield name, group.num_rows, group.num_rows
            elif name in places:
                statistics = group.column(places[name]).statistics
                if statistics is not None and statistics.has_null_count:
                    yield name, statistics.null_count, group.num_rows
