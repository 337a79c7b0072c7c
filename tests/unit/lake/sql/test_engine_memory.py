"""A statement runs in little memory over five years of minute bars, and over millions of trades."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.bench import generate
from tests.runs import REPO

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
import sys
from pathlib import Path
from dl_datalake.cli import run
status = run(sys.argv[1:])
# Not ru_maxrss: that begins with the peak of the process that started this one.
[peak] = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
print(int(peak.split()[1]) // 1024, file=sys.stderr)
sys.exit(status)
"""
MOST_MB = 512


def dl(*words: str) -> tuple[str, int]:
    """Return what a command printed, and its peak memory in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words], cwd=REPO, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, int(done.stderr.splitlines()[-1])


def stored(root: Path, name: str) -> None:
    """Make a lake of a generated file."""
    source = root.parent / name
    generate.write(name, source)
    dl("init", str(root), "--quiet")
    words = ["--exchange", "BINANCE", "--symbol", "BTCUSDT", "--market", "SPOT", "--root", str(root), "--quiet"]
    dl("ingest", "--source", str(source), *words)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_five_years_of_minutes_are_grouped_and_sorted_in_bounded_memory(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    stored(root, "BTCUSDT-1m-5y.csv")
    out, peak = dl("sql", "select symbol, max(high), count(*) as n from bars group by 1", "--root", str(root), "--json")
    [row] = json.loads(out)["data"]["rows"]
    assert (row["symbol"], row["n"], peak < MOST_MB) == ("BTCUSDT", 2_630_880, True)
    target = str(tmp_path / "sorted.parquet")
    _, peak = dl("sql", "select * from bars order by close, ts", "--root", str(root), "--output", target)
    assert peak < MOST_MB


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_twenty_million_trades_are_grouped_in_bounded_memory(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    stored(root, "BTCUSDT-aggTrades-10d.csv")
    statement = """with minutes as
        (select time_bucket(interval '1 minute', ts) as m, side, count(*) as n, sum(size) as s
         from ticks group by m, side)
        select sum(n) as n from minutes"""
    out, peak = dl("sql", statement, "--root", str(root), "--json")
    [row] = json.loads(out)["data"]["rows"]
    assert (row["n"], peak < MOST_MB) == (20_000_000, True)
