"""Assets: what is derived from schema and period, and what is said of one's own."""

from __future__ import annotations

import pytest

from schemas.assets import (
    AssetSpec,
    Check,
    GraphError,
    SchemaMismatchError,
    UnknownAssetError,
    asset,
    canonical,
    column,
    declare,
    schema_of,
)
from schemas.bars import BARS
from schemas.calendars import FreshnessPolicy
from schemas.columns import Column, Schema
from schemas.describing import describe
from schemas.features import features_schema
from schemas.metrics import FUNDING, metrics_schema
from schemas.orderbook import BOOK_L2
from schemas.ticks import QUOTES, TRADES


def bars(period: str, *upstreams: str, made: str = "source") -> AssetSpec:
    return AssetSpec(f"bars/{period}", BARS, upstreams, made=made)  # type: ignore[arg-type]  # any text is tried


@pytest.mark.parametrize(
    ("key", "grain", "grid_us", "natural_key"),
    [
        ("bars/1s", "day", 1_000_000, "ts"),
        ("bars/1m", "day", 60_000_000, "ts"),
        ("bars/5m", "month", 300_000_000, "ts"),
        ("bars/1d", "year", None, "ts"),
        ("bars/1mo-total", "year", None, "ts"),
        ("ticks/quote", "day", None, "none: k identical rows of a source are k events"),
        ("orderbook/l3", "day", None, "none: k identical rows of a source are k events"),
        ("metrics/funding", "day", None, "ts"),
    ],
)
def test_grain_grid_and_natural_key_follow_from_the_key(
    key: str, grain: str, grid_us: int | None, natural_key: str
) -> None:
    spec = AssetSpec(key, schema_of(key))
    assert (spec.grain, spec.grid_us, spec.natural_key) == (grain, grid_us, natural_key)


def test_trades_are_told_apart_by_day_and_id_where_they_have_one() -> None:
    natural_key = AssetSpec("ticks/trade", TRADES).natural_key
    assert natural_key.startswith("UTC day, trade_id; without trade_id, k identical rows")


def test_checks_are_those_of_the_schema_strongest_first() -> None:
    reasons = ["bad_timestamp", "bad_number", "missing_value", "non_positive_price", "ohlc_inconsistent"]
    assert [check.name for check in bars("1m").row_checks] == [*reasons, "negative_volume", "off_grid"]
    assert [check.name for check in bars("1d").row_checks] == [*reasons, "negative_volume"]
    assert all(check.blocking for check in bars("1m").row_checks)
    said = {check.name: check.description for check in bars("1m").row_checks}
    assert said["ohlc_inconsistent"] == "high ≥ open, close, low; low ≤ open, close"
    assert said["off_grid"] == "ts is a multiple of 60 s since the epoch"


@pytest.mark.parametrize(
    ("key", "schema"),
    [("bars/7m-bid", BARS), ("ticks/quote", QUOTES), ("orderbook/l2", BOOK_L2), ("metrics/funding", FUNDING)],
)
def test_schema_of_a_family(key: str, schema: Schema) -> None:
    assert schema_of(key) is schema


@pytest.mark.parametrize("key", ["", "bars", "bars/", "bars/x", "ticks/1m", "trades/1m", "bars/1m/x", "../bars/1m"])
def test_what_is_not_a_key_is_refused(key: str) -> None:
    with pytest.raises(UnknownAssetError, match="is not an asset key"):
        schema_of(key)


def test_a_declared_feature_set_has_its_schema_and_keeps_it() -> None:
    key = "features/assets-test.v1"
    with pytest.raises(UnknownAssetError, match="declare its columns"):
        schema_of(key)
    first = features_schema("assets-test", (Column("x", "float64"),), version=1)
    declare(key, first)
    declare(key, features_schema("assets-test", (Column("x", "float64"),), version=1))
    assert schema_of(key) is first
    with pytest.raises(SchemaMismatchError, match="new version"):
        declare(key, features_schema("assets-test", (Column("x", "int64"),), version=1))


