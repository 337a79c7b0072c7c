"""Exports against LEAN's own files, number for number, and what it has no sample of by hand."""

from __future__ import annotations

import zipfile
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import pytest

import dl_datalake
from dl_datalake import LakeError
from dl_datalake.cli import run
from dl_datalake.demo import samples
from tests.tables import bar, bars, quote, quotes, trade, trades

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake import Lake

MS = 1_000_000


def content(path: Path) -> tuple[str, list[list[Decimal | str]]]:
    """Return what the one file in a zip is called, and its cells, numbers as such."""
    with zipfile.ZipFile(path) as archive:
        [name] = archive.namelist()
        return name, [[cell(text) for text in line.split(",")] for line in archive.read(name).decode().splitlines()]


def cell(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake that holds LEAN's own samples."""
    root = tmp_path_factory.mktemp("lean")
    assert run(["init", str(root), "--quiet"]) == 0
    for path in samples.folder().glob("*.zip"):
        assert run(["ingest", "--source", str(path), "--root", str(root), "--quiet"]) == 0
    with dl_datalake.open(root) as lake:
        yield lake


@pytest.mark.parametrize(
    "file",
    [
        "crypto/coinbase/minute/btcusd/20161007_trade.zip",
        "equity/usa/minute/spy/20131007_trade.zip",
        "equity/usa/tick/ibm/20131008_trade.zip",
        "forex/oanda/tick/eurusd/20140502_quote.zip",
    ],
)
def test_leans_own_files_come_out_as_they_went_in(taken: Lake, tmp_path: Path, file: str) -> None:
    symbol = file.split("/")[3].upper()
    report = taken.export(f"*/*/{symbol}/*/*", "lean", tmp_path)
    assert [made.path for made in report.files] == [tmp_path / file]
    assert content(tmp_path / file) == content(samples.folder() / file.replace("/", "_"))
    assert report.losses == {}


def exported(lake: Lake, tmp_path: Path, series: str, **wishes: Any) -> dict[str, tuple[str, list[str]]]:  # noqa: ANN401 - words of an export
    """Return the zips of a series: their path, and name and lines of what is in each."""
    found = {}
    for file in lake.export(series, "lean", tmp_path / "out", force=True, **wishes).files:
        name, lines = content(file.path)
        found[file.path.relative_to(tmp_path / "out").as_posix()] = (name, [",".join(map(str, each)) for each in lines])
    return found


def test_hours_and_days_are_one_file_each_in_the_zone_of_the_place(lake: Lake, tmp_path: Path) -> None:
    for period, minutes in (("1h", (1440, 1500)), ("1d", (0, 1440))):
        lake.write(f"USA/EQUITY/ABC/bars/{period}", bars(*(bar(minute, 12.5, volume=7.0) for minute in minutes)))
    assert exported(lake, tmp_path, "USA/EQUITY/ABC/bars/*") == {
        "equity/usa/hour/abc.zip": (
            "abc.csv",
            ["19700101 19:00,125000,125000,125000,125000,7", "19700101 20:00,125000,125000,125000,125000,7"],
        ),
        "equity/usa/daily/abc.zip": (
            "abc.csv",
            ["19700101 00:00,125000,125000,125000,125000,7", "19700102 00:00,125000,125000,125000,125000,7"],
        ),
    }
    lake.write("BINANCE/SPOT/BTC-USDT/bars/1d", bars(bar(0, 0.00001)))
    assert exported(lake, tmp_path, "BINANCE/SPOT/BTC-USDT/bars/1d") == {
        "crypto/binance/daily/btcusdt_trade.zip": ("btcusdt.csv", ["19700101 00:00,0.00001,0.00001,0.00001,0.00001,1"])
    }


def test_days_are_cut_in_the_zone_of_the_place(lake: Lake, tmp_path: Path) -> None:
    lake.write("NYSE/EQUITY/ABC/bars/1m", bars(*(bar(1440 + minute, 2.0) for minute in (299, 300))))
    with pytest.raises(LakeError, match="in which zone LEAN has times of equity/nyse is not known"):
        lake.export("NYSE/EQUITY/ABC/bars/1m", "lean", tmp_path / "out")
    (tmp_path / "i.csv").write_text("exchange,market,symbol,time_zone\nNYSE,EQUITY,ABC,America/New_York\n")
    lake.import_instruments(tmp_path / "i.csv")
    one = "20000,20000,20000,20000,1"
    expected = {
        "19700101": ("19700101_abc_minute_trade.csv", [f"86340000,{one}"]),
        "19700102": ("19700102_abc_minute_trade.csv", [f"0,{one}"]),
    }
    for place, wishes in (
        ("usa", {"place": "equity/usa"}),
        ("nyse", {}),
        ("nyse", {"tz": "Etc/GMT+5"}),
    ):
        assert exported(lake, tmp_path, "NYSE/EQUITY/ABC/bars/1m", **wishes) == {
            f"equity/{place}/minute/abc/{day}_trade.zip": found for day, found in expected.items()
        }


def test_ticks_have_fractions_of_a_millisecond_and_what_is_lost_is_told(lake: Lake, tmp_path: Path) -> None:
    lake.write("BINANCE/FUTURES-UM/BTCUSDT/ticks/trade", trades(trade(MS + 100, 5.5), trade(2 * MS, 6.0)))
    assert exported(lake, tmp_path, "BINANCE/FUTURES-UM/BTCUSDT/ticks/trade") == {
        "cryptofuture/binance/tick/btcusdt/19700101_trade.zip": (
            "19700101_btcusdt_tick_trade.csv",
            ["1.0001,5.5,1", "2,6,1"],
        )
    }
    lake.write("BINANCE/SPOT/BTCUSDT/ticks/quote", quotes(quote(0, 5.0, bid_size=2.0, ask_size=3.0)))
    assert exported(lake, tmp_path, "BINANCE/SPOT/BTCUSDT/ticks/quote") == {
        "crypto/binance/tick/btcusdt/19700101_quote.zip": ("19700101_btcusdt_tick_quote.csv", ["0,5,2,6,3"])
    }
    lake.write("OANDA/FX/EURUSD/ticks/quote", quotes(quote(1, 5.0, bid_size=2.0), quote(200, 5.0)))
    report = lake.export("OANDA/FX/EURUSD/ticks/quote", "lean", tmp_path / "out")
    assert report.losses == {"parts of 100 nanoseconds": 1, "sizes of quotes": 1}
    lake.write(
        "USA/EQUITY/ABC/ticks/trade", trades(trade(18_000_000 * MS, 1.00005, conditions="@ T"), trade(18_000_000 * MS))
    )
    report = lake.export("USA/EQUITY/ABC/ticks/trade", "lean", tmp_path / "out")
    assert report.losses == {"prices, rounded to 1/10,000": 1, "conditions of trades": 1}
    assert content(report.files[0].path)[1][1] == [0, 10_000, 1, "", "", 0]


@pytest.mark.parametrize(
    ("series", "wishes", "message"),
    [
        ("BINANCE/SPOT/BTCUSDT/bars/5m", {}, "LEAN has no bars of 5m"),
        ("BINANCE/SPOT/BTCUSDT/bars/1m-bid", {}, "LEAN has no bars of 1m-bid"),
        ("OANDA/FX/EURUSD/bars/1m", {}, "LEAN takes no bars/1m of forex"),
        ("KRAKEN/STRANGE/ABC/bars/1m", {}, "no asset class for the market STRANGE"),
        ("USA/EQUITY/ABC/bars/1m", {"place": "shares/usa"}, '"shares/usa" is no place of LEAN'),
        ("USA/EQUITY/ABC/bars/1m", {"place": "equity/.."}, '"equity/.." is no place of LEAN'),
        ("USA/EQUITY/ABC/bars/1m", {"place": "equity/a/b"}, '"equity/a/b" is no place of LEAN'),
        ("USA/EQUITY/ABC/bars/1m", {"tz": "New York"}, "there is no zone New York"),
    ],
)
def test_what_lean_has_not_is_refused(
    lake: Lake, tmp_path: Path, series: str, wishes: dict[str, str], message: str
) -> None:
    lake.write(series, bars(bar(0)))
    with pytest.raises(LakeError, match=message):
        lake.export(series, "lean", tmp_path / "out", **wishes)  # type: ignore[arg-type]  # place or tz
    assert not (tmp_path / "out").exists()


def test_quotes_of_equities_are_refused(lake: Lake, tmp_path: Path) -> None:
    lake.write("USA/EQUITY/ABC/ticks/quote", quotes(quote(0)))
    with pytest.raises(LakeError, match="LEAN takes no ticks/quote of equity"):
        lake.export("USA/EQUITY/ABC/ticks/quote", "lean", tmp_path / "out")
