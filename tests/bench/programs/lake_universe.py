"""Ours: `write ROOT` puts the bars of a hundred symbols into a lake, `ask ROOT` times what is asked of them."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

import pyarrow as pa

import dl_datalake
from tests.bench.programs import universe

EXCHANGE, MARKET = "BINANCE", "SPOT"


def write(root: str) -> dict[str, Any]:
    """One commit a symbol."""
    with dl_datalake.open(root) as lake:
        for name, table in universe.bars():
            ts = table["ts"].cast(pa.timestamp("ms")).cast(pa.timestamp("us", "UTC"))
            lake.write(f"{EXCHANGE}/{MARKET}/{name}/bars/1m", table.set_column(0, "ts", ts))
    return {"rows": universe.SYMBOLS * universe.MINUTES}


def ask(root: str) -> dict[str, Any]:
    """Both questions by the client, to Arrow."""
    names = universe.names()
    first, end = (dt.datetime.fromtimestamp(ms / 1000, dt.UTC) for ms in universe.HOUR_MS)
    with dl_datalake.open(root) as lake:
        return universe.asked(
            lambda: sum(
                lake.last(names, exchange=EXCHANGE, market=MARKET, columns=["close"]).to_arrow()["close"].to_pylist()
            ),
            lambda: lake.bars(names, exchange=EXCHANGE, market=MARKET, start=first, end=end).to_arrow().num_rows,
        )


if __name__ == "__main__":
    done = write(sys.argv[2]) if sys.argv[1] == "write" else ask(sys.argv[2])
    sys.stdout.write(json.dumps(done) + "\n")
