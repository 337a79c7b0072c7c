"""`dl features audit`: exit 4 with findings, 0 without, and the same told to people and to scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.config import locate
from tests.feature_rows import give_bars
from tests.written import minute, two_symbols

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl


@pytest.fixture
def featured(tmp_path: Path) -> Path:
    """Return a lake with a set of features of two symbols' bars, both written on two days."""
    two_symbols(tmp_path, 2)
    return tmp_path


def test_a_clean_set_has_no_findings_and_exit_0(dl: Dl, featured: Path) -> None:
    ran = dl("features", "audit", "--root", featured, "--json")
    assert (ran.status, ran.data["clean"], ran.data["findings"]) == (0, True, [])
    assert [ran.data[name] for name in ("sets", "series", "partitions", "rows")] == [1, 2, 4, 20]
    assert dl("features", "audit", "returns", "--root", featured).out == (
        f"nothing found: 1 set, 2 series, 4 partitions, 20 rows at snapshot {ran.data['snapshot']}\n"
    )


def test_findings_are_told_with_exit_4(dl: Dl, featured: Path) -> None:
    give_bars(locate(featured), [minute("10:00"), minute("10:03")], price=2.0)
    ran = dl("features", "audit", "returns.v1", "--root", featured, "--json")
    [finding] = ran.data["findings"]
    address = "BINANCE/SPOT/BTCUSDT/features/returns.v1"
    assert (ran.status, ran.data["clean"]) == (4, False)
    assert (finding["kind"], finding["set"], finding["address"], finding["partition"]) == (
        "restated",
        "returns.v1",
        address,
        "2024-01-05",
    )
    assert "2 bars restated (10:00, 10:03)" in f"{finding['detail']} {finding['examples']}"
    told = dl("features", "audit", "--root", featured)
    assert told.status == 4
    head, line, total = told.out.splitlines()
    assert head.split() == ["finding", "series", "partition", "count", "what"]
    assert line.startswith(f"restated  {address}  2024-01-05  ")
    assert total.startswith("1 finding: 1 set, 2 series, 4 partitions, 20 rows at snapshot ")


def test_only_the_rows_that_are_asked_about_are_looked_at(dl: Dl, featured: Path) -> None:
    give_bars(locate(featured), [minute("10:00")], price=2.0)
    for words, status, rows in (
        (("--symbol", "ethusdt"), 0, 10),
        (("--start", "2024-01-06"), 0, 10),
        (("--symbol", "BTCUSDT", "--end", "2024-01-06"), 4, 5),
        (("--exchange", "KRAKEN"), 0, 0),
        (("--market", "SPOT"), 4, 20),
    ):
        ran = dl("features", "audit", *words, "--root", featured, "--json")
        assert (ran.status, ran.data["rows"]) == (status, rows), words
    ran = dl("features", "audit", "return", "--root", featured, "--json")
    assert (ran.status, ran.error["code"]) == (15, "E_UNKNOWN_FEATURES")