def test_bars_cannot_be_given_another_schema() -> None:
    with pytest.raises(SchemaMismatchError):
        declare("bars/1m", FUNDING)


def test_one_length_has_one_key() -> None:
    assert canonical("bars/60m-bid") == "bars/1h-bid"


def test_describe_lists_columns_as_they_are_stored() -> None:
    columns = describe(BARS)
    assert columns[0] == {
        "name": "ts",
        "type": "timestamp_us",
        "nullable": False,
        "unit": "UTC",
        "description": "Open of the bar.",
    }
    assert [column["name"] for column in columns][-3:] == ["exchange", "market", "symbol"]


def test_a_function_and_its_words_make_an_asset() -> None:
    holds = Check("holds", lambda _table: True, blocking=False)

    @asset(
        "metrics/assets-gap",
        columns={"gap": "float64", "note": column("text", nullable=True, unit="words")},
        upstreams={"bars/60m": ["ts", "close"], "metrics/funding": ["ts", "funding_rate"]},
        freshness={"within": "2h", "calendar": "FX"},
        tags=["mine"],
        checks=[holds],
        code_version="3",
        owner="me",
    )
    def gap(bars: object, funding: object) -> object:
        """Tell close and funding
        apart.

        At length.
        """
        return (bars, funding)

    assert (gap.key, gap.made, gap.upstreams) == ("metrics/assets-gap", "derived", ("bars/1h", "metrics/funding"))
    assert gap.reads == (("bars/1h", ("ts", "close")), ("metrics/funding", ("ts", "funding_rate")))
    assert gap.schema.names == ("ts", "gap", "note", "exchange", "market", "symbol")
    assert gap.schema.column("note") == Column("note", "text", nullable=True, unit="words")
    assert (gap.freshness, gap.tags, gap.checks) == (FreshnessPolicy("2h", "FX"), ("mine",), (holds,))
    assert (gap.code_version, gap.owner, gap.description) == ("3", "me", "Tell close and funding apart.")
    assert gap.make is not None
    assert gap.make(1, 2) == (1, 2)


def test_what_others_compute_needs_no_function() -> None:
    spec = AssetSpec.of("features/assets-vol.v7", columns={"vol": "float64"}, upstreams=["bars/1m"])
    assert (spec.made, spec.schema.version, spec.make) == ("external", 1, None)
    assert spec.schema.names[:3] == ("ts", "known_at", "vol")
    assert AssetSpec.of("metrics/assets-x", columns={"x": "int64"}, schema_version=4).schema.version == 4
    assert AssetSpec.of("bars/2m").schema is BARS


def test_what_cannot_be_an_asset_is_refused() -> None:
    with pytest.raises(SchemaMismatchError, match="'float' is no type of a column"):
        AssetSpec.of("metrics/assets-y", columns={"x": "float"})
    with pytest.raises(SchemaMismatchError, match="columns of all bars"):
        AssetSpec.of("bars/2m", columns={"x": "float64"})
    with pytest.raises(SchemaMismatchError, match="every column has its own name"):
        AssetSpec.of("metrics/assets-y", columns={"ts": "float64"})
    for name in ("ts", ""):
        with pytest.raises(SchemaMismatchError, match=r"features/assets-y\.v1: "):
            AssetSpec.of("features/assets-y.v1", columns={name: "float64"})
    with pytest.raises(GraphError, match="name them"):
        asset("metrics/assets-y", columns={"x": "float64"}, upstreams=[])(print)
    with pytest.raises(UnknownAssetError, match="declare its columns"):
        AssetSpec.of("metrics/assets-nothing")
    with pytest.raises(ValueError, match="no length of time"):
        AssetSpec.of("bars/2m", freshness="soon")


def test_the_same_file_may_declare_a_set_anew() -> None:
    key = "metrics/assets-anew"
    first, second = (metrics_schema("assets-anew", (Column(name, "float64"),)) for name in ("x", "y"))
    declare(key, first, "a.py")
    declare(key, second, "a.py")
    assert schema_of(key) is second
    with pytest.raises(SchemaMismatchError):
        declare(key, first, "b.py")
