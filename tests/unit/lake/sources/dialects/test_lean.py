"""LEAN zips: place, date, zone and scale come from names; the numbers are those of LEAN's own readmes."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path


def zipped(path: Path, member: str, text: str) -> Path:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, text)
    return write(path, file.getvalue())


# Data/equity/readme.md prints this row; 14400009.367 ms are 04:00:00.009367 in New York, 645 dollars are 6450000.
BAR = "15300000,6448000,6448000,6448000,6448000,90\n"


def test_minute_bars_in_the_vendors_folders(tmp_path: Path) -> None:
    path = tmp_path / "equity/usa/minute/aapl/20140605_trade.zip"
    whole = read(zipped(path, "20140605_aapl_minute_trade.csv", BAR))
    assert (whole.plan.dialect, whole.plan.symbol, whole.plan.period) == ("lean-minute-trade", "aapl", "1m")
    assert whole.column("ts")[0].isoformat() == "2014-06-05T08:15:00+00:00"  # 04:15 EDT
    assert whole.column("open") == [644.8]
    assert whole.column("volume") == [90.0]


def test_winter_and_summer_have_their_own_offsets(tmp_path: Path) -> None:
    path = tmp_path / "equity_usa_minute_aapl_20140106_trade.zip"
    whole = read(zipped(path, "20140106_aapl_minute_trade.csv", BAR))
    assert whole.column("ts")[0].isoformat() == "2014-01-06T09:15:00+00:00"  # 04:15 EST


def test_trade_ticks_with_fractions_of_a_millisecond(tmp_path: Path) -> None:
    path = tmp_path / "equity/usa/tick/bac/20131008_trade.zip"
    whole = read(zipped(path, "20131008_bac_Trade_Tick.csv", "14400009.367,137450,100,D,1,0\n"))
    assert whole.ns == [1_381_219_200_009_367_000]  # date -d '2013-10-08T04:00:00.009367-04:00' +%s%N
    (trade,) = whole.rows.to_pylist()
    assert (trade["price"], trade["size"], trade["conditions"], trade["side"]) == (13.745, 100.0, "D,1,0", None)


# Each line's venue, sale condition and suspicious flag, as they are to be stored; times and prices are of no matter.
SAID = {
    "P,2000,0": "P,2000,0",
    ",,1": ",,1",
    ",,": None,
    '"A B",,': "A B,,",
    '"P,Q",,0': "P,Q,,0",
    "P,\xe9,0": "P,\xe9,0",
}


def test_what_a_tick_says_beside_price_and_size_is_kept_as_written(tmp_path: Path) -> None:
    path = tmp_path / "equity/usa/tick/bac/20131008_trade.zip"
    text = "".join(f"14400009,137450,100,{said}\n" for said in SAID) * 5
    fast = read(zipped(path, "20131008_bac_Trade_Tick.csv", text))
    careful = read(zipped(path, "20131008_bac_Trade_Tick.csv", text + "14400009,many,100,P,0,0\n"))
    assert fast.column("conditions") == careful.column("conditions") == list(SAID.values()) * 5
    assert (fast.reasons, careful.reasons) == ([], [("bad_number", 5 * len(SAID) + 1)])


@pytest.mark.parametrize(("absent", "kept"), [(0, "P,2000,0"), (1, "P,2000"), (2, "P"), (3, None)])
def test_columns_the_vendor_leaves_out_add_nothing(tmp_path: Path, absent: int, kept: str | None) -> None:
    path = tmp_path / "equity/usa/tick/bac/20131008_trade.zip"
    line = ",".join(["14400009", "137450", "100", "P", "2000", "0"][: 6 - absent])
    for more in ("", "\n\n"):  # an empty line sends the block the careful way
        whole = read(zipped(path, "20131008_bac_Trade_Tick.csv", f"{line}\n{more}"))
        assert whole.column("conditions") == [kept]


def test_a_condition_that_is_no_text_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "equity/usa/tick/bac/20131008_trade.zip"
    text = "14400009,137450,100,P,0,0\n" * 19 + "14400009,137450,100,P,\udcff,0\n"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("20131008_bac_Trade_Tick.csv", text.encode(errors="surrogateescape"))
    whole = read(write(path, data.getvalue()))
    assert whole.reasons == [("bad_value", 20)]


def test_crypto_quotes_have_sizes_and_whole_prices(tmp_path: Path) -> None:
    path = tmp_path / "crypto/bitfinex/tick/btcusd/20180101_quote.zip"
    whole = read(zipped(path, "20180101_btcusd_tick_quote.csv", "86400,232.40,20392.0,232.42,8059.5\n"))
    assert (whole.plan.dialect, whole.plan.market) == ("lean-tick-quote-sizes", "SPOT")
    (quote,) = whole.rows.to_pylist()
    assert (quote["bid"], quote["bid_size"], quote["ask"], quote["ask_size"]) == (232.4, 20392.0, 232.42, 8059.5)


def test_a_place_whose_zone_is_not_known_is_refused_unless_it_is_given(tmp_path: Path) -> None:
    path = zipped(tmp_path / "equity/nowhere/minute/abc/20140605_trade.zip", "20140605_abc_minute_trade.csv", BAR)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert "equity/nowhere" in refusal.value.message
    whole = read(path, tz="Europe/Paris")
    assert whole.column("ts")[0].isoformat() == "2014-06-05T02:15:00+00:00"
    assert whole.column("open") == [644.8]


def test_a_zip_out_of_its_folders_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "20140605_trade.zip", "20140605_aapl_minute_trade.csv", BAR)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"


def test_times_beyond_midnight_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "crypto/coinbase/minute/btcusd/20180101_trade.zip"
    text = "".join(f"{60_000 * minute},1,1,1,1,1\n" for minute in [*range(20), 1440])
    whole = read(zipped(path, "20180101_btcusd_minute_trade.csv", text))
    assert whole.reasons == [("bad_timestamp", 21)]


def test_a_scaled_price_is_rounded_once(tmp_path: Path) -> None:
    path = tmp_path / "equity/usa/minute/x/20140605_trade.zip"
    text = "15300000,6448000.5,6448001,6448000,6448001,90\n" + BAR.replace("153", "154").replace("6448000", "1234567")
    whole = read(zipped(path, "20140605_x_minute_trade.csv", text), period="1m")
    assert whole.column("open") == [644.80005, 123.4567]
