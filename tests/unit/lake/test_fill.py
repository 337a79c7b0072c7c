from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from lake import fill
from lake.errors import LakeError
from lake.fill import FILLED, Filled
from lake.manifest.decode import moment_ns
from lake.read import Scan
from lake.where import Where
from lake.write import write
from schemas.calendars import CalendarError
from schemas.keys import Address
from tests.tables import DAY_NS, MINUTE_US, Row, bar, bars, trade, trades

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
SPY = Address.of("NYSE", "EQUITY", "SPY", "bars", "30m")
DAILY = Address.of("NYSE", "EQUITY", "SPY", "bars", "1d")
WEEKLY = Address.of("NYSE", "EQUITY", "SPY", "bars", "1w")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
MINUTE_NS = MINUTE_US * 1000


def filled(lake: Config, manifest: Manifest, *addresses: Address, calendar: str = "24/7", **words: Any) -> Filled:  # noqa: ANN401 - as Scan takes them
    return Filled(Scan(lake, manifest, addresses or [BTC], **words), calendar)


def minutes(made: Filled) -> list[tuple[int, bool]]:
    """Return the minute of each row since the epoch, and whether it is filled."""
    table = made.to_arrow()
    ts = table["ts"].cast("int64").to_numpy() // MINUTE_US
    return list(zip(ts.tolist(), table[FILLED].to_pylist(), strict=True))


def test_a_filled_row_repeats_what_was_known(lake: Config, manifest: Manifest) -> None:
    first = bar(0, 5.0, close=4.0, low=3.0, high=6.0, volume=7.0, trades=9, vwap=4.5, open_interest=2.0, spread=0.5)
    write(lake, BTC, bars(first, bar(2, 8.0, volume=None)))
    made = filled(lake, manifest).to_arrow().to_pylist()
    assert [row["ts"].minute for row in made] == [0, 1, 2]
    new = {name: value for name, value in made[1].items() if name not in {"ts", "exchange", "market", "symbol"}}
    assert new == {
        **dict.fromkeys(("open", "high", "low", "close"), 4.0),
        "volume": 0.0,
        "trades": 0,
        "quote_volume": None,
        "taker_buy_volume": None,
        "taker_buy_quote_volume": None,
        "vwap": None,
        "open_interest": 2.0,
        "spread": 0.5,
        "filled": True,
    }
    assert (made[0]["volume"], made[0]["vwap"], made[0]["filled"]) == (7.0, 4.5, False)
    assert made[1]["symbol"] == "BTCUSDT"


def test_columns_that_were_chosen_come_with_the_mark(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(bar(0, 5.0, close=4.0, low=3.0, high=6.0), bar(2, 8.0)))
    made = filled(lake, manifest, columns=["symbol", "open"])
    assert made.to_arrow().to_pydict() == {
        "symbol": ["BTCUSDT"] * 3,
        "open": [5.0, 4.0, 8.0],
        "filled": [False, True, False],
    }


def rows_at(*at: int) -> list[Row]:
    return [bar(minute, 1.0 + minute) for minute in at]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, [(5, False), (6, True), (7, True), (8, False), (9, False)]),
        (6, 9, [(6, True), (7, True), (8, False)]),
        (6, 8, [(6, True), (7, True)]),
        (0, 7, [(5, False), (6, True)]),
        (8, 100, [(8, False), (9, False)]),
        (9, 20, [(9, False)]),
        (10, 20, []),
        (0, 5, []),
    ],
)
def test_a_range_is_cut_out_of_what_is_filled(
    lake: Config, manifest: Manifest, start: int | None, end: int | None, expected: list[tuple[int, bool]]
) -> None:
    write(lake, BTC, bars(*rows_at(5, 8, 9)))
    words: dict[str, Any] = {
        name: minute * MINUTE_NS for name, minute in (("start_ns", start), ("end_ns", end)) if minute is not None
    }
    assert minutes(filled(lake, manifest, **words)) == expected


def test_days_without_a_row_are_filled_and_the_first_instant_need_not_lie_on_the_grid(
    lake: Config, manifest: Manifest
) -> None:
    write(lake, BTC, bars(*rows_at(1439, 3 * 1440)))
    assert len(minutes(filled(lake, manifest))) == 2 * 1440 + 2
    made = filled(lake, manifest, start_ns=DAY_NS + 1, end_ns=2 * DAY_NS - 1)
    assert minutes(made) == [(minute, True) for minute in range(1441, 2880)]
    assert set(made.to_arrow()["close"].to_pylist()) == {1440.0}


