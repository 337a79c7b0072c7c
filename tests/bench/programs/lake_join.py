"""Our join: `ROOT` reads all bars with three feature sets, as known at each close; `ROOT last` those of the last ones."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

import pyarrow.compute as pc

import dl_datalake
from tests.bench.programs.lake_features import ENTITIES, NAMES, SETS

EXCHANGE, MARKET, SYMBOL = "BINANCE", "SPOT", "BTCUSDT"
END = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def join(root: str, part: str = "") -> dict[str, Any]:
    """Join; count the rows and add up one column of each set."""
    rows, total = 0, 0.0
    start = END - dt.timedelta(minutes=ENTITIES) if part else None
    with dl_datalake.open(root) as lake:
        bars = lake.bars(SYMBOL, exchange=EXCHANGE, market=MARKET, start=start)
        for batch in lake.training_set(bars, features=list(SETS)).batches():
            rows += batch.num_rows
            total += sum(pc.sum(batch.column(f"{name}__{NAMES[-1]}")).as_py() or 0.0 for name in SETS)
    return {"rows": rows, "total": total}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(join(*sys.argv[1:])) + "\n")
