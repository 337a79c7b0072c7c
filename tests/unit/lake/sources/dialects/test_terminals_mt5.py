"""Exports of MetaTrader 5: tab-separated bars, and ticks whose empty cells mean that nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

BARS = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\r\n"
TICKS = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\r\n"
ROWS = (
    "2024.01.02\t00:00:00.017\t\t\t42.5\t1\t88",  # a trade, before any quote
    "2024.01.02\t00:00:00.100\t0.86682\t\t\t\t2",  # a bid, of which the ask is not known
    "2024.01.02\t00:00:00.228\t0.86681\t0.86710\t\t\t6",
    "2024.01.02\t00:00:00.525\t\t0.86707\t\t\t4",
    "2024.01.02\t00:00:00.787\t0.86679\t\t\t\t2",
    "2024.01.02\t00:00:00.900\t\t\t42.6\t2\t56",
    "2024.01.02\t00:00:01.049\t\t0.86712\t\t\t4",
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_bars_are_read_in_every_encoding_the_terminal_writes(tmp_path: Path, encoding: str) -> None:
    text = BARS + "2024.01.02\t00:00:00\t1.1\t1.2\t1.0\t1.15\t412\t0\t28\r\n"
    text += "2024.01.02\t00:01:00\t1.15\t1.2\t1.1\t1.18\t100\t0\t21\r\n"
    whole = read(write(tmp_path / "EURUSD_M1_202401020000_202401312359.csv", text.encode(encoding)))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.symbol) == ("metatrader5-bars", "1m", "EURUSD")
    assert whole.ns == [1704153600 * 10**9, 1704153660 * 10**9]
    assert (whole.column("close"), whole.column("volume")) == ([1.15, 1.18], [412.0, 100.0])
    assert whole.column("spread") == [28.0, 21.0]
    assert any("--tz" in warning for warning in plan.warnings)


def test_the_brokers_zone_is_taken_from_the_caller(tmp_path: Path) -> None:
    text = BARS + "2024.01.02\t00:00:00\t1.1\t1.2\t1.0\t1.15\t412\t0\t28\r\n"
    whole = read(write(tmp_path / "EURUSD_M1_202401020000_202401312359.csv", text), tz="Europe/Athens")
    assert whole.ns == [(1704153600 - 7200) * 10**9]
    assert not any("--tz" in warning for warning in whole.plan.warnings)


def test_days_have_no_time(tmp_path: Path) -> None:
    text = BARS.replace("<TIME>\t", "") + "2024.01.02\t1.1\t1.2\t1.0\t1.15\t412\t0\t28\r\n"
    text += "2024.01.03\t1.1\t1.2\t1.0\t1.15\t412\t0\t28\r\n"
    whole = read(write(tmp_path / "EURUSD_Daily_202401020000_202401030000.csv", text))
    assert (whole.plan.dialect, whole.plan.period) == ("metatrader5-bars", "1d")
    assert whole.ns == [1704153600 * 10**9, 1704240000 * 10**9]


def test_without_its_name_the_header_alone_tells_it_from_finams(tmp_path: Path) -> None:
    text = BARS + "2024.01.02\t00:00:00\t1.1\t1.2\t1.0\t1.15\t412\t0\t28\r\n"
    assert read(write(tmp_path / "mine.csv", text), period="1m").plan.dialect == "metatrader5-bars"


@pytest.mark.parametrize("block_bytes", [1 << 20, 60, 1])
def test_an_empty_cell_means_what_the_last_one_said_across_blocks(tmp_path: Path, block_bytes: int) -> None:
    path = write(tmp_path / "EURUSD_202401020000_202401022359.csv", TICKS + "".join(f"{row}\r\n" for row in ROWS))
    whole = read(path, block_bytes=block_bytes)
    assert (whole.plan.dialect, whole.plan.type, whole.plan.period) == ("metatrader5-ticks", "ticks", "quote")
    assert whole.column("bid") == [0.86681, 0.86681, 0.86679, 0.86679]
    assert whole.column("ask") == [0.8671, 0.86707, 0.86707, 0.86712]
    assert [ns % 10**12 // 10**6 for ns in whole.ns] == [600228, 600525, 600787, 601049]
    skipped: dict[str, int] = {}
    for batch in whole.batches:
        for reason, count in batch.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + count
    assert skipped == {"no_quote": 2, "before_first_quote": 1}


@pytest.mark.parametrize("block_bytes", [1 << 20, 70])
def test_quotes_alone_take_the_fast_way(tmp_path: Path, block_bytes: int) -> None:
    path = write(tmp_path / "EURUSD_202401020000_202401022359.csv", TICKS + "".join(f"{row}\r\n" for row in ROWS[2:5]))
    whole = read(path, block_bytes=block_bytes)
    assert whole.column("bid") == [0.86681, 0.86681, 0.86679]
    assert whole.column("ask") == [0.8671, 0.86707, 0.86707]
    assert {batch.locate.__module__ for batch in whole.batches} == {"lake.sources.text"}


@pytest.mark.parametrize("block_bytes", [1 << 20, 60])
def test_a_bad_cell_is_not_handed_on(tmp_path: Path, block_bytes: int) -> None:
    quotes = [f"2024.01.02\t00:00:0{second}.000\t1.{second}\t2.{second}\t\t\t6" for second in range(8)]
    rows = [*quotes, "2024.01.02\t00:00:08.000\tx\t3\t\t\t6", "2024.01.02\t00:00:09.000\t\t4\t\t\t4"]
    path = write(tmp_path / "EURUSD_202401020000_202401022359.csv", TICKS + "".join(f"{row}\r\n" for row in rows))
    whole = read(path, block_bytes=block_bytes)
    assert whole.reasons == [("bad_number", 10)]
    assert (whole.column("bid")[-1], whole.column("ask")[-1]) == (1.7, 4.0)
