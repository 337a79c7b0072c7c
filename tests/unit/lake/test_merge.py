"""Merging by hand: small sources whose outcome the design's sentences say."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

import pytest

from lake import merge
from lake.errors import LakeError
from lake.merge import Counts, dedup
from lake.merge.windows import windows
from schemas.bars import BARS
from schemas.ticks import QUOTES, TRADES
from tests.tables import (
    FEATURES,
    Row,
    bar,
    clean,
    feature,
    plain,
    quote,
    quotes,
    table,
    trade,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from lake.merge import OnConflict
    from schemas.columns import Schema


WINDOWS = sys.modules["lake.merge.windows"]


def run(
    schema: Schema, stored: list[Row], *source: list[Row], on_conflict: OnConflict = "newest"
) -> tuple[list[Row], Counts]:
    """Merge a source's runs into stored rows as intake does: each run in order and without repeats of its own."""
    total = Counts()
    runs = []
    for rows in source:
        tidy, counts = dedup(table(schema, rows), schema)
        total.add(counts)
        runs.append(tidy)
    out: list[pa.Table] = []
    held = table(schema, stored)
    total.add(
        merge.merge(lambda: [held], [functools.partial(list, [t]) for t in runs], schema, on_conflict, out.append)
    )
    return [row for part in out for row in plain(part)], total


# ---- bars ------------------------------------------------------------------------------------------------------------

STORED = [bar(0, 1.0), bar(1, 1.0), bar(3, 1.0)]
SOURCE = [bar(1, 1.0), bar(2, 2.0), bar(3, 2.0), bar(4, 2.0)]


def test_newest_wins() -> None:
    out, counts = run(BARS, STORED, SOURCE)
    assert out == [bar(0, 1.0), bar(1, 1.0), bar(2, 2.0), bar(3, 2.0), bar(4, 2.0)]
    assert counts == Counts(new=2, identical=1, corrected=1)


def test_keep_keeps_what_is_stored() -> None:
    out, counts = run(BARS, STORED, SOURCE, on_conflict="keep")
    assert out == [bar(0, 1.0), bar(1, 1.0), bar(2, 2.0), bar(3, 1.0), bar(4, 2.0)]
    assert counts == Counts(new=2, identical=1, superseded=1)


def test_fail_fails_and_names_the_row() -> None:
    with pytest.raises(LakeError, match="differ") as caught:
        run(BARS, STORED, SOURCE, on_conflict="fail")
    assert caught.value.code == "E_CONFLICT"
    assert "00:03" in caught.value.where


def test_fail_lets_new_and_identical_rows_in() -> None:
    out, counts = run(BARS, STORED, SOURCE[:2], on_conflict="fail")
    assert out == [bar(0, 1.0), bar(1, 1.0), bar(2, 2.0), bar(3, 1.0)]
    assert counts == Counts(new=1, identical=1)


def test_inside_one_source_the_last_line_wins() -> None:
    out, counts = run(BARS, [], [bar(0, 1.0), bar(1, 1.0), bar(0, 2.0), bar(1, 1.0)])
    assert out == [bar(0, 2.0), bar(1, 1.0)]
    assert counts == Counts(new=2, identical=1, superseded=1)


def test_of_several_repeats_each_is_held_against_the_last() -> None:
    source = [bar(0, 1.0), bar(0, 2.0), bar(0, 1.0), bar(0, 1.0)]
    assert run(BARS, [], source) == ([bar(0, 1.0)], Counts(new=1, identical=2, superseded=1))
    with_id = [trade(row["ts"], row["open"], "7") for row in source]
    assert run(TRADES, [], with_id) == (clean(with_id[-1:]), Counts(new=1, identical=2, superseded=1))


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_the_last_line_wins_however_the_source_is_cut(cut: int) -> None:
    """Of three and more unlike rows of one key, a row may have been held against one that gave way in its turn."""
    source = [bar(0, 1.0), bar(0, 2.0), bar(0, 1.0), bar(0, 3.0)]
    for schema, rows in ((BARS, source), (TRADES, [trade(row["ts"], row["open"], "7") for row in source])):
        out, counts = run(schema, [], rows[:cut], rows[cut:])
        assert out == clean(rows[-1:])
        assert (counts.new, counts.identical + counts.superseded) == (1, 3)
        assert run(schema, [], rows[:1] * cut, rows[:1]) == (clean(rows[:1]), Counts(new=1, identical=cut))


