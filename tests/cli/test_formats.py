"""`dl formats` and `dl ingest --plan`: what is read, and how a file would be, without a lake and without a write."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from dl_datalake.demo import samples
from lake.sources.dialects import DIALECTS
from tests.runs import BARS, Dl

if TYPE_CHECKING:
    from pathlib import Path

KLINES = "".join(
    f"{1_704_067_200_000 + 60_000 * n},42283.58,42298.62,42261.02,42298.61,35.92724,{1_704_067_259_999 + 60_000 * n},"
    "1519032.44,1327,18.0,761000.5,0\n"
    for n in range(8)
)
"""Eight minutes of Binance klines from 2024-01-01."""
CANDLES = "".join(f"{1_704_067_200 + 60 * n},100,100,100,100,5\n" for n in range(8))
"""Six columns of numbers whose prices never move: any order of columns is possible."""


@pytest.fixture(autouse=True)
def _away_from_lakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DL_ROOT", raising=False)


@pytest.fixture
def klines(tmp_path: Path) -> Path:
    path = tmp_path / "BTCUSDT-1m-2024-01-01.csv"
    path.write_text(KLINES)
    return path


def test_every_format_is_listed_with_what_proves_it(dl: Dl) -> None:
    ran = dl("formats", "list", "--json")
    assert (ran.status, ran.document["root"]) == (0, None)
    assert [row["name"] for row in ran.data] == list(DIALECTS)
    rows = {row["name"]: row for row in ran.data}
    assert rows["kraken-ohlcvt"] == {
        "name": "kraken-ohlcvt",
        "title": "Kraken candles",
        "maker": "Kraken",
        "becomes": "bars/<period>",
        "exchange": "KRAKEN",
        "market": "SPOT",
        "sample": "tests/unit/lake/sources/dialects/test_crypto_candles.py",
        "origin": "dl-datalake",
    }
    assert "KRAKEN/SPOT" in next(line for line in dl("formats", "list").out.splitlines() if "kraken-ohlcvt" in line)


@pytest.mark.parametrize("name", DIALECTS)
def test_every_declaration_can_be_shown(dl: Dl, name: str) -> None:
    data = dl("formats", "show", name, "--json").data
    declared = DIALECTS[name]
    assert data["vendor"] == declared.vendor
    assert {c["column"] for c in data["columns"]} == {*declared.columns, *declared.by_name.values()}
    text = dl("formats", "show", name).out
    assert all(word in text for word in (declared.title, declared.vendor, declared.caution, declared.file))


def test_a_declaration_is_shown_in_words(dl: Dl) -> None:
    data = dl("formats", "show", "binance-cm-trades", "--json").data
    assert (data["symbol_from"], data["natural_key"]) == ("file name or --symbol", ["trade_id"])
    assert data["columns"][3] == {"place": 3, "header": "base_qty", "column": "size"}
    assert data["columns"][2] == {"place": 2, "header": "qty", "column": None}
    assert data["declaration"]["sides"]["true"] == "sell"
    lines = dl("formats", "show", "ninjatrader-minutes").out.splitlines()
    assert any(line.split() == ["stamp", "the", "close", "of", "the", "bar"] for line in lines)
    assert dl("formats", "show", "kraken-trades", "--json").data["natural_key"] == []


def test_a_format_that_is_not_there_is_refused_with_what_is_near(dl: Dl) -> None:
    ran = dl("formats", "show", "kraken-trade", "--json")
    assert (ran.status, ran.error["code"]) == (2, "E_USAGE")
    assert "dl formats show kraken-trades" in ran.error["fix"]


def test_an_ingest_in_a_format_that_is_not_there_is_refused_alike(dl: Dl, klines: Path) -> None:
    error = dl("ingest", "--source", klines, "--format", "kraken-trade", "--plan", "--json").error
    assert (error["code"], error["fix"][0]) == ("E_USAGE", "--format kraken-trades")


def test_a_file_is_detected_with_what_spoke_for_it_and_against_others(dl: Dl, klines: Path) -> None:
    ran = dl("formats", "detect", klines, "--json")
    [file] = ran.data["files"]
    assert (ran.status, ran.document["root"]) == (0, None)
    assert (file["dialect"], file["confidence"], file["unit"]) == ("binance-spot-klines", "named", "ms")
    [series] = file["series"]
    assert (series["address"], file["missing"]) == ("BINANCE/SPOT/BTCUSDT/bars/1m", [])
    assert (file["head"], series["rows"]) == ({"records": 8, "rejected": {}, "skipped": {}}, 8)
    assert (series["first"], series["last"]) == ("2024-01-01T00:00:00.000000000Z", "2024-01-01T00:07:00.000000000Z")
    assert len(series["sample"]) == 5
    first = {name: value for name, value in series["sample"][0].items() if name in {"ts", "close", "trades"}}
    assert first == {"ts": "2024-01-01T00:00:00.000000000Z", "close": 42298.61, "trades": 1327}
    assert "file name BTCUSDT-1m-2024-01-01.csv" in file["evidence"]
    assert any(text.startswith("binance-um-klines: lacks the folder or header") for text in file["against"])
    assert any(text.startswith("binance-cm-klines: not so: ") for text in file["against"])
    assert list(klines.parent.iterdir()) == [klines]


def test_what_a_file_does_not_say_is_named_with_its_option(dl: Dl, tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(BARS)
    [file] = dl("formats", "detect", "bars.csv", "--json").data["files"]
    assert (file["dialect"], file["confidence"]) == ("csv", "columns")
    assert file["missing"] == ["--exchange NAME", "--symbol NAME"]
    assert file["series"][0]["address"] is None
    text = dl("formats", "detect", "bars.csv").out
    assert "(exchange?)/SPOT/(symbol?)/bars/1m\n" in text
    assert " needs --exchange NAME --symbol NAME\n" in text


def test_the_rows_are_those_that_are_stored(dl: Dl, tmp_path: Path) -> None:
    """NinjaTrader stamps the end of a bar; the sample shows the open, as the lake does."""
    (tmp_path / "SPY.Last.txt").write_text("20110301 143100;1;2;1;2;5\n20110301 143200;2;3;2;3;6\n")
    words = ("--source", "SPY.Last.txt", "--exchange", "X", "--format", "ninjatrader-minutes")
    planned = dl("ingest", *words, "--plan", "--json")
    [file] = planned.data["files"]
    assert (planned.status, file["confidence"], file["stamp"]) == (0, "asked", "close")
    dl("init", "lake")
    assert dl("ingest", *words, "--root", "lake").status == 0
    [series] = file["series"]
    address = series["address"]
    stored = dl("read", address, "--root", "lake", "--json").data["rows"]
    assert [row["ts"][:16] for row in stored] == ["2011-03-01T14:30", "2011-03-01T14:31"]
    assert series["sample"] == [{name: row[name] for name in series["sample"][0]} for row in stored]


def test_columns_that_are_mapped_are_planned_as_mapped(dl: Dl, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("when;a;b;c;d\n2024-01-05 10:00;10;11;9;10\n2024-01-05 10:01;10;11;9;10\n")
    words = ("--source", "mine.csv", "--map", "ts=when,open=a,high=b,low=c,close=d", "--tz", "Europe/Moscow")
    [file] = dl("ingest", *words, "--symbol", "A", "--plan", "--json").data["files"]
    assert (file["confidence"], file["time_zone"], file["missing"]) == ("mapped", "Europe/Moscow", ["--exchange NAME"])
    assert file["series"][0]["first"] == "2024-01-05T07:00:00.000000000Z"


@pytest.mark.parametrize("words", [("formats", "detect"), ("ingest", "--plan", "--source")], ids=" ".join)
def test_a_refused_file_ends_as_its_ingest_does(dl: Dl, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "candles.csv").write_text(CANDLES)
    ran = dl(*words, "candles.csv", "--json")
    dl("init", "lake")
    taken = dl("ingest", "--source", "candles.csv", "--root", "lake", "--json")
    assert (ran.status, ran.error) == (taken.status, taken.error)
    assert ran.error["code"] == "E_AMBIGUOUS"
    assert "--format ccxt-candles" in ran.error["fix"]
    assert "--format bitfinex-candles" in ran.error["fix"]


def test_a_plan_does_nothing(dl: Dl, lake: Path, klines: Path) -> None:
    before = {path: path.read_bytes() for path in sorted(lake.rglob("*")) if path.is_file()}
    assert dl("ingest", "--source", klines, "--plan", "--root", lake).status == 0
    assert dl("ingest", "--source", lake / "nothing.csv", "--plan", "--root", lake).status == 15
    assert {path: path.read_bytes() for path in sorted(lake.rglob("*")) if path.is_file()} == before


def test_one_refused_file_of_several_leaves_the_others_shown(dl: Dl, klines: Path, tmp_path: Path) -> None:
    (tmp_path / "candles.csv").write_text(CANDLES)
    ran = dl("formats", "detect", "*.csv", "--json")
    assert ran.status == 3
    assert [file["source"] for file in ran.data["files"]] == [klines.name]
    assert [error["code"] for error in ran.data["refused"]] == ["E_AMBIGUOUS"]
    assert "error[E_AMBIGUOUS]" in dl("formats", "detect", "*.csv").err


def test_every_series_of_a_file_of_many_is_shown(dl: Dl, tmp_path: Path) -> None:
    lines = [f"2024-01-01T00:0{n}:00Z,{name},{n + 1},2,1,1,1" for n in range(2) for name in ("AAA", "BBB")]
    (tmp_path / "many.csv").write_text("\n".join(["ts,symbol,open,high,low,close,volume", *lines, ""]))
    [file] = dl("ingest", "--source", "many.csv", "--exchange", "X", "--plan", "--json").data["files"]
    assert (file["missing"], file["more_series"]) == ([], 0)
    assert [series["address"] for series in file["series"]] == ["X/SPOT/AAA/bars/1m", "X/SPOT/BBB/bars/1m"]
    assert [[row["open"] for row in series["sample"]] for series in file["series"]] == [[1.0, 2.0], [1.0, 2.0]]
    assert "X/SPOT/BBB/bars/1m" in dl("ingest", "--source", "many.csv", "--exchange", "X", "--plan").out
    lines = [f"2024-01-01T00:00:00Z,S{n:02},1,2,1,1,1" for n in range(23)]
    (tmp_path / "many.csv").write_text("\n".join(["ts,symbol,open,high,low,close,volume", *lines, ""]))
    ran = dl("ingest", "--source", "many.csv", "--exchange", "X", "--period", "1m", "--plan", "--json")
    assert (len(ran.data["files"][0]["series"]), ran.data["files"][0]["more_series"]) == (20, 3)


def test_binary_tables_are_planned_too(dl: Dl, tmp_path: Path) -> None:
    import pandas as pd

    times = pd.date_range("2024-01-01", periods=4, freq="5min", tz="UTC")
    frame = pd.DataFrame({"date": times, **dict.fromkeys(("open", "high", "low", "close", "volume"), 1.5)})
    frame.to_feather(tmp_path / "XRP_ETH-5m.feather")
    [file] = dl("formats", "detect", "XRP_ETH-5m.feather", "--json").data["files"]
    assert (file["dialect"], file["confidence"], file["head"]["records"]) == ("freqtrade-feather", "named", 4)
    assert file["series"][0]["last"] == "2024-01-01T00:15:00.000000000Z"


def test_why_a_format_was_taken_is_kept_and_shown(dl: Dl, klines: Path) -> None:
    dl("init", "lake")
    taken = dl("ingest", "--source", klines, "--root", "lake", "--json").data["files"][0]
    address = taken["addresses"][0]
    up = dl("assets", "lineage", address, "--up", "--root", "lake", "--json").data["up"]
    [source] = up["sources"]
    assert source["evidence"] == taken["evidence"]
    assert source["evidence"][0] == "confidence: named"
    assert "file name BTCUSDT-1m-2024-01-01.csv" in source["evidence"]
    assert "not binance-um-klines: lacks the folder or header" in source["evidence"]
    plain, told = (dl("assets", "lineage", address, "--up", *why, "--root", "lake").out for why in ((), ("--why",)))
    assert "binance-um-klines" not in plain
    assert "not binance-um-klines: lacks the folder or header" in told


def test_the_bundled_samples_are_detected(dl: Dl, tmp_path: Path) -> None:
    for path in samples.folder().iterdir():
        if path.suffix != ".md":
            shutil.copy(path, tmp_path / path.name)
    ran = dl("formats", "detect", "*", "--json")
    assert ran.status == 0
    found = {file["source"].partition("_")[0]: file["dialect"] for file in ran.data["files"]}
    assert found["gemini"] == "crypto-chassis-trades"
    assert found["data"] == "finam-bars"


def test_the_dialects_of_a_lake_are_listed_and_shown_with_their_file(dl: Dl, lake: Path) -> None:
    own = lake / "dialects" / "mine.toml"
    own.parent.mkdir()
    own.write_text('type = "bars"\ncolumns = ["ts", "open", "high", "low", "close"]\n')
    ran = dl("formats", "list", "--root", str(lake), "--json")
    assert {row["name"]: row["origin"] for row in ran.data}["mine"] == str(own)
    assert dl("formats", "show", "mine", "--root", str(lake), "--json").data["origin"] == str(own)


def test_an_hour_without_ticks_is_taken_in_and_said_to_hold_none(dl: Dl, lake: Path, tmp_path: Path) -> None:
    path = tmp_path / "EURUSD" / "2024" / "00" / "13" / "03h_ticks.bi5"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert "0 new rows: there was none to take in" in dl("ingest", "--source", str(path), "--root", str(lake)).out
