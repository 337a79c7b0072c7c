"""Order, equality and the hash of content."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lake import rows
from lake.rows import ContentHash, equal_rows, is_sorted, key_numbers, whole_numbers
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.columns import Column, Schema
from schemas.orderbook import BOOK_L2
from schemas.ticks import QUOTES, TRADES
from tests.embeddings import EMBEDDED, embedded, vectors
from tests.tables import bar, bars, feature, features, quote, quotes, table, trade, trades


def digest(schema: Schema, *pieces: pa.Table | pa.RecordBatch) -> str:
    content = ContentHash(schema)
    for piece in pieces:
        content.update(piece)
    return content.hexdigest()


def cut(data: pa.Table, at: list[int]) -> list[pa.Table]:
    return [data.slice(a, b - a) for a, b in zip([0, *at], [*at, data.num_rows], strict=True)]


SIDES = ("buy", "sell", None)
IDLESS = [trade(i // 4, 1.0 + i % 3, side=SIDES[i % 3], conditions="@" * (i % 11) or None) for i in range(50)]
WITH_IDS = [trade(i // 4, 1.0 + i % 3, str(i), side=SIDES[i % 3]) for i in range(50)]
SOME_IDS = [trade(i // 9, 1.0, None if i % 5 else f"id-{i}") for i in range(50)]


@pytest.mark.parametrize("plain", [IDLESS, WITH_IDS, SOME_IDS])
def test_the_hash_does_not_see_how_rows_are_cut(plain: list[dict[str, Any]]) -> None:
    data = trades(*plain)
    whole = digest(TRADES, data)
    dice = random.Random(1)  # noqa: S311 -- repeatable, not secret
    for _ in range(50):
        at = sorted(dice.sample(range(51), dice.randrange(1, 8)))
        assert digest(TRADES, *cut(data, at)) == whole
        assert digest(TRADES, pa.concat_tables(cut(data, at))) == whole
    assert digest(TRADES, *data.to_batches(max_chunksize=7)) == whole
    # Every row built on its own has a dictionary of its own.
    assert digest(TRADES, pa.concat_tables([trades(row) for row in plain])) == whole


@pytest.mark.parametrize("inner", [1, 2, 7])
def test_the_hash_does_not_see_its_own_inner_pieces(inner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [digest(TRADES, trades(*plain)) for plain in (IDLESS, WITH_IDS, SOME_IDS)]
    monkeypatch.setattr(rows, "_CACHE_ROWS", inner)
    assert [digest(TRADES, trades(*plain)) for plain in (IDLESS, WITH_IDS, SOME_IDS)] == expected


def test_hashes_of_disjoint_pieces_add_up() -> None:
    data = bars(*(bar(i, 1.0 + i) for i in range(20)))

    def sums(piece: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        text = digest(BARS, piece).removeprefix("rows128:")
        return np.array([int(text[:16], 16), int(text[16:], 16)], np.uint64)

    assert (sums(data.slice(0, 7)) + sums(data.slice(7)) == sums(data)).all()


def test_an_empty_table_has_the_hash_of_no_rows() -> None:
    assert digest(BARS) == digest(BARS, bars()) == digest(BARS, arrow_schema(BARS, identity=False).empty_table())


def test_unkeyed_rows_are_a_multiset() -> None:
    a, b = quote(1, 1.0), quote(1, 2.0)
    assert digest(QUOTES, quotes(a, b)) == digest(QUOTES, quotes(b, a))
    assert digest(QUOTES, quotes(a, a)) != digest(QUOTES, quotes(a))
    assert digest(QUOTES, quotes(a, a, b)) != digest(QUOTES, quotes(a, b, b))
    assert digest(TRADES, trades(trade(1, 1.0), trade(1, 2.0))) == digest(TRADES, trades(trade(1, 2.0), trade(1, 1.0)))


def test_the_order_of_rows_with_ids_is_content_within_one_ts() -> None:
    a, b, later = trade(1, 1.0, "7"), trade(1, 2.0, "8"), trade(2, 2.0, "9")
    assert digest(TRADES, trades(a, b, later)) != digest(TRADES, trades(b, a, later))


def test_rows_without_id_have_no_order_beside_rows_with_one() -> None:
    a, b, loose = trade(1, 1.0, "7"), trade(1, 2.0, "8"), trade(1, 3.0)
    expected = digest(TRADES, trades(a, b, loose))
    assert digest(TRADES, trades(loose, a, b)) == digest(TRADES, trades(a, loose, b)) == expected
    assert digest(TRADES, trades(b, a, loose)) != expected


@pytest.mark.parametrize("column", [c.name for c in BARS.columns if c.nullable and c.type == "float64"])
def test_null_is_not_zero_and_every_column_counts(column: str) -> None:
    base = bar(0, 1.0)
    values = [None, 0.0, 1.0, 2.0, 5e-324]
    hashes = [digest(BARS, bars(base | {column: value})) for value in values]
    assert len(set(hashes)) == len(values)


def test_negative_zero_is_zero() -> None:
    assert digest(BARS, bars(bar(0, volume=-0.0))) == digest(BARS, bars(bar(0, volume=0.0)))


def test_values_do_not_hash_alike_when_they_swap_columns_or_rows() -> None:
    def one(**columns: float) -> str:
        return digest(BARS, bars(bar(0, **columns)))

    assert one(vwap=1.0, spread=2.0) != one(vwap=2.0, spread=1.0)
    assert digest(BARS, bars(bar(0, 1.0), bar(1, 2.0))) != digest(BARS, bars(bar(0, 2.0), bar(1, 1.0)))


TEXTS = [
    "",
    "\0",
    "a",
    "a\0",
    "abcdefgh",
    "abcdefg",
    "abcdefghi",
    "ab",
    "ba",
    "x" * 1000,
    "x" * 1001,
    "ß→𝄞",
    "ß→𝄢",
    "é",
    "e\u0301",
]


def test_texts_of_every_length_and_script_are_told_apart() -> None:
    hashes = [digest(TRADES, trades(trade(0, conditions=text))) for text in [None, *TEXTS]]
    assert len(set(hashes)) == len(TEXTS) + 1


def test_text_is_hashed_by_row_whatever_lies_beside_it() -> None:
    alone = sorted(int(rows.row_hashes(trades(trade(0, conditions=text)))[0]) for text in TEXTS)
    together = trades(*(trade(0, conditions=text) for text in [None, *TEXTS, None]))
    assert sorted(rows.row_hashes(together.slice(1, len(TEXTS))).tolist()) == alone
    assert sorted(rows.row_hashes(together)[1:-1].tolist()) == alone


def test_what_lies_under_a_null_is_not_hashed() -> None:
    base = bars(bar(0), bar(1))
    place = base.schema.get_field_index("volume")
    hidden = [pa.array(np.array([1.0, under]), mask=np.array([False, True])) for under in (3.0, np.nan)]
    one, other = (digest(BARS, base.set_column(place, base.schema.field(place), values)) for values in hidden)
    assert one == other


def test_a_dictionary_counts_by_its_values() -> None:
    codes = [
        pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(words))
        for indices, words in (([0, 1], ["buy", "sell"]), ([1, 0], ["sell", "buy"]), ([2, 0], ["sell", "?", "buy"]))
    ]
    base = trades(trade(0), trade(1))
    place = base.schema.get_field_index("side")
    assert len({digest(TRADES, base.set_column(place, base.schema.field(place), column)) for column in codes}) == 1
    assert digest(TRADES, trades(trade(0, side="buy"))) != digest(TRADES, trades(trade(0, side="sell")))


def test_names_of_the_series_are_no_content() -> None:
    data = bars(bar(0))
    named = data
    for name in ("exchange", "market", "symbol"):
        named = named.append_column(name, pa.array(["X"]).dictionary_encode())
    assert digest(BARS, named) == digest(BARS, data)


def test_a_new_nullable_column_leaves_hashes_as_they_were() -> None:
    wider = Schema("bars", 2, (*BARS.columns, Column("colour", "text", nullable=True)), key=("ts",))
    assert digest(wider, table(wider, [bar(0)])) == digest(BARS, bars(bar(0)))
    assert digest(wider, table(wider, [bar(0, colour="red")])) != digest(BARS, bars(bar(0)))


def test_every_type_of_column_counts() -> None:
    level: dict[str, Any] = {
        "ts": 1,
        "side": "bid",
        "price": 1.0,
        "size": 0.0,
        "is_snapshot": False,
        "seq": None,
        "ts_recv": None,
    }
    changes: list[dict[str, Any]] = [
        {},
        {"is_snapshot": True},
        {"seq": 0},
        {"seq": 1},
        {"ts_recv": 0},
        {"side": "ask"},
        {"ts": 2},
    ]
    assert len({digest(BOOK_L2, table(BOOK_L2, [level | change])) for change in changes}) == len(changes)
    narrow = Schema("n", 1, (Column("ts", "timestamp_us"), Column("sign", "int8", nullable=True)), key=("ts",))
    assert len({digest(narrow, table(narrow, [{"ts": 0, "sign": sign}])) for sign in (None, -1, 0, 1)}) == 4


def test_many_like_rows_have_hashes_of_their_own() -> None:
    """Round numbers and running ids: what a weak mix of bits would make collide."""
    data = trades(
        *(trade(i * 1000, float(p), str(i), size=float(s)) for i in range(20) for p in range(1, 40) for s in range(40))
    )
    assert len(np.unique(rows.row_hashes(data))) == data.num_rows


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["0"], [0]),
        (["1", "22", "333"], [1, 22, 333]),
        (["9", "10", "99", "100"], [9, 10, 99, 100]),
        (["5", "3"], [5, 3]),
        (["999999999999999999"], [10**18 - 1]),
        (["1000000000000000000"], None),
        (["99999999999999999999"], None),
        (["01"], None),
        (["1", "01"], None),
        (["-1"], None),
        (["-0"], None),
        (["+1"], None),
        ([" 1"], None),
        (["1 "], None),
        (["1.0"], None),
        (["1e3"], None),
        (["0x10"], None),
        (["a"], None),
        ([""], None),
        (["1", None], None),
        (["\u0661"], None),
        ([], None),
    ],
)
def test_whole_numbers(ids: list[str | None], expected: list[int] | None) -> None:
    found = whole_numbers(pa.array(ids, pa.string()))
    assert (found if found is None else found.tolist()) == expected


def test_whole_numbers_of_a_slice() -> None:
    found = whole_numbers(pa.array(["x", "10", "9", "y"]).slice(1, 2))
    assert found is not None
    assert found.tolist() == [10, 9]


def test_is_sorted() -> None:
    def of(*values: int) -> tuple[bool, bool]:
        array = np.array(values, np.int64)
        return is_sorted(array), is_sorted(array, strictly=True)

    assert of() == of(1) == of(1, 2) == (True, True)
    assert of(1, 1) == (True, False)
    assert of(2, 1) == (False, False)
    assert of(-(2**63), 2**63 - 1) == (True, True)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (True, True)),
        ([(0, 5, 0), (0, 6, 0), (1, 0, 0)], (True, True)),
        ([(0, 5, 0), (0, 5, 1)], (True, True)),
        ([(0, 5, 0), (0, 5, 0)], (True, False)),
        ([(0, 5, 1), (0, 5, 0)], (False, False)),
        ([(0, 6, 0), (0, 5, 1)], (False, False)),
        ([(1, 0, 0), (0, 5, 0)], (False, False)),
    ],
)
def test_is_sorted_by_several_columns(given: list[tuple[int, ...]], expected: tuple[bool, bool]) -> None:
    columns = np.array(given, np.int64).reshape(-1, 3).T
    assert (is_sorted(*columns), is_sorted(*columns, strictly=True)) == expected


def test_numbers_of_keys_go_as_the_keys_do() -> None:
    first = features(feature(0, 0), feature(0, 2), feature(3, 0))
    second = features(feature(3, 0), feature(0, 1), feature(0, 2))
    assert [n.tolist() for n in key_numbers([first, second], ("ts", "known_at"))] == [[0, 2, 3], [3, 1, 2]]
    assert [n.tolist() for n in key_numbers([first], ("ts",))] == [[0, 0, 180_000_000]]


def test_equal_rows() -> None:
    a = trades(trade(0, 1.0), trade(1, 0.0, "x"), trade(2, 1.0, side="buy"), trade(3), trade(4, side="buy"), trade(5))
    b = trades(
        trade(0, 1.0), trade(1, -0.0, "x"), trade(2, 1.0, side="sell"), trade(3, trade_id=""), trade(4), trade(6)
    )
    assert equal_rows(a, b, a.column_names).tolist() == [True, True, False, False, False, False]
    assert equal_rows(a, b, ["price"]).tolist() == [True] * 6


def test_equal_rows_of_columns_that_are_null_in_one_table_only() -> None:
    a, b = bars(bar(0), bar(1)), bars(bar(0, vwap=1.0), bar(1))
    assert equal_rows(a, b, a.column_names).tolist() == [False, True]
    assert equal_rows(b, a, a.column_names).tolist() == [False, True]
    assert equal_rows(bars(), bars(), a.column_names).tolist() == []


def test_equal_rows_of_tables_cut_differently() -> None:
    plain = [trade(i, side=SIDES[i % 3], trade_id=str(i)) for i in range(9)]
    a, b = pa.concat_tables([trades(row) for row in plain]), trades(*plain)
    assert equal_rows(a, b, a.column_names).all()


def test_times_in_one_piece_several_and_none() -> None:
    data = bars(*(bar(i) for i in range(4)))
    expected = [i * 60_000_000 for i in range(4)]
    assert rows.times(data).tolist() == expected
    assert rows.times(pa.concat_tables([data.slice(0, 1), data.slice(1)])).tolist() == expected
    assert rows.times(data.to_batches()[0].slice(2)).tolist() == expected[2:]
    assert rows.times(arrow_schema(BARS).empty_table()).tolist() == []


# ---- lists -----------------------------------------------------------------------------------------------------------

LISTS = [embedded(i, None if i % 4 == 1 else (i / 4, -0.5, 1.0 + i), (i, 2 * i)) for i in range(40)]


@pytest.mark.parametrize("inner", [1, 3, 65_536])
def test_the_hash_of_lists_does_not_see_how_they_are_cut(inner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = digest(EMBEDDED, vectors(*LISTS))
    monkeypatch.setattr(rows, "_CACHE_ELEMENTS", inner)
    for at in ([7], [1, 2, 30], [20]):
        assert digest(EMBEDDED, *cut(vectors(*LISTS), at)) == whole
        assert digest(EMBEDDED, pa.concat_tables(cut(vectors(*LISTS), at))) == whole


def test_the_hash_of_lists_is_the_one_it_always_was() -> None:
    assert digest(EMBEDDED, vectors(*LISTS)) == "rows128:921c93c1f44f9022cf3b4311987726bc"


@pytest.mark.parametrize(
    "other",
    [(2.0, 1.0, 3.0), (1.0, 2.0, 3.5), (0.0, 2.0, 3.0), None],
)
def test_another_element_or_another_order_of_them_is_another_content(other: tuple[float, ...] | None) -> None:
    row = embedded(0, (1.0, 2.0, 3.0))
    assert digest(EMBEDDED, vectors(embedded(0, other))) != digest(EMBEDDED, vectors(row))
    assert digest(EMBEDDED, vectors(embedded(0, (0.0, 0.0, 0.0)))) != digest(EMBEDDED, vectors(embedded(0, None)))


def test_zeros_in_lists_are_one_value_and_what_lies_under_a_null_is_none() -> None:
    assert digest(EMBEDDED, vectors(embedded(0, (0.0, 1.0, 2.0), score=0.0))) == digest(
        EMBEDDED, vectors(embedded(0, (-0.0, 1.0, 2.0), score=-0.0))
    )
    data = vectors(embedded(0, None), embedded(1))
    kind = data.schema.field("vector").type
    under = pa.FixedSizeListArray.from_arrays(
        pa.array([9.0] * 3 + [0.5, -1.25, 2.0], pa.float32()), type=kind, mask=pa.array([True, False])
    )
    filled = data.set_column(data.schema.get_field_index("vector"), data.schema.field("vector"), under)
    assert digest(EMBEDDED, filled) == digest(EMBEDDED, data)
    assert equal_rows(filled, data, data.column_names).all()


def test_equal_lists_are_equal_and_so_are_two_nulls() -> None:
    a = vectors(embedded(0), embedded(1, None), embedded(2, None), embedded(3), embedded(4, (1.0, 2.0, 3.0)))
    b = vectors(embedded(0), embedded(1, None), embedded(2), embedded(3, None), embedded(4, (1.0, 2.0, 3.5)))
    expected = [True, True, False, False, False]
    assert equal_rows(a, b, ["vector"]).tolist() == expected
    in_chunks = pa.concat_tables(cut(a, [2]))
    assert equal_rows(in_chunks.slice(1), b.slice(1), ["vector"]).tolist() == expected[1:]
    assert equal_rows(a.slice(0, 0), b.slice(0, 0), ["vector"]).tolist() == []