def test_a_null_that_gets_a_value_is_a_correction_and_so_is_the_way_back() -> None:
    assert run(BARS, [bar(0)], [bar(0, vwap=1.0)]) == ([bar(0, vwap=1.0)], Counts(corrected=1))
    assert run(BARS, [bar(0, vwap=1.0)], [bar(0)]) == ([bar(0)], Counts(corrected=1))
    assert run(BARS, [bar(0, vwap=0.0)], [bar(0, vwap=-0.0)])[1] == Counts(identical=1)


def test_a_source_in_any_order_and_any_number_of_runs() -> None:
    rows = [bar(i, float(i + 1)) for i in range(6)]
    for source in ([rows], [rows[::-1]], [rows[3:], rows[:3]], [rows[::2], rows[1::2]], [[], rows, []]):
        assert run(BARS, [], *source) == (rows, Counts(new=6))
        assert run(BARS, rows, *source) == (rows, Counts(identical=6))


def test_nothing_into_something_and_nothing_into_nothing() -> None:
    assert run(BARS, STORED, []) == (STORED, Counts())
    assert run(BARS, STORED) == (STORED, Counts())
    assert run(BARS, [], []) == ([], Counts())


# ---- trades with ids ------------------------------------------------------------------------------------------------


def test_trades_are_known_by_their_id() -> None:
    stored = [trade(1, 1.0, "a"), trade(2, 1.0, "b"), trade(3, 1.0, "c")]
    source = [trade(2, 1.0, "b"), trade(3, 2.0, "c"), trade(3, 1.0, "d")]
    expected = clean([trade(1, 1.0, "a"), trade(2, 1.0, "b"), trade(3, 2.0, "c"), trade(3, 1.0, "d")])
    assert run(TRADES, stored, source) == (expected, Counts(new=1, identical=1, corrected=1))


def test_like_trades_with_different_ids_are_different_trades() -> None:
    rows = [trade(1, 1.0, "1"), trade(1, 1.0, "2"), trade(1, 1.0, "3")]
    assert run(TRADES, [], rows) == (clean(rows), Counts(new=3))
    assert run(TRADES, rows, rows) == (clean(rows), Counts(identical=3))


MOVED = [trade(1, 1.0, "a"), trade(2, 1.0, "b")], [trade(3, 1.0, "a"), trade(4, 1.0, "c")]


def test_an_id_that_moves_to_another_time_is_a_correction() -> None:
    expected = clean([trade(2, 1.0, "b"), trade(3, 1.0, "a"), trade(4, 1.0, "c")])
    assert run(TRADES, *MOVED) == (expected, Counts(new=1, corrected=1))


def test_an_id_that_would_move_is_kept_or_refused() -> None:
    stored, source = MOVED
    expected = clean([*stored, source[1]])
    assert run(TRADES, *MOVED, on_conflict="keep") == (expected, Counts(new=1, superseded=1))
    with pytest.raises(LakeError, match="differ"):
        run(TRADES, *MOVED, on_conflict="fail")


def test_an_id_that_moves_inside_its_source_counts_there() -> None:
    source = [trade(5, 1.0, "a"), trade(2, 1.0, "a"), trade(3, 1.0, "b")]
    expected = clean([trade(2, 1.0, "a"), trade(3, 1.0, "b")])
    assert run(TRADES, [], source) == (expected, Counts(new=2, superseded=1))
    assert run(TRADES, [], source[:1], source[1:]) == (expected, Counts(new=2, superseded=1))
    assert run(TRADES, [trade(2, 1.0, "a")], source[:1], source[1:]) == (
        expected,
        Counts(new=1, identical=1, superseded=1),
    )


def test_trades_with_and_without_ids_share_a_partition() -> None:
    stored = [trade(1, 1.0, "a"), trade(1, 1.0), trade(2, 1.0)]
    source = [trade(1, 1.0, "a"), trade(1, 1.0), trade(1, 1.0), trade(2, 2.0, "b")]
    expected = clean([trade(1, 1.0, "a"), trade(1, 1.0), trade(1, 1.0), trade(2, 1.0), trade(2, 2.0, "b")])
    assert run(TRADES, stored, source) == (expected, Counts(new=2, identical=2))
    assert run(TRADES, expected, source) == (expected, Counts(identical=4))


