"""Our Python client: `READ ROOT DAY,DAY,…` times reads of one day, to Arrow or to pandas."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from typing import Any

import dl_datalake


def read(form: str, root: str, days: list[str]) -> dict[str, Any]:
    """Open the lake once and read each day; the first read is not among the timed ones."""
    lake = dl_datalake.open(root)
    wanted = [dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) for day in days]
    times, rows, total = [], 0, 0.0
    for day in wanted:
        start = time.perf_counter()
        bars = lake.bars(
            "BTCUSDT", exchange="BINANCE", market="SPOT", period="1m", start=day, end=day + dt.timedelta(1)
        )
        got = bars.to_arrow() if form == "arrow" else bars.to_pandas()
        times.append((time.perf_counter() - start) * 1e3)
        rows += len(got)
        volume = got["volume"]
        total += float(volume.sum() if form == "pandas" else volume.to_numpy().sum())
    return {"rows": rows, "total": total, "times_ms": times}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read(sys.argv[1], sys.argv[2], sys.argv[3].split(","))) + "\n")
