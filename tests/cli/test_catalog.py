"""`dl list` and `dl history` as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

import dl_datalake
from tests.runs import BTCUSDT, Dl

if TYPE_CHECKING:
    from pathlib import Path

DAILY = "TEST/SPOT/ABC/bars/1d"


def daily(*days: str) -> pa.Table:
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), [1.0] * len(days))
    return pa.table({"ts": pa.array(days, pa.string()).cast(pa.timestamp("us"))} | prices)


def test_gaps_are_counted_in_partitions_and_say_so(dl: Dl, lake: Path) -> None:
    with dl_datalake.open(lake) as opened:
        opened.write(DAILY, daily("2020-05-01", "2023-05-01"))
    lines = dl("list", "--root", lake).out.splitlines()
    cells = {line.split()[0]: line for line in lines[1:]}
    assert "  0 days  " in cells[BTCUSDT]
    assert "  2 years  " in cells[DAILY]
    assert [row["gaps"] for row in dl("list", "--root", lake, "--json").data] == [0, 2]
    assert "single bars are not counted" in " ".join(dl("list", "--help").out.split())


def test_history_says_a_source_once_and_a_message_always(dl: Dl, lake: Path) -> None:
    with dl_datalake.open(lake) as opened:
        opened.write(DAILY, daily("2020-05-01"), message="from the exchange's site")
    head, written, ingested = dl("history", "--root", lake).out.splitlines()
    assert head.split()[-1] == "message"
    assert written.endswith("  from the exchange's site")
    assert (ingested.count("btcusd-1m.csv"), ingested.split()[-1]) == (1, "btcusd-1m.csv")
    assert [row["message"] for row in dl("history", "--root", lake, "--json").data][1] == "btcusd-1m.csv"
