"""Exports of many rows, each in a process of its own whose memory is looked at."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

import dl_datalake
from dl_datalake.exports.targets import TARGETS
from schemas.keys import Address
from tests.manifests import make_lake
from tests.runs import REPO

if TYPE_CHECKING:
    from pathlib import Path

TRADES = "BINANCE/SPOT/BTCUSDT/ticks/trade"
DAYS, ROWS = 6, 1_000_000
LIMIT_MB = 400
"""As events of 64 bytes alone, the trades would take 384; 227 was the most that 20 million of them took."""
PROGRAM = """
import sys
from pathlib import Path
from dl_datalake.cli import run
status = run(["export", sys.argv[1], "--to", sys.argv[2], sys.argv[3], "--quiet", "--root", sys.argv[4]])
[peak] = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
print(status, int(peak.split()[1]) // 1000)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lake of many trades, some of which were received out of order."""
    folder = tmp_path_factory.mktemp("many")
    make_lake(folder)
    draw = np.random.default_rng(1)
    with dl_datalake.open(folder) as lake:
        for day in range(DAYS):
            ts = (19_000 + day) * 86_400 * 10**9 + np.sort(draw.integers(0, 86_400_000, ROWS)) * 10**6
            columns = {
                "ts": pa.array(ts).cast(pa.timestamp("ns", "UTC")),
                "price": np.round(100 + draw.normal(0, 1, ROWS), 2),
                "size": np.round(draw.exponential(3, ROWS) + 0.001, 3),
                "side": np.where(draw.random(ROWS) < 0.5, "buy", "sell"),
                "trade_id": pa.array(np.arange(ROWS) + day * ROWS).cast(pa.string()),
                "ts_recv": pa.array(ts + draw.integers(10**6, 9 * 10**6, ROWS)).cast(pa.timestamp("ns", "UTC")),
            }
            lake.write(TRADES, pa.table(columns), mode="append")
    return folder


@pytest.mark.nightly
@pytest.mark.parametrize("to", [name for name, each in TARGETS.items() if each.accepts(Address.parse(TRADES))])
def test_memory_does_not_grow_with_the_rows(root: Path, tmp_path: Path, to: str) -> None:
    words = [sys.executable, "-c", PROGRAM, TRADES, to, str(tmp_path / "out"), str(root)]
    ran = subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=True)
    status, peak = map(int, ran.stdout.split()[-2:])
    assert status == 0, ran.stderr
    assert peak < LIMIT_MB
