"""What a field of an instrument or an action may say, and what is refused."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from schemas.instruments import facts_of, instrument_of, key_of, read_fields
from schemas.keys import Address

ABC = {"exchange": "nyse", "market": "equity", "symbol": "abc"}
DAY = {**ABC, "ex_date": "2024-03-05"}


def test_words_become_what_json_keeps() -> None:
    said = read_fields(
        "instrument",
        {
            **ABC,
            "tick_size": "0.010",
            "currency": "GBp",
            "time_zone": "Europe/London",
            "price_may_be_negative": "Yes",
            "listed": dt.date(2020, 1, 2),
            "delisted": "",
            "aliases": "b|a",
            "renames": "old 2021-02-03|older 2020-02-03",
        },
    )
    assert key_of("instrument", said) == "NYSE/EQUITY/ABC"
    assert facts_of("instrument", said) == {
        "tick_size": 0.01,
        "currency": "GBp",
        "time_zone": "Europe/London",
        "price_may_be_negative": True,
        "listed": "2020-01-02",
        "delisted": None,
        "aliases": ["A", "B"],
        "renames": [{"from": "OLDER", "on": "2020-02-03"}, {"from": "OLD", "on": "2021-02-03"}],
    }


@pytest.mark.parametrize(
    ("ratio", "kept"), [("4", "4"), ("4:1", "4"), ("1:10", "1/10"), ("3/2", "3/2"), (0.5, "1/2"), ("1.05", "21/20")]
)
def test_ratios_are_exact(ratio: object, kept: str) -> None:
    said = read_fields("action", {**DAY, "action": "split", "ratio": ratio})
    assert said["ratio"] == kept
    assert key_of("action", said) == "NYSE/EQUITY/ABC/2024-03-05/split"


def test_amounts_are_exact_and_a_label_is_part_of_the_key() -> None:
    words = {**DAY, "action": "Dividend", "label": "special", "amount": "0.20500", "known_at": "2024-02-01T09:30+01:00"}
    said = read_fields("action", words)
    assert key_of("action", said) == "NYSE/EQUITY/ABC/2024-03-05/dividend/special"
    assert facts_of("action", said) == {"amount": "0.205", "known_at": "2024-02-01T08:30:00Z"}
    assert read_fields("action", {**words, "known_at": dt.date(2024, 2, 1)})["known_at"] == "2024-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("instrument", {"symbol": "A", "market": "M"}, "exchange is not said"),
        ("instrument", {**ABC, "exchange": ".."}, "exchange: "),
        ("instrument", {**ABC, "tik_size": "1"}, "there is no field 'tik_size'"),
        ("instrument", {**ABC, "tick_size": "0"}, "tick_size: '0' is not above zero"),
        ("instrument", {**ABC, "tick_size": "nan"}, "tick_size: 'nan' is not above zero"),
        ("instrument", {**ABC, "tick_size": "a"}, "tick_size: 'a' is no number"),
        ("instrument", {**ABC, "tick_size": True}, "tick_size: True is no text"),
        ("instrument", {**ABC, "name": "a\nb"}, "name: a text is of one line"),
        ("instrument", {**ABC, "currency": "U$"}, "currency: 'U$' is no currency"),
        ("instrument", {**ABC, "time_zone": "Mars/Olympus"}, "time_zone: 'Mars/Olympus' is no time zone"),
        ("instrument", {**ABC, "time_zone": "../etc"}, "time_zone: '../etc' is no time zone"),
        ("instrument", {**ABC, "price_may_be_negative": "maybe"}, "neither true nor false"),
        ("instrument", {**ABC, "listed": "2024-02-30"}, "listed: '2024-02-30' is no date"),
        ("instrument", {**ABC, "listed": "5 March"}, "listed: '5 March' is no date"),
        ("instrument", {**ABC, "listed": dt.datetime(2024, 1, 1)}, "is a time; a date is wanted"),  # noqa: DTZ001 -- as TOML has it
        ("instrument", {**ABC, "listed": "2024-01-02", "delisted": "2024-01-02"}, "delisted before it is listed"),
        ("instrument", {**ABC, "aliases": ["x", "abc"]}, "ABC is given as another name of itself"),
        ("instrument", {**ABC, "renames": "FB"}, "from which symbol and on which date"),
        ("instrument", {**ABC, "renames": "a 2024-01-01|b 2024-01-01"}, "two renames are on the same date"),
        ("action", {**ABC, "action": "split", "ratio": "2"}, "ex_date is not said"),
        ("action", {**DAY, "action": "merger"}, "'merger' is neither split nor dividend"),
        ("action", {**DAY, "action": "split"}, "a split has a ratio"),
        ("action", {**DAY, "action": "split", "ratio": "0:1"}, "is no ratio"),
        ("action", {**DAY, "action": "split", "ratio": "2", "amount": "1"}, "a split has no amount"),
        ("action", {**DAY, "action": "split", "ratio": "2:2"}, "changes nothing"),
        ("action", {**DAY, "action": "dividend", "ratio": "2"}, "a dividend has an amount"),
        ("action", {**DAY, "action": "dividend", "amount": "-1"}, "amount: '-1' is not above zero"),
        ("action", {**DAY, "action": "dividend", "amount": "1", "label": "A B"}, "label: 'A B' is no label"),
        ("action", {**DAY, "action": "dividend", "amount": "1", "known_at": "soon"}, "known_at: 'soon' is no time"),
    ],
)
def test_what_cannot_be_is_refused_in_words(kind: str, words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_fields(kind, words)


def test_the_key_of_an_instrument_begins_its_addresses() -> None:
    address = Address.of("binance", "futures-um", "BTC/USDT:USDT", "bars", "1m")
    assert str(address) == f"{instrument_of(address)}/bars/1m"
