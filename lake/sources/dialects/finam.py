"""Finam export files: columns named in angle brackets, in any selection, Moscow time."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect

_BARS = Dialect(
    name="finam-bars",
    title="Finam bars",
    asset="bars",
    vendor='finam.ru export: "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>", Moscow',
    sample="data_sber_minutes30.csv",
    maker="Finam",
    header="always",
    by_name={
        "<TICKER>": "symbol",
        "<PER>": "period",
        "<DATE>": "ts.date",
        "<TIME>": "ts.time",
        "<OPEN>": "open",
        "<HIGH>": "high",
        "<LOW>": "low",
        "<CLOSE>": "close",
        "<VOL>": "volume",
    },
    required=("<DATE>", "<TIME>", "<OPEN>", "<HIGH>", "<LOW>", "<CLOSE>"),
    delimiters=",;\t",
    time="text",
    zone="Europe/Moscow",
    labels=True,
    periods={
        "1": "1m", "2": "2m", "3": "3m", "4": "4m", "5": "5m", "10": "10m", "15": "15m", "20": "20m", "30": "30m",
        "60": "1h", "H": "1h", "D": "1d", "W": "1w", "M": "1mo",
    },
)  # fmt: skip
_TICKS = replace(
    _BARS,
    name="finam-ticks",
    title="Finam ticks",
    asset="ticks/trade",
    vendor='finam.ru export: "<TICKER>;<PER>;<DATE>;<TIME>;<LAST>;<VOL>;<ID>", Moscow time',
    sample="tests/unit/lake/sources/dialects/test_finam.py",
    by_name={
        "<TICKER>": "symbol",
        "<DATE>": "ts.date",
        "<TIME>": "ts.time",
        "<LAST>": "price",
        "<VOL>": "size",
        "<ID>": "trade_id",
        "<OPER>": "side",
    },
    required=("<DATE>", "<TIME>", "<LAST>", "<VOL>"),
    sides={"B": "buy", "S": "sell"},
    labels=False,
    periods={},
)

DIALECTS = (_BARS, _TICKS)