def test_ids_are_text() -> None:
    rows = [trade(1, 1.0, "1"), trade(1, 1.0, "01"), trade(1, 1.0, ""), trade(1, 1.0, " 1"), trade(1, 1.0, "1" * 40)]
    assert run(TRADES, [], rows) == (clean(rows), Counts(new=5))
    assert run(TRADES, rows, rows[::-1])[1] == Counts(identical=5)


# ---- multiplicity ----------------------------------------------------------------------------------------------------

FIVE = [trade(1, 1.0), trade(2, 1.0), trade(2, 1.0), trade(2, 1.5), trade(3, 1.0)]


def test_five_trades_of_which_three_share_a_millisecond_stay_five() -> None:
    once, counts = run(TRADES, [], FIVE)
    assert (once, counts) == (clean(FIVE), Counts(new=5))
    assert run(TRADES, once, FIVE) == (clean(FIVE), Counts(identical=5))


@pytest.mark.parametrize(("stored", "source", "new"), [(3, 3, 0), (3, 2, 0), (2, 5, 3), (0, 4, 4), (1, 1, 0)])
def test_the_larger_count_stays(stored: int, source: int, new: int) -> None:
    out, counts = run(QUOTES, [quote(7)] * stored, [quote(7)] * source)
    assert out == [quote(7)] * max(stored, source)
    assert counts == Counts(new=new, identical=source - new)


def test_multiplicity_is_of_the_whole_source_not_of_its_runs() -> None:
    assert run(QUOTES, [quote(7)], [quote(7)] * 2, [quote(7)] * 2) == ([quote(7)] * 4, Counts(new=3, identical=1))


def test_rows_of_another_time_or_value_are_no_repeats() -> None:
    out, counts = run(QUOTES, [quote(7), quote(8)], [quote(8, 2.0), quote(9), quote(9, bid_size=1.0)])
    assert len(out) == 5
    assert counts == Counts(new=3)


def test_on_conflict_means_nothing_to_rows_without_key() -> None:
    for on_conflict in ("newest", "keep", "fail"):
        out, _ = run(QUOTES, [quote(7)], [quote(7, 2.0)], on_conflict=on_conflict)
        assert out == [quote(7), quote(7, 2.0)]


# ---- order inside one ts ---------------------------------------------------------------------------------------------


def letters(text: str, ts: int = 5) -> list[Row]:
    """Return quotes of one ts, one a letter."""
    return [quote(ts, float(ord(letter))) for letter in text]


@pytest.mark.parametrize(
    ("stored", "source", "expected"),
    [
        ("", "cab", "cab"),
        ("cab", "cab", "cab"),
        ("ca", "ab", "cab"),  # the second half after the first
        ("ab", "ca", "cab"),  # and before it
        ("ad", "abcd", "abcd"),
        ("bc", "abcd", "abcd"),
        ("ab", "xy", "abxy"),  # nothing in common: behind
        ("ab", "ba", "ab"),  # what is stored has the say
        ("ab", "bxa", "abx"),
        ("aa", "aaa", "aaa"),
        ("ab", "aab", "aab"),
    ],
)
def test_new_rows_stand_where_their_source_has_them(stored: str, source: str, expected: str) -> None:
    assert run(QUOTES, letters(stored), letters(source))[0] == letters(expected)
    around = [[quote(4), *letters(part), quote(6)] for part in (stored, source, expected)]
    assert run(QUOTES, around[0], around[1])[0] == around[2]


def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    stored = [trade(5, 1.0, "a"), trade(5, 1.0, "b"), trade(5, 1.0, "c")]
    out, _ = run(TRADES, stored, [trade(5, 9.0, "b"), trade(5, 1.0, "x")])
    assert out == clean([stored[0], trade(5, 9.0, "b"), trade(5, 1.0, "x"), stored[2]])


# ---- windows ---------------------------------------------------------------------------------------------------------


def quotes_at(*ts: int) -> pa.Table:
    return quotes(*(quote(t, 1.0 + i) for i, t in enumerate(ts)))


