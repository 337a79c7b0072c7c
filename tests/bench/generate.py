"""Deterministic vendor files with market-like statistics, as Binance Vision ships them (spot, headerless, ms).

Volatility moves slowly (an AR(1) on its logarithm, hour by hour, with a daily season), returns are fat-tailed, trades
come in bursts of one millisecond and in runs of one side. Prices, sizes and counts have the digits a vendor writes, so
that both parsing and compression work as hard as on real files. The disk workload uses real files all the same.

Run as a program, `python -m tests.bench.generate NAME TARGET`: numpy and Arrow stay out of the process that measures.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
DECIMALS = 8
BATCH_ROWS = 250_000
TICKS_A_DAY = 2_000_000


def epoch_ms(year: int, month: int = 1, day: int = 1) -> int:
    """The first millisecond of a UTC day."""
    return int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp()) * 1000


def decimal_text(values: Floats) -> pa.Array:
    """Non-negative numbers as text with exactly eight decimals, as the vendor writes them."""
    scaled = np.rint(values * 10**DECIMALS).astype(np.int64)
    whole, fraction = np.divmod(scaled, 10**DECIMALS)
    padded = pc.utf8_slice_codeunits(pa.array(fraction + 10**DECIMALS).cast(pa.string()), 1)
    return pc.binary_join_element_wise(pa.array(whole).cast(pa.string()), padded, ".")


def volatility(random: np.random.Generator, minutes: int) -> Floats:
    """The standard deviation of each minute's return."""
    shocks = random.normal(0, 0.12, minutes // 60 + 1)
    level = np.empty_like(shocks)
    current = 0.0
    for hour, shock in enumerate(shocks):
        current = 0.985 * current + shock
        level[hour] = current
    season = 1 + 0.3 * np.sin(np.arange(minutes) % 1440 / 1440 * 2 * np.pi)
    return 6e-4 * np.exp(np.repeat(level, 60)[:minutes]) * season


def klines(first_ms: int, minutes: int, seed: int = 7) -> Iterator[pa.Table]:
    """One-minute bars without a gap: a path from 10 000 to three times that, in cents."""
    random = np.random.default_rng(seed)
    sigma = volatility(random, minutes)
    path = np.cumsum(np.clip(sigma * random.standard_t(4, minutes) / np.sqrt(2), -0.05, 0.05))
    path += np.linspace(0, np.log(3) - path[-1], minutes)
    close = np.round(10_000 * np.exp(path), 2)
    del path
    for start in range(0, minutes, BATCH_ROWS):
        rows = slice(start, min(start + BATCH_ROWS, minutes))
        before = close[start - 1] if start else 10_000.0
        yield kline_batch(random, first_ms + start * MINUTE_MS, close[rows], sigma[rows], before)


def kline_batch(random: np.random.Generator, first_ms: int, close: Floats, sigma: Floats, before: float) -> pa.Table:
    """The rest of each bar round its close."""
    rows = len(close)
    opened = np.concatenate([[before], close[:-1]])
    gap = random.integers(-3, 4, rows) * 0.01 * (random.random(rows) > 0.7)
    opened = np.round(opened + gap, 2)
    high = np.round(np.maximum(opened, close) * (1 + np.abs(random.normal(0, 0.4, rows)) * sigma), 2)
    low = np.round(np.minimum(opened, close) * (1 - np.abs(random.normal(0, 0.4, rows)) * sigma), 2)
    trades = 1 + (np.exp(random.normal(6, 0.8, rows)) * (0.3 + sigma / 6e-4)).astype(np.int64)
    volume = np.round(trades * random.gamma(2, 0.02, rows), 6)
    taker = np.round(volume * random.beta(20, 20, rows), 6)
    ts = first_ms + np.arange(rows, dtype=np.int64) * MINUTE_MS
    columns: dict[str, Any] = {
        "open_time": pa.array(ts),
        "open": decimal_text(opened),
        "high": decimal_text(high),
        "low": decimal_text(low),
        "close": decimal_text(close),
        "volume": decimal_text(volume),
        "close_time": pa.array(ts + MINUTE_MS - 1),
        "quote_volume": decimal_text(volume * close),
        "count": pa.array(trades),
        "taker_buy_volume": decimal_text(taker),
        "taker_buy_quote_volume": decimal_text(taker * close),
        "ignore": pa.array(["0"] * rows),
    }
    return pa.table(columns)


def aggregate_trades(first_ms: int, days: int, seed: int = 11) -> Iterator[pa.Table]:
    """Two million aggregate trades a day, ids without a gap, in the order of their time."""
    random = np.random.default_rng(seed)
    trade_id, fill_id, cents = 3_000_000_000, 5_000_000_000, 6_800_000
    for day in range(days):
        table, fill_id, cents = trade_day(random, first_ms + day * DAY_MS, (trade_id, fill_id, cents))
        trade_id += table.num_rows
        yield table


def trade_day(random: np.random.Generator, first_ms: int, start: tuple[int, int, int]) -> tuple[pa.Table, int, int]:
    """One day of trades, the next free fill id and the last price."""
    trade_id, fill_id, cents = start
    rows = TICKS_A_DAY
    steps = random.choice(np.array([0, 0, 0, 0, 1, -1, 2, -2, 5, -5, 20, -20]), rows) * (random.random(rows) < 0.4)
    price = cents + np.cumsum(steps)
    size = np.round(np.exp(random.normal(-5, 2, rows)).clip(min=1e-5), 5)
    fills = random.geometric(0.6, rows)
    last = fill_id - 1 + np.cumsum(fills)
    maker = np.repeat(random.random(rows // 4 + 1) < 0.5, 4)[:rows]
    columns: dict[str, Any] = {
        "agg_trade_id": pa.array(trade_id + np.arange(rows)),
        "price": decimal_text(price.astype(np.float64) / 100),
        "quantity": decimal_text(size),
        "first_trade_id": pa.array(last - fills + 1),
        "last_trade_id": pa.array(last),
        "transact_time": pa.array(first_ms + trade_times(random, rows)),
        "is_buyer_maker": pa.array(["False", "True"]).take(pa.array(maker.astype(np.int8))),
        "is_best_match": pa.array(["True"] * rows),
    }
    return pa.table(columns), int(last[-1]) + 1, int(price[-1])


def trade_times(random: np.random.Generator, rows: int) -> Ints:
    """Milliseconds of one day: busier hours, and more than half of the trades in the millisecond of the one before."""
    weight = 1 + 0.6 * np.sin(np.arange(24) / 24 * 2 * np.pi - 1.5)
    counts = random.multinomial(rows, weight / weight.sum())
    steps = random.exponential(1, rows) * (random.random(rows) > 0.55)
    times = []
    first = 0
    for hour, count in enumerate(counts):
        path = np.cumsum(steps[first : first + count])
        times.append(hour * HOUR_MS + (path / path[-1] * (HOUR_MS - 1)).astype(np.int64))
        first += count
    return np.concatenate(times)


def sparse_days(first_ms: int, days: int) -> Iterator[pa.Table]:
    """One bar a day: as many partitions as rows, for workloads that are about partitions."""
    close = 10_000 + np.arange(days, dtype=np.float64) / 100
    bars = kline_batch(np.random.default_rng(3), first_ms, close, np.full(days, 6e-4), 10_000.0)
    ts = first_ms + np.arange(days, dtype=np.int64) * DAY_MS
    bars = bars.set_column(0, "open_time", pa.array(ts))
    yield bars.set_column(6, "close_time", pa.array(ts + MINUTE_MS - 1))


FILES = {
    "BTCUSDT-1m-5y.csv": lambda: klines(epoch_ms(2020), (epoch_ms(2025) - epoch_ms(2020)) // MINUTE_MS),
    "BTCUSDT-1m-15y.csv": lambda: klines(epoch_ms(2010), (epoch_ms(2025) - epoch_ms(2010)) // MINUTE_MS),
    "BTCUSDT-aggTrades-10d.csv": lambda: aggregate_trades(epoch_ms(2024, 6), 10),
    "BTCUSDT-aggTrades-30d.csv": lambda: aggregate_trades(epoch_ms(2024, 6), 30),
    "BTCUSDT-1m-sparse.csv": lambda: sparse_days(epoch_ms(2020), 1827),
}


def write(name: str, target: Path) -> dict[str, int | str]:
    """Write one of FILES and return what it holds."""
    rows = 0
    tables = FILES[name]()
    first = next(tables)
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")
    with pacsv.CSVWriter(target, first.schema, write_options=options) as writer:
        writer.write_table(first)
        rows += first.num_rows
        for table in tables:
            writer.write_table(table)
            rows += table.num_rows
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"rows": rows, "bytes": target.stat().st_size, "sha256": digest}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(write(sys.argv[1], Path(sys.argv[2]))) + "\n")
