"""A lake that is sealed at any moment holds what one that never is holds: rows, order and hashes, whatever comes in."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import files
from lake.check import verify
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.bars import BARS
from schemas.keys import Address, Partition
from schemas.ticks import QUOTES, TRADES
from tests.manifests import make_lake
from tests.sealing import by_glob, content, seal_all, table
from tests.tables import DAY_NS, MINUTE_US, Row, bar, plain, quote, trade
from tests.tables import table as rows_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DataObject, SearchStrategy

    from lake.config import Config
    from schemas.columns import Schema

JANUARY, FEBRUARY = (Partition.parse(f"2024-0{month}").day for month in (1, 2))
DAYS = st.sampled_from([JANUARY - 1, JANUARY, JANUARY + 1, JANUARY + 30, FEBRUARY, FEBRUARY + 1])
PRICES = st.sampled_from([1.0, 2.0])
DAY = 86_400 * 10**6 // MINUTE_US


def a_bar(day: int, minute: int, price: float) -> Row:
    return bar(day * DAY + minute, price)


def a_trade(day: int, ns: int, price: float, trade_id: str | None) -> Row:
    return trade(day * DAY_NS + ns, price, trade_id)


def a_quote(day: int, ns: int, price: float) -> Row:
    return quote(day * DAY_NS + ns, price)


KINDS: dict[str, tuple[str, str, Schema, SearchStrategy[Row]]] = {
    "bars": ("bars", "1m", BARS, st.builds(a_bar, DAYS, st.integers(0, 3), PRICES)),
    "trades": (
        "ticks",
        "trade",
        TRADES,
        st.builds(a_trade, DAYS, st.integers(0, 3), PRICES, st.sampled_from([None, "1", "2", "3", "11"])),
    ),
    "quotes": ("ticks", "quote", QUOTES, st.builds(a_quote, DAYS, st.integers(0, 3), PRICES)),
}


@st.composite
def stories(draw: st.DrawFn, kind: str) -> list[tuple[str, list[Row]]]:
    """Draw what happens to a lake: rows written in one of two ways, and seals at any moment."""
    story: list[tuple[str, list[Row]]] = []
    for act in draw(st.lists(st.sampled_from(["upsert", "upsert", "upsert", "replace", "seal"]), max_size=8)):
        rows = [] if act == "seal" else draw(st.lists(KINDS[kind][3], min_size=1, max_size=6))
        story.append((act, rows))
    return [*story, ("seal", [])] if draw(st.booleans()) else story


def live_through(config: Config, kind: str, story: list[tuple[str, list[Row]]], *, sealing: bool) -> list[Any]:
    """Live through a story; return what each write told, and what was there after it."""
    type_, period, schema, _ = KINDS[kind]
    address = Address.of("BINANCE", "SPOT", "BTCUSDT", type_, period)
    told: list[Any] = []
    for act, rows in story:
        if act == "seal":
            if sealing:
                seal_all(config)
            continue
        result = write(config, address, rows_table(schema, rows), mode=act)  # type: ignore[arg-type]  # a mode
        told.append((result.rows, content(config, address), plain(table(config, address))))
    return told


def cut_differently(draw: Callable[..., Any]) -> contextlib.ExitStack:
    """Have files cut into small row groups, and read and copied in small pieces, so that days begin anywhere."""
    stack = contextlib.ExitStack()
    for module, name, sizes in (
        (files, "ROW_GROUP", [2, 5, 131_072]),
        (files, "PIECE_ROWS", [1, 3, 16_384]),
        (sys.modules["lake.intake"], "_COPIED", [1, 2, 16]),
        (sys.modules["lake.seal.run"], "COMMIT_MONTHS", [1, 12]),
    ):
        stack.enter_context(mock.patch.object(module, name, draw(st.sampled_from(sizes), label=name)))
    return stack


def compare(kind: str, story: list[tuple[str, list[Row]]]) -> None:
    type_, period, *_ = KINDS[kind]
    address = Address.of("BINANCE", "SPOT", "BTCUSDT", type_, period)
    with tempfile.TemporaryDirectory(prefix="sealing") as folder:
        ours, twin = (make_lake(Path(folder, name)) for name in ("ours", "twin"))
        told = live_through(ours, kind, story, sealing=True)
        assert told == live_through(twin, kind, story, sealing=False)
        checked = verify(ours)
        assert (checked.ok, checked.orphans) == (True, [])
        if told:
            assert sorted(map(repr, plain(by_glob(ours, address)))) == sorted(map(repr, told[-1][2]))
            by_day(ours, address, told[-1][2])


def by_day(config: Config, address: Address, rows: list[Row]) -> None:
    """Assert that a day read by itself has its rows, wherever it lies."""
    scale = 1 if address.type == "ticks" else 1000
    with Manifest.open(config) as manifest:
        for day in sorted({row["ts"] * scale // DAY_NS for row in rows}):
            scan = Scan(config, manifest, [address], start_ns=day * DAY_NS, end_ns=(day + 1) * DAY_NS)
            assert plain(scan.to_arrow()) == [row for row in rows if row["ts"] * scale // DAY_NS == day]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20, deadline=None)  # a busy machine is no bug
@given(data=st.data())
def test_a_lake_sealed_at_any_moment_is_as_if_it_never_was(kind: str, data: DataObject) -> None:
    with cut_differently(data.draw):
        compare(kind, data.draw(stories(kind), label="story"))


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_many_lakes_sealed_at_any_moment_are_as_if_they_never_were(kind: str, data: DataObject) -> None:
    with cut_differently(data.draw):
        compare(kind, data.draw(stories(kind), label="story"))
