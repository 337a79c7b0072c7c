"""A day of one order book as Binance ships it (T_DEPTH): `book_day.py TARGET MESSAGES [DAYS]` writes a CSV.

A snapshot comes first; then changes in messages of ten to twelve rows. Nine of ten changes are near a price that moves
by ticks, the others anywhere in five thousand; what the price passes is deleted, so that the book is never crossed.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

DAY_MS = 86_400_000
FIRST_MS = int(dt.datetime(2024, 6, 3, tzinfo=dt.UTC).timestamp()) * 1000
DEPTH = 5_000
CHANGES = 10
PIECE = 50_000
MIDDLE = 680_000
"""Where the price begins, in ticks of a tenth."""


def table(columns: dict[str, Any]) -> pa.Table:
    """The columns of T_DEPTH of changes or levels, prices from ticks."""
    rows = len(columns["ticks"])
    return pa.table(
        {
            "symbol": pa.array(["BTCUSDT"]).take(pa.array(np.zeros(rows, np.int8))),
            "timestamp": pa.array(columns["ts"]),
            "first_update_id": pa.array(columns["first"]),
            "last_update_id": pa.array(columns["last"]),
            "side": pa.array(["b", "a"]).take(pa.array(columns["asks"].astype(np.int8))),
            "update_type": pa.array([columns["kind"]]).take(pa.array(np.zeros(rows, np.int8))),
            "price": pa.array(columns["ticks"] / 10),
            "qty": pa.array(columns["sizes"]),
            "pu": pa.array(columns["before"]),
        }
    )


def snapshot(random: np.random.Generator) -> pa.Table:
    """Every level within reach of the price."""
    away = np.tile(np.arange(1, DEPTH + 1), 2)
    asks = np.arange(2 * DEPTH) >= DEPTH
    ids = np.full(2 * DEPTH, 1000)
    sizes = np.round(random.gamma(2, 1, 2 * DEPTH) + 0.001, 3)
    ticks = MIDDLE + np.where(asks, away, -away)
    return table(
        {"ts": np.full(2 * DEPTH, FIRST_MS), "first": ids, "last": ids, "asks": asks, "kind": "snap"}
        | {"ticks": ticks, "sizes": sizes, "before": np.full(2 * DEPTH, -1)}
    )


def changes(random: np.random.Generator, number: int, ts: Any, moves: Any, middle: int) -> pa.Table:  # noqa: ANN401 - arrays
    """The rows of messages `number` and on, at `ts`, while the price moves from `middle` on."""
    after = middle + np.cumsum(moves)
    passed = np.abs(moves)
    counts = passed + CHANGES
    of = np.repeat(np.arange(len(ts)), counts)
    place = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    sweeps = place < passed[of]
    near = random.geometric(0.02, len(of))
    away = np.where(random.random(len(of)) < 0.9, np.minimum(near, DEPTH), random.integers(1, DEPTH + 1, len(of)))
    up = moves[of] > 0
    asks = np.where(sweeps, up, random.random(len(of)) < 0.5)
    # What is passed going up are the asks behind the old price, up to the new one; going down the bids.
    swept = (after - moves)[of] + np.where(up, place + 1, -place - 1)
    ticks = np.where(sweeps, swept, after[of] + np.where(asks, away, -away))
    gone = sweeps | (random.random(len(of)) < 0.3)
    sizes = np.where(gone, 0.0, np.round(random.gamma(2, 1, len(of)) + 0.001, 3))
    ids = 1000 + 10 * (number + 1 + of)
    return table(
        {"ts": ts[of], "first": ids - 9, "last": ids, "asks": asks, "kind": "set"}
        | {"ticks": ticks, "sizes": sizes, "before": ids - 10}
    )


def write(target: Path, messages: int, days: int = 1) -> dict[str, int]:
    """Write the file and return its rows."""
    random = np.random.default_rng(19)
    first = snapshot(random)
    rows, middle = first.num_rows, MIDDLE
    ts = np.sort(random.integers(FIRST_MS + 1, FIRST_MS + days * DAY_MS, messages))
    with pacsv.CSVWriter(target, first.schema) as writer:
        writer.write_table(first)
        for start in range(0, messages, PIECE):
            part = ts[start : start + PIECE]
            # One of five moves the price by a tick.
            moves = random.choice(np.array([0] * 8 + [-1, 1]), len(part))
            got = changes(random, start, part, moves, middle)
            middle += int(moves.sum())
            rows += got.num_rows
            writer.write_table(got)
    return {"rows": rows, "bytes": target.stat().st_size}


if __name__ == "__main__":
    days = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    sys.stdout.write(json.dumps(write(Path(sys.argv[1]), int(sys.argv[2]), days)) + "\n")
