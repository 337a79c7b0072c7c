"""Ticks: single trades, and top-of-book quotes. Times are the venue's matching time where the source has it."""

from __future__ import annotations

from schemas.columns import IDENTITY, Column, Rule, Schema

_CLOCKS = (
    Column("ts_event", "timestamp_ns", nullable=True, unit="UTC", description="Event time, when it is not ts."),
    Column("ts_recv", "timestamp_ns", nullable=True, unit="UTC", description="Receive time at the capture."),
)

TRADES = Schema(
    name="trades",
    version=2,  # since 2 a size may be null
    columns=(
        Column("ts", "timestamp_ns", unit="UTC"),
        Column("price", "float64", unit="price"),
        Column("size", "float64", nullable=True, unit="base", description="Null where the source has none."),
        Column("side", "category", nullable=True, description="Aggressor: buy, sell, or null."),
        Column("trade_id", "text", nullable=True, description="Unique within a UTC day of the series."),
        *_CLOCKS,
        Column("conditions", "text", nullable=True, description="The vendor's condition codes, as written."),
        *IDENTITY,
    ),
    rules=(
        Rule("positive", "non_positive_price", ("price",), waivable=True),
        Rule("not_negative", "negative_volume", ("size",)),
        Rule("one_of", "bad_value", ("side",), values=("buy", "sell")),
    ),
    key=("trade_id",),
    volume="size",
    low="price",
    high="price",
)

QUOTES = Schema(
    name="quotes",
    version=1,
    columns=(
        Column("ts", "timestamp_ns", unit="UTC"),
        Column("bid", "float64", unit="price"),
        Column("ask", "float64", unit="price"),
        Column("bid_size", "float64", nullable=True, unit="base"),
        Column("ask_size", "float64", nullable=True, unit="base"),
        *_CLOCKS,
        *IDENTITY,
    ),
    rules=(
        Rule("positive", "non_positive_price", ("bid", "ask"), waivable=True),
        Rule("not_negative", "negative_volume", ("bid_size", "ask_size")),
    ),
    low="bid",
    high="ask",
)
