"""freqtrade's data folder: candles and trades in Feather, named by pair."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dl_datalake.exports.job import seen, times_ns
from dl_datalake.exports.model import Target
from dl_datalake.exports.pairs import pair_of
from dl_datalake.exports.tables import gathered
from lake.errors import LakeError
from schemas.keys import encode
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dl_datalake.exports.job import Job
    from dl_datalake.exports.pairs import Pair
    from dl_datalake.result import Result
    from schemas.keys import Address

_MS = 1_000_000
_CANDLES = pa.schema(
    [
        ("date", pa.timestamp("ms", "UTC")),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
    ]
)
_TRADES = pa.schema(
    [
        ("timestamp", pa.int64()),
        ("id", pa.string()),
        ("type", pa.string()),
        ("side", pa.string()),
        ("price", pa.float64()),
        ("amount", pa.float64()),
        ("cost", pa.float64()),
    ]
)
_KINDS = {"mark": "mark", "index": "index", "premium": "premiumIndex"}
"""Price side → the kind of candles."""
_UNNAMED = re.compile(r"[^A-Za-z0-9-]")


def _write(job: Job, results: Sequence[Result]) -> None:
    [result] = results
    address = result.address
    currency = str(job.facts(address).get("currency", ""))
    pair = pair_of(address, job.spellings.get(address, ""), currency, given=job.wishes.pairs.get(address.symbol))
    folder = PurePosixPath("data", encode(address.exchange).lower(), "futures" if pair.settle else "")
    is_bars = address.type == "bars"
    name = f"{_UNNAMED.sub('_', str(pair))}-{_period(address, pair) if is_bars else 'trades'}.feather"
    schema, converted = (_CANDLES, _candles) if is_bars else (_TRADES, _trades)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with job.file(folder / name, address) as made, pa.ipc.new_file(made.sink, schema, options=options) as writer:
        for table in gathered(converted(job, seen(made, job.batches(result)))):
            writer.write_table(table.combine_chunks())


def _period(address: Address, pair: Pair) -> str:
    """Return the timeframe as a file name has it, with the kind of candles."""
    period = Period.parse(address.period)
    kind = _KINDS.get(period.side, "futures" if pair.settle else "")
    if period.side not in {"", *_KINDS} or (period.side and not pair.settle):
        raise LakeError(
            "USAGE",
            f"freqtrade has no candles of {period.side} prices" + ("" if pair.settle else " of a spot pair"),
            where=str(address),
            why="It has spot candles, and of contracts futures, mark, index and premiumIndex.",
            fix=["export the bars of trades"],
        )
    length = f"{period.n}{'Mo' if period.unit == 'mo' else period.unit}"
    return f"{length}-{kind}" if kind else length


def _candles(_job: Job, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        named = [batch.column(name) for name in _CANDLES.names[1:]]
        yield pa.RecordBatch.from_arrays(
            [batch.column("ts").cast(_CANDLES.field("date").type), *named], schema=_CANDLES
        )


def _trades(job: Job, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield trades; one without an id gets its place as one: of a time and an id freqtrade keeps a single trade."""
    place = 0
    for batch in batches:
        times = times_ns(batch)
        job.lose("parts of a millisecond", int((times % _MS != 0).sum()))
        ids = batch.column("trade_id").cast(pa.string())
        job.lose("trades without an id, which got one", ids.null_count)
        places = pa.array(range(place, place + batch.num_rows)).cast(pa.string())
        price, size = batch.column("price"), batch.column("size")
        arrays = [
            pa.array(times // _MS),
            pc.coalesce(ids, places),
            pa.nulls(batch.num_rows, pa.string()),
            batch.column("side").cast(pa.string()),
            price,
            size,
            pc.multiply(price, size),
        ]
        place += batch.num_rows
        yield pa.RecordBatch.from_arrays(arrays, schema=_TRADES)


TARGETS = (
    Target(
        name="freqtrade",
        title="freqtrade",
        takes=("bars", "ticks/trade"),
        file="data/<exchange>/BTC_USDT-1m.feather, data/<exchange>/futures/BTC_USDT_USDT-1m-futures.feather, "
        "…-trades.feather; the folder is user_data",
        columns="date, open, high, low, close, volume; of trades timestamp, id, type, side, price, amount, cost",
        stamp="open",
        times="milliseconds, UTC",
        page="https://www.freqtrade.io/en/stable/data-download/",
        lost="other columns, parts of a millisecond, adjustment; trades without an id get their place as one",
        write=_write,
        reads={"bars": ("ts", *_CANDLES.names[1:]), "ticks": ("ts", "price", "size", "side", "trade_id")},
        asks=("pair",),
    ),
)
