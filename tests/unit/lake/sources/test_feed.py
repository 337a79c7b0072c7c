"""Messages to rows: whole blocks at once, a bad message taken out whole with its line, text and reason."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lake.sources.dialects.message import RECEIVED, Feed, Message
from lake.sources.feed import FeedParser, FeedRecipe
from lake.sources.text import TextBlock

if TYPE_CHECKING:
    from lake.sources.model import Batch

NOW = 1_704_448_800_000
FEED = Feed(
    (
        Message(
            "ticks/trade",
            when={"k": ("t",)},
            has=("T", "p"),
            fields={
                "symbol": ("s",), "ts": ("T",), "ts_event": ("E",), "ts_recv": (RECEIVED,), "trade_id": ("i",),
                "price": ("p",), "size": ("q",), "side": ("m",),
            },
        ),
        Message(
            "orderbook/l2",
            when={"/k": ("whole", "part")},
            fields={"symbol": ("s",), "ts": ("T", "/T", RECEIVED), "last_update_id": ("u",)},
            levels=(("bid", "b"), ("ask", "a")),
            snapshot=True,
        ),
        Message("", has=("ok",)),
    ),
    received=True,
    sides={"true": "sell", "false": "buy"},
)  # fmt: skip


def trade(place: int = 0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- any JSON value
    values = {"k": "t", "s": "AB", "T": NOW + place, "E": NOW + place + 1, "i": place, "p": "1.5", "q": "2", "m": True}
    return values | changes


def book(place: int = 0, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- any JSON value
    data = {"s": "AB", "u": place, "b": [["1.0", "3"], ["0.5", "0"]], "a": [["2.0", "4", "9"]]}
    return {"k": "part", "T": NOW + place, "data": data | changes}


def line(message: Any, place: int = 0) -> str:  # noqa: ANN401 -- a message, or the text that stands for one
    text = message if isinstance(message, str) else json.dumps(message)
    return f"{(NOW + place) * 1_000_000 + 7} {text}"


def parse(*lines: str, symbol: str | None = None, sole: bool = False, first: int = 1) -> Batch:
    return FeedParser(FeedRecipe(FEED, symbol, sole)).parse(TextBlock.of("\n".join(lines).encode() + b"\n", first))


def column(batch: Batch, channel: int, name: str) -> list[Any]:
    [portion] = [each for each in batch.portions if each.channel == channel]
    values = portion.rows.column(name)
    return list((values.cast("int64") if name.startswith("ts") else values).to_pylist())


def test_messages_of_several_kinds_go_to_their_channels_in_their_order() -> None:
    batch = parse(line(trade(0)), line(book(1), 1), line({"ok": 1}), line(trade(2, m=False), 2), line(book(3)))
    assert (batch.records, batch.rejects, batch.skipped) == (5, [], {"other_message": 1})
    assert column(batch, 0, "ts") == [(NOW + place) * 10**6 for place in (0, 2)]
    assert column(batch, 0, "ts_event") == [(NOW + place + 1) * 10**6 for place in (0, 2)]
    assert column(batch, 0, "ts_recv") == [(NOW + place) * 10**6 + 7 for place in (0, 2)]
    assert column(batch, 0, "side") == ["sell", "buy"]
    assert column(batch, 0, "trade_id") == ["0", "2"]
    assert (column(batch, 0, "price"), column(batch, 0, "size")) == ([1.5, 1.5], [2.0, 2.0])
    assert column(batch, 1, "side") == ["bid", "bid", "ask"] * 2
    assert column(batch, 1, "price") == [1.0, 0.5, 2.0] * 2
    assert column(batch, 1, "size") == [3.0, 0.0, 4.0] * 2
    assert column(batch, 1, "last_update_id") == [1, 1, 1, 3, 3, 3]
    assert column(batch, 1, "seq") == [None] * 6
    assert column(batch, 1, "is_snapshot") == [True] * 6
    for portion in batch.portions:
        portion.rows.validate(full=True)


def test_messages_of_one_kind_written_in_two_ways_keep_their_order() -> None:
    other = {"k": "whole", "data": {"a": [["9", "1"]], "b": [], "s": "AB"}}
    batch = parse(line(book(1)), line(other, 2), line(book(3)))
    assert column(batch, 1, "price") == [1.0, 0.5, 2.0, 9.0, 1.0, 0.5, 2.0]
    assert column(batch, 1, "last_update_id") == [1, 1, 1, None, 3, 3, 3]
    assert column(batch, 1, "ts")[3] == (NOW + 2) * 10**6 + 7
    [portion] = batch.portions
    assert [portion.locate(row)[0] for row in range(7)] == [1, 1, 1, 2, 3, 3, 3]


BAD = {
    "no JSON": ("{", "bad_value"),
    "nothing": ("", "bad_value"),
    "an array": ("[1]", "bad_value"),
    "two objects": (json.dumps(trade()) * 2, "bad_value"),
    "a kind nobody declared": ({"k": "x"}, "bad_value"),
    "a price that is no number": (trade(p="x"), "bad_number"),
    "a price in hex": (trade(p="0x10"), "bad_number"),
    "a price of NaN": (trade(p="nan"), "bad_number"),
    "a NaN that is no JSON": (json.dumps(trade(p=float("nan"))), "bad_value"),
    "a price too large": (trade(p="1e999"), "bad_number"),
    "a bare price too large": (json.dumps(trade()).replace('"1.5"', "1e999"), "bad_number"),
    "a price with a space": (trade(p=" 1"), "bad_number"),
    "a price that is a truth": (trade(p=True), "bad_number"),
    "no price": (trade(p=None), "missing_value"),
    "a side nobody declared": (trade(m="x"), "bad_value"),
    "a time in seconds": (trade(T=NOW // 1000), "bad_timestamp"),
    "a time that is a text": (trade(T="x"), "bad_timestamp"),
    "a time beyond 64 bits": (trade(T=10**30), "bad_timestamp"),
    "no symbol": (trade(s=None), "missing_value"),
    "a symbol that names nothing": (trade(s=".."), "bad_value"),
    "half of a surrogate pair": (json.dumps(trade(i="x")).replace('"x"', r'"\ud800"'), "bad_value"),
    "a name twice": (json.dumps(trade()).replace("{", '{"p":"9",', 1), "bad_value"),
    "a name twice, its colons apart": (json.dumps(trade()).replace("{", '{"p" :"9",', 1), "bad_value"),
    "a name twice, and a colon in a text": (json.dumps(trade(i="::")).replace("{", '{"p":"9",', 1), "bad_value"),
    "an array for a symbol": (trade(s=["AB"]), "bad_value"),
    "an array for the kind": (trade(k=["t"]), "bad_value"),
    "a level without a size": (book(b=[["1"]]), "bad_value"),
    "a level that is a text": (book(b=["12"]), "bad_value"),
    "levels that are an object": (book(b={"1": "2"}), "bad_value"),
    "a level whose size is none": (book(a=[["1", None]]), "missing_value"),
    "an update id that is none": (book(u="x"), "bad_number"),
    "deep nesting": ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", "bad_value"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_message_is_taken_out_whole_with_its_reason(case: str) -> None:
    message, reason = BAD[case]
    good = [line(trade(place), place) for place in range(5)]
    lines = [*good[:3], line(message), *good[3:], line(book())]
    batch = parse(*lines, first=11)
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [(reason, 14)]
    assert lines[3].startswith(batch.rejects[0].raw)
    assert batch.records == 7
    assert column(batch, 0, "trade_id") == ["0", "1", "2", "3", "4"]
    assert len(column(batch, 1, "price")) == 3
    trades = batch.portions[0]
    assert [trades.locate(row)[0] for row in range(5)] == [11, 12, 13, 15, 16]
    assert trades.locate(4)[1] == good[4]


@pytest.mark.parametrize("stamp", ["", "x", "1704448800", "-1704448800000000007", "99999999999999999999"])
def test_a_line_without_the_time_of_receipt_is_bad(stamp: str) -> None:
    batch = parse(line(trade()), f"{stamp} {json.dumps(trade())}")
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [("bad_timestamp", 2)]


def test_a_block_of_bad_messages_alone_still_adds_up() -> None:
    batch = parse(*[line("{") for _ in range(9)])
    assert (batch.records, len(batch.rejects), sum(p.rows.num_rows for p in batch.portions)) == (9, 9, 0)


def test_empty_lines_and_carriage_returns_are_no_messages() -> None:
    batch = parse(line(trade()) + "\r", "", "\r", line(trade(1)))
    assert (batch.records, batch.rejects) == (2, [])
    assert batch.portions[0].locate(1)[0] == 4


def test_an_update_without_levels_is_a_message_without_rows() -> None:
    batch = parse(line(book(b=[], a=[])))
    assert (batch.records, batch.rejects, column(batch, 1, "price")) == (1, [], [])


def test_symbols_are_told_apart_or_held_to_the_one_that_is_asked_for() -> None:
    lines = [line(trade(0)), line(trade(1, s="CD")), line(trade(2))]
    [portion] = parse(*lines).portions
    assert portion.symbols is not None
    assert portion.symbols.to_pylist() == ["AB", "CD", "AB"]
    batch = parse(*lines, symbol="AB", sole=True)
    assert batch.portions[0].symbols is None
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [("bad_value", 2)]


def test_the_symbol_of_the_file_stands_in_where_a_message_tells_none() -> None:
    silent = line({"k": "whole", "data": {"a": [["9", "1"]], "b": []}})
    [portion] = parse(silent, symbol="AB").portions
    assert portion.symbols is not None
    assert portion.symbols.to_pylist() == ["AB"]
    assert [reject.reason for reject in parse(silent).rejects] == ["missing_value"]


@pytest.mark.parametrize("text", ["+5", "5.", ".5", "1E-7", "0.1000000000000000055511151231257827", "1" + "0" * 60])
def test_numbers_are_those_of_python(text: str) -> None:
    batch = parse(line(trade(p=text)))
    assert column(batch, 0, "price") == [float(text)]
