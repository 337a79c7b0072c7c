"""`ROOT DAY,DAY,…`: time what a read of one day asks of the manifest: snapshot, series, files. Nothing is read."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from typing import Any

from lake.config import locate
from lake.manifest import Manifest

DAY_NS = 86_400_000_000_000


def plan(root: str, days: list[str]) -> dict[str, Any]:
    """Plan each day, of one series after the other; the first opens the manifest and is not among the timed ones."""
    midnights = [int(dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp()) * 10**9 for day in days]
    times, found = [], 0
    start = time.perf_counter()
    with Manifest.open(locate(root)) as manifest:
        symbols = [row.address.symbol for row in manifest.series()]
        for number, midnight in enumerate(midnights):
            symbol = symbols[number % len(symbols)]
            snapshot = manifest.snapshot(None)
            (series,) = manifest.series(
                exchange="BINANCE", market="SPOT", symbol=symbol, type="bars", period="1m", snapshot=snapshot
            )
            found += len(manifest.plan(series.id, midnight, midnight + DAY_NS, snapshot))
            times.append((time.perf_counter() - start) * 1e3)
            start = time.perf_counter()
    return {"rows": found, "times_ms": times}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(plan(sys.argv[1], sys.argv[2].split(","))) + "\n")
