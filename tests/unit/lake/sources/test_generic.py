"""Tables nobody declared: columns by name or by the caller's word, times in every usual writing, nothing guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

OHLC = "open,high,low,close"
BAR = "1,2,0.5,1.5"
# 2024-03-13T14:30:00Z and 14:31:00Z, from `date -u -d … +%s`
FIRST, SECOND = 1_710_340_200, 1_710_340_260


def bars(path: Path, times: tuple[str, str], head: str = "time") -> Path:
    return write(path, f"{head},{OHLC}\n" + "".join(f"{time},{BAR}\n" for time in times))


@pytest.mark.parametrize(
    "times",
    [
        (f"{FIRST}", f"{SECOND}"),
        (f"{FIRST}.0", f"{SECOND}.000000"),
        (f"{FIRST}000", f"{SECOND}000"),
        (f"{FIRST}000000", f"{SECOND}000000"),
        (f"{FIRST}000000000", f"{SECOND}000000000"),
        ("2024-03-13T14:30:00Z", "2024-03-13T14:31:00Z"),
        ("2024-03-13 14:30:00+00:00", "2024-03-13 14:31:00+00:00"),
        ("2024-03-13T16:30:00.000+0200", "2024-03-13T16:31:00.000+0200"),
        ("2024-03-13 09:30:00-05", "2024-03-13 09:31:00-05"),
        ("2024-03-13 14:30:00 UTC", "2024-03-13 14:31:00 UTC"),
        ("2024-03-13 14:30:00", "2024-03-13 14:31:00"),
        ("2024-03-13 14:30", "2024-03-13 14:31"),
        ("2024-03-13T14:30:00.000000000", "2024-03-13T14:31:00.000000000"),
        ("2024/03/13 14:30", "2024/03/13 14:31"),
        ("2024.03.13 14:30", "2024.03.13 14:31"),
        ("2024.03.13 14:30:00", "2024.03.13 14:31:00"),
        ("20240313 143000", "20240313 143100"),
        ("20240313 143000000", "20240313 143100000"),
        ("20240313 14:30:00.000", "20240313 14:31:00.000"),
        ("20240313T143000", "20240313T143100"),
        ("20240313143000", "20240313143100"),
        ("13.03.2024 14:30:00.000", "13.03.2024 14:31:00.000"),
        ("13/03/2024 14:30", "13/03/2024 14:31"),
        ("03/13/2024 14:30", "03/13/2024 14:31"),
        ("3/13/2024 14:30", "3/13/2024 14:31"),
    ],
)
def test_a_time_is_read_however_it_is_written(tmp_path: Path, times: tuple[str, str]) -> None:
    whole = read(bars(tmp_path / "x.csv", times))
    assert whole.ns == [FIRST * 10**9, SECOND * 10**9]
    assert whole.plan.period == "1m"


def test_naive_times_are_utc_with_a_warning_or_in_the_zone_that_is_given(tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", ("2024-03-13 10:30:00", "2024-03-13 10:31:00"))
    plan = detect(path, SourceOptions())
    assert any("--tz" in warning for warning in plan.warnings)
    whole = read(path, tz="America/New_York")
    assert whole.ns[0] == FIRST * 10**9
    assert not whole.plan.warnings


def test_nanoseconds_of_a_fractional_epoch_survive(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "timestamp,price,size\n1625184005.123456789,1,1\n1625184005.5,1,1\n")
    assert read(path).ns == [1_625_184_005_123_456_789, 1_625_184_005_500_000_000]


def test_a_fraction_finer_than_a_nanosecond_is_rejected_and_not_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "timestamp,price,size\n1625184005.5,1,1\n1625184005.1234567891,1,1\n")
    assert read(path).reasons == [("bad_timestamp", 3)]


def test_date_and_time_may_be_two_columns(tmp_path: Path) -> None:
    text = f"Date,Time,{OHLC}\n2024-03-13,14:30:00,{BAR}\n2024-03-13,14:31:00,{BAR}\n"
    assert read(write(tmp_path / "x.csv", text)).ns == [FIRST * 10**9, SECOND * 10**9]


def test_the_first_row_of_a_headerless_file_is_kept_when_its_columns_are_numbered(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"{FIRST},{BAR}\n{SECOND},{BAR}\n")
    columns = {"ts": "0", "open": "1", "high": "2", "low": "3", "close": "4"}
    assert read(path, columns=columns).ns == [FIRST * 10**9, SECOND * 10**9]


def test_columns_named_by_the_caller_win(tmp_path: Path) -> None:
    text = "when,a,b,c,d,close\n" + "".join(f"{second},1,2,0.5,1.5,99\n" for second in (FIRST, SECOND))
    columns = {"ts": "when", "open": "a", "high": "b", "low": "c", "close": "d"}
    whole = read(write(tmp_path / "x.csv", text), columns=columns)
    assert whole.column("close") == [1.5, 1.5]


@pytest.mark.parametrize(
    ("columns", "code"),
    [({"open": "nowhere"}, "COLUMN_MISSING"), ({"wibble": "open"}, "USAGE"), ({"open": "9"}, "COLUMN_MISSING")],
)
def test_a_mapping_that_means_nothing_is_refused(tmp_path: Path, columns: dict[str, str], code: str) -> None:
    path = bars(tmp_path / "x.csv", (f"{FIRST}", f"{SECOND}"))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(columns=columns))
    assert refusal.value.code == f"E_{code}"


@pytest.mark.parametrize(
    ("header", "cells", "side"),
    [
        ("side", "buy", "buy"),
        ("side", "Sell", "sell"),
        ("side", "", None),
        ("is_buyer_maker", "True", "sell"),
        ("is_buyer_maker", "0", "buy"),
        ("isBuyerMaker", "false", "buy"),
    ],
)
def test_the_aggressor_is_told_from_side_or_maker(tmp_path: Path, header: str, cells: str, side: str | None) -> None:
    path = write(tmp_path / "x.csv", f"timestamp,price,amount,id,{header}\n{FIRST},1.5,2,007,{cells}\n")
    (trade,) = read(path).rows.to_pylist()
    assert (trade["price"], trade["size"], trade["trade_id"], trade["side"]) == (1.5, 2.0, "007", side)


def test_a_word_that_is_no_side_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"timestamp,price,size,side\n{FIRST},1,1,buy\n{SECOND},1,1,left\n")
    assert read(path).reasons == [("bad_value", 3)]


def test_quotes_are_told_by_bid_and_ask(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "x.csv", f"time,bidPrice,bidQty,askPrice,askQty\n{FIRST},1,10,2,20\n"))
    assert (whole.plan.type, whole.plan.period) == ("ticks", "quote")
    assert (whole.column("bid_size"), whole.column("ask")) == ([10.0], [2.0])


def test_every_clock_of_a_trade_is_kept(tmp_path: Path) -> None:
    header = "TransactionTime,EventTime,TimestampOfReceive,Price,Quantity\n"
    text = header + "1741046401271497,1741046401271969,1741046401272286,1,2\n"
    (trade,) = read(write(tmp_path / "x.csv", text)).rows.to_pylist()
    assert [trade[clock].value for clock in ("ts", "ts_event", "ts_recv")] == [
        1741046401271497000, 1741046401271969000, 1741046401272286000,
    ]  # fmt: skip


def test_weeks_and_months_are_told_by_their_steps(tmp_path: Path) -> None:
    weeks = bars(tmp_path / "w.csv", ("2024-01-01", "2024-01-08"), "date")
    months = bars(tmp_path / "m.csv", ("2024-02-01", "2024-03-01"), "date")
    assert (read(weeks).plan.period, read(months).plan.period) == ("1w", "1mo")


def test_daily_bars_stamped_midnight_are_dates_in_any_zone(tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", ("2024-01-02 00:00:00", "2024-01-03 00:00:00"))
    whole = read(path, tz="Asia/Tokyo")
    assert [ts.isoformat() for ts in whole.column("ts")] == ["2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"]


def test_a_period_that_is_given_is_kept_with_its_side(tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", (f"{FIRST}", f"{SECOND}"))
    assert detect(path, SourceOptions(period="1m-bid")).period == "1m-bid"
    for wrong in ("1h", "hourly"):
        with pytest.raises(LakeError) as refusal:
            detect(path, SourceOptions(period=wrong))
        assert refusal.value.code == "E_PERIOD"


@pytest.mark.parametrize("options", [{"tz": "Mars/Olympus"}, {"format": "nonsense"}, {"type": "candles"}])
def test_options_that_mean_nothing_are_usage_errors(tmp_path: Path, options: dict[str, str]) -> None:
    path = bars(tmp_path / "x.csv", (f"{FIRST}", f"{SECOND}"))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(**options))  # type: ignore[arg-type]  # one option at a time, all text
    assert refusal.value.code == "E_USAGE"


def test_a_type_that_the_columns_do_not_make_is_refused(tmp_path: Path) -> None:
    path = bars(tmp_path / "x.csv", (f"{FIRST}", f"{SECOND}"))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(type="ticks/trade"))
    assert refusal.value.code == "E_COLUMN_MISSING"


LEVELS = "time,IsAsk,price,qty\n1710340200000,1,10.5,3\n1710340200000,0,10.4,0\n"


def test_a_book_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "x.csv", LEVELS), type="orderbook/l2")
    assert (whole.plan.type, whole.plan.period) == ("orderbook", "l2")
    assert whole.column("side") == ["ask", "bid"]
    assert whole.column("size") == [3.0, 0.0]
    assert whole.column("is_snapshot") == [False, False]


def test_columns_of_a_book_are_never_taken_for_trades(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.csv", LEVELS), SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"
    assert any("--type orderbook/l2" in fix for fix in refusal.value.fix)


def test_orders_are_mapped_by_the_callers_word(tmp_path: Path) -> None:
    text = "when;who;what;B/S;px;n\n1710340200000;7;new;B;10.5;3\n1710340200001;7;delete;B;10.5;0\n"
    columns = {"ts": "when", "order_id": "who", "action": "what", "side": "B/S", "price": "px", "size": "n"}
    for more in ("", "\n\n"):  # an empty line sends the block the careful way
        whole = read(write(tmp_path / "x.csv", text + more), type="orderbook/l3", columns=columns)
        assert whole.column("action") == ["add", "cancel"]
        assert whole.column("side") == ["bid", "bid"]
        assert whole.column("order_id") == ["7", "7"]


@pytest.mark.parametrize("close", ["Price", "Last"])
def test_open_high_and_low_beside_a_price_are_no_trades(tmp_path: Path, close: str) -> None:
    rows = "2024-03-13,10.5,10,11,9,100\n2024-03-14,10.6,10.5,11,10,120\n"
    path = write(tmp_path / "x.csv", f"Date,{close},Open,High,Low,Volume\n{rows}")
    with pytest.raises(LakeError) as caught:
        detect(path, SourceOptions())
    assert (caught.value.code, list(caught.value.fix)) == ("E_COLUMN_MISSING", ["--map close=COLUMN"])
    whole = read(path, columns={"close": close})
    assert whole.plan.period == "1d"


def test_a_clock_without_a_value_is_written_as_the_time_beside_it(tmp_path: Path) -> None:
    lines = ["2024-03-13T14:30:00Z,,1.5,2"] * 2000 + ["2024-03-13T14:31:00Z,2024-03-13T14:31:01Z,1.5,2"]
    whole = read(write(tmp_path / "x.csv", "ts,ts_recv,price,size\n" + "\n".join(lines) + "\n"))
    received = whole.rows.column("ts_recv").cast("int64").to_pylist()
    assert received[:2000] == [None] * 2000
    assert received[2000] == (SECOND + 1) * 10**9
