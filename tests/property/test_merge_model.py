"""Merging agrees with the design's rules in plain Python: rows, order, counts and hash, for any sources."""

from __future__ import annotations

import functools
import itertools
import sys
from collections import Counter
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake import merge
from lake.errors import LakeError
from lake.merge import Counts
from lake.rows import ContentHash
from schemas.bars import BARS
from schemas.ticks import QUOTES, TRADES
from tests.tables import FEATURES, ConflictingRow, Row, bar, clean, feature, merged, plain, quote, table, trade

if TYPE_CHECKING:
    import pyarrow as pa
    from hypothesis.strategies import DataObject, SearchStrategy

    from lake.merge import OnConflict
    from lake.merge.model import Stream
    from schemas.columns import Schema

WINDOWS = sys.modules["lake.merge.windows"]

PRICES = st.sampled_from([1.0, 2.0])
ROWS: dict[str, tuple[Schema, SearchStrategy[Row]]] = {
    "bars": (BARS, st.builds(bar, st.integers(0, 6), PRICES, vwap=st.sampled_from([None, 0.0, 1.5]))),
    "features": (FEATURES, st.builds(feature, st.integers(0, 3), st.integers(0, 3), st.sampled_from([None, 1.0, 2.0]))),
    "trades with ids": (TRADES, st.builds(trade, st.integers(0, 3), PRICES, st.sampled_from("12345678"))),
    "trades, some with ids": (
        TRADES,
        st.builds(trade, st.integers(0, 3), PRICES, st.sampled_from([None, None, "1", "2", "12", "123456789"])),
    ),
    "trades without ids": (TRADES, st.builds(trade, st.integers(0, 3), PRICES, side=st.sampled_from([None, "buy"]))),
    "quotes": (QUOTES, st.builds(quote, st.integers(0, 3), PRICES, bid_size=st.sampled_from([None, 0.0]))),
}
KINDS = pytest.mark.parametrize("kind", ROWS)
CONFLICTS: tuple[OnConflict, ...] = ("newest", "keep", "fail")
QUICK = settings(max_examples=40, deadline=None)  # a busy machine is no bug


def sources(kind: str, count: int = 4) -> SearchStrategy[list[list[Row]]]:
    return st.lists(st.lists(ROWS[kind][1], max_size=14), min_size=1, max_size=count)


def digest(schema: Schema, rows: list[Row]) -> str:
    content = ContentHash(schema)
    content.update(table(schema, rows))
    return content.hexdigest()


def engine(
    schema: Schema, stored: list[Row], runs: list[list[Row]], on_conflict: OnConflict, window: int
) -> tuple[list[Row], Counts, str]:
    """Merge as intake does: runs in order and without repeats of their own, streams in small pieces, small windows."""
    total = Counts()
    streams: list[Stream] = []
    for rows in runs:
        tidy, counts = merge.dedup(table(schema, rows), schema)
        total.add(counts)
        streams.append(functools.partial(_pieces, tidy))
    out: list[pa.Table] = []
    content = ContentHash(schema)

    def emit(part: pa.Table) -> None:
        out.append(part)
        content.update(part)

    with mock.patch.object(WINDOWS, "WINDOW_ROWS", window):
        held = table(schema, stored)
        total.add(merge.merge(functools.partial(_pieces, held), streams, schema, on_conflict, emit))
    return [row for part in out for row in plain(part)], total, content.hexdigest()


def _pieces(whole: pa.Table) -> list[pa.Table]:
    return [whole.slice(start, 3) for start in range(0, whole.num_rows, 3)]


def cut(data: DataObject, rows: list[Row]) -> list[list[Row]]:
    at = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=3), label="cuts"))
    return [rows[a:b] for a, b in zip([0, *at], [*at, len(rows)], strict=True)]


@KINDS
@pytest.mark.parametrize("on_conflict", CONFLICTS)
@QUICK
@given(data=st.data())
def test_sources_come_to_what_the_rules_say(kind: str, on_conflict: OnConflict, data: DataObject) -> None:
    come_to_what_the_rules_say(kind, on_conflict, data)


@pytest.mark.nightly
@KINDS
@pytest.mark.parametrize("on_conflict", CONFLICTS)
@settings(max_examples=2000, deadline=None)
@given(data=st.data())
def test_many_sources_come_to_what_the_rules_say(kind: str, on_conflict: OnConflict, data: DataObject) -> None:
    come_to_what_the_rules_say(kind, on_conflict, data)


