"""Ours for reads of everything: `FORM ROOT [DAY]` reads all bars of the one series, or those of a day, to a form."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from typing import Any

import dl_datalake


def read(form: str, root: str, *day: str) -> dict[str, Any]:
    """Read once; say how many rows there are."""
    start = dt.datetime.fromisoformat(day[0]).replace(tzinfo=dt.UTC) if day else None
    end = start + dt.timedelta(1) if start else None
    with dl_datalake.open(root) as lake:
        (series,) = lake.list(type="bars", period="1m")
        bars = lake.read(series.address, start=start, end=end)
        return {"rows": len(bars.to_arrow() if form == "arrow" else bars.to_pandas())}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read(*sys.argv[1:])) + "\n")
    sys.stdout.flush()
    os._exit(0)  # as ArcticDB's program ends: what a process does while shutting down is not measured
