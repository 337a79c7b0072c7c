"""Splitting batches: what is accepted, what is rejected and why, and what is a bug of the caller's."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lake import validate
from lake.errors import LakeError
from lake.validate import Rejected, check_sample, split
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.columns import Column, Rule, Schema
from schemas.orderbook import BOOK_L2
from schemas.ticks import QUOTES, TRADES
from tests.embeddings import EMBEDDED, embedded

MINUTE_US = 60_000_000
NAN, INF = float("nan"), float("inf")
BAR: dict[str, Any] = {"ts": 0, "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0, "volume": 1.0}
TRADE: dict[str, Any] = {"ts": 1, "price": 1.0, "size": 1.0, "side": "buy"}
LEVEL: dict[str, Any] = {"ts": 1, "side": "bid", "price": 1.0, "size": 0.0, "is_snapshot": False}


def rows_of(schema: Schema, *rows: dict[str, Any], identity: bool = False) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=arrow_schema(schema, identity=identity))


def minutes(count: int, **columns: float | None) -> pa.RecordBatch:
    return rows_of(BARS, *[BAR | {"ts": index * MINUTE_US} | columns for index in range(count)])


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"ts": None}, "bad_timestamp", "ts is missing"),
        ({"close": None}, "missing_value", "close is missing"),
        ({"high": NAN}, "bad_number", "high is nan"),
        ({"vwap": -INF}, "bad_number", "vwap is -inf"),
        ({"low": 0.0}, "non_positive_price", "low is 0.0"),
        ({"low": -0.25}, "non_positive_price", "low is -0.25"),
        ({"high": 1.5}, "ohlc_inconsistent", "high 1.5 is below close 2.0"),
        ({"low": 1.5}, "ohlc_inconsistent", "low 1.5 is above open 1.0"),
        ({"volume": -1.0}, "negative_volume", "volume is -1.0"),
        ({"ts": MINUTE_US + 1}, "off_grid", "ts 1970-01-01 00:01:00.000001+00:00 is not a multiple of 60 s"),
        ({"ts": None, "open": NAN, "low": -1.0}, "bad_timestamp", "ts is missing"),
        ({"open": NAN, "close": None}, "bad_number", "open is nan"),
        ({"low": -1.0, "volume": -1.0, "ts": 1}, "non_positive_price", "low is -1.0"),
    ],
)
def test_a_bar_is_rejected_for_the_strongest_reason(change: dict[str, Any], reason: str, detail: str) -> None:
    accepted, rejected = split(rows_of(BARS, BAR, BAR | change, BAR), BARS, grid_us=MINUTE_US)
    assert rejected == [Rejected(1, reason, detail)]
    assert accepted == rows_of(BARS, BAR, BAR)


@pytest.mark.parametrize(
    "change",
    [
        {"volume": None},
        {"volume": 0.0},
        {"volume": -0.0},
        {"low": 5e-324},
        {"high": 1e308},
        {"ts": -MINUTE_US},
        dict.fromkeys(("open", "high", "low", "close"), 1.0),
    ],
)
def test_a_bar_at_the_edge_of_a_rule_is_accepted(change: dict[str, Any]) -> None:
    batch = rows_of(BARS, BAR | change)
    assert split(batch, BARS, grid_us=MINUTE_US) == (batch, [])


@pytest.mark.parametrize(
    ("schema", "row", "reason", "detail"),
    [
        (TRADES, TRADE | {"price": 0.0}, "non_positive_price", "price is 0.0"),
        (TRADES, TRADE | {"size": -1.0}, "negative_volume", "size is -1.0"),
        (TRADES, TRADE | {"side": "BUY"}, "bad_value", "side is 'BUY', expected buy or sell"),
        (QUOTES, {"ts": 1, "bid": 1.0, "ask": None}, "missing_value", "ask is missing"),
        (BOOK_L2, LEVEL | {"side": "buy"}, "bad_value", "side is 'buy', expected bid or ask"),
        (BOOK_L2, LEVEL | {"is_snapshot": None}, "missing_value", "is_snapshot is missing"),
    ],
)
def test_other_schemas(schema: Schema, row: dict[str, Any], reason: str, detail: str) -> None:
    accepted, rejected = split(rows_of(schema, row), schema, grid_us=None)
    assert (accepted.num_rows, rejected) == (0, [Rejected(0, reason, detail)])


@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (QUOTES, {"ts": 1, "bid": 2.0, "ask": 1.0}),  # crossed: counted, not rejected
        (QUOTES, {"ts": 1, "bid": 1.0, "ask": 1.0}),  # locked
        (TRADES, TRADE | {"side": None}),
        (BOOK_L2, LEVEL),  # size 0 deletes the level
    ],
)
def test_what_other_schemas_accept(schema: Schema, row: dict[str, Any]) -> None:
    batch = rows_of(schema, row)
    assert split(batch, schema, grid_us=None) == (batch, [])


def test_the_instrument_can_waive_positive_prices_and_nothing_else() -> None:
    oil = BAR | {"open": -37.63, "low": -40.32}
    batch = rows_of(BARS, oil)
    assert split(batch, BARS, grid_us=None, waive=True) == (batch, [])
    _, rejected = split(rows_of(BARS, oil | {"volume": -1.0}), BARS, grid_us=None, waive=True)
    assert [row.reason for row in rejected] == ["negative_volume"]


def test_from_a_day_up_any_label_goes() -> None:
    batch = rows_of(BARS, BAR | {"ts": 1})
    assert split(batch, BARS, grid_us=None)[1] == []


def test_the_grid_is_the_same_for_times_in_nanoseconds() -> None:
    schema = Schema("paced", 1, (Column("ts", "timestamp_ns"),), rules=(Rule("on_grid", "off_grid", ("ts",)),))
    batch = rows_of(schema, {"ts": MINUTE_US * 1000}, {"ts": MINUTE_US})
    _, rejected = split(batch, schema, grid_us=MINUTE_US)
    assert [(row.index, row.reason) for row in rejected] == [(1, "off_grid")]


def test_a_clean_batch_comes_back_itself() -> None:
    batch = minutes(100).slice(7, 50)
    assert split(batch, BARS, grid_us=MINUTE_US)[0] is batch


def test_an_empty_batch_is_clean() -> None:
    batch = minutes(3).slice(3)
    assert split(batch, BARS, grid_us=MINUTE_US) == (batch, [])


def test_indices_count_from_the_start_of_a_slice() -> None:
    rows = [BAR | {"close": NAN} if index == 5 else BAR for index in range(8)]
    _, rejected = split(rows_of(BARS, *rows).slice(4, 3), BARS, grid_us=None)
    assert [row.index for row in rejected] == [1]


def test_what_lies_under_a_null_is_not_looked_at() -> None:
    batch = minutes(3)
    hidden = pa.array(np.array([1.0, NAN, -1.0]), mask=np.array([False, True, True]))
    columns = [hidden if name == "volume" else batch.column(name) for name in batch.schema.names]
    batch = pa.record_batch(columns, schema=batch.schema)
    assert split(batch, BARS, grid_us=MINUTE_US)[0] is batch


def test_a_dictionary_may_hold_values_no_row_has() -> None:
    batch = rows_of(TRADES, TRADE | {"side": "oops"}, TRADE).slice(1)
    assert split(batch, TRADES, grid_us=None)[0] is batch


def test_more_columns_are_let_through() -> None:
    whole = BAR | {"exchange": "X", "market": "SPOT", "symbol": "Y"}
    batch = rows_of(BARS, whole, whole | {"close": NAN}, identity=True)
    accepted, rejected = split(batch, BARS, grid_us=MINUTE_US)
    assert accepted.schema == batch.schema
    assert [row.index for row in rejected] == [1]


@pytest.mark.parametrize("change", ["missing", "retyped"])
def test_other_columns_or_types_are_a_bug_and_not_misread(change: str) -> None:
    batch = minutes(2)
    place = batch.schema.get_field_index("close")
    if change == "missing":
        batch = batch.remove_column(place)
    else:
        batch = batch.set_column(place, "close", pa.array([1, 2], pa.int64()))
    with pytest.raises(LakeError, match=r"bars\.close is (None|int64), expected double"):
        split(batch, BARS, grid_us=MINUTE_US)


def test_a_disagreement_with_pandera_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "_reasons_by_pandera", lambda *_args, **_kwargs: {})
    with pytest.raises(LakeError, match="reject different rows") as caught:
        split(minutes(2, close=NAN), BARS, grid_us=MINUTE_US)
    assert caught.value.code == "E_UNEXPECTED"


def test_a_sample_of_accepted_rows_passes_and_of_others_does_not() -> None:
    check_sample(minutes(2500), BARS, grid_us=MINUTE_US, waive=False)
    with pytest.raises(LakeError, match="negative_volume"):
        check_sample(minutes(2500, volume=-1.0), BARS, grid_us=MINUTE_US, waive=False)


def test_a_sample_reaches_both_ends() -> None:
    for bad in (0, 2499):
        rows = [BAR | {"close": NAN} if index == bad else BAR for index in range(2500)]
        with pytest.raises(LakeError, match="bad_number"):
            check_sample(rows_of(BARS, *rows), BARS, grid_us=None, waive=False)


def test_threads_get_the_same_answer() -> None:
    batches = [minutes(50, close=NAN if index % 2 else 2.0) for index in range(16)]
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda batch: len(split(batch, BARS, grid_us=MINUTE_US)[1]), batches))
    assert counts == [0, 50] * 8


def test_clean_batches_never_load_pandas() -> None:
    code = """
