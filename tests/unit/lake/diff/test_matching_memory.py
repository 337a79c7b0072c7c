"""A large day of ticks is compared in little memory; the full 5 million rows were measured at 266 MB."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from tests.runs import REPO

if TYPE_CHECKING:
    from pathlib import Path

MAKE = """
import sys
from pathlib import Path
import numpy as np, pyarrow as pa
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
rows = 1_000_000
config = make_lake(Path(sys.argv[1]))
for shift in (0, 1):
    price = np.full(rows, 100.0)
    price[::1000] += shift
    ts = pa.array(np.arange(rows) * 80_000_000).cast(pa.timestamp("ns", "UTC"))
    ids = pa.array(np.arange(rows) + 10**9).cast(pa.string())
    table = pa.table({"ts": ts, "price": price, "size": np.ones(rows), "trade_id": ids})
    write(config, Address.of("X", "SPOT", "A", "ticks", "trade"), table)
"""
COMPARE = """
import sys
from pathlib import Path
import dl_datalake
with dl_datalake.open(sys.argv[1]) as lake:
    tally = lake.diff("X/SPOT/A/ticks/trade@1").tally
# Not ru_maxrss: that begins with the peak of the process that started this one.
[peak] = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
print(tally.changed, tally.identical, int(peak.split()[1]) // 1024)
"""


def python(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=REPO, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_day_of_a_million_ticks_is_compared_in_bounded_memory(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    python(MAKE, folder)
    changed, identical, megabytes = map(int, python(COMPARE, folder).split())
    assert (changed, identical) == (1000, 999_000)
    assert megabytes < 300
