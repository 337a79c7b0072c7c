"""Rows that wait to be known do not fill the memory: their values are read when their time has come."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.runs import REPO

FILES, ROWS, COLUMNS = 100, 20_000, 20
LIMIT_MB = 300
"""With room for all that waits, 160 MB of values, it took 405 MB; with room for 20 MB of them 234."""

PROGRAM = f"""
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from lake.features.join import Joined, PointInTime
from schemas.keys import Address

MINUTE, FILES, ROWS = 60_000_000, {FILES}, {ROWS}
TIME = pa.timestamp("us", tz="UTC")
NAMES = [f"f{{at:02}}" for at in range({COLUMNS})]
BARS = Address.parse("BINANCE/SPOT/BTCUSDT/bars/1m")
SERIES = Address.parse("BINANCE/SPOT/BTCUSDT/features/late.v1")


class Made:
    # Rows that are made as they are read, in a file each few days; all are known half of that span late.
    start_ns = end_ns = None
    snapshot = 1

    def __init__(self, address, names):
        self.addresses, self.columns = (address,), tuple(names)
        self.schema = pa.schema([(name, TIME if name in {{"ts", "known_at"}} else pa.float64()) for name in names])
        self.plan = [
            SimpleNamespace(at=at, first_ns=at * ROWS * MINUTE * 1000, last_ns=((at + 1) * ROWS - 1) * MINUTE * 1000)
            for at in range(FILES)
        ]

    def require(self):
        pass

    def address_of(self, file):
        return self.addresses[0]

    def pieces(self, file, columns, *, skip=0):
        number = np.arange(file.at * ROWS, (file.at + 1) * ROWS)
        clocks = {{"ts": number * MINUTE, "known_at": (number + FILES * ROWS // 2) * MINUTE}}
        made = [
            pa.array(clocks[name]).view(TIME) if name in clocks else pa.array(number + np.random.rand(ROWS) / 2)
            for name in columns
        ]
        yield from [pa.table(made, columns)][skip:]


columns = pa.schema([(name, pa.float64()) for name in NAMES])
late = Joined("late", Made(SERIES, ["ts", "known_at", *NAMES]), {{BARS: SERIES}}, columns, None)
join = PointInTime(Made(BARS, ["ts"]), [late], decide="open", memory_mb=40)
rows = right = 0
for batch in join.batches():
    wanted = rows + np.arange(batch.num_rows) - FILES * ROWS // 2
    got = batch.column("late__f07").to_numpy(zero_copy_only=False)
    right += int(np.where(wanted < 0, np.isnan(got), np.floor(got) == wanted).sum())
    rows += batch.num_rows
[peak] = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
print(json.dumps({{"rows": rows, "right": right, "mb": int(peak.split()[1]) // 1000}}))
"""


def test_what_waits_is_held_up_to_the_budget() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], cwd=REPO, capture_output=True, text=True, check=True)
    told = json.loads(ran.stdout)
    assert told["rows"] == told["right"] == FILES * ROWS
    assert told["mb"] < LIMIT_MB
