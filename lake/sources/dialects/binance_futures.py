"""Binance Vision (data.binance.vision), what only futures have there: best quotes, open interest, funding."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect, Part

_VISION = "data.binance.vision, header of the files: "
_DATE = r"(?P<date>\d{4}-\d{2}(?:-\d{2})?)"
_UM = r"(?P<symbol>[^-_/]+(?:_\d{6})?)"
_CM = r"(?P<symbol>[^-_/]+USD_(?:PERP|\d{6}))"
_UM_FOLDER = r"futures/um/|futures-um|futures_um"
_CM_FOLDER = r"futures/cm/|futures-cm|futures_cm"

UM_BOOK_TICKER = Dialect(
    name="binance-um-bookticker",
    title="Binance Vision best quotes, USD-M futures",
    maker="Binance Vision",
    example="BTCUSDT-bookTicker-2024-03-30.csv",
    asset="ticks/quote",
    vendor=_VISION
    + '"update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"',
    sample="tests/unit/lake/sources/dialects/test_binance_futures.py",
    columns=(None, "bid", "bid_size", "ask", "ask_size", "ts", "ts_event"),
    headers=(
        (
            "update_id", "best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty", "transaction_time",
            "event_time",
        ),
    ),
    header="always",
    file=rf"{_UM}-bookTicker-{_DATE}\.csv",
    folder=_UM_FOLDER,
    market="FUTURES-UM",
    exchange="BINANCE",
)  # fmt: skip

CM_BOOK_TICKER = replace(
    UM_BOOK_TICKER,
    name="binance-cm-bookticker",
    title="Binance Vision best quotes, COIN-M futures",
    example="BTCUSD_PERP-bookTicker-2024-03-30.csv",
    file=rf"{_CM}-bookTicker-{_DATE}\.csv",
    folder=_CM_FOLDER,
    market="FUTURES-CM",
    caution="The sizes count contracts.",
)

UM_METRICS = Dialect(
    name="binance-um-metrics",
    title="Binance Vision open interest and ratios of long to short, USD-M futures",
    maker="Binance Vision",
    example="BTCUSDT-metrics-2024-03-30.csv",
    asset="metrics/open_interest",
    vendor=_VISION
    + '"create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,…"',
    sample="tests/unit/lake/sources/dialects/test_binance_futures.py",
    columns=("ts", "symbol", "open_interest", "open_interest_value", None, None, None, None),
    parts=(
        Part(
            "metrics/long_short_ratio",
            ("ts", "symbol", None, None, "top_accounts", "top_positions", "accounts", "taker_volume"),
        ),
    ),
    headers=(
        (
            "create_time", "symbol", "sum_open_interest", "sum_open_interest_value",
            "count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio", "count_long_short_ratio",
            "sum_taker_long_short_vol_ratio",
        ),
    ),
    header="always",
    file=rf"{_UM}-metrics-{_DATE}\.csv",
    folder=_UM_FOLDER,
    time="text",
    market="FUTURES-UM",
    exchange="BINANCE",
)  # fmt: skip

CM_METRICS = replace(
    UM_METRICS,
    name="binance-cm-metrics",
    title="Binance Vision open interest and ratios of long to short, COIN-M futures",
    example="BTCUSD_PERP-metrics-2024-03-30.csv",
    file=rf"{_CM}-metrics-{_DATE}\.csv",
    folder=_CM_FOLDER,
    market="FUTURES-CM",
)

UM_FUNDING = Dialect(
    name="binance-um-funding",
    title="Binance Vision funding rates, USD-M futures",
    maker="Binance Vision",
    example="BTCUSDT-fundingRate-2024-03.csv",
    asset="metrics/funding",
    vendor=_VISION + '"calc_time,funding_interval_hours,last_funding_rate"',
    sample="tests/unit/lake/sources/dialects/test_binance_futures.py",
    columns=("ts", "interval_hours", "funding_rate"),
    headers=(("calc_time", "funding_interval_hours", "last_funding_rate"),),
    header="always",
    file=rf"{_UM}-fundingRate-{_DATE}\.csv",
    folder=_UM_FOLDER,
    market="FUTURES-UM",
    exchange="BINANCE",
    caution="The times are those of the calculation, some milliseconds after the hour, and are kept as they are.",
)

CM_FUNDING = replace(
    UM_FUNDING,
    name="binance-cm-funding",
    title="Binance Vision funding rates, COIN-M futures",
    example="BTCUSD_PERP-fundingRate-2024-03.csv",
    file=rf"{_CM}-fundingRate-{_DATE}\.csv",
    folder=_CM_FOLDER,
    market="FUTURES-CM",
)

DIALECTS = (UM_BOOK_TICKER, CM_BOOK_TICKER, UM_METRICS, CM_METRICS, UM_FUNDING, CM_FUNDING)
