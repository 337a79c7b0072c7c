"""The Pandera form of a schema, for people who validate frames of their own."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.errors
import pyarrow as pa
import pytest

from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.columns import Column, Rule, Schema
from schemas.metrics import OPEN_INTEREST
from schemas.models import pandera_model
from schemas.orderbook import BOOK_L2
from schemas.ticks import TRADES
from tests.embeddings import EMBEDDED, embedded

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


def test_lists_are_checked_by_their_elements() -> None:
    nan = float("nan")
    rows = frame(
        EMBEDDED,
        embedded(0, None),
        embedded(1, (0.5, nan, 1.0)),
        embedded(2, (0.5, 1.0, 100.5)),
        embedded(3, levels=(-9, -10)),
        embedded(4, (100.0, 0.0, -1e30), score=None),
        embedded(5, score=100.5),
        embedded(6, levels=(-9, 0)) | {"levels": None},
    )
    assert failures(EMBEDDED, rows, grid_us=None) == {
        (1, "bad_number"),
        (1, "bad_value"),
        (2, "bad_value"),
        (3, "bad_value"),
        (5, "bad_value"),
        (6, "not_nullable"),
    }


def test_whole_numbers_may_be_one_of_some() -> None:
    schema = Schema(
        "coded",
        1,
        (Column("ts", "timestamp_us"), Column("code", "int32", nullable=True)),
        rules=(Rule("one_of", "bad_value", ("code",), values=(1, 3)),),
    )
    rows = frame(schema, *({"ts": at, "code": code} for at, code in enumerate((1, 2, None, 3))))
    assert failures(schema, rows, grid_us=None) == {(1, "bad_value")}
