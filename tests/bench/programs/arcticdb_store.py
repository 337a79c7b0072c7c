"""ArcticDB on LMDB: `write STORE SOURCE…` puts kline files into one symbol, `read STORE DAY,DAY,…` times reads of it.

`whole STORE` reads all of it once, `whole STORE DAY` a day; `append STORE SOURCE` puts bars behind it, one at a time.

What it does not do: no hash of the source, no validation, no ledger, no durable commit.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import arcticdb  # type: ignore[import-not-found] # lives in an environment of its own
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

SYMBOL = "BTCUSDT"
NUMBERS = ["open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"]
KLINE = ["open_time", *NUMBERS, "taker_buy_volume", "taker_buy_quote_volume", "ignore"]
KEPT = [name for name in KLINE if name not in {"close_time", "ignore"}]


def parse(source: str) -> pa.Table:
    """The columns the lake keeps of a kline file, with Arrow's own parser."""
    with open(source, "rb") as file:  # noqa: PTH123 - one read of one byte
        header = not file.read(1).isdigit()
    types = {name: pa.int64() if name in {"open_time", "count"} else pa.float64() for name in KEPT}
    return pacsv.read_csv(
        source,
        read_options=pacsv.ReadOptions(column_names=KLINE, skip_rows=int(header), block_size=1 << 22),
        convert_options=pacsv.ConvertOptions(include_columns=KEPT, column_types=types),
    )


def write(store: str, sources: list[str]) -> dict[str, Any]:
    """Parse, check that the rows are in order and unique, write."""
    table = pa.concat_tables([parse(source) for source in sources])
    if not (np.diff(table["open_time"].to_numpy()) > 0).all():
        raise SystemExit("the rows are not in the order of their time")
    ts = table["open_time"].cast(pa.timestamp("ms")).cast(pa.timestamp("ns"))
    frame = table.set_column(0, "open_time", ts).to_pandas().set_index("open_time")
    library = arcticdb.Arctic(f"lmdb://{store}").get_library("bars", create_if_missing=True)
    library.write(SYMBOL, frame)
    return {"rows": len(frame)}


def read(store: str, days: list[str]) -> dict[str, Any]:
    """Open the store once and read each day; the first read is not among the timed ones."""
    library = arcticdb.Arctic(f"lmdb://{store}").get_library("bars")
    wanted = [(pd.Timestamp(day), pd.Timestamp(day) + pd.Timedelta(days=1) - pd.Timedelta(1)) for day in days]
    times, rows, total = [], 0, 0.0
    for ends in wanted:
        start = time.perf_counter()
        frame = library.read(SYMBOL, date_range=ends).data
        times.append((time.perf_counter() - start) * 1e3)
        rows += len(frame)
        total += float(frame["volume"].sum())
    return {"rows": rows, "total": total, "times_ms": times}


def whole(store: str, days: list[str]) -> dict[str, Any]:
    """Read everything, or a day, once."""
    library = arcticdb.Arctic(f"lmdb://{store}").get_library("bars")
    ends = None
    if days:
        ends = (pd.Timestamp(days[0]), pd.Timestamp(days[0]) + pd.Timedelta(days=1) - pd.Timedelta(1))
    return {"rows": len(library.read(SYMBOL, date_range=ends).data)}


def append(store: str, sources: list[str]) -> dict[str, Any]:
    """Update with each bar of a file, one after the other: like ours that replaces a bar that is there."""
    library = arcticdb.Arctic(f"lmdb://{store}").get_library("bars")
    table = parse(sources[0])
    ts = table["open_time"].cast(pa.timestamp("ms")).cast(pa.timestamp("ns"))
    frame = table.set_column(0, "open_time", ts).to_pandas().set_index("open_time")
    times = []
    for number in range(len(frame)):
        start = time.perf_counter()
        library.update(SYMBOL, frame.iloc[number : number + 1])
        times.append((time.perf_counter() - start) * 1e3)
    return {"rows": library.get_description(SYMBOL).row_count, "times_ms": times}


VERBS = {"write": write, "whole": whole, "append": append}

if __name__ == "__main__":
    verb, place, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    done = read(place, rest[0].split(",")) if verb == "read" else VERBS[verb](place, rest)
    sys.stdout.write(json.dumps(done) + "\n")
    sys.stdout.flush()
    os._exit(0)  # in its favour: what it does while shutting down is not measured
