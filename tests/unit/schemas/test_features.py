"""Feature sets as declarations: names, versions, when rows can be known, and which changes a version bears."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from schemas.columns import Column, Rule
from schemas.features import (
    FeatureSet,
    Serving,
    features_schema,
    length_text,
    length_us,
    split_name,
    version_numbers,
)

SET = FeatureSet(
    "vol",
    "1",
    (Column("vol", "float64", unit="fraction"), Column("regime", "text", nullable=True)),
    (Rule("at_least", "bad_value", ("vol",), bound=0),),
    ("bars/1m", "metrics/funding"),
    Serving(ttl_us=7_200_000_000, delay_us=5_000_000, lookback_us=86_400_000_000),
    owner="research",
    description="Realised volatility",
)


def test_rows_are_told_apart_by_ts_and_known_at() -> None:
    schema = SET.schema
    assert schema.names == ("ts", "known_at", "vol", "regime", "exchange", "market", "symbol")
    assert (schema.key, schema.version, schema.name) == (("ts", "known_at"), 1, "features_vol.v1")
    assert SET.key == "features/vol.v1"


def test_lengths_of_time_are_read_and_spelt() -> None:
    spelt = {"0s": 0, "250ms": 250_000, "90s": 90_000_000, "2h": 7_200_000_000, "1d": 86_400_000_000}
    assert {text: length_us(text) for text in spelt} == spelt
    assert [length_text(us) for us in spelt.values()] == list(spelt)
    assert (length_text(length_us("60m")), length_text(length_us("14d"))) == ("1h", "2w")
    with pytest.raises(ValueError, match="1500 µs are not whole milliseconds"):
        length_text(1500)
    for text in ("", "2", "h", "-1h", "1.5h", "2 h", "1y"):
        with pytest.raises(ValueError, match="is no length of time"):
            length_us(text)


def test_versions_are_compared_as_numbers() -> None:
    versions = ["10", "9", "1.0.10", "1.0.9", "2", "1.0"]
    assert sorted(versions, key=version_numbers) == ["1.0", "1.0.9", "1.0.10", "2", "9", "10"]


def test_names_have_versions_or_not() -> None:
    assert split_name("vol") == ("vol", None)
    assert split_name("vol.v2") == split_name("features/vol.v2") == ("vol", "2")
    assert split_name("vol.v1.0.10") == ("vol", "1.0.10")
    for text in ("", "Vol", "vol.v", "vol.v01", "vol.v1.", "vol.v1.2.3.4.5", "../vol", "vol.v0"):
        with pytest.raises(ValueError, match="cannot name a feature"):
            split_name(text)


def test_a_row_waits_for_the_longest_bar_it_is_made_from() -> None:
    minute, hour = 60_000_000, 3_600_000_000
    assert SET.wait_us == minute
    assert replace(SET, inputs=("bars/1m", "bars/1h-bid")).wait_us == hour
    assert replace(SET, inputs=("bars/1mo",)).wait_us == 31 * 24 * hour
    assert replace(SET, inputs=("ticks/trade",)).wait_us == 0
    assert replace(SET, serving=Serving(stamp="close")).wait_us == 0


def test_a_row_of_months_waits_for_the_end_of_its_own() -> None:
    monthly = replace(SET, inputs=("bars/1d", "bars/1mo"))
    ends = {"2016-02-01": "2016-03-01", "2015-01-01": "2015-02-01", "2015-12-01": "2016-01-01"}
    assert {ts: monthly.complete_us(_us(ts)) for ts in ends} == {ts: _us(end) for ts, end in ends.items()}
    assert replace(monthly, serving=Serving(stamp="close")).complete_us(5) == 5
    assert replace(SET, inputs=()).complete_us(5) == 5


def _us(day: str) -> int:
    return int(dt.datetime.fromisoformat(f"{day}+00:00").timestamp()) * 10**6


def test_the_series_of_a_shared_set_leave_out_what_they_are_shared_by() -> None:
    assert str(SET.address("binance", "spot", "btcusdt")) == "BINANCE/SPOT/BTCUSDT/features/vol.v1"
    market = replace(SET, serving=Serving(keys=("exchange", "market")))
    assert str(market.address("binance", "spot", "")) == "BINANCE/SPOT/_ALL/features/vol.v1"
    whole = replace(SET, serving=Serving(keys=()))
    assert str(whole.address("", "", "")) == "_ALL/_ALL/_ALL/features/vol.v1"


def test_it_is_read_back_from_its_text() -> None:
    assert FeatureSet.from_json(SET.to_json()) == SET
    listed = replace(SET, columns=(*SET.columns, Column("emb", "float32", length=16)), revision=3)
    assert FeatureSet.from_json(listed.to_json()) == listed
    chosen = (Rule("one_of", "bad_value", ("regime",), values=("calm", "wild")), *SET.rules)
    assert FeatureSet.from_json(replace(SET, rules=chosen).to_json()).rules == chosen


def test_a_version_bears_new_nullable_columns_and_other_words() -> None:
    more = replace(SET, columns=(*SET.columns, Column("skew", "float64", nullable=True)))
    ranged = replace(more, rules=(*SET.rules, Rule("at_most", "bad_value", ("skew",), bound=3)))
    told = replace(SET, owner="desk", description="", serving=replace(SET.serving, ttl_us=None, lookback_us=0))
    assert [SET.changed(new) for new in (SET, more, ranged, told)] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"columns": (*SET.columns, Column("skew", "float64"))}, "the new column skew is not nullable"),
        ({"columns": SET.columns[:1]}, "the column regime would go"),
        ({"columns": SET.columns[::-1]}, "the columns would stand in another order"),
        ({"columns": (Column("vol", "float32", unit="fraction"), SET.columns[1])}, "the column vol would be another"),
        ({"columns": (Column("vol", "float64", unit="%"), SET.columns[1])}, "the column vol would be another"),
        ({"columns": (replace(SET.columns[0], nullable=True), SET.columns[1])}, "the column vol would be another"),
        ({"rules": ()}, "the rules of its columns would be others"),
        ({"inputs": ("bars/5m",)}, "inputs would be"),
        ({"serving": replace(SET.serving, stamp="close")}, "stamp would be 'close' instead of 'open'"),
        ({"serving": replace(SET.serving, delay_us=0)}, "delay would be 0 instead of 5000000"),
        ({"serving": replace(SET.serving, keys=("exchange",))}, "keys would be"),
    ],
)
def test_whatever_else_changes_is_another_version(changes: dict[str, object], why: str) -> None:
    assert SET.changed(replace(SET, **changes)).startswith(why)  # type: ignore[arg-type]  # any field of the set


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="has no columns"):
        replace(SET, columns=())
    with pytest.raises(ValueError, match="keys are some of"):
        Serving(keys=("symbol", "exchange"))
    with pytest.raises(ValueError, match="stamp is open or close"):
        Serving(stamp="middle")  # type: ignore[arg-type]  # what a user may write
    with pytest.raises(ValueError, match="are not negative"):
        Serving(ttl_us=0)
    for name in ("ts", "known_at", "exchange", "market", "symbol"):
        with pytest.raises(ValueError, match=f"{name} is a column of every set"):
            replace(SET, columns=(Column(name, "float64"),), rules=())
    for name in ("", "a\nb", "\ud800", "x" * 121):
        with pytest.raises(ValueError, match="cannot name a column"):
            replace(SET, columns=(Column(name, "float64"),), rules=())
    with pytest.raises(ValueError, match="every column has its own name"):
        replace(SET, columns=(Column("x", "float64"), Column("x", "text")), rules=())
    assert features_schema("vol.v1", SET.columns).version == 1
