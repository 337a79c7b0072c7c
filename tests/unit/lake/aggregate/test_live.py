"""Bars made while they are read against those that an aggregation stores."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from lake.adjust import Adjusted
from lake.aggregate import AggregateRequest, aggregate
from lake.aggregate.live import Resampled
from lake.errors import LakeError
from lake.fill import Filled
from lake.manifest.decode import moment_ns
from lake.read import Scan
from lake.reference import ImportRequest, import_file
from lake.where import Where
from lake.write import write
from schemas.keys import Address
from tests.tables import DAY_NS, MINUTE_US, bar, bars, quote, quotes, trade, trades

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
QUOTES = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "quote")
MINUTE_NS, HOUR_NS = MINUTE_US * 1000, 60 * MINUTE_US * 1000


def resampled(lake: Config, manifest: Manifest, address: Address, period: str, **words: Any) -> Resampled:  # noqa: ANN401 - as Scan and Resampled take them
    cut = {name: words.pop(name) for name in ("session_tz", "session_start", "calendar", "whole") if name in words}
    return Resampled(Scan(lake, manifest, [address], **words), period, **cut)


def stored(lake: Config, manifest: Manifest, address: Address, **words: Any) -> Scan:  # noqa: ANN401 - as above
    return Scan(lake, manifest, [address], **words)


def put_bars(lake: Config, days: int = 3) -> None:
    """Store a bar in most minutes of some days, with awkward decimals and absent volumes."""
    rows = [
        bar(
            at,
            1.0 + at % 7 / 10,
            high=2.0 + at % 11 / 10,
            low=0.5,
            volume=None if at % 13 == 0 else 0.1 * (at % 5),
            trades=at % 3 or None,
            vwap=1.1,
            open_interest=float(at) if at % 4 else None,
        )
        for at in range(days * 1440 - 15)
        if at % 9
    ]
    write(lake, BTC, bars(*rows))


@pytest.mark.parametrize("period", ["5m", "1h", "1d", "7h", "1w"])
def test_they_are_the_bars_that_are_stored(lake: Config, manifest: Manifest, period: str) -> None:
    put_bars(lake)
    aggregate(lake, AggregateRequest(BTC, (period,)))
    target = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", period)
    made = resampled(lake, manifest, BTC, period)
    assert made.addresses == (target,)
    if manifest.find(target) is None or not manifest.series(type="bars", period=period):
        assert made.count() == 0
        return
    ranges: tuple[dict[str, Any], ...] = ({}, {"start_ns": 17 * HOUR_NS + 1, "end_ns": 2 * DAY_NS + 90 * MINUTE_NS})
    for words in ranges:
        whole = stored(lake, manifest, target, **words).to_arrow()
        found = resampled(lake, manifest, BTC, period, **words)
        assert found.to_arrow().combine_chunks() == whole.combine_chunks()
        assert found.tail(2).combine_chunks() == whole.slice(max(0, whole.num_rows - 2)).combine_chunks()


def test_trades_and_quotes_make_the_bars_that_are_stored(lake: Config, manifest: Manifest) -> None:
    sides = ("buy", "sell", None)
    ticks = [trade(at * 7 * 10**9, 1.0 + at % 10 / 10, f"{at}", side=sides[at % 3], size=0.1) for at in range(900)]
    write(lake, TICKS, trades(*ticks))
    write(lake, QUOTES, quotes(*(quote(at * 5 * 10**9, 1.0 + at % 6 / 10) for at in range(900))))
    aggregate(lake, AggregateRequest(TICKS, ("1m",)))
    aggregate(lake, AggregateRequest(QUOTES, ("1m-mid",)))
    for address, period in ((TICKS, "1m"), (QUOTES, "1m-mid")):
        target = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", period)
        made = resampled(lake, manifest, address, period)
        assert made.to_arrow().combine_chunks() == stored(lake, manifest, target).to_arrow().combine_chunks()
        assert made.count() > 70
    with pytest.raises(LakeError, match="bars of ticks/quote have a side") as caught:
        resampled(lake, manifest, QUOTES, "1m")
    assert caught.value.fix == ("1m-mid, 1m-bid or 1m-ask",)


def test_days_are_cut_as_asked_and_else_as_they_are_stored(lake: Config, manifest: Manifest) -> None:
    put_bars(lake)
    aggregate(lake, AggregateRequest(BTC, ("1d",), session_tz="America/New_York", session_start="17:00"))
    target = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1d")
    whole = stored(lake, manifest, target).to_arrow().combine_chunks()
    assert [at.hour for at in whole["ts"].to_pylist()] == [22, 22, 22]
    assert resampled(lake, manifest, BTC, "1d").to_arrow().combine_chunks() == whole
    utc = resampled(lake, manifest, BTC, "1d", session_tz="UTC").to_arrow()
    assert [at.hour for at in utc["ts"].to_pylist()] == [0, 0]


def test_the_last_bar_is_left_out_while_rows_of_it_may_come(lake: Config, manifest: Manifest) -> None:
    put_bars(lake, days=1)
    last = [
        resampled(lake, manifest, BTC, "1h", whole=whole).to_arrow()["ts"][-1].as_py().hour for whole in (True, False)
    ]
    assert last == [22, 23]
    aggregate(lake, AggregateRequest(BTC, ("1h",), complete_to_ns=DAY_NS))
    assert resampled(lake, manifest, BTC, "1h").count() == 24
    at_first = resampled(lake, manifest, BTC, "1h", as_of=1)
    assert (at_first.count(), at_first.snapshot) == (23, 1)


def test_a_condition_holds_for_the_rows_they_are_made_of(lake: Config, manifest: Manifest) -> None:
    put_bars(lake, days=1)
    where = partial(Where.of, "trades == 1", moment=moment_ns)
    found = resampled(lake, manifest, BTC, "1h", where=where).to_arrow()
    assert found["trades"].to_pylist() == [
        sum(1 for at in range(hour * 60, hour * 60 + 60) if at % 9 and at % 3 == 1) for hour in range(23)
    ]


def test_columns_that_were_chosen_of_bars_are_those_that_come(lake: Config, manifest: Manifest) -> None:
    put_bars(lake, days=1)
    write(lake, TICKS, trades(trade(5, 1.0, "a")))
    assert resampled(lake, manifest, BTC, "1h", columns=["symbol", "close"]).to_arrow().column_names == [
        "symbol",
        "close",
    ]
    assert (
        len(resampled(lake, manifest, TICKS, "1h", columns=["ts", "price"], whole=False).to_arrow().column_names) == 16
    )


def test_several_series_come_one_after_the_other(lake: Config, manifest: Manifest) -> None:
    put_bars(lake, days=1)
    write(lake, ETH, bars(*(bar(at, 5.0) for at in range(120))))
    made = Resampled(Scan(lake, manifest, [ETH, BTC]), "1h")
    assert made.to_arrow()["symbol"].to_pylist() == ["ETHUSDT"] * 2 + ["BTCUSDT"] * 23
    assert made.of(made.addresses[0]).count() == 2
    assert made.tail(24).combine_chunks() == made.to_arrow().slice(1).combine_chunks()


@pytest.mark.parametrize(
    ("period", "code"), [("1m", "E_PERIOD"), ("30s", "E_PERIOD"), ("1h-bid", "E_PERIOD"), ("often", "E_PERIOD")]
)
def test_what_cannot_be_made_is_refused(lake: Config, manifest: Manifest, period: str, code: str) -> None:
    write(lake, BTC, bars(bar(0)))
    with pytest.raises(LakeError) as caught:
        resampled(lake, manifest, BTC, period)
    assert caught.value.code == code


def test_a_series_without_rows_gives_none(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(bar(0)))
    write(lake, ETH, bars(bar(0)))
    assert resampled(lake, manifest, ETH, "1h", as_of=1).to_arrow().num_rows == 0
    assert resampled(lake, manifest, BTC, "1h", start_ns=DAY_NS, end_ns=DAY_NS + 5).to_arrow().num_rows == 0


def test_adjusted_bars_make_adjusted_bars(lake: Config, manifest: Manifest) -> None:
    """Three shares for one on the second day; a dividend of a tenth of the close on the third."""
    place = Address.of("XETR", "EQUITY", "ABC", "bars", "1m")
    day = 19_783  # 2024-03-01
    rows = [bar((day + at // 8) * 1440 + 600 + at % 8 * 7, 10.0 + at % 5, volume=1.0 + at % 3) for at in range(24)]
    write(lake, place, bars(*rows))
    path = lake.root / "actions.csv"
    path.write_text("ex_date,action,ratio,amount,currency,label\n2024-03-02,split,3:1,,,\n2024-03-03,dividend,,1,,\n")
    import_file(lake, ImportRequest("action", path, "XETR", "EQUITY", "ABC"))
    source = Adjusted(lake, manifest, [place], adjust="total", columns=None)
    fine = source.to_arrow().to_pandas().set_index("ts")
    expected = fine.resample("1h").agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    made = Resampled(source, "1h", whole=False).to_arrow().to_pandas().set_index("ts")
    pd.testing.assert_frame_equal(made[[*expected.columns]], expected[expected.volume > 0], check_freq=False)
    filled = Filled(source).to_arrow().to_pandas().set_index("ts")
    assert filled.loc[~filled["filled"], "close"].tolist() == fine["close"].tolist()
    before = Filled(Adjusted(lake, manifest, [place], adjust="total", start_ns=(day + 1) * DAY_NS)).to_arrow()
    assert before["close"][0].as_py() == fine["close"].iloc[7]
