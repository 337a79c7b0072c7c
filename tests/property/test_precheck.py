"""The compiled pre-check and Pandera give the same answer, row by row, for every schema."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lake import validate
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.columns import IDENTITY, REASONS, Column, Rule, Schema
from schemas.features import features_schema
from schemas.metrics import FUNDING, OPEN_INTEREST
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

MINUTE_US = 60_000_000

EVERYTHING = features_schema(
    "everything",
    (
        Column("top", "float64", nullable=True),
        Column("middle", "float64", nullable=True),
        Column("bottom", "float64"),
        Column("count", "int64", nullable=True),
        Column("sign", "int8"),
        Column("flag", "bool", nullable=True),
        Column("note", "text"),
        Column("mood", "category", nullable=True),
        Column("at", "timestamp_ns", nullable=True),
    ),
    version=1,
    rules=(
        Rule("highest", "bad_value", ("top", "middle", "bottom")),
        Rule("lowest", "ohlc_inconsistent", ("bottom", "middle")),
        Rule("highest", "bad_timestamp", ("known_at", "ts")),
        Rule("positive", "non_positive_price", ("count", "top"), waivable=True),
        Rule("not_negative", "negative_volume", ("sign", "middle", "count")),
        Rule("one_of", "bad_value", ("note",), values=("buy", "sell")),
        Rule("one_of", "missing_value", ("mood",), values=("buy",)),
        Rule("on_grid", "off_grid", ("ts", "at")),
    ),
)
"""Every kind of rule on every type it may stand on, nullable columns included."""

BOUNDED = features_schema(
    "bounded",
    (
        Column("count", "int64", nullable=True),
        Column("sign", "int8"),
        Column("score", "float32", nullable=True),
        Column("share", "float64"),
        Column("level", "int32", nullable=True),
        Column("vector", "float32", nullable=True, length=2),
        Column("weights", "float64", length=3),
        Column("places", "int64", nullable=True, length=2),
        Column("codes", "int32", length=1),
    ),
    version=1,
    rules=(
        Rule("at_least", "bad_value", ("score", "share", "weights"), bound=-0.1),
        Rule("at_most", "missing_value", ("score", "share", "vector"), bound=0.1),
        Rule("at_most", "bad_value", ("level", "count", "places"), bound=2**31 - 1),
        Rule("at_least", "negative_volume", ("level", "places", "codes"), bound=-1),
        Rule("positive", "non_positive_price", ("score",), waivable=True),
        Rule("one_of", "bad_value", ("level", "sign"), values=(1, 2, 127)),
    ),
)
"""The same for rules with a bound or whole numbers, and for lists."""


def single(number: float) -> float:
    """Return the float32 nearest to a number."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


# The edges: what is just inside or outside a rule, and what float comparison treats in a way of its own.
FLOATS = st.sampled_from([1.0, 2.0, 3.0, 1.5, 5e-324, 1e308, 0.0, -0.0, -1.0, math.inf, -math.inf, math.nan])
INTS = st.sampled_from([1, 2, 0, -1, 127, -128])
SINGLES = st.sampled_from(
    [single(number) for number in (0.1, -0.1, 0.05, 1e-45, 3e38, 0.0, -0.0, math.inf, -math.inf, math.nan)]
    # The neighbours of 0.1 in float32.
    + [struct.unpack("f", struct.pack("I", 0x3DCCCCCD + step))[0] for step in (-1, 1)]
)
LONGS = st.sampled_from([0, 1, 2, -1, -2, 2**31 - 1, 2**31, 2**62, -(2**63)])
SHARES = st.sampled_from([0.1, -0.1, math.nextafter(0.1, 1), math.nextafter(-0.1, -1), 0.0, math.inf, math.nan])
TIMES = st.sampled_from(
    [0, 1, -1, MINUTE_US, -MINUTE_US, MINUTE_US * 1000, 1_700_000_040_000_000, 1_700_000_040_000_001]
)
TEXTS = st.sampled_from(["buy", "sell", "bid", "ask", "", "Buy", "unknown"])
VALUES: dict[str, SearchStrategy[Any]] = {
    "float64": st.one_of(FLOATS, SHARES),
    "float32": SINGLES,
    "int64": st.one_of(INTS, LONGS),
    "int32": st.one_of(INTS, st.sampled_from([2**31 - 1, -(2**31)])),
    "int8": INTS,
    "bool": st.booleans(),
    "text": TEXTS,
    "category": TEXTS,
    "timestamp_us": TIMES,
    "timestamp_ns": TIMES,
}
WHOLE = {"int64": 1, "int32": 1, "int8": 1, "timestamp_us": 0, "timestamp_ns": 0}
CLEAN = WHOLE | {"float64": 2.0, "float32": single(0.1), "bool": True}
FORMATS = dict.fromkeys(WHOLE, "q") | {"float64": "d", "float32": "f", "int32": "i", "int8": "b"}


@dataclass(frozen=True)
class Case:
    schema: Schema
    grid_us: int | None = None
    waive: bool = False


CASES = [
    Case(BARS, MINUTE_US),
    Case(BARS, 1_000_000, waive=True),
    Case(BARS),
    Case(TRADES),
    Case(QUOTES),
    Case(BOOK_L2),
    Case(BOOK_L3, waive=True),
    Case(FUNDING),
    Case(OPEN_INTEREST),
    Case(EVERYTHING, MINUTE_US),
    Case(EVERYTHING, None, waive=True),
    Case(BOUNDED),
    Case(BOUNDED, waive=True),
]


