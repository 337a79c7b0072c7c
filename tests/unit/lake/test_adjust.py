"""Adjusted reads: against the examples of others, at the edges of days and zones, and what refuses them."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lake.adjust import Adjust, Adjusted
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.read import Scan
from lake.reference import ImportRequest, import_file
from lake.where import Where
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import bar, bars, quote, quotes, trade, trades

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lake.config import Config

HEAD = "ex_date,action,ratio,amount,currency,label\n"
# What Yahoo explains its adjusted close with: https://help.yahoo.com/kb/SLN28256.html
YAHOO = [
    ("2024-02-16", 46.99, 23.42),
    ("2024-02-17", 48.30, 24.07),
    ("2024-02-18", 24.96, 24.88),
    ("2024-02-19", 24.91, 24.83),
    ("2024-02-20", 24.95, 24.87),
    ("2024-02-21", 24.53, 24.53),
    ("2024-02-22", 24.54, 24.54),
]
# Close and Adj Close around 2022-07-12 in yfinance's corrected file tests/data/KAP-IL-1d-bad-div-fixed.csv (Apache-2.0)
KAP = [
    ("2022-07-07", 24.5, 20.003389757608566),
    ("2022-07-08", 25.780000686645508, 21.048465435610797),
    ("2022-07-11", 26.200000762939453, 21.391381409483664),
    ("2022-07-13", 24.360000610351562, 21.3681697845459),
    ("2022-07-14", 23.84000015258789, 20.91203498840332),
    ("2022-07-15", 24.360000610351562, 21.3681697845459),
]


def on(kind: str, period: str = "") -> Address:
    return Address.of("XETR", "EQUITY", "ABC", kind, period)


DAILY, MINUTES = on("bars", "1d"), on("bars", "1m")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def minute(text: str) -> int:
    """Return a time as minutes since the epoch."""
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) // 60


def daily(config: Config, rows: Sequence[tuple[str, float]], address: Address = DAILY, **more: object) -> None:
    write(config, address, bars(*(bar(minute(day), close, **more) for day, close in rows)))


def bring(config: Config, text: str, kind: Any = "action") -> int:  # noqa: ANN401 -- a request's
    path = config.root.parent / f"{kind}s.csv"
    path.write_text(text)
    return import_file(config, ImportRequest(kind, path, "XETR", "EQUITY", "ABC")).snapshot


def read(config: Config, address: Address, adjust: Adjust, **words: Any) -> pa.Table:  # noqa: ANN401 -- a scan's
    with Manifest.open(config) as manifest:
        return Adjusted(config, manifest, [address], adjust=adjust, **words).to_arrow()


def closes(config: Config, adjust: Adjust, address: Address = DAILY, as_of: int | None = None) -> list[float]:
    return list(read(config, address, adjust, columns=["close"], as_of=as_of)["close"].to_pylist())


def refused(config: Config, adjust: Any = "total", *addresses: Address) -> LakeError:  # noqa: ANN401 -- any word
    with pytest.raises(LakeError) as caught, Manifest.open(config) as manifest:
        Adjusted(config, manifest, addresses or [DAILY], adjust=adjust)
    return caught.value


def test_yahoos_own_example_comes_out_to_the_cent(config: Config) -> None:
    daily(config, [(day, close) for day, close, _ in YAHOO], volume=100.0)
    bring(config, HEAD + "2024-02-18,split,2:1,,,\n2024-02-21,dividend,,0.08,,\n")
    assert [round(close, 2) for close in closes(config, "total")] == [adjusted for *_, adjusted in YAHOO]
    assert closes(config, "split") == [46.99 / 2, 48.30 / 2, 24.96, 24.91, 24.95, 24.53, 24.54]
    for adjust in ("split", "total"):
        assert read(config, DAILY, adjust)["volume"].to_pylist() == [200, 200, *[100] * 5]


def test_a_corrected_reference_file_of_yfinance_comes_out(config: Config) -> None:
    daily(config, [(day, close) for day, close, _ in KAP])
    bring(config, "Datetime,Dividends,Stock Splits\n2022-07-12 00:00:00+01:00,1.813539,0.0\n")
    later = KAP[-1][2] / KAP[-1][1]  # what came after these rows
    assert [close * later for close in closes(config, "total")] == pytest.approx(
        [adjusted for *_, adjusted in KAP], rel=1e-7
    )


def test_a_dividend_of_the_day_of_a_split_is_of_new_shares(config: Config) -> None:
    daily(config, [("2024-01-02", 100.0), ("2024-01-03", 49.0)])
    bring(config, HEAD + "2024-01-03,split,2,,,\n2024-01-03,dividend,,1,EUR,\n2024-01-03,dividend,,4,EUR,special\n")
    # 100 is 50 in new shares; 5 of them are 10 %.
    assert closes(config, "total") == pytest.approx([45.0, 49.0], rel=1e-15)


def test_what_names_and_counts_stays_and_nulls_stay_null(config: Config) -> None:
    row = bar(minute("2024-01-02"), 8.0, volume=None, quote_volume=800.0, trades=7, vwap=8.0, taker_buy_volume=3.0)
    write(config, DAILY, bars(row, bar(minute("2024-01-03"), 2.0)))
    bring(config, HEAD + "2024-01-03,split,4,,,\n")
    first = read(config, DAILY, "split").to_pylist()[0]
    stored = ("volume", "quote_volume", "trades", "exchange", "symbol", "open_interest")
    assert [first[name] for name in stored] == [None, 800.0, 7, "XETR", "ABC", None]
    assert [first[name] for name in ("open", "high", "low", "close", "vwap", "taker_buy_volume")] == [2.0] * 5 + [12.0]
    with Manifest.open(config) as manifest:
        assert Scan(config, manifest, [DAILY]).to_arrow()["close"].to_pylist() == [8.0, 2.0]


def test_factors_are_those_known_at_the_snapshot(config: Config) -> None:
    daily(config, [("2024-01-02", 12.0), ("2024-01-03", 6.0)])
    wrong = bring(config, HEAD + "2024-01-03,split,3,,,\n")
    bring(config, HEAD + "2024-01-03,split,2,,,\n")
    assert [closes(config, "split", as_of=at)[0] for at in (1, wrong, None)] == [12.0, 4.0, 6.0]


def test_what_is_still_to_come_changes_nothing(config: Config) -> None:
    daily(config, [("2024-01-02", 12.0), ("2024-01-03", 6.0)])
    bring(config, HEAD + "2024-01-04,split,3,,,\n2025-01-03,dividend,,1,,\n")
    assert closes(config, "total") == [12.0, 6.0]
    daily(config, [("2024-01-04", 2.0)])
    assert closes(config, "total") == [4.0, 2.0, 2.0]


def test_days_begin_at_midnight_of_the_instruments_zone_for_what_is_shorter(config: Config) -> None:
    # Midnight in New York is 05:00 UTC in January; daily bars are labels.
    daily(config, [("2024-01-02", 8.0), ("2024-01-03", 4.0)])
    times = ("2024-01-03T00:30", "2024-01-03T04:59", "2024-01-03T05:00")
    daily(config, [(time, 8.0) for time in times], MINUTES)
    bring(config, HEAD + "2024-01-03,split,2,,,\n")
    assert closes(config, "split", MINUTES) == [8.0, 8.0, 8.0]
    bring(config, "time_zone\nAmerica/New_York\n", "instrument")
    assert closes(config, "split", MINUTES) == [4.0, 4.0, 8.0]
    assert closes(config, "split") == [4.0, 4.0]


def test_ticks_are_adjusted_by_the_closes_of_daily_bars_or_by_their_own(config: Config) -> None:
    day = minute("2024-01-02") * 60 * 10**9
    rows = [trade(day, 50.0, size=3.0), trade(day + 5, 40.0), trade(day + 86_400 * 10**9, 35.0)]
    write(config, on("ticks", "trade"), trades(*rows))
    write(config, on("ticks", "quote"), quotes(quote(day, 49.0, bid_size=2.0), quote(day + 86_400 * 10**9, 34.0)))
    bring(config, HEAD + "2024-01-03,dividend,,4,,\n")
    assert read(config, on("ticks", "trade"), "total")["price"].to_pylist() == pytest.approx([45.0, 36.0, 35.0])
    error = refused(config, "total", on("ticks", "quote"))
    assert (error.code, error.message) == ("E_ADJUST", "nothing tells the price before the dividend of 2024-01-03")
    daily(config, [("2024-01-02", 8.0)])
    table = read(config, on("ticks", "quote"), "total")
    assert (table["bid"].to_pylist(), table["bid_size"].to_pylist()) == ([24.5, 34.0], [2.0, None])
    assert table["ask"].to_pylist() == [25.0, 35.0]
    assert read(config, on("ticks", "trade"), "split")["size"].to_pylist() == [3.0, 1.0, 1.0]


def test_a_range_and_columns_without_ts_give_the_same_rows(config: Config) -> None:
    daily(config, [(day, close) for day, close, _ in YAHOO])
    bring(config, HEAD + "2024-02-18,split,2:1,,,\n2024-02-21,dividend,,0.08,,\n")
    whole = read(config, DAILY, "total")
    start, end = (minute(day) * 60 * 10**9 for day in ("2024-02-17", "2024-02-20"))
    part = read(config, DAILY, "total", start_ns=start, end_ns=end, columns=["symbol", "close"])
    assert part.equals(whole.slice(1, 3).select(["symbol", "close"]))
    with Manifest.open(config) as manifest:
        scan = Adjusted(config, manifest, [DAILY], adjust="total", start_ns=start)
        assert scan.count() == 6
        assert pa.Table.from_batches(scan.batches(2)).equals(whole.slice(1))
        # A dividend whose close is not looked for, as no row lies before it.
        behind = Adjusted(config, manifest, [DAILY], adjust="total", start_ns=minute("2024-02-21") * 60 * 10**9)
        assert behind.factors[DAILY].steps == ()


def test_a_condition_is_on_adjusted_rows(config: Config) -> None:
    daily(config, [(day, close) for day, close, _ in YAHOO])
    bring(config, HEAD + "2024-02-18,split,2:1,,,\n")
    # Stored, 46.99 and 48.30 lie above 25, and so does all that the file tells of them.
    for condition, fitting in (("close < 24", [46.99 / 2]), ("close > 40", []), ("volume > 1", [46.99 / 2, 48.30 / 2])):
        with Manifest.open(config) as manifest:
            where = partial(Where.of, condition, moment=int)
            scan = Adjusted(config, manifest, [DAILY], adjust="split", columns=["close"], where=where)
            assert scan.to_arrow()["close"].to_pylist() == fitting
            assert scan.count() == len(fitting)


def test_many_files_are_read_side_by_side(config: Config) -> None:
    # Over 65,536 rows of several days: the way without names, nulls and order of columns.
    start = minute("2024-01-01")
    for day in range(0, 50, 10):
        write(config, MINUTES, bars(*(bar(start + day * 1440 + at, 8.0) for at in range(10 * 1440))))
    bring(config, HEAD + "2024-01-15,split,4,,,\n")
    with Manifest.open(config) as manifest:
        scan = Adjusted(config, manifest, [MINUTES], adjust="split", columns=["symbol", "close", "vwap"])
        table = scan.to_arrow()
        assert table.num_rows == scan.count() == 72_000
        assert table.equals(pa.Table.from_batches(scan.batches()).unify_dictionaries().cast(table.schema))
    prices = table["close"].to_pylist()
    assert prices[: 14 * 1440] == [2.0] * 14 * 1440
    assert prices[14 * 1440 :] == [8.0] * 36 * 1440


def test_a_close_too_long_before_a_dividend_is_none(config: Config) -> None:
    daily(config, [("2024-01-01", 10.0), ("2024-01-20", 9.0)])
    bring(config, HEAD + "2024-01-16,dividend,,1,,\n")
    assert closes(config, "total") == [9.0, 9.0]
    bring(config, HEAD + "2024-01-16,split,2,,,\n2024-01-17,dividend,,1,,\n")
    error = refused(config)
    assert error.message == "nothing tells the price before the dividend of 2024-01-17"
    assert "15 days" in error.why


def test_splits_between_the_last_close_and_the_dividend_count(config: Config) -> None:
    daily(config, [("2024-01-02", 100.0), ("2024-01-08", 9.0)])
    bring(config, HEAD + "2024-01-04,split,10,,,\n2024-01-05,dividend,,1,,\n")
    assert closes(config, "total") == pytest.approx([9.0, 9.0], rel=1e-15)


def test_a_dividend_that_cannot_be_is_refused(config: Config) -> None:
    daily(config, [("2024-01-02", 10.0), ("2024-01-03", 9.0)])
    bring(config, HEAD + "2024-01-03,dividend,,10,USD,\n")
    error = refused(config)
    assert (error.code, error.message) == ("E_ADJUST", "the dividend of 2024-01-03 is 10, and the close before it 10")
    bring(config, "currency\nEUR\n", "instrument")
    assert refused(config).message == "the dividend of 2024-01-03 is in USD"
    assert closes(config, "split") == [10.0, 9.0]


@pytest.mark.parametrize(
    ("address", "adjust", "said"),
    [
        (DAILY, "dividends", "'dividends' is no adjustment"),
        (on("bars", "1d-split"), "total", "cannot be adjusted"),
        (on("bars", "1w"), "total", "cannot be adjusted"),
        (on("bars", "1mo"), "split", "cannot be adjusted"),
        (on("orderbook", "l2"), "split", "cannot be adjusted"),
        (on("metrics", "funding"), "split", "cannot be adjusted"),
    ],
)
def test_what_has_no_raw_prices_of_a_day_is_refused(config: Config, address: Address, adjust: str, said: str) -> None:
    error = refused(config, adjust, address)
    assert error.code == "E_USAGE"
    assert said in error.message
