"""Assets: what is derived from schema and period, and a graph that cannot be wrong."""

from __future__ import annotations

import pytest

from schemas.assets import (
    AssetCycleError,
    AssetSpec,
    DuplicateAssetError,
    GraphError,
    Registry,
    UnknownAssetError,
    canonical,
    declare,
    describe,
    schema_of,
)
from schemas.bars import BARS
from schemas.columns import Column, Schema
from schemas.features import features_schema
from schemas.metrics import FUNDING
from schemas.orderbook import BOOK_L2
from schemas.ticks import QUOTES, TRADES


def bars(period: str, *upstreams: str, made: str = "source") -> AssetSpec:
    return AssetSpec(f"bars/{period}", BARS, upstreams, made=made)  # type: ignore[arg-type]  # any text is tried


MINUTES = Registry([bars("1m"), bars("5m", "bars/1m", made="derived"), bars("1d", "bars/5m", made="derived")])


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
    assert [check.name for check in bars("1m").checks] == [*reasons, "negative_volume", "off_grid"]
    assert [check.name for check in bars("1d").checks] == [*reasons, "negative_volume"]
    assert all(check.blocking for check in bars("1m").checks)
    said = {check.name: check.description for check in bars("1m").checks}
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
    assert MINUTES.resolve(key).made == "external"
    with pytest.raises(DuplicateAssetError, match="new version"):
        declare(key, features_schema("assets-test", (Column("x", "int64"),), version=1))


def test_bars_cannot_be_given_another_schema() -> None:
    with pytest.raises(DuplicateAssetError):
        declare("bars/1m", FUNDING)


def test_one_length_has_one_key() -> None:
    assert canonical("bars/60m-bid") == "bars/1h-bid"


def test_the_graph_both_ways() -> None:
    assert MINUTES.keys() == ("bars/1m", "bars/5m", "bars/1d")
    assert MINUTES.upstreams("bars/1d") == ("bars/5m",)
    assert MINUTES.downstreams("bars/1m") == ("bars/5m",)
    assert MINUTES.downstreams("bars/1d") == ()
    assert ("bars/1m" in MINUTES, "bars/2m" in MINUTES, len(MINUTES)) == (True, False, 3)


def test_sides_and_adjustments_are_never_mixed() -> None:
    assert MINUTES.resolve("bars/5m-bid").upstreams == ("bars/1m-bid",)
    assert MINUTES.resolve("bars/1d-mark-split").upstreams == ("bars/5m-mark-split",)
    assert MINUTES.downstreams("bars/1m-ask") == ("bars/5m-ask",)
    assert MINUTES.upstreams("bars/7m-index") == ("bars/1m-index",)


def test_bars_of_one_side_are_not_made_from_trades() -> None:
    registry = Registry([AssetSpec("ticks/trade", TRADES), bars("1s", "ticks/trade")])
    assert registry.resolve("bars/1s").upstreams == ("ticks/trade",)
    assert registry.resolve("bars/1s-bid").upstreams == ()


@pytest.mark.parametrize(
    ("key", "upstreams", "made"),
    [
        ("bars/7m", ("bars/1m",), "derived"),
        ("bars/60m", ("bars/1m",), "derived"),
        ("bars/3mo", ("bars/1m",), "derived"),
        ("bars/2w", ("bars/1m",), "derived"),
        ("bars/90s", ("bars/1s",), "derived"),
        ("bars/1s", (), "source"),
    ],
)
def test_bars_of_an_undeclared_period_come_from_the_coarsest_source_that_fits(
    key: str, upstreams: tuple[str, ...], made: str
) -> None:
    spec = Registry([bars("1s"), bars("1m"), bars("5m", "bars/1m", made="derived")]).resolve(key)
    assert (spec.upstreams, spec.made) == (upstreams, made)


def test_a_declared_spec_is_resolved_as_it_is() -> None:
    assert MINUTES.resolve("bars/5m") is MINUTES.get("bars/5m")
    with pytest.raises(UnknownAssetError):
        MINUTES.get("bars/2m")


def test_a_key_declared_twice_is_refused() -> None:
    with pytest.raises(DuplicateAssetError, match="bars/1m"):
        Registry([bars("1m"), bars("1m")])


def test_an_upstream_nobody_declares_is_refused() -> None:
    with pytest.raises(UnknownAssetError, match="bars/1h is made from bars/1m"):
        Registry([bars("1h", "bars/1m")])


def test_an_asset_made_from_itself_is_refused() -> None:
    with pytest.raises(AssetCycleError, match="bars/1m"):
        Registry([bars("1m", "bars/1m")])
    with pytest.raises(AssetCycleError, match="→"):
        Registry([bars("1m", "bars/1d"), bars("5m", "bars/1m"), bars("1d", "bars/5m")])


def test_a_key_spelt_another_way_is_refused() -> None:
    with pytest.raises(GraphError, match="bars/1h"):
        Registry([bars("60m")])


def test_a_refused_addition_changes_nothing() -> None:
    registry = Registry([bars("1m")])
    with pytest.raises(UnknownAssetError):
        registry.add(bars("1d", "bars/1h"))
    assert registry.keys() == ("bars/1m",)
    registry.add(bars("1h", "bars/1m"))
    assert registry.downstreams("bars/1m") == ("bars/1h",)


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
