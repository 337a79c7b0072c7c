"""How many values of stored features are null, from what the footers of the files say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import files, rows
from lake.manifest.packed import DAY_NS
from lake.places import Places

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import pyarrow.parquet as pq

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

    Columns of lists are left out, and so is a column while no file tells of it. Values are only read where a row group
    of a sealed file holds days that count and others.

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
            for name, count, of in _told(parquet, names, None if whole else days):
                nulls[name] += count
                total[name] += of
    return {name: (nulls[name], nulls[name] / total[name]) for name in names if total[name]}


def _told(parquet: StoredFile, names: Sequence[str], days: Collection[int] | None) -> Iterator[tuple[str, int, int]]:
    """Yield columns with how many of how many values are null, row group by row group."""
    places = {parquet.metadata.schema.column(place).path: place for place in range(parquet.metadata.num_columns)}
    plain = [name for name in names if name in places or name in parquet.absent]
    for number in range(parquet.metadata.num_row_groups):
        group = parquet.metadata.row_group(number)
        inside = set() if days is None else _inside(group.column(places["ts"]).statistics, days)
        if inside == {False}:
            continue
        if inside == {False, True}:
            yield from _counted(files.read_group(parquet, number, ["ts", *plain]), plain, days or ())
            continue
        for name in plain:
            if name in parquet.absent:
                yield name, group.num_rows, group.num_rows
                continue
            statistics = group.column(places[name]).statistics
            if statistics is not None and statistics.has_null_count:
                yield name, statistics.null_count, group.num_rows


def _inside(clock: pq.Statistics | None, days: Collection[int]) -> set[bool]:
    """Return whether the days of a row group are among those that count: what holds of some of them, or of all."""
    if clock is None or not clock.has_min_max:
        return {False, True}
    return {day * DAY_NS in days for day in range(clock.min_raw // _DAY_US, clock.max_raw // _DAY_US + 1)}


def _counted(table: pa.Table, names: Sequence[str], days: Collection[int]) -> Iterator[tuple[str, int, int]]:
    """Count in the rows themselves, where a row group of a sealed file holds days that count and others."""
    counts = np.isin(rows.times(table) // _DAY_US * DAY_NS, list(days))
    for name in names:
        yield name, table.column(name).filter(pa.array(counts)).null_count, int(counts.sum())
