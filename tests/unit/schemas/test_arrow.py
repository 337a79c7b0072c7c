"""Schemas in Arrow: names, types and nullability as the design's section on data states them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from schemas.arrow import arrow_schema, arrow_type
from schemas.bars import BARS
from schemas.columns import Column, Schema
from schemas.features import features_schema
from schemas.metrics import FUNDING, OPEN_INTEREST
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from schemas.columns import ColumnType

CATEGORY = pa.dictionary(pa.int32(), pa.string())
US, NS = pa.timestamp("us", tz="UTC"), pa.timestamp("ns", tz="UTC")


def test_bars_have_the_columns_of_the_design() -> None:
    prices = [pa.field(name, pa.float64(), nullable=False) for name in ("open", "high", "low", "close")]
    extras = ["taker_buy_volume", "taker_buy_quote_volume", "vwap", "open_interest", "spread"]
    assert arrow_schema(BARS) == pa.schema(
        [
            pa.field("ts", US, nullable=False),
            *prices,
            pa.field("volume", pa.float64()),
            pa.field("quote_volume", pa.float64()),
            pa.field("trades", pa.int64()),
            *[pa.field(name, pa.float64()) for name in extras],
            *[pa.field(name, CATEGORY, nullable=False) for name in ("exchange", "market", "symbol")],
        ]
    )


def test_identity_can_be_left_out() -> None:
    names = arrow_schema(BARS, identity=False).names
    assert names == arrow_schema(BARS).names[:-3]
    assert not {"exchange", "market", "symbol"} & set(names)


def test_a_column_that_only_shares_a_name_with_an_identity_column_stays() -> None:
    schema = Schema("odd", 1, (Column("ts", "timestamp_us"), Column("symbol", "text", nullable=True)))
    assert arrow_schema(schema, identity=False).names == ["ts", "symbol"]


@pytest.mark.parametrize(
    ("schema", "unit"),
    [
        (BARS, US),
        (FUNDING, US),
        (OPEN_INTEREST, US),
        (features_schema("a", (), version=1), US),
        (TRADES, NS),
        (QUOTES, NS),
        (BOOK_L2, NS),
        (BOOK_L3, NS),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_times_are_utc_in_the_unit_of_the_design(schema: Schema, unit: pa.DataType) -> None:
    field = arrow_schema(schema).field("ts")
    assert (field.type, field.nullable) == (unit, False)


def test_other_types() -> None:
    kinds: dict[ColumnType, pa.DataType] = {
        "category": CATEGORY,
        "int8": pa.int8(),
        "int32": pa.int32(),
        "float32": pa.float32(),
        "bool": pa.bool_(),
        "text": pa.string(),
    }
    assert {kind: arrow_type(Column("x", kind)) for kind in kinds} == kinds


def test_lists_have_a_fixed_size_and_no_null_element() -> None:
    made = arrow_type(Column("x", "float32", nullable=True, length=3))
    assert made == pa.list_(pa.field("element", pa.float32(), nullable=False), 3)
    assert (made.list_size, made.value_field.nullable) == (3, False)
    assert arrow_type(Column("x", "int64", length=2)).value_type == pa.int64()
