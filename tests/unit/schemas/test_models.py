"""The Pandera form of a schema, for people who validate frames of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pandera.errors
import pyarrow as pa
import pytest

from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.metrics import OPEN_INTEREST
from schemas.models import pandera_model
from schemas.orderbook import BOOK_L2
from schemas.ticks import TRADES

if TYPE_CHECKING:
    from schemas.columns import Schema

MINUTE_US = 60_000_000
BAR: dict[str, Any] = {"ts": MINUTE_US, "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0}


def frame(schema: Schema, *rows: dict[str, Any]) -> pd.DataFrame:
    batch = pa.RecordBatch.from_pylist(list(rows), schema=arrow_schema(schema, identity=False))
    made: pd.DataFrame = batch.to_pandas(types_mapper=pd.ArrowDtype)
    return made


def failures(schema: Schema, rows: pd.DataFrame, **options: Any) -> set[tuple[int, str]]:  # noqa: ANN401 -- options as they come
    with pytest.raises(pandera.errors.SchemaErrors) as caught:
        pandera_model(schema, **options).validate(rows, lazy=True)
    cases = caught.value.failure_cases
    return set(zip(cases["index"], cases["check"], strict=True))


def test_clean_rows_pass_with_all_their_nulls() -> None:
    rows = frame(BARS, BAR, BAR | {"ts": 0, "volume": 0.0, "trades": 3})
    pandera_model(BARS, grid_us=MINUTE_US).validate(rows, lazy=True)


def test_each_check_is_named_by_its_reason() -> None:
    rows = frame(
        BARS,
        BAR | {"low": 0.0},
        BAR | {"high": 1.5},
        BAR | {"volume": -1.0},
        BAR | {"ts": 1},
        BAR | {"vwap": float("nan")},
        BAR | {"close": None},
    )
    assert failures(BARS, rows, grid_us=MINUTE_US) == {
        (0, "non_positive_price"),
        (1, "ohlc_inconsistent"),
        (2, "negative_volume"),
        (3, "off_grid"),
        (4, "bad_number"),
        (5, "not_nullable"),
    }


def test_rules_without_a_grid_or_waived_are_not_run() -> None:
    rows = frame(BARS, BAR | {"ts": 1, "open": -1.0, "low": -1.0})
    pandera_model(BARS, grid_us=None, waive=True).validate(rows, lazy=True)


@pytest.mark.parametrize(
    ("schema", "row", "reason"),
    [
        (TRADES, {"ts": 1, "price": 1.0, "size": 1.0, "side": "Buy"}, "bad_value"),
        (TRADES, {"ts": 1, "price": 1.0, "size": -1.0}, "negative_volume"),
        (BOOK_L2, {"ts": 1, "price": 1.0, "size": 0.0, "side": "buy", "is_snapshot": True}, "bad_value"),
        (OPEN_INTEREST, {"ts": 1, "open_interest": -1.0}, "negative_volume"),
    ],
)
def test_other_schemas(schema: Schema, row: dict[str, Any], reason: str) -> None:
    assert failures(schema, frame(schema, row), grid_us=None) == {(0, reason)}


def test_another_column_or_type_is_refused() -> None:
    rows = frame(BARS, BAR)
    model = pandera_model(BARS, grid_us=None)
    for other in (rows.assign(extra=1), rows.drop(columns="vwap"), rows.astype({"open": "int64[pyarrow]"})):
        with pytest.raises(pandera.errors.SchemaErrors):
            model.validate(other, lazy=True)