def come_to_what_the_rules_say(kind: str, on_conflict: OnConflict, data: DataObject) -> None:
    schema = ROWS[kind][0]
    window = data.draw(st.integers(1, 8), label="window")
    stored: list[Row] = []
    for source in data.draw(sources(kind), label="sources"):
        runs = cut(data, source)
        try:
            expected, counts = merged(schema, stored, source, on_conflict)
        except ConflictingRow:
            with pytest.raises(LakeError) as caught:
                engine(schema, stored, runs, on_conflict, window)
            assert caught.value.code == "E_CONFLICT"
            continue
        found, counted, hashed = engine(schema, stored, runs, on_conflict, window)
        assert found == expected
        assert hashed == digest(schema, expected)
        assert _told(counted, one_run=len(runs) == 1) == _told(counts, one_run=len(runs) == 1)
        assert sum(_told(counted, one_run=True).values()) == len(source)
        stored = found


def _told(counts: Counts | Counter[str], *, one_run: bool) -> dict[str, int]:
    """Return counts to compare; which of three unlike rows of one key are held to be alike depends on the cuts."""
    of = counts if isinstance(counts, Counter) else {name: getattr(counts, name) for name in Counts.__slots__}
    told = {name: of.get(name, 0) for name in ("new", "identical", "corrected", "superseded")}
    if not one_run:
        told["identical"] += told.pop("superseded")
    return told


@KINDS
@QUICK
@given(data=st.data())
def test_the_same_source_again_changes_nothing(kind: str, data: DataObject) -> None:
    schema = ROWS[kind][0]
    stored: list[Row] = []
    for source in data.draw(sources(kind, 3), label="sources"):
        stored, _, hashed = engine(schema, stored, [source], "newest", 5)
        again, counts, same = engine(schema, stored, cut(data, source), "newest", 5)
        assert (again, same) == (stored, hashed)
        assert (counts.new, counts.corrected) == (0, 0)


@pytest.mark.parametrize("kind", ["trades without ids", "quotes"])
@QUICK
@given(data=st.data())
def test_multiplicity_never_grows_by_repetition(kind: str, data: DataObject) -> None:
    """All sources twice over, in any order: of rows without a key there are as many as the richest source has."""
    schema = ROWS[kind][0]
    drawn = data.draw(sources(kind), label="sources")
    stored: list[Row] = []
    for source in data.draw(st.permutations([*drawn, *drawn]), label="order"):
        stored, _, _ = engine(schema, stored, cut(data, source), "newest", 5)
    richest: Counter[tuple[tuple[str, object], ...]] = Counter()
    for source in drawn:
        richest |= Counter(tuple(sorted(row.items())) for row in clean(source))
    assert Counter(tuple(sorted(row.items())) for row in stored) == richest


@KINDS
@QUICK
@given(data=st.data())
def test_overlapping_halves_make_the_same_whole_in_either_order(kind: str, data: DataObject) -> None:
    """Of a source without conflicts, in one order if it tells of one; and the whole itself where rows have keys."""
    schema, row = ROWS[kind]
    rows = data.draw(st.lists(row, min_size=2, max_size=16, unique_by=functools.partial(_identity, kind)), label="rows")
    rows.sort(key=lambda row: row["ts"])
    stop = data.draw(st.integers(1, len(rows)), label="end of the first half")
    start = data.draw(st.integers(0, stop - 1), label="start of the second half")
    halves = rows[:stop], rows[start:]
    forth, _, forth_hash = engine(schema, engine(schema, [], [halves[0]], "newest", 5)[0], [halves[1]], "newest", 5)
    back, _, back_hash = engine(schema, engine(schema, [], [halves[1]], "newest", 5)[0], [halves[0]], "newest", 5)
    if _in_one_order(rows):
        assert forth_hash == back_hash
    assert sorted(map(repr, forth)) == sorted(map(repr, back))
    if kind == "features":
        rows.sort(key=lambda row: (row["ts"], row["known_at"]))
    if kind in {"bars", "features", "trades with ids"}:
        assert forth == back == clean(rows)
        assert forth_hash == digest(schema, rows)


def _in_one_order(rows: list[Row]) -> bool:
    """Whether equal rows without a key stand together: else two halves may tell of two orders inside one ts."""
    runs = [key for key, _ in itertools.groupby(rows, key=lambda row: repr(sorted(row.items())))]
    return len(runs) == len(set(runs))


def _identity(kind: str, row: Row) -> object:
    """Return what makes a row's key; rows that have none may repeat, so each is its own."""
    keys = {"bars": row["ts"], "features": (row["ts"], row.get("known_at"))}
    key = keys.get(kind, row.get("trade_id"))
    return id(row) if key is None else key