def test_long_gaps_come_in_many_batches(lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    write(lake, BTC, bars(*rows_at(0, 3, 50, 51, 80)))
    whole = filled(lake, manifest).to_arrow()
    monkeypatch.setattr(fill, "BATCH_ROWS", 16)
    made = filled(lake, manifest)
    assert max(batch.num_rows for batch in made.batches()) <= 16
    assert made.to_arrow().combine_chunks() == whole.combine_chunks()
    assert (made.count(), whole.num_rows) == (81, 81)


def test_series_are_filled_each_by_itself(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(*rows_at(0, 2)))
    write(lake, ETH, bars(*rows_at(10, 13)))
    made = filled(lake, manifest, BTC, ETH)
    assert [minute for minute, _ in minutes(made)] == [0, 1, 2, 10, 11, 12, 13]
    assert made.of(ETH).to_arrow() == made.to_arrow().slice(3)
    assert made.tail(5).combine_chunks() == made.to_arrow().slice(2).combine_chunks()


def test_only_while_a_market_is_open(lake: Config, manifest: Manifest) -> None:
    """New York closes on Friday 2024-03-01 at 21:00 UTC, and opens on Monday at 14:30."""
    friday = moment_ns("2024-03-01T20:00") // MINUTE_NS
    write(lake, SPY, bars(*rows_at(friday, friday + 3 * 1440 - 300)))
    made = filled(lake, manifest, SPY, calendar="XNYS").to_arrow()
    assert [at.strftime("%dT%H:%M") for at in made["ts"].to_pylist()] == [
        "01T20:00",
        "01T20:30",
        "04T14:30",
        "04T15:00",
    ]
    assert made[FILLED].to_pylist() == [False, True, True, False]
    fx = filled(lake, manifest, SPY, calendar="FX").to_arrow()["ts"].to_pylist()
    assert {at.weekday() for at in fx} == {4, 6, 0}


def test_days_have_a_grid_where_they_begin_at_midnight(lake: Config, manifest: Manifest) -> None:
    write(lake, DAILY, bars(*rows_at(0, 3 * 1440)))
    assert [minute // 1440 for minute, _ in minutes(filled(lake, manifest, DAILY))] == [0, 1, 2, 3]
    write(lake, DAILY, bars(*rows_at(5 * 1440 + 60)))
    with pytest.raises(LakeError, match="do not lie on their grid"):
        filled(lake, manifest, DAILY).to_arrow()


def test_what_has_no_grid_is_refused(lake: Config, manifest: Manifest) -> None:
    write(lake, WEEKLY, bars(bar(4 * 1440)))
    write(lake, TICKS, trades(trade(5, 1.0, "a")))
    write(lake, BTC, bars(bar(0)))
    for address in (WEEKLY, TICKS):
        with pytest.raises(LakeError, match="no grid to be filled") as caught:
            filled(lake, manifest, address)
        assert caught.value.code == "E_USAGE"
    with pytest.raises(LakeError, match="chosen by a condition cannot be filled"):
        filled(lake, manifest, where=partial(Where.of, "close > 1", moment=moment_ns))
    with pytest.raises(LakeError, match="there is no calendar 'MOON'"):
        filled(lake, manifest, calendar="MOON")


def test_a_calendar_that_does_not_reach_that_far_is_told(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object) -> None:
        raise CalendarError("it begins later")

    write(lake, BTC, bars(*rows_at(0, 5)))
    made = filled(lake, manifest, calendar="FX")
    monkeypatch.setattr(fill, "open_spans", short)
    with pytest.raises(LakeError, match="it begins later"):
        made.to_arrow()


def test_bars_that_share_an_opening_come_once(lake: Config, manifest: Manifest) -> None:
    """Hong Kong rests from 12:00 to 13:00, inside a bar of four hours."""
    write(lake, BTC, bars(bar(0)))
    made = filled(lake, manifest, calendar="XHKG")
    low, high = (moment_ns(day) // 1000 for day in ("2024-03-04", "2024-03-05"))
    times = np.concatenate(list(made.missing(low, high, 240 * MINUTE_US)))
    assert ((times - low) // (60 * MINUTE_US)).tolist() == [0, 4]