def streams(*times: list[int], piece: int = 2) -> list[Iterable[pa.Table]]:
    return [iter([quotes_at(*ts).slice(i, piece) for i in range(0, max(1, len(ts)), piece)]) for ts in times]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("piece", [1, 2, 5])
def test_windows_cut_all_streams_at_the_same_times(size: int, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WINDOWS, "WINDOW_ROWS", size)
    times = [[0, 1, 1, 1, 1, 1, 2, 9], [], [1, 1, 3], [-5], [9, 9, 9, 9, 9, 9, 9, 10]]
    seen: list[list[int]] = [[] for _ in times]
    last = -100
    for tables in windows(streams(*times, piece=piece)):
        here = [[row["ts"] for row in plain(t)] for t in tables if t.num_rows]
        assert here, "a window without a row"
        assert min(map(min, here)) > last
        last = max(map(max, here))
        for i, t in enumerate(tables):
            seen[i] += [row["ts"] for row in plain(t)] if t.num_rows else []
    assert seen == times


def test_windows_of_nothing() -> None:
    assert list(windows([])) == []
    assert list(windows([iter([])])) == []
    assert list(windows(streams([], []))) == []


def test_a_window_holds_little_when_times_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WINDOWS, "WINDOW_ROWS", 4)
    for tables in windows(streams(list(range(50)), list(range(0, 100, 2)))):
        assert all(t.num_rows <= 6 for t in tables)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_outcome_does_not_depend_on_windows(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = [quote(i // 6, float(1 + i % 5)) for i in range(40)]
    source = [quote(i // 5, float(1 + i % 4)) for i in range(35)]
    with_ids = (
        [trade(i // 6, 1.0, str(i % 33)) for i in range(33)],
        [trade(i // 5, 1.0, str(40 - i)) for i in range(35)],
    )
    expected = run(QUOTES, stored, source[::2], source[1::2]), run(TRADES, *with_ids)
    monkeypatch.setattr(WINDOWS, "WINDOW_ROWS", size)
    assert (run(QUOTES, stored, source[::2], source[1::2]), run(TRADES, *with_ids)) == expected


# ---- features --------------------------------------------------------------------------------------------------------

REVISED = [feature(0, 1, 1.0), feature(0, 3, 1.5), feature(1, 1, 2.0)]


def test_what_becomes_known_later_stands_behind() -> None:
    out, counts = run(FEATURES, REVISED, [feature(0, 2, 1.2), feature(1, 4, 2.5), feature(0, 0, 0.5)])
    assert [(row["ts"] // 60_000_000, row["value"]) for row in out] == [
        (0, 0.5),
        (0, 1.0),
        (0, 1.2),
        (0, 1.5),
        (1, 2.0),
        (1, 2.5),
    ]
    assert counts == Counts(new=3)


@pytest.mark.parametrize(
    ("on_conflict", "value", "expected"),
    [("newest", 9.0, Counts(identical=1, corrected=1)), ("keep", 1.5, Counts(identical=1, superseded=1))],
)
def test_the_same_ts_known_at_the_same_time_is_one_row(on_conflict: OnConflict, value: float, expected: Counts) -> None:
    out, counts = run(FEATURES, REVISED, [feature(0, 1, 1.0), feature(0, 3, 9.0)], on_conflict=on_conflict)
    assert out == [REVISED[0], feature(0, 3, value), REVISED[2]]
    assert counts == expected


def test_a_feature_that_would_change_is_refused() -> None:
    assert run(FEATURES, REVISED, [feature(0, 2)], on_conflict="fail")[1] == Counts(new=1)
    with pytest.raises(LakeError) as caught:
        run(FEATURES, REVISED, [feature(0, 3, 9.0)], on_conflict="fail")
    assert caught.value.code == "E_CONFLICT"


def test_the_last_of_equal_keys_in_a_source_stays() -> None:
    out, counts = run(FEATURES, [], [feature(0, 2, 1.0), feature(0, 1, 1.0), feature(0, 2, 2.0), feature(0, 1, 1.0)])
    assert out == [feature(0, 1, 1.0), feature(0, 2, 2.0)]
    assert counts == Counts(new=2, identical=1, superseded=1)
