"""Makes the lakes of the join workloads: three feature sets of twenty doubles, a row a minute.

`series ROOT MINUTES` stores them beside the bars of one long series, `universe ROOT` beside a few bars each of many.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from dl_datalake.client import Lake

SETS = {"fast": 60_000_000, "slow": 90_000_000, "wide": 3_660_000_000}
"""The sets by name, and how many microseconds after its ts a row of theirs is known."""
NAMES = tuple(f"f{number:02}" for number in range(20))
EXCHANGE, MARKET, SYMBOL = "BINANCE", "SPOT", "BTCUSDT"
FIRST_US = 1_577_836_800_000_000
"""The first minute of 2020."""
MINUTE_US = 60_000_000
SYMBOLS, BARS_EACH = 1_000, 100
"""Of the universe, where a row is known at the close of its bar: Feast leaves out bars at which nothing is known."""
_PIECE = 262_144


def batch(seed: int, delay_us: int, start: int, rows: int) -> pa.RecordBatch:
    """Return rows of a set: doubles that wander, with all their digits, as averages and ratios have."""
    import numpy as np
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    ts = FIRST_US + np.arange(start, start + rows) * MINUTE_US
    walk = np.cumsum(np.random.default_rng([seed, start]).standard_normal((rows, len(NAMES))) / 100, axis=0)
    clocks = {"ts": pa.array(ts).view(time), "known_at": pa.array(ts + delay_us).view(time)}
    return pa.record_batch(clocks | {name: pa.array(walk[:, at].copy()) for at, name in enumerate(NAMES)})


def pieces(seed: int, delay_us: int, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a long series."""
    for start in range(0, rows, _PIECE):
        yield batch(seed, delay_us, start, min(_PIECE, rows - start))


def symbols() -> list[str]:
    """The symbols of the universe."""
    return [f"C{number:04}USDT" for number in range(SYMBOLS)]


def register(lake: Lake) -> None:
    """Register every set."""
    for name in SETS:
        lake.features.register(name, dict.fromkeys(NAMES, "float64"), inputs=["bars/1m"])


def series(root: str, rows: str) -> dict[str, Any]:
    """Store the sets of one series."""
    import pyarrow as pa

    import dl_datalake

    with dl_datalake.open(root) as lake:
        register(lake)
        for seed, (name, delay) in enumerate(SETS.items()):
            reader = pa.RecordBatchReader.from_batches(batch(seed, delay, 0, 1).schema, pieces(seed, delay, int(rows)))
            lake.features.write(name, reader, exchange=EXCHANGE, market=MARKET, symbol=SYMBOL)
    return {"rows": int(rows)}


def universe(root: str) -> dict[str, Any]:
    """Store bars and sets of many symbols."""
    import pyarrow as pa

    import dl_datalake

    with dl_datalake.open(root) as lake:
        register(lake)
        rows = batch(0, 0, 0, BARS_EACH)
        prices = {name: pa.array([1.0] * BARS_EACH) for name in ("open", "high", "low", "close", "volume")}
        bars = pa.table({"ts": rows["ts"]} | prices)
        for symbol in symbols():
            lake.write(f"{EXCHANGE}/{MARKET}/{symbol}/bars/1m", bars)
        for seed, name in enumerate(SETS):
            each = [
                pa.Table.from_batches([batch(seed * SYMBOLS + at, MINUTE_US, 0, BARS_EACH)]) for at in range(SYMBOLS)
            ]
            named = [
                table.append_column("symbol", pa.array([symbol] * BARS_EACH))
                for symbol, table in zip(symbols(), each, strict=True)
            ]
            lake.features.write(name, pa.concat_tables(named), exchange=EXCHANGE, market=MARKET)
    return {"rows": SYMBOLS * BARS_EACH}


if __name__ == "__main__":
    made = series(*sys.argv[2:]) if sys.argv[1] == "series" else universe(*sys.argv[2:])
    sys.stdout.write(json.dumps(made) + "\n")