import sys
import numpy as np, pyarrow as pa
from lake.validate import split
from schemas.arrow import arrow_schema
from schemas.bars import BARS
form = arrow_schema(BARS, identity=False)
data = pa.py_buffer(np.ones(8))
columns = [pa.Array.from_buffers(field.type, 8, [None, data]) for field in form]
batch = pa.record_batch(columns, schema=form)
assert split(batch, BARS, grid_us=None)[0] is batch
assert not {"pandas", "pandera"} & set(sys.modules)
"""
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


def test_one_thread_alone_imports_pandera() -> None:
    code = """
import sys
import pyarrow as pa
from lake import validate
from schemas.arrow import arrow_schema
from schemas.ticks import TRADES
held = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name in {"pandas", "pandera"}:
            held.append(validate._pandera.locked())
sys.meta_path.insert(0, Watch())
form = arrow_schema(TRADES, identity=False)
batch = pa.record_batch([pa.nulls(0, field.type) for field in form], schema=form)
validate.check_sample(batch, TRADES, grid_us=None, waive=False)
assert len(held) >= 2 and all(held), held
"""
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        (embedded(0, (0.5, 1.0, NAN)), "bad_number", "vector[2] is nan"),
        (embedded(0, (0.5, 100.5, 101.0)), "bad_value", "vector[1] is 100.5, above 100.0"),
        (embedded(0, levels=(-9, -10)), "bad_value", "levels[1] is -10, below -9"),
        (embedded(0, score=-INF), "bad_number", "score is -inf"),
        (embedded(0, score=100.5), "bad_value", "score is 100.5, above 100.0"),
        (embedded(0) | {"levels": None}, "missing_value", "levels is missing"),
    ],
)
def test_lists_are_rejected_for_an_element(row: dict[str, Any], reason: str, detail: str) -> None:
    good = embedded(1, None, score=100.0), embedded(2, (100.0, 0.0, -5.0), (-9, 9))
    accepted, rejected = split(rows_of(EMBEDDED, good[0], row, good[1]), EMBEDDED, grid_us=None)
    assert rejected == [Rejected(1, reason, detail)]
    assert accepted.to_pylist() == rows_of(EMBEDDED, *good).to_pylist()


def test_whole_numbers_are_one_of_some() -> None:
    rule = Rule("one_of", "bad_value", ("code",), values=(1, 3))
    schema = Schema("coded", 1, (Column("ts", "timestamp_us"), Column("code", "int64", nullable=True)), rules=(rule,))
    rows = [{"ts": at, "code": code} for at, code in enumerate((1, 2, None, 3))]
    _, rejected = split(rows_of(schema, *rows), schema, grid_us=None)
    assert rejected == [Rejected(1, "bad_value", "code is 2, expected 1 or 3")]


def test_long_lists_are_sampled_and_told_of_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "_SAMPLE_VALUES", 30)
    monkeypatch.setattr(validate, "_DETAILED_VALUES", 6)
    rows = [embedded(at, (0.5, 1.0, NAN if at in {0, 99} else 2.0)) for at in range(100)]
    # The longest lists have 3 elements, so 10 rows are looked at: both ends are among them.
    with pytest.raises(LakeError, match="bad_number"):
        check_sample(rows_of(EMBEDDED, *rows), EMBEDDED, grid_us=None, waive=False)
    _, rejected = split(rows_of(EMBEDDED, *([rows[0]] * 7)), EMBEDDED, grid_us=None)
    assert rejected == [Rejected(index, "bad_number", "vector[2] is nan") for index in range(7)]


def test_whole_numbers_that_no_float_holds_are_rejected_beside_floats() -> None:
    rules = (
        Rule("positive", "bad_value", ("share", "count")),
        Rule("highest", "ohlc_inconsistent", ("count", "other")),
        Rule("highest", "bad_timestamp", ("at", "ts")),
    )
    columns = (Column("share", "float64"), Column("count", "int64"), Column("other", "int64"))
    schema = Schema("mixed", 1, (Column("ts", "timestamp_us"), Column("at", "timestamp_us"), *columns), rules=rules)
    good = {"ts": 0, "at": 0, "share": 1.0, "count": 2**62, "other": 5}
    batch = rows_of(
        schema, good | {"share": NAN}, good | {"count": -(2**63)}, good, good | {"share": -0.5}, good | {"at": -1}
    )
    assert [(row.index, row.reason) for row in split(batch, schema, grid_us=None)[1]] == [
        (0, "bad_number"),
        (1, "ohlc_inconsistent"),
        (3, "bad_value"),
        (4, "bad_timestamp"),
    ]
