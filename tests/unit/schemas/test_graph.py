"""The graph of assets: what is made from what, and that it cannot be wrong."""

from __future__ import annotations

import pytest

from schemas.assets import (
    AssetCycleError,
    AssetSpec,
    DuplicateAssetError,
    GraphError,
    SchemaMismatchError,
    UnknownAssetError,
)
from schemas.bars import BARS
from schemas.calendars import FreshnessPolicy
from schemas.graph import Registry
from schemas.keys import Address
from schemas.metrics import FUNDING
from schemas.ticks import QUOTES, TRADES


def bars(period: str, *upstreams: str, made: str = "source") -> AssetSpec:
    return AssetSpec(f"bars/{period}", BARS, upstreams, made=made)  # type: ignore[arg-type]  # any text is tried


MINUTES = Registry([bars("1m"), bars("5m", "bars/1m", made="derived"), bars("1d", "bars/5m", made="derived")])


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
        registry.add(bars("1d", "metrics/funding"))
    assert registry.keys() == ("bars/1m",)
    registry.add(bars("1h", "bars/1m"))
    assert registry.downstreams("bars/1m") == ("bars/1h",)


def test_a_set_that_is_stored_but_not_declared_is_what_its_key_says() -> None:
    assert MINUTES.resolve("metrics/funding").made == "source"


def test_bars_of_a_side_that_are_declared_are_no_source_of_plain_ones() -> None:
    registry = Registry([bars("1m"), AssetSpec("ticks/quote", QUOTES), bars("2m-bid", "ticks/quote")])
    assert registry.resolve("bars/4m").upstreams == ("bars/1m",)
    assert registry.resolve("bars/4m-bid").upstreams == ("bars/1m-bid",)
    assert registry.downstreams("ticks/quote") == ("bars/2m-bid",)


def test_an_upstream_may_be_a_member_of_a_family() -> None:
    spread = AssetSpec.of(
        "metrics/graph-spread", columns={"x": "float64"}, upstreams=["bars/1m-bid", "bars/7m"], make=print
    )
    registry = Registry([*MINUTES, spread])
    assert registry.downstreams("bars/1m-bid") == ("bars/5m-bid", "metrics/graph-spread")
    assert registry.downstreams("bars/7m") == ("metrics/graph-spread",)
    with pytest.raises(UnknownAssetError, match="bars/1s"):
        registry.add(AssetSpec.of("metrics/graph-x", columns={"x": "float64"}, upstreams=["bars/1s"], make=print))


def test_columns_that_are_not_as_demanded_are_refused() -> None:
    with pytest.raises(SchemaMismatchError, match="not the columns of all bars"):
        Registry([AssetSpec("bars/1m", FUNDING)])
    wrong = AssetSpec.of(
        "metrics/graph-y", columns={"x": "float64"}, upstreams={"bars/1m": ["ts", "clothes"]}, make=print
    )
    with pytest.raises(SchemaMismatchError, match="reads clothes of bars/1m, which has ts, open"):
        Registry([bars("1m"), wrong])


def test_in_order_puts_each_after_what_it_is_made_from() -> None:
    assert MINUTES.in_order(["bars/1d", "bars/5m"]) == ("bars/5m", "bars/1d")
    # What lies between them counts, though it was not asked for.
    assert MINUTES.in_order(["bars/1d", "bars/1m"]) == ("bars/1m", "bars/1d")


def test_freshness_is_what_was_said_last_of_a_series() -> None:
    declared, fx, mine = FreshnessPolicy("1d"), FreshnessPolicy("2h", "FX"), FreshnessPolicy("5m")
    registry = Registry([AssetSpec("bars/1m", BARS, freshness=declared), bars("5m", "bars/1m")])
    bitcoin, euro = (Address.of(*names, "bars", "1m") for names in (("X", "SPOT", "BTC"), ("OANDA", "FX", "EUR")))
    assert registry.freshness(bitcoin) == declared
    assert registry.freshness(Address.of("X", "SPOT", "BTC", "bars", "5m")) is None
    registry.due("bars/60s", mine)
    registry.due("OANDA/*/*/bars/*", fx)
    assert (registry.freshness(bitcoin), registry.freshness(euro)) == (mine, fx)
