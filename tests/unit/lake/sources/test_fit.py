"""How sure a format is, and what is said of its rivals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.sources import SourceOptions, detect
from lake.sources.dialects import DIALECTS
from lake.sources.fit import rivals, verdicts
from lake.sources.sniff import look

if TYPE_CHECKING:
    from pathlib import Path

AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
AGG_ROWS = "".join(f"{n},100.5,2,{n},{n},{1_704_067_200_000 + n},true\n" for n in range(1, 9))
BITFINEX = "".join(f"{1_704_067_200_000 + 60_000 * n},100,104,105,99,7\n" for n in range(8))
"""Open, close, high, low: no other order of these prices is possible."""
HISTDATA = "".join(f"20240102 0800{n:02};1.1;1.3;1.0;1.2;0\n" for n in range(8))


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text", "options", "dialect", "confidence"),
    [
        ("BTCUSDT-aggTrades-2024-01-01.csv", AGG_HEADER + AGG_ROWS, {}, "binance-um-aggtrades", "named"),
        ("mine.csv", AGG_HEADER + AGG_ROWS, {}, "binance-um-aggtrades", "header"),
        ("mine.csv", BITFINEX, {}, "bitfinex-candles", "shape"),
        ("mine.csv", BITFINEX, {"format": "bitfinex-candles"}, "bitfinex-candles", "asked"),
        ("mine.csv", "ts,price,size\n1704067200,1,2\n1704067201,1,2\n", {}, "csv", "columns"),
        (
            "mine.csv",
            "a,b,c\n1704067200,1,2\n1704067201,1,2\n",
            {"columns": {"ts": "a", "price": "b", "size": "c"}, "type": "ticks/trade"},
            "csv",
            "mapped",
        ),
    ],
)
def test_confidence_is_the_strongest_thing_that_spoke(
    tmp_path: Path, name: str, text: str, options: dict[str, str], dialect: str, confidence: str
) -> None:
    plan = detect(written(tmp_path, name, text), SourceOptions(**options))  # type: ignore[arg-type]  # as each case has it
    assert (plan.dialect, plan.confidence) == (dialect, confidence)
    assert plan.reasons[0] == f"confidence: {confidence}"


def test_rivals_are_those_with_the_same_columns_each_with_its_reason(tmp_path: Path) -> None:
    against = dict(
        text.split(": ", 1) for text in detect(written(tmp_path, "x.csv", BITFINEX), SourceOptions()).against
    )
    assert against["ccxt-candles"] == "not so: columns 1 to 4 can be open, high, low, close"
    assert against["metatrader4-bars-iso"].startswith("column 0 cannot be ts: '1704067200000'")
    assert "kraken-trades" not in against
    assert "bitfinex-candles" not in against


def test_one_that_fits_too_is_told_apart_by_what_it_lacks(tmp_path: Path) -> None:
    plan = detect(written(tmp_path, "DAT_ASCII_EURUSD_M1_202401.csv", HISTDATA), SourceOptions())
    assert plan.dialect == "histdata-m1"
    assert plan.against == ("ninjatrader-minutes: fits too, but not file name DAT_ASCII_EURUSD_M1_202401.csv",)


def test_without_a_chosen_one_every_rival_is_named(tmp_path: Path) -> None:
    told = verdicts(look(written(tmp_path, "x.csv", HISTDATA)), DIALECTS.values())
    names = {text.partition(":")[0] for text in rivals(told, None)}
    assert {"histdata-m1", "ninjatrader-minutes"} <= names


def test_a_rival_for_which_as_much_speaks_is_said_to_fit(tmp_path: Path) -> None:
    path = written(tmp_path, "EURUSD.csv", HISTDATA)
    plan = detect(path, SourceOptions(format="ninjatrader-minutes", period="1s"))
    assert plan.against == ("histdata-m1: fits too",)


def test_a_column_to_be_skipped_by_is_found_whatever_the_case_of_the_header(tmp_path: Path) -> None:
    rows = [f"2024-01-{day:02d},1,2,0.5,1.5,1.5,100" for day in range(2, 20)]
    path = tmp_path / "AAPL.csv"
    path.write_text(
        "\n".join(["date,open,high,low,close,adj close,volume", *rows, "2024-01-22,null,null,null,null,0,0", ""])
    )
    plan = detect(path, SourceOptions())
    assert (plan.dialect, plan.symbol, plan.recipe.skips[0].column) == ("yahoo", "AAPL", 1)
