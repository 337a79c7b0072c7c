"""Trades into the peers' own forms: `polars|duckdb|deltalake STORE SOURCE`, by day where there are days.

`plain` is Polars with a file of second, price and size.

What none of them does: a hash of the source, validation, a ledger, a durable commit.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl
    import pyarrow as pa

NAMES = ["id", "price", "size", "first_id", "last_id", "ts", "maker", "best"]


def polars(store: str, source: str) -> int:
    """Day partitions by its streaming sink."""
    import polars as pl

    kinds = dict(
        zip(NAMES, [pl.Int64, pl.Float64, pl.Float64, pl.Int64, pl.Int64, pl.Int64, pl.String, pl.String], strict=True)
    )
    rows = pl.scan_csv(source, has_header=False, schema=kinds).select(
        pl.exclude("ts", "maker", "best"), pl.col("ts").cast(pl.Datetime("ms")), pl.col("maker") == "True"
    )
    return sunk(store, rows)


def plain(store: str, source: str) -> int:
    """The same of a file without ids."""
    import polars as pl

    rows = pl.scan_csv(source, has_header=False, schema={"ts": pl.Int64, "price": pl.Float64, "size": pl.Float64})
    return sunk(store, rows.with_columns((pl.col("ts") * 1000).cast(pl.Datetime("ms"))))


def sunk(store: str, rows: pl.LazyFrame) -> int:
    """Store rows; how many there are then."""
    import polars as pl

    target = pl.PartitionBy(store, key="day", include_key=False)
    days = rows.with_columns(pl.col("ts").dt.date().alias("day"))
    days.sink_parquet(target, mkdir=True, compression="zstd", compression_level=1, engine="streaming")
    return int(pl.scan_parquet(f"{store}/**/*.parquet").select(pl.len()).collect().item())


def duckdb(store: str, source: str) -> int:
    """Its native table."""
    import duckdb as engine

    kinds = ["bigint", "double", "double", "bigint", "bigint", "bigint", "boolean", "boolean"]
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in zip(NAMES, kinds, strict=True))
    with engine.connect(str(Path(store) / "ticks.duckdb")) as database:
        database.execute("set threads = 2")
        rows = "select * exclude (ts, best), epoch_ms(ts) as ts from read_csv(?, header = false, auto_detect = false, "
        database.execute(f"create table ticks as {rows} columns = {{{columns}}})", [source])
        return int(database.execute("select count(*) from ticks").fetchall()[0][0])


def deltalake(store: str, source: str) -> int:
    """Day partitions of a Delta table, streamed."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pacsv
    from deltalake import DeltaTable, WriterProperties, write_deltalake  # type: ignore[import-not-found]  # in an environment of its own

    kinds = dict(
        zip(
            NAMES,
            [pa.int64(), pa.float64(), pa.float64(), pa.int64(), pa.int64(), pa.int64(), pa.bool_()],
            strict=False,
        )
    )
    reader = pacsv.open_csv(
        source,
        read_options=pacsv.ReadOptions(column_names=NAMES, block_size=1 << 22),
        convert_options=pacsv.ConvertOptions(
            include_columns=[*kinds], column_types=kinds, true_values=["True"], false_values=["False"]
        ),
    )
    made = [field for field in reader.schema if field.name != "ts"]
    schema = pa.schema([*made, pa.field("ts", pa.timestamp("us")), pa.field("day", pa.date32())])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            ms = batch.column("ts")
            day = pa.array((ms.to_numpy() // 86_400_000).astype(np.int32)).cast(pa.date32())
            columns = [batch.column(field.name) for field in made]
            columns += [ms.cast(pa.timestamp("ms")).cast(pa.timestamp("us")), day]
            yield pa.record_batch(columns, schema=schema)

    rows = pa.RecordBatchReader.from_batches(schema, batches())
    how = WriterProperties(compression="ZSTD", compression_level=1)
    write_deltalake(store, rows, mode="overwrite", partition_by=["day"], writer_properties=how)
    return int(DeltaTable(store).count())


def main() -> dict[str, Any]:
    """Do what one peer does."""
    peer, store, source = sys.argv[1:]
    peers = {"polars": polars, "plain": plain, "duckdb": duckdb, "deltalake": deltalake}
    return {"rows": peers[peer](store, source)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
