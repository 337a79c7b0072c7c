"""`ROOT MINUTES` stores feature sets beside the bars of a lake: three of twenty doubles, a row a minute."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

SETS = {"fast": 60_000_000, "slow": 90_000_000, "wide": 3_660_000_000}
"""The sets by name, and how many microseconds after its ts a row of theirs is known."""
NAMES = tuple(f"f{number:02}" for number in range(20))
PLACE = "BINANCE/SPOT/BTCUSDT"
FIRST_US = 1_577_836_800_000_000
"""The first minute of 2020."""
MINUTE_US = 60_000_000
ENTITIES = 100_000
"""How many closes are joined where it is not all of them."""
_PIECE = 262_144


def pieces(seed: int, delay_us: int, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield one set's rows: doubles that wander, with all their digits, as averages and ratios have."""
    import numpy as np
    import pyarrow as pa

    time = pa.timestamp("us", tz="UTC")
    random = np.random.default_rng(seed)
    last = np.zeros(len(NAMES))
    for start in range(0, rows, _PIECE):
        count = min(_PIECE, rows - start)
        ts = FIRST_US + np.arange(start, start + count) * MINUTE_US
        steps = random.standard_normal((count, len(NAMES))) / 100
        steps[0] += last
        walk = np.cumsum(steps, axis=0)
        last = walk[-1]
        clocks = {"ts": pa.array(ts).view(time), "known_at": pa.array(ts + delay_us).view(time)}
        yield pa.record_batch(clocks | {name: pa.array(walk[:, at].copy()) for at, name in enumerate(NAMES)})


def store(root: str, rows: int) -> dict[str, Any]:
    """Register and write every set."""
    import pyarrow as pa

    import dl_datalake

    with dl_datalake.open(root) as lake:
        for seed, (name, delay) in enumerate(SETS.items()):
            lake.features.register(name, dict.fromkeys(NAMES, "float64"), inputs=["bars/1m"])
            first = next(pieces(seed, delay, 1))
            reader = pa.RecordBatchReader.from_batches(first.schema, pieces(seed, delay, rows))
            lake.write(f"{PLACE}/features/{name}.v1", reader)
    return {"rows": rows}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(store(sys.argv[1], int(sys.argv[2]))) + "\n")
