"""Bars (OHLCV): one row a period, stamped with the period's open, in UTC."""

from __future__ import annotations

from schemas.columns import IDENTITY, Column, Rule, Schema

BARS = Schema(
    name="bars",
    version=1,
    columns=(
        Column("ts", "timestamp_us", unit="UTC", description="Open of the bar."),
        Column("open", "float64", unit="price"),
        Column("high", "float64", unit="price"),
        Column("low", "float64", unit="price"),
        Column("close", "float64", unit="price"),
        Column("volume", "float64", nullable=True, unit="base", description="Null where the source has none."),
        Column("quote_volume", "float64", nullable=True, unit="quote"),
        Column("trades", "int64", nullable=True, unit="count"),
        Column("taker_buy_volume", "float64", nullable=True, unit="base"),
        Column("taker_buy_quote_volume", "float64", nullable=True, unit="quote"),
        Column("vwap", "float64", nullable=True, unit="price"),
        Column("open_interest", "float64", nullable=True, unit="contracts"),
        Column("spread", "float64", nullable=True, unit="price"),
        *IDENTITY,
    ),
    rules=(
        Rule("positive", "non_positive_price", ("open", "high", "low", "close"), waivable=True),
        Rule("highest", "ohlc_inconsistent", ("high", "open", "close", "low")),
        Rule("lowest", "ohlc_inconsistent", ("low", "open", "close")),
        Rule("not_negative", "negative_volume", ("volume",)),
        Rule("on_grid", "off_grid", ("ts",)),
    ),
    key=("ts",),
    volume="volume",
    low="low",
    high="high",
)
