"""Ours: `ROOT SOURCE` puts bars of a kline file behind the stored ones, one at a time, each a durable commit."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv

import dl_datalake

NAMES = ["ts", "open", "high", "low", "close", "volume", "until", "quote_volume", "trades", "taker_buy_volume"]
COLUMNS = [*NAMES, "taker_buy_quote_volume", "ignore"]


def append(root: str, source: str) -> dict[str, Any]:
    """Write each bar of the file as an upsert; milliseconds of each."""
    table = pacsv.read_csv(source, read_options=pacsv.ReadOptions(column_names=COLUMNS))
    table = table.drop_columns(["until", "ignore"])
    table = table.set_column(0, "ts", table["ts"].cast(pa.timestamp("ms")).cast(pa.timestamp("us", "UTC")))
    times = []
    with dl_datalake.open(root) as lake:
        (series,) = lake.list(type="bars", period="1m")
        for number in range(table.num_rows):
            start = time.perf_counter()
            lake.write(series.address, table.slice(number, 1))
            times.append((time.perf_counter() - start) * 1e3)
        rows = lake.read(series.address).count()
    return {"rows": rows, "times_ms": times}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(append(*sys.argv[1:])) + "\n")
