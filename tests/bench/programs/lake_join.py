"""Our join: `ROOT` reads five years of bars with three feature sets, as known at each close, batch by batch."""

from __future__ import annotations

import json
import sys
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.config import locate
from lake.features.join import Joined, PointInTime
from lake.manifest import Manifest
from lake.read import Scan
from schemas.keys import Address
from tests.bench.programs.lake_features import NAMES, SETS

BARS = Address.parse("BINANCE/SPOT/BTCUSDT/bars/1m")


def join(root: str) -> dict[str, Any]:
    """Join; count the rows and add up one column of each set."""
    config = locate(root)
    columns = pa.schema([(name, pa.float64()) for name in NAMES])
    rows, total = 0, 0.0
    with Manifest.open(config) as manifest:
        sets = []
        for name in SETS:
            address = Address(BARS.exchange, BARS.market, BARS.symbol, "features", f"{name}.v1")
            scan = Scan(config, manifest, [address], columns=["ts", "known_at", *NAMES])
            sets.append(Joined(name, {BARS: scan}, columns, None))
        joined = PointInTime(Scan(config, manifest, [BARS]), sets, memory_mb=config.memory_mb)
        for batch in joined.batches():
            rows += batch.num_rows
            total += sum(pc.sum(batch.column(f"{name}__{NAMES[-1]}")).as_py() or 0.0 for name in SETS)
    return {"rows": rows, "total": total}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(join(sys.argv[1])) + "\n")
