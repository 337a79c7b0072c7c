"""`dl diff`: what changed, in words and as a document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import dl_datalake
from lake.write import write
from tests.embeddings import VECTORS, embedded, vectors
from tests.manifests import make_lake
from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "ts,open,high,low,close,volume\n"
CORRECTION = HEAD + "2016-10-07T00:01:00Z,611,612,610,611.5,1\n2016-10-09T00:00:00Z,1,2,1,2,5\n"


def corrected(dl: Dl, lake: Path) -> None:
    """Correct a bar of the only day, and add another day."""
    source = lake / "corrected.csv"
    source.write_text(CORRECTION)
    words = ("--exchange", "BINANCE", "--symbol", "BTCUSDT", "--period", "1m", "--root", lake)
    assert dl("ingest", "--source", source, *words).status == 0


def test_a_correction_is_told_by_column_with_samples(dl: Dl, lake: Path) -> None:
    corrected(dl, lake)
    ran = dl("diff", f"{BTCUSDT}@1", "--root", lake, "--json")
    data = ran.data
    assert ran.status == 0
    assert (data["differs"], data["old"]["snapshot"], data["new"]["snapshot"]) == (True, 1, 2)
    assert data["rows"] == {"added": 1, "removed": 0, "changed": 1, "identical": 1418}
    assert data["columns"] == dict.fromkeys(("open", "high", "low", "close", "volume"), 1)
    assert [part["partition"] for part in data["partitions"]["different"]] == ["2016-10-07", "2016-10-09"]
    [change] = data["samples"]["changed"]
    assert (change["old"]["close"], change["new"]["close"]) == (611.88, 611.5)
    assert change["new"]["ts"] == "2016-10-07T00:01:00.000000000Z"
    assert data["samples"]["added"][0]["close"] == 2.0
    text = dl("diff", f"{BTCUSDT}@1", f"{BTCUSDT}@2", "--root", lake).out
    assert f"{BTCUSDT}@1 → {BTCUSDT}@2\nrows: 1 added, 0 removed, 1 changed, 1,418 identical\n" in text
    assert re.search(r"^2016-10-07 +1,419 +1,419 +0 +0 +1$", text, re.MULTILINE)
    assert re.search(r"changed, the first 1:\n.*close.*\n- .*611\.88.*\n\+ .*611\.5", text)


def test_no_difference_is_no_error(dl: Dl, lake: Path) -> None:
    ran = dl("diff", BTCUSDT, "--root", lake)
    assert (ran.status, ran.out) == (0, f"{BTCUSDT}@1 → {BTCUSDT}@1\nno difference in 1,419 rows\n")
    assert dl("diff", BTCUSDT, "--root", lake, "--json").data["differs"] is False


def test_snapshots_are_named_by_number_name_and_time(dl: Dl, lake: Path) -> None:
    assert dl("snapshot", "create", "clean", "--as-of", "1", "--root", lake).status == 0
    corrected(dl, lake)
    for as_of in ("1", "clean"):
        data = dl("diff", f"{BTCUSDT}@{as_of}", f"{BTCUSDT}@now", "--root", lake, "--json", "--samples", "0").data
        assert (data["rows"]["changed"], data["samples"]["changed"]) == (1, [])
    few = dl("diff", "BINANCE/*/BTC*/bars/1m@1", "--root", lake, "--json", "--start", "2016-10-08").data
    assert few["rows"] == {"added": 1, "removed": 0, "changed": 0, "identical": 0}


def test_what_cannot_be_compared_is_said(dl: Dl, lake: Path) -> None:
    assert dl("diff", f"{BTCUSDT}@9", "--root", lake, "--json").error["code"] == "E_UNKNOWN_SNAPSHOT"
    assert dl("diff", f"{BTCUSDT}@", "--root", lake, "--json").error["code"] == "E_BAD_DATE"
    assert dl("diff", "BINANCE/SPOT/BTCUSD/bars/1m", "--root", lake, "--json").error["code"] == "E_UNKNOWN_SERIES"
    assert dl("diff", BTCUSDT, "BINANCE/SPOT/BTCUSDT/bars/1h", "--root", lake, "--json").status == 15


def test_python_gives_the_same(dl: Dl, lake: Path) -> None:
    corrected(dl, lake)
    with dl_datalake.open(lake) as opened:
        report = opened.diff(f"{BTCUSDT}@1", samples=1)
    assert (report.tally.added, report.tally.changed, report.changed_new["close"].to_pylist()) == (1, 1, [611.5])


def test_lists_that_changed_are_shown_and_counted(dl: Dl, tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    write(config, VECTORS, vectors(embedded(0), embedded(1, None)))
    write(config, VECTORS, vectors(embedded(0, (0.5, -1.5, 2.0)), embedded(1)))
    data = dl("diff", f"{VECTORS}@1", "--root", config.root, "--json").data
    assert data["columns"] == {"vector": 2}
    assert [(change["old"]["vector"], change["new"]["vector"]) for change in data["samples"]["changed"]] == [
        ([0.5, -1.25, 2.0], [0.5, -1.5, 2.0]),
        (None, [0.5, -1.25, 2.0]),
    ]
    text = dl("diff", f"{VECTORS}@1", "--root", config.root).out
    assert re.search(
        r"\n- .* \[0\.5, -1\.25, 2\] .*\n\+ .* \[0\.5, -1\.5, 2\] .*\n- .* - .*\n\+ .* \[0\.5, -1\.25, 2\]", text
    )
