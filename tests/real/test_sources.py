"""Real vendor files: each is recognised, and its rows are those an independent program counted."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect, text
from lake.sources.careful import parse_carefully
from lake.sources.lines import open_lines
from tests.source_files import Whole, read

if TYPE_CHECKING:
    from pathlib import Path

# file → dialect, asset, market, and what the vendor's name or data says of symbol and exchange
FILES: dict[str, tuple[str, str, str | None, str | None, str | None]] = {
    "binance_spot_klines_ms/BTCUSDT-1h-2024-12.csv": ("binance-spot-klines", "bars/1h", "SPOT", "BTCUSDT", "BINANCE"),
    "binance_spot_klines_ms/ADABTC-1m-2021-11-27.csv": ("binance-spot-klines", "bars/1m", "SPOT", "ADABTC", "BINANCE"),
    "binance_spot_klines_us/BTCUSDT-1h-2025-01.csv": ("binance-spot-klines", "bars/1h", "SPOT", "BTCUSDT", "BINANCE"),
    "binance_um_klines_header/FILUSDT-1m-2024-09.csv": (
        "binance-um-klines", "bars/1m", "FUTURES-UM", "FILUSDT", "BINANCE"),
    "binance_um_klines_header/FILUSDT-1m-2025-02.csv": (
        "binance-um-klines", "bars/1m", "FUTURES-UM", "FILUSDT", "BINANCE"),
    "binance_um_klines_header/1000PEPEUSDT-5m-2025-02.csv": (
        "binance-um-klines", "bars/5m", "FUTURES-UM", "1000PEPEUSDT", "BINANCE"),
    "lean_zip/equity_usa_minute_spy_20131007_trade.zip": ("lean-minute-trade", "bars/1m", "EQUITY", "spy", "USA"),
    "lean_zip/equity_india_minute_yesbank_20190709_trade.zip": (
        "lean-minute-trade", "bars/1m", "EQUITY", "yesbank", "INDIA"),
    "lean_zip/crypto_coinbase_minute_btcusd_20161007_trade.zip": (
        "lean-minute-trade", "bars/1m", "SPOT", "btcusd", "COINBASE"),
    "lean_zip/equity_usa_tick_ibm_20131008_trade.zip": ("lean-tick-trade", "ticks/trade", "EQUITY", "ibm", "USA"),
    "lean_zip/forex_oanda_tick_eurusd_20140502_quote.zip": ("lean-tick-quote", "ticks/quote", "FX", "eurusd", "OANDA"),
    "finam_csv/data_sber_minutes30.csv": ("finam-bars", "bars/30m", None, None, None),
    "finam_csv/data_sber_daily.csv": ("finam-bars", "bars/1d", None, None, None),
    "finam_csv/AFLT.csv": ("finam-bars", "bars/1mo", None, "AFLT", None),
    "kraken_trades_csv/BCHEUR.csv": ("kraken-trades", "ticks/trade", "SPOT", "BCHEUR", "KRAKEN"),
    "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv": (
        "crypto-chassis-trades", "ticks/trade", None, "eth-usd", "GEMINI"),
    "freqtrade_feather/XRP_ETH-5m.feather": ("freqtrade-feather", "bars/5m", None, "XRP_ETH", None),
    "freqtrade_json/UNITTEST_BTC-1m.json": ("freqtrade-json", "bars/1m", None, "UNITTEST_BTC", None),
    "freqtrade_trades_json_gz/XRP_ETH-trades.json.gz": (
        "freqtrade-trades-json", "ticks/trade", None, "XRP_ETH", None),
    "generic_tsv_ms/AAPL_INTRA_DAY.tsv": ("csv", "bars/1m", None, None, None),
    "fxcm_m1_iso/gbpusd-m1-bid-2012.csv": ("fxcm-side", "bars/1m-bid", "FX", "gbpusd", "FXCM"),
    "fxcm_m1_iso/gbpusd-m1-ask-2012.csv": ("fxcm-side", "bars/1m-ask", "FX", "gbpusd", "FXCM"),
    "truefx_iso/usdjpy-ticks.csv": ("csv", "ticks/quote", None, None, None),
    "dukascopy_csv/FOREX_EURUSD_1H_ASK.csv": (
        "dukascopy-bars-other", "bars/1h-ask", "FX", "EURUSD", "DUKASCOPY"),
    "stooq_csv/spy_us_d.csv": ("stooq-daily", "bars/1d", None, "spy_us", "STOOQ"),
    "eikon_1min_csv/AAPL_1min_05052020.csv": ("eikon-minutes", "bars/1m", None, "AAPL", "REFINITIV"),
    "yahoo_yfinance_csv/AET-L-1d-100x-error.csv": ("yfinance", "bars/1d-split", None, "AET-L", "YAHOO"),
    "ccxt_trades_csv/public_trades_list.csv": ("csv", "ticks/trade", None, None, None),
    "binance_depth_snapshot_csv/test_positive_binance_depth_snapshot_spot_btcusdt_14-04-2025.csv": (
        "binance-depth-snapshot", "orderbook/l2", "SPOT", "btcusdt", "BINANCE"),
    "databento_dbn/esh4-glbx-mdp3-20231224.mbo.dbn.zst": ("databento-mbo", "orderbook/l3", "FUTURES", "ESH4", "GLBX"),
    "databento_dbn/futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst": (
        "databento-ohlcv", "bars/1m", "FUTURES", None, "GLBX"),
    "tardis_csv/bitmex_trades_XBTUSD.csv": ("tardis-trades", "ticks/trade", None, "XBTUSD", "BITMEX"),
    "tardis_csv/binance-futures_book_snapshot_5_BTCUSDT.csv": (
        "tardis-book-snapshot", "orderbook/l2", None, "BTCUSDT", "BINANCE-FUTURES"),
    "binance_ws_depth_csv/test_positive_binance_difference_depth_stream_spot_trxusdt_04-03-2025.csv": (
        "binance-ws-depth", "orderbook/l2", "SPOT", "TRXUSDT", "BINANCE"),
    "binance_um_depth_T_csv/btcusdt-depth-update.csv": (
        "binance-t-depth", "orderbook/l2", "FUTURES-UM", "BTCUSDT", "BINANCE"),
    "bitstamp_order_events_xz/orders.csv.xz": ("bitstamp-order-events", "orderbook/l3", "SPOT", None, "BITSTAMP"),
    "binance_ws_trade_csv/test_positive_binance_trade_stream_spot_trxusdt_04-03-2025.csv": (
        "csv", "ticks/trade", None, "TRXUSDT", None),
    "histdata_m1/DAT_ASCII_EURUSD_M1_201701.csv": ("histdata-m1", "bars/1m-bid", "FX", "EURUSD", "HISTDATA"),
    "histdata_ticks/quote_tick_data.csv": ("histdata-ticks", "ticks/quote", "FX", None, "HISTDATA"),
    "mt4_csv/EURUSD_M1.csv": ("metatrader4-bars-iso", "bars/1m", None, "EURUSD", None),
    "mt5_python_csv/EURUSD_M1.csv": ("metatrader5-rates", "bars/1m", None, None, None),
    "bitfinex_api_ochl_gz/ETHUSD-1m-2016-merged.csv.gz": ("bitfinex-candles", "bars/1m", None, None, None),
    "bitcoincharts_csv/bitstampUSD.csv": ("bitcoincharts-trades", "ticks/trade", "SPOT", None, "BITSTAMP"),
    "cryptodatadownload_v1/Coinbase_BTCUSD_1h.csv": (
        "cryptodatadownload", "bars/1h", "SPOT", "BTCUSD", "COINBASE"),
    "investing_ru_csv/MAGN.csv": ("investing-ru", "bars/1d", None, None, None),
    "backtrader_csv/2006-01-02-volume-min-001.txt": ("backtrader-minutes", "bars/1m", None, None, None),
}  # fmt: skip
CLOCKS = {"bitstamp_order_events_xz/orders.csv.xz": "ts_recv"}
"""What the first and last of the independent program are of, where it is not `ts`."""
NOT_READ_AS_SOMETHING_ELSE = (
    "ninjatrader_csv/nt-spy-minute-2011-03.csv",
    "nse_1s_csv/2022-08-24.csv",
)


@pytest.fixture(scope="module")
def expected(vendor_data: Path) -> dict[str, Any]:
    return dict(json.loads((vendor_data / "expected.json").read_text()))


def total(whole: Whole, column: str) -> Decimal:
    """Add a column up exactly, each number as its shortest text."""
    return sum((Decimal(repr(value)) for value in whole.column(column) if value is not None), Decimal(0))


@pytest.mark.parametrize("file", FILES)
def test_a_real_file_is_recognised_and_read_exactly(vendor_data: Path, expected: dict[str, Any], file: str) -> None:
    dialect, asset, market, symbol, exchange = FILES[file]
    answer = expected[file]
    whole = read(vendor_data / file)
    plan = whole.plan
    assert (plan.dialect, f"{plan.type}/{plan.period}", plan.market) == (dialect, asset, market)
    assert (plan.symbol, plan.exchange) == (symbol, exchange)
    assert whole.sha256 == answer["sha256"]
    assert whole.records == answer["rows_total"]
    assert not whole.rejects
    clock = whole.of(CLOCKS.get(file, "ts"))
    assert (min(clock), max(clock)) == (answer["first_ts_ns"], answer["last_ts_ns"])
    low, high = pc.min(whole.rows[plan.schema.low]).as_py(), pc.max(whole.rows[plan.schema.high]).as_py()
    assert (Decimal(repr(low)), Decimal(repr(high))) == (Decimal(answer["min_low"]), Decimal(answer["max_high"]))
    if plan.schema.volume and answer["sum_volume"] is not None and not answer["rows_rejected"]:
        assert total(whole, plan.schema.volume) == Decimal(answer["sum_volume"])


@pytest.mark.parametrize("file", FILES)
def test_small_blocks_give_the_same_rows_and_lines(vendor_data: Path, file: str) -> None:
    whole, pieces = read(vendor_data / file), read(vendor_data / file, block_bytes=5000)
    same = pieces.rows.equals(whole.rows)
    assert same
    assert pieces.sha256 == whole.sha256
    last = pieces.batches[-1]
    assert last.locate(last.rows.num_rows - 1) == whole.batches[-1].locate(whole.batches[-1].rows.num_rows - 1)


@pytest.mark.parametrize("file", FILES)
def test_the_careful_way_reads_what_the_fast_way_reads(
    vendor_data: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = detect(vendor_data / file, SourceOptions())
    if plan.recipe.kind != "text":
        pytest.skip("files of records have one way only")
    went: list[int] = []

    def counted(*block: Any) -> Any:  # noqa: ANN401 -- as parse_carefully
        went.append(block[4])
        return parse_carefully(*block)

    monkeypatch.setattr(text, "parse_carefully", counted)
    reader = open_lines(plan, block_bytes=200_000)
    blocks = list(reader.blocks())
    reader.close()
    fast = 0
    for block in blocks:
        before = len(went)
        batch = reader.parse(block)
        fast += len(went) == before
        # A line that is no record sends its block the careful way.
        careful = reader.parse(replace(block, data=block.data.rstrip(b"\n") + b'\n"\n', lines=block.lines + 1))
        assert [reject.reason for reject in careful.rejects[len(batch.rejects) :]] == ["wrong_field_count"]
        same = batch.rows.equals(careful.rows)
        assert same
    assert fast, "no block took the fast way"


@pytest.mark.parametrize("file", NOT_READ_AS_SOMETHING_ELSE)
def test_a_file_of_an_undeclared_dialect_is_refused_and_never_guessed(vendor_data: Path, file: str) -> None:
    with pytest.raises(LakeError) as refusal:
        detect(vendor_data / file, SourceOptions())
    assert refusal.value.code in {"E_FORMAT_UNKNOWN", "E_TIME_FORMAT", "E_AMBIGUOUS"}
    assert refusal.value.fix


def test_the_zip_of_a_file_holds_the_same_rows_and_its_checksum_is_verified(vendor_data: Path) -> None:
    packed = read(vendor_data / "packed_binance_vision/BTCUSDT-1h-2025-01.zip")
    plain = read(vendor_data / "binance_spot_klines_us/BTCUSDT-1h-2025-01.csv")
    assert packed.plan.checksum == "verified"
    same = packed.rows.equals(plain.rows)
    assert same


def test_a_truncated_zip_whose_checksum_does_not_match_is_refused(vendor_data: Path) -> None:
    with pytest.raises(LakeError) as refusal:
        detect(vendor_data / "packed_binance_vision/FILUSDT-1m-2025-02.zip", SourceOptions())
    assert refusal.value.code == "E_SOURCE_CHECKSUM"


def test_trades_without_ids_keep_every_repeated_row(vendor_data: Path, expected: dict[str, Any]) -> None:
    file = "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv"
    whole = read(vendor_data / file)
    assert whole.rows.column("trade_id").null_count == whole.records
    distinct = len({tuple(row.items()) for row in whole.rows.to_pylist()})
    assert whole.records - distinct == expected[file]["exact_duplicate_rows"]


def test_the_aggressor_is_not_the_maker(vendor_data: Path) -> None:
    path = vendor_data / "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv"
    makers = [line.rsplit(",", 1)[1] for line in path.read_text().splitlines()[1:]]
    assert read(path).column("side") == [{"0": "buy", "1": "sell"}[maker] for maker in makers]
