"""OKX's historical files, made as the vendor heads them: one or many instruments, days of UTC+8."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.sources import Plan, SourceOptions, detect, open_reader
from lake.sources.span import named_end_ns
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

CANDLES = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm\n"
SPOT = (
    "BTC-USDT,100,110,90,105,2,210,210,1704038400000,1\n"
    "BTC-USDT,105,106,104,105.5,1,105,105,1704038460000,1\n"
    "BTC-USDT,105.5,105.5,105.5,105.5,0.1,10.55,10.55,1704038520000,0\n"
)
SWAP = (
    "BTC-USDT-SWAP,100,110,90,105,200,2,210,1704038400000,1\n"
    "BTC-USDT-SWAP,105,106,104,105.5,100,1,105,1704038460000,1\n"
)


@pytest.mark.parametrize(("more", "cell"), [("", ""), (",source", ",0")])
@pytest.mark.parametrize(
    ("symbol", "market"), [("BTC-USDT", "SPOT"), ("BTC-USDT-SWAP", "SWAP"), ("BTC-USD-240329", "FUTURES")]
)
def test_the_market_is_told_by_the_instruments_name(
    tmp_path: Path, more: str, cell: str, symbol: str, market: str
) -> None:
    text = f"instrument_name,trade_id,side,price,size,created_time{more}\n"
    text += f"{symbol},5477185,buy,91461.1,1.912e-05,1704038400188{cell}\n"
    text += f"{symbol},5477186,sell,91461,2,1704038400200{cell}\n"
    whole = read(write(tmp_path / f"{symbol}-trades-2024-01-01.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.market, plan.symbol, plan.exchange) == ("okx-trades", market, symbol, "OKX")
    assert whole.ns == [1704038400188000000, 1704038400200000000]
    assert (whole.column("size"), whole.column("side")) == ([1.912e-05, 2.0], ["buy", "sell"])
    assert whole.column("trade_id") == ["5477185", "5477186"]


def test_older_files_have_a_header_in_two_languages_in_gbk(tmp_path: Path) -> None:
    text = "trade_id/撮合id,side/交易方向,size/数量,price/价格,created_time/成交时间\n"
    text += "231415,buy,0.5,47000.1,1630425600123\n231416,sell,0.25,47000,1630425600456\n"
    whole = read(write(tmp_path / "BTC-USDT-trades-2021-09-01.csv", text.encode("gbk")))
    plan = whole.plan
    assert (plan.dialect, plan.market, plan.symbol) == ("okx-trades-bilingual", "SPOT", "BTC-USDT")
    assert (whole.column("price"), whole.column("side")) == ([47000.1, 47000.0], ["buy", "sell"])
    assert whole.ns == [1630425600123000000, 1630425600456000000]


def test_candles_that_are_not_confirmed_are_skipped(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "BTC-USDT-candlesticks-2024-01-01.csv", CANDLES + SPOT))
    plan = whole.plan
    assert (plan.dialect, plan.period, plan.market) == ("okx-spot-candles", "1m", "SPOT")
    assert [batch.skipped for batch in whole.batches] == [{"unconfirmed": 1}]
    assert (whole.column("volume"), whole.column("quote_volume")) == ([2.0, 1.0], [210.0, 105.0])
    assert whole.column("close") == [105.0, 105.5]


def test_the_volume_of_contracts_is_that_in_the_base_currency(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "BTC-USDT-SWAP-candlesticks-2024-01-01.csv", CANDLES + SWAP))
    assert (whole.plan.dialect, whole.plan.market) == ("okx-contract-candles", "SWAP")
    assert (whole.column("volume"), whole.column("quote_volume")) == ([2.0, 1.0], [210.0, 105.0])


@pytest.mark.parametrize(("rows", "dialect"), [(SPOT, "okx-spot-candles"), (SWAP, "okx-contract-candles")])
def test_without_the_name_the_volumes_tell_spot_from_contracts(tmp_path: Path, rows: str, dialect: str) -> None:
    assert detect(write(tmp_path / "mine.csv", CANDLES + rows), SourceOptions()).dialect == dialect


def test_volumes_that_fit_both_are_asked_about(tmp_path: Path) -> None:
    rows = (
        "LTC-USDT-SWAP,100,110,90,105,2,2,210,1704038400000,1\nLTC-USDT-SWAP,105,106,104,105,1,1,105,1704038460000,1\n"
    )
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "mine.csv", CANDLES + rows), SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert list(refusal.value.fix) == ["--format okx-spot-candles", "--format okx-contract-candles"]


def test_funding_of_many_instruments_is_parted_by_them(tmp_path: Path) -> None:
    text = "instrument_name,funding_rate,funding_time\nBTC-USDT-SWAP,0.0000744588100483,1704067200000\n"
    text += "ETH-USDT-SWAP,-0.0000135375417752,1704067200000\nBTC-USDT-SWAP,0.0001,1704096000000\n"
    whole = read(write(tmp_path / "allswap-fundingrates-2024-01-01.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period, plan.market, plan.symbol, plan.many) == (
        "okx-funding", "metrics", "funding", "SWAP", None, True,
    )  # fmt: skip
    assert whole.symbols == ["BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USDT-SWAP"]
    assert whole.column("funding_rate") == [0.0000744588100483, -0.0000135375417752, 0.0001]


def test_a_day_in_a_name_ends_at_midnight_of_utc_plus_8() -> None:
    end = named_end_ns("okx-trades", "/d/BTC-USDT-trades-2024-01-01.zip", "UTC")
    assert end == int(dt.datetime(2024, 1, 1, 16, tzinfo=dt.UTC).timestamp()) * 10**9


# Lines as the vendor's archives have them, shortened; the second name is an option's, the third a future's.
BOOK = (
    '{"instId":"%s","action":"snapshot","ts":"1758326400005","asks":[["115630.1","0.0145523","1"],["115631","0.05","2"]],'
    '"bids":[["115630","1.5","12"]]}\n'
    '{"instId":"%s","action":"update","ts":"1758326400015","asks":[["115630.1","0","0"]],"bids":[]}\n'
)


def book(path: Path) -> tuple[Plan, list[dict[str, Any]]]:
    """Return the plan of a book's messages, and its rows with `ts` in ns."""
    plan = detect(path, SourceOptions())
    reader = open_reader(plan, SourceOptions())
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    assert (batch.records, batch.rejects, batch.skipped) == (2, [], {})
    at = batch.rows.schema.get_field_index("ts")
    return plan, batch.rows.set_column(at, "ts", batch.rows.column("ts").cast("int64")).to_pylist()


