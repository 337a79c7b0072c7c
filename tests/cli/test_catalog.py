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


def test_history_says_what_was_done_and_the_words_for_it(dl: Dl, lake: Path) -> None:
    at = ("--root", lake)
    acts = (
        ("snapshot", "create", "good", "-m", "before the cut"),
        ("delete", BTCUSDT, "--start", "2016-10-07T23:59", "--yes", "-m", "bad minute"),
        ("rollback", BTCUSDT, "--to", "good", "--yes", "-m", "was good"),
        ("delete", BTCUSDT, "--yes"),
        ("rollback", BTCUSDT, "--to", "4", "--yes"),
        ("snapshot", "drop", "good"),
        ("expire", "--keep-last", "6", "--force", "--yes", "-m", "too old"),
    )
    for words in acts:
        assert dl(*words, *at).status == 0, words
    told = [
        "1 snapshot forgotten: too old",
        "good dropped",
        "to snapshot 4",
        "1,419 rows deleted",
        "to snapshot 1: was good",
        "1 row deleted: bad minute",
        "good is 1: before the cut",
        "(forgotten)",
    ]
    lines = dl("history", *at).out.splitlines()[1:]
    assert [line.endswith(f"  {words}") for line, words in zip(lines, told, strict=True)] == [True] * len(told), lines
    rows = dl("history", *at, "--json").data
    assert [row["did"] for row in rows] == [words.split(":")[0].removeprefix("(forgotten)") for words in told]
    assert [row["message"] for row in rows][4:6] == ["was good", "bad minute"]


def test_history_shows_series_as_such(dl: Dl, lake: Path) -> None:
    assert dl("aggregate", BTCUSDT, "--to", "5m,1h", "--root", lake).status == 0
    assert dl("snapshot", "create", "good", "--root", lake).status == 0
    named, aggregated, ingested = dl("history", "--root", lake).out.splitlines()[1:]
    assert [line.split()[4:6] for line in (named, aggregated)] == [["-", "0"], ["2", "series"]]
    assert ingested.split()[4] == BTCUSDT
