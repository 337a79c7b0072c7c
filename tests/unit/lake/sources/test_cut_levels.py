"""Levels cut out of messages: the same rows as message by message, and nothing taken for a level that is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lake.sources.cut_levels import Cutter
from lake.sources.dialects import known
from lake.sources.feed import FeedParser, FeedRecipe
from lake.sources.text import TextBlock

if TYPE_CHECKING:
    from lake.sources.model import Batch

CUTTER = Cutter(["b", "a"])


def book(ts: int, **body: object) -> bytes:
    """A message of Bybit's archives."""
    data = {"s": "XRPUSDT", "b": [], "a": [], "u": ts, "seq": 2 * ts} | body
    message = {"topic": "orderbook.500.XRPUSDT", "type": "delta", "ts": 1_733_011_200_000 + ts, "data": data}
    return json.dumps(message | {"cts": 1_733_011_200_000 + ts - 3}, separators=(",", ":")).encode()


def parsed(lines: list[bytes]) -> Batch:
    feed = known()["bybit-orderbook"].feed
    assert feed is not None
    return FeedParser(FeedRecipe(feed)).parse(TextBlock.of(b"\n".join(lines) + b"\n", 1))


def test_levels_are_cut_with_their_numbers_left() -> None:
    found = CUTTER.cut(b'{"b":[["1.5","20"],["1.4","0"]],"x":1,"a":[]}\n{"b":[],"a":[["2e-1","7.25"]]}')
    assert found is not None
    slim, levels = found
    assert slim == b'{"b":0,"x":1,"a":1}\n{"b":2,"a":3}'
    assert levels.counts.tolist() == [2, 0, 0, 1]
    assert (levels.prices.tolist(), levels.sizes.tolist()) == ([1.5, 1.4, 0.2], [20.0, 0.0, 7.25])


def test_rows_of_some_arrays_follow_each_other_as_the_arrays_are_asked_for() -> None:
    found = CUTTER.cut(b'{"b":[["1","10"]],"a":[["2","20"],["3","30"]]}\n{"b":[["4","40"]],"a":[]}')
    assert found is not None
    rows = found[1].of([1, 3, 2])
    assert rows is not None
    assert [values.tolist() for values in rows] == [[0, 0, 2], [2.0, 3.0, 4.0], [20.0, 30.0, 40.0]]
    assert found[1].of([[["1", "2"]]]) is None
    assert found[1].of([True]) is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"b":[["1","2"]],"a":3}',  # a number where an array's would stand
        b'{"b":[["1","2"]],"\\u0061":0}',  # the same under a name with an escape
        b'{"b":[["1.2.3","2"]],"a":[]}',
        b'{"b":[["1e999","2"]],"a":[]}',
        b'{"b":[["-","2"]],"a":[]}',
        b'{"b":[[1,2]],"a":[[3,4]]}',  # written otherwise
        b'{"b":[["1","2",]],"a":[["1","2"],]}',
    ],
)
def test_what_is_not_plain_is_left_to_the_careful_way(text: bytes) -> None:
    assert CUTTER.cut(text) is None


def test_a_block_makes_the_rows_that_its_messages_make_one_by_one() -> None:
    pairs = [[f"{1 + n / 7:.4f}", f"{n % 5 * 1.25}"] for n in range(40)]
    lines = [book(n, b=pairs[: n % 9], a=pairs[n % 9 : n % 23]) for n in range(1, 60)]
    whole = parsed(lines)
    bodies = [json.loads(line)["data"] for line in lines]
    told = [[float(price), float(size)] for body in bodies for price, size in body["b"] + body["a"]]
    rows = whole.rows
    assert whole.rejects == []
    assert list(map(list, zip(rows["price"].to_pylist(), rows["size"].to_pylist(), strict=True))) == told
    spaced = parsed([json.dumps(json.loads(line)).encode() for line in lines])  # which is not cut
    assert spaced.rows.equals(rows)
    assert [spaced.locate(n)[0] for n in (0, 500)] == [whole.locate(n)[0] for n in (0, 500)]


@pytest.mark.parametrize(
    "bad",
    [
        book(2, b=7),
        book(2, b=[["1", "2"]]).replace(b'"a":[]', b'"a":[],"b":[["3","4"]]'),
        book(2, a=[["1", "x"]]),
        book(2, b=[["1", "2"]]).replace(b'[["1","2"]]', b'[["1","2"],]'),
    ],
    ids=["number", "twice", "text", "comma"],
)
def test_a_bad_message_is_rejected_and_the_others_kept(bad: bytes) -> None:
    batch = parsed([book(1, b=[["1", "2"]]), bad, book(3, a=[["5", "6"]])])
    assert [reject.line for reject in batch.rejects] == [2]
    assert batch.rows["price"].to_pylist() == [1.0, 5.0]
    assert batch.records == 3
