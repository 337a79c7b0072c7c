"""ArcticDB on LMDB: `write STORE` puts the bars of a hundred symbols into it, `ask STORE` times what is asked."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import arcticdb  # type: ignore[import-not-found] # lives in an environment of its own
import pandas as pd
import pyarrow as pa

from tests.bench.programs import universe


def library(store: str) -> Any:  # noqa: ANN401 -- ArcticDB is not installed here
    """The library of the store, made if need be."""
    return arcticdb.Arctic(f"lmdb://{store}").get_library("bars", create_if_missing=True)


def write(store: str) -> dict[str, Any]:
    """One frame a symbol."""
    bars = library(store)
    for name, table in universe.bars():
        ts = table["ts"].cast(pa.timestamp("ms")).cast(pa.timestamp("ns"))
        bars.write(name, table.set_column(0, "ts", ts).to_pandas().set_index("ts"))
    return {"rows": universe.SYMBOLS * universe.MINUTES}


def ask(store: str) -> dict[str, Any]:
    """Both questions by `read_batch`: the last row by its number, which the asker has to know."""
    bars, names = library(store), universe.names()
    first, end = (pd.Timestamp(ms, unit="ms") for ms in universe.HOUR_MS)
    span, row = (first, end - pd.Timedelta(1)), (universe.MINUTES - 1, universe.MINUTES)
    closes = [arcticdb.ReadRequest(name, row_range=row, columns=["close"]) for name in names]
    hours = [arcticdb.ReadRequest(name, date_range=span) for name in names]
    return universe.asked(
        lambda: sum(float(each.data["close"].iloc[-1]) for each in bars.read_batch(closes)),
        lambda: sum(len(each.data) for each in bars.read_batch(hours)),
    )


if __name__ == "__main__":
    done = write(sys.argv[2]) if sys.argv[1] == "write" else ask(sys.argv[2])
    sys.stdout.write(json.dumps(done) + "\n")
    sys.stdout.flush()
    os._exit(0)  # in its favour: what it does while shutting down is not measured
