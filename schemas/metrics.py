"""Metrics: funding, open interest and the like; ts and columns the declaring asset types."""

from __future__ import annotations

from schemas.columns import IDENTITY, Column, Rule, Schema


def metrics_schema(name: str, columns: tuple[Column, ...], *, version: int = 1, rules: tuple[Rule, ...] = ()) -> Schema:
    """Return the schema of `metrics/<name>`: ts, the given columns, and the series' identity; key ts."""
    ts = Column("ts", "timestamp_us", unit="UTC")
    return Schema(f"metrics_{name}", version, (ts, *columns, *IDENTITY), rules=rules, key=("ts",))


FUNDING = metrics_schema(
    "funding",
    (
        Column("funding_rate", "float64", unit="fraction"),
        Column("interval_hours", "float64", nullable=True, unit="hours"),
        Column("mark_price", "float64", nullable=True, unit="price"),
    ),
)

LONG_SHORT_RATIO = metrics_schema(
    "long_short_ratio",
    (
        Column("accounts", "float64", nullable=True, unit="ratio", description="Long accounts to short ones."),
        Column("top_accounts", "float64", nullable=True, unit="ratio", description="The same, of top traders alone."),
        Column("top_positions", "float64", nullable=True, unit="ratio", description="Their long positions to short."),
        Column("taker_volume", "float64", nullable=True, unit="ratio", description="Bought by takers to sold."),
    ),
)

OPEN_INTEREST = metrics_schema(
    "open_interest",
    (
        Column("open_interest", "float64", unit="contracts"),
        Column("open_interest_value", "float64", nullable=True, unit="quote"),
    ),
    rules=(Rule("not_negative", "negative_volume", ("open_interest", "open_interest_value")),),
)
