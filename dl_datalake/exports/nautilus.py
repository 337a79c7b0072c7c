"""Frames for the wranglers of NautilusTrader, as Parquet: they make its objects, by the precision of an instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dl_datalake.exports.job import seen
from dl_datalake.exports.model import Target
from dl_datalake.exports.tables import write_parquet
from dl_datalake.exports.texts import closed
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dl_datalake.exports.job import Job
    from dl_datalake.result import Result

    Convert = Callable[[pa.RecordBatch], list[pa.Array]]

_TIME = pa.timestamp("ns", "UTC")
_PRICES = ("open", "high", "low", "close")
_READS = {
    "bars": ("ts", *_PRICES, "volume"),
    "ticks/trade": ("ts", "price", "size", "side", "trade_id"),
    "ticks/quote": ("ts", "bid", "ask", "bid_size", "ask_size"),
}


def _write(job: Job, results: Sequence[Result]) -> None:
    [result] = results
    address = result.address
    key = "bars" if address.type == "bars" else address.key
    columns, convert = {"bars": _bars, "ticks/trade": _trades, "ticks/quote": _quotes}[key](job, result)
    schema = _indexed({"timestamp": _TIME, **columns})
    with job.file(job.name(address, ".parquet"), address) as made:
        batches = (
            pa.RecordBatch.from_arrays(convert(batch), schema=schema) for batch in seen(made, job.batches(result))
        )
        write_parquet(schema, batches, made.sink)


def _indexed(columns: dict[str, pa.DataType]) -> pa.Schema:
    """Return a schema that pandas reads as a frame whose index is the time."""
    schema = pa.schema(list(columns.items()))
    frame = schema.empty_table().to_pandas().set_index("timestamp")
    return schema.with_metadata(pa.Schema.from_pandas(frame).metadata)


def _bars(job: Job, result: Result) -> tuple[dict[str, pa.DataType], Convert]:
    """Return columns of bars at their close, when they are known."""

    def convert(batch: pa.RecordBatch) -> list[pa.Array]:
        volume = batch.column("volume")
        job.lose("volumes that are not known, written as 0", volume.null_count)
        times = closed(batch.column("ts"), result.address).cast(_TIME)
        return [times, *(batch.column(name) for name in _PRICES), pc.fill_null(volume, 0.0)]

    return dict.fromkeys((*_PRICES, "volume"), pa.float64()), convert


def _trades(job: Job, result: Result) -> tuple[dict[str, pa.DataType], Convert]:
    """Return columns of trades; without sides where one has none, which would be taken for a sell."""
    with_sides = not _has_null(job, result, "side")
    names = {"price": pa.float64(), "quantity": pa.float64(), "trade_id": pa.string()}
    place = 0

    def convert(batch: pa.RecordBatch) -> list[pa.Array]:
        nonlocal place
        if batch.column("size").null_count:
            raise LakeError(
                "USAGE",
                "a trade has no size",
                where=str(result.address),
                why="NautilusTrader takes none without.",
                fix=["another --to"],
            )
        ids = batch.column("trade_id").cast(pa.string())
        job.lose("trades without an id, which got one", ids.null_count)
        ids = pc.coalesce(ids, pa.array(range(place, place + batch.num_rows)).cast(pa.string()))
        place += batch.num_rows
        side = batch.column("side").cast(pa.string())
        job.lose("sides of trades, since some have none", 0 if with_sides else batch.num_rows - side.null_count)
        found = [batch.column("ts").cast(_TIME), batch.column("price"), batch.column("size"), ids]
        return [*found, pc.utf8_upper(side)] if with_sides else found

    return (names | {"side": pa.string()} if with_sides else names), convert


def _quotes(job: Job, result: Result) -> tuple[dict[str, pa.DataType], Convert]:
    """Return columns of quotes; without sizes where one has none, for which a number is made up."""
    with_sizes = not (_has_null(job, result, "bid_size") or _has_null(job, result, "ask_size"))
    names = {"bid_price": "bid", "ask_price": "ask"}
    if with_sizes:
        names |= {"bid_size": "bid_size", "ask_size": "ask_size"}

    def convert(batch: pa.RecordBatch) -> list[pa.Array]:
        job.lose("sizes of quotes, since some have none", 0 if with_sizes else batch.num_rows)
        return [batch.column("ts").cast(_TIME), *(batch.column(name) for name in names.values())]

    return dict.fromkeys(names, pa.float64()), convert


def _has_null(job: Job, result: Result, column: str) -> bool:
    return any(batch.column(column).null_count for batch in job.read(result.address, (column,)).batches())


TARGETS = (
    Target(
        name="nautilus",
        title="NautilusTrader",
        takes=("bars", "ticks/trade", "ticks/quote"),
        file="the address and .parquet: frames for its wranglers",
        columns="timestamp as the index; open, high, low, close, volume, or price, quantity, trade_id, side, "
        "or bid_price, ask_price, bid_size, ask_size",
        stamp="close",
        times="nanoseconds, UTC",
        page="https://nautilustrader.io/docs/latest/concepts/data/",
        lost="other columns; sides of trades and sizes of quotes where some are not known",
        write=_write,
        layouts=("path", "flat"),
        reads=_READS,
    ),
)