def array(column: Column, type_: pa.DataType, values: list[Any], missing: list[bool]) -> pa.Array:
    """Make an array whose null slots hold the drawn values, as a reader may leave them."""
    if column.type not in FORMATS:
        return pa.array([None if gone else value for value, gone in zip(values, missing, strict=True)], type_)
    if column.length is not None:
        # Under a null list there may be anything, nulls included.
        under = None if len(values) % 2 else values[0]
        drawn = [[*value] if not gone else under for value, gone in zip(values, missing, strict=True)]
        flat = [element for row in drawn for element in (row or [None] * column.length)]
        inner = pa.array(flat, type_.value_type)
        return pa.FixedSizeListArray.from_arrays(inner, type=type_, mask=pa.array(missing))
    bits = "".join("0" if gone else "1" for gone in reversed(missing))
    validity = int(bits, 2).to_bytes((len(values) + 7) // 8, "little")
    data = struct.pack(f"<{len(values)}{FORMATS[column.type]}", *values)
    return pa.Array.from_buffers(type_, len(values), [pa.py_buffer(validity), pa.py_buffer(data)])


def rare(draw: DrawFn, size: int) -> list[bool]:
    """Draw for a whole column at once whether nothing, everything or some of it is missing."""
    kind = draw(st.sampled_from([*["none"] * 8, "some", "all"]))
    if kind == "some":
        return draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return [kind == "all"] * size


@st.composite
def batches(draw: DrawFn, schema: Schema) -> pa.RecordBatch:
    """Draw a batch, which may be a slice, with clean and broken columns and rows of any mixture."""
    size = draw(st.integers(1, 24))
    form = arrow_schema(schema, identity=False)
    members = {name: rule.values for rule in schema.rules if rule.kind == "one_of" for name in rule.columns}
    arrays = []
    for column in schema.columns:
        if column in IDENTITY:
            continue
        values = VALUES[column.type]
        clean = CLEAN.get(column.type, members.get(column.name, ("any",))[0])
        clean = 0.1 if column.name == "share" else clean
        # Most columns hold nothing wrong, or the strongest reasons would hide the others.
        if draw(st.integers(0, 3)):
            values = st.just(clean)
        if column.length is not None:
            values = st.lists(st.one_of(st.just(clean), values), min_size=column.length, max_size=column.length)
        drawn = draw(st.lists(values, min_size=size, max_size=size))
        arrays.append(array(column, form.field(column.name).type, drawn, rare(draw, size)))
    batch = pa.record_batch(arrays, schema=form)
    start = draw(st.integers(0, size - 1))
    return batch.slice(start, draw(st.integers(1, size - start)))


@pytest.mark.parametrize("examples", [12, pytest.param(500, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.schema.name}-{case.grid_us}-{case.waive}")
def test_pre_check_and_pandera_agree_on_rows_and_reasons(case: Case, examples: int) -> None:
    checks = validate._compiled(case.schema, case.grid_us, case.waive)

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(batch=batches(case.schema))
    def holds(batch: pa.RecordBatch) -> None:
        by_pandera = validate._reasons_by_pandera(batch, case.schema, grid_us=case.grid_us, waive=case.waive)
        ranks = checks.reasons(batch)
        by_pre_check = {index: REASONS[rank - 1] for index, rank in enumerate(ranks) if rank}
        assert by_pre_check == by_pandera
        assert not (checks.all_pass(batch) and by_pandera)

        accepted, rejected = validate.split(batch, case.schema, grid_us=case.grid_us, waive=case.waive)
        assert {row.index: row.reason for row in rejected} == by_pandera
        assert all(row.detail for row in rejected)
        kept = [index for index in range(batch.num_rows) if index not in by_pandera]
        assert accepted.schema == batch.schema
        assert repr(accepted.to_pylist()) == repr(batch.take(pa.array(kept, pa.int64())).to_pylist())
        if not by_pandera:
            assert accepted is batch

    holds()


def reason_for_bar(row: dict[str, Any]) -> str | None:
    """Say why a one-minute bar is rejected, in the words of the design and without the code under test."""
    prices = [row[name] for name in ("open", "high", "low", "close")]
    numbers = [value for value in row.values() if isinstance(value, float)]
    opened, high, low, close = prices
    whole = None not in prices and all(map(math.isfinite, prices))
    holds = {
        "bad_timestamp": row["ts"] is None,
        "bad_number": not all(math.isfinite(number) for number in numbers),
        "missing_value": None in prices,
        "non_positive_price": whole and min(prices) <= 0,
        "ohlc_inconsistent": whole and (high < max(opened, close) or low > min(opened, close)),
        "negative_volume": row["volume"] is not None and row["volume"] < 0,
        "off_grid": row["ts"] is not None and row["ts"] % MINUTE_US != 0,
    }
    return next((reason for reason, held in holds.items() if held), None)


BAR_ROWS = st.fixed_dictionaries(
    {"ts": st.one_of(st.none(), TIMES)}
    | {name: st.one_of(st.sampled_from([1.0, 2.0, 3.0]), st.one_of(st.none(), FLOATS)) for name in BARS.names[1:6]}
    | {"vwap": st.one_of(st.none(), st.just(2.0), FLOATS)}
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(BAR_ROWS, min_size=1, max_size=40))
@example(rows=[{"ts": 0, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": -0.0, "vwap": None}])
def test_bars_are_rejected_for_the_reason_the_design_gives(rows: list[dict[str, Any]]) -> None:
    form = arrow_schema(BARS, identity=False)
    batch = pa.RecordBatch.from_pylist(rows, schema=form)
    _, rejected = validate.split(batch, BARS, grid_us=MINUTE_US)
    expected = {index: reason for index, row in enumerate(rows) if (reason := reason_for_bar(row))}
    assert {row.index: row.reason for row in rejected} == expected