@pytest.mark.parametrize(
    ("symbol", "market"),
    [
        ("BTC-USDT", "SPOT"),
        ("BTC-USD-260626-80000-C", "OPTION"),
        ("BTC-USDT-260626", "FUTURES"),
        ("BTC-USDT-SWAP", "SWAP"),
        ("BNB-USD_UM_XPERP-310523", "FUTURES"),
    ],
)
def test_order_books_are_snapshots_and_changes(tmp_path: Path, symbol: str, market: str) -> None:
    path = write(tmp_path / f"{symbol}-L2orderbook-400lv-2025-09-20.data", BOOK % (symbol, symbol))
    plan, rows = book(path)
    assert (plan.dialect, plan.symbol, plan.exchange, plan.market) == ("okx-orderbook", symbol, "OKX", market)
    assert [(row["side"], row["price"], row["size"], row["is_snapshot"]) for row in rows] == [
        ("bid", 115630.0, 1.5, True),
        ("ask", 115630.1, 0.0145523, True),
        ("ask", 115631.0, 0.05, True),
        ("ask", 115630.1, 0.0, False),
    ]
    assert [row["ts"] for row in rows] == [1758326400005_000_000] * 3 + [1758326400015_000_000]


@pytest.mark.parametrize("ts", ['"1758326400.5"', '"٣"', '"-1"', '""', "null", "1758326400.5", '"1758326400"'])
def test_a_book_of_no_time_is_kept_aside(tmp_path: Path, ts: str) -> None:
    line = BOOK.splitlines(keepends=True)[0] % "BTC-USDT"
    bad = line.replace('"1758326400005"', ts)
    path = write(tmp_path / "BTC-USDT-L2orderbook-400lv-2025-09-20.data", line * 5 + bad + line)
    plan = detect(path, SourceOptions())
    reader = open_reader(plan, SourceOptions())
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [("bad_timestamp", 6)]
    assert batch.rows.num_rows == 18
