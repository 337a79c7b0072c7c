"""Actions out of yfinance's history files: amounts in today's shares become those that were paid."""

from __future__ import annotations

from pathlib import Path

import pytest

from lake.errors import LakeError
from lake.reference.reading import read

PLACE = {"exchange": "NASDAQ", "market": "EQUITY", "symbol": "AAPL"}
HEAD = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n"


def rows(*lines: str) -> list[tuple[int, str, object]]:
    content = (HEAD + "".join(f"{line}\n" for line in lines)).encode()
    found = read(Path("AAPL.csv"), content, "action", PLACE)
    return [(each.line, each.key.removeprefix("NASDAQ/EQUITY/AAPL/"), *each.facts.values()) for each in found]


def test_later_splits_are_taken_out_of_amounts() -> None:
    # Apple paid 3.29 a share on 2014-05-08, before 7 for 1 and 4 for 1: Yahoo says 0.1175 today.
    found = rows(
        "2014-05-08 00:00:00-04:00,1,1,1,1,1,0.1175,0.0",
        "2014-06-09 00:00:00-04:00,1,1,1,1,1,0.0,7.0",
        "2014-08-07 00:00:00-04:00,1,1,1,1,1,0.1175,0.0",
        "2020-08-31 00:00:00-04:00,1,1,1,1,1,0,4",
        "2020-11-06 00:00:00-05:00,1,1,1,1,1,0.205,0",
    )
    assert found == [
        (2, "2014-05-08/dividend", "3.29"),
        (3, "2014-06-09/split", "7"),
        (4, "2014-08-07/dividend", "0.47"),
        (5, "2020-08-31/split", "4"),
        (6, "2020-11-06/dividend", "0.205"),
    ]


def test_newest_first_says_the_same_and_a_dividend_of_the_day_of_a_split_is_of_new_shares() -> None:
    assert rows("2020-01-03,1,1,1,1,1,0,2", "2020-01-02,1,1,1,1,1,1,3") == [
        (2, "2020-01-03/split", "2"),
        (3, "2020-01-02/dividend", "2"),
        (3, "2020-01-02/split", "3"),
    ]


def test_a_file_without_any_has_none() -> None:
    assert rows("2020-01-03,1,1,1,1,1,0,0.0", "2020-01-06,1,1,1,1,1,,") == []


def test_what_is_no_number_is_refused_with_its_line() -> None:
    with pytest.raises(LakeError, match="line 2: ") as caught:
        rows("2020-01-03,1,1,1,1,1,x,0")
    assert caught.value.code == "E_SCHEMA"
