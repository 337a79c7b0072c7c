"""Whole tables: every column as the lake has it, in Parquet, CSV or Feather."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from dl_datalake.export import write_csv
from dl_datalake.exports.job import cut, seen, times_ns
from dl_datalake.exports.model import Target
from lake.errors import LakeError
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from dl_datalake.exports.job import Job
    from dl_datalake.result import Result

    Writer = Callable[[pa.Schema, Iterable[pa.RecordBatch], BinaryIO], object]

GROUP = 131_072
"""Rows of a row group, or of a record batch of Feather."""
_IDENTITY = tuple(column.name for column in IDENTITY)


def gathered(batches: Iterable[pa.RecordBatch], rows: int = GROUP) -> Iterator[pa.Table]:
    """Yield rows in tables of at least so many, but for the last: a partition may be of few."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= rows:
            yield pa.Table.from_batches(held)
            held, count = [], 0
    if held:
        yield pa.Table.from_batches(held)


def write_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch], sink: BinaryIO) -> None:
    """Write a Parquet file, compressed with zstd, with page checksums."""
    import pyarrow.parquet as pq

    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in gathered(batches):
            writer.write_table(table.unify_dictionaries(), row_group_size=2 * GROUP)


def write_feather(schema: pa.Schema, batches: Iterable[pa.RecordBatch], sink: BinaryIO) -> None:
    """Write a Feather file, version 2, compressed with lz4; of words it can hold one dictionary, so they are plain."""
    flat = pa.schema([f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in schema])
    with pa.ipc.new_file(sink, flat, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for table in gathered(batches):
            writer.write_table(table.cast(flat).combine_chunks())


def _table(write: Writer, ending: str) -> Callable[[Job, Sequence[Result]], None]:
    """Return what writes each series as one file, or as one a year."""

    def one(job: Job, results: Sequence[Result]) -> None:
        [result] = results
        if job.wishes.layout == "hive":
            _by_year(job, result, write, ending)
            return
        with job.file(job.name(result.address, ending), result.address) as made:
            write(result.schema, seen(made, job.batches(result)), made.sink)

    return one


def _by_year(job: Job, result: Result, write: Writer, ending: str) -> None:
    """Write the years of a series apart, without the columns that folders tell."""
    if "ts" not in result.schema.names:
        raise LakeError(
            "USAGE",
            "hive files need the column ts",
            why="Rows are parted by the year of their ts.",
            fix=["name ts among the --columns", "or --layout path"],
        )
    names = [name for name in result.schema.names if name not in _IDENTITY]
    schema = pa.schema([result.schema.field(name) for name in names])
    parts = (part for batch in job.batches(result) for part in cut(batch.select(names), _years(batch)))
    for year, group in groupby(parts, key=lambda part: part[0]):
        with job.file(job.name(result.address, ending, year), result.address) as made:
            write(schema, seen(made, (part for _, part in group)), made.sink)


def _years(batch: pa.RecordBatch) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    years = times_ns(batch).view("datetime64[ns]").astype("datetime64[Y]").astype(np.int64)
    return years + 1970


_ALL = ("bars", "ticks", "orderbook", "metrics", "features")
_OWN = "all of the schema, or those of --columns"

TARGETS = (
    Target(
        name="parquet",
        title="Parquet",
        takes=_ALL,
        file="the address and .parquet",
        columns=_OWN,
        stamp="open",
        times="as in the lake, UTC",
        page="https://parquet.apache.org/docs/file-format/",
        lost="nothing",
        write=_table(write_parquet, ".parquet"),
        layouts=("path", "flat", "hive"),
        choice="any",
    ),
    Target(
        name="csv",
        title="CSV",
        takes=_ALL,
        file="the address and .csv",
        columns=_OWN,
        stamp="open",
        times="RFC 3339 with nine decimals, UTC",
        page="https://www.rfc-editor.org/rfc/rfc4180",
        lost="types; a line ends in LF",
        write=_table(write_csv, ".csv"),
        layouts=("path", "flat", "hive"),
        choice="any",
    ),
    Target(
        name="feather",
        title="Feather, which is Arrow IPC",
        takes=_ALL,
        file="the address and .feather",
        columns=_OWN,
        stamp="open",
        times="as in the lake, UTC",
        page="https://arrow.apache.org/docs/python/feather.html",
        lost="words are plain text, not dictionaries",
        write=_table(write_feather, ".feather"),
        layouts=("path", "flat", "hive"),
        choice="any",
    ),
)
