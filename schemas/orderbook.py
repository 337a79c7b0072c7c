"""Order books: level updates (l2, deltas and snapshots) and single order events (l3)."""

from __future__ import annotations

from schemas.columns import IDENTITY, Column, Rule, Schema

_CLOCKS = (
    Column("ts", "timestamp_ns", unit="UTC"),
    Column("ts_event", "timestamp_ns", nullable=True, unit="UTC"),
    Column("ts_recv", "timestamp_ns", nullable=True, unit="UTC"),
    Column("seq", "int64", nullable=True, description="The venue's sequence number."),
)
ACTIONS = ("add", "change", "cancel", "trade", "fill", "clear")
"""A trade is told of the one who took, a fill of the order that was resting; a clear empties the book."""
_RULES = (
    Rule("positive", "non_positive_price", ("price",), waivable=True),
    Rule("not_negative", "negative_volume", ("size",)),
    Rule("one_of", "bad_value", ("side",), values=("bid", "ask")),
)

BOOK_L2 = Schema(
    name="book_l2",
    version=1,
    columns=(
        *_CLOCKS,
        Column("side", "category", description="bid or ask."),
        Column("price", "float64", unit="price"),
        Column("size", "float64", unit="base", description="0 deletes the level."),
        Column("is_snapshot", "bool"),
        Column("first_update_id", "int64", nullable=True),
        Column("last_update_id", "int64", nullable=True),
        Column("prev_update_id", "int64", nullable=True),
        *IDENTITY,
    ),
    rules=_RULES,
    volume="size",
    low="price",
    high="price",
)

BOOK_L3 = Schema(
    name="book_l3",
    version=2,  # since 2 side and price may be null, and actions are of one list
    columns=(
        *_CLOCKS,
        Column("side", "category", nullable=True, description="bid or ask; null where the venue says neither."),
        Column(
            "price", "float64", nullable=True, unit="price", description="Null where none is said: a clear has none."
        ),
        Column("size", "float64", unit="base", description="0 deletes the order."),
        Column("order_id", "text"),
        Column("action", "category", description="add, change, cancel, trade, fill or clear, as the venue says."),
        *IDENTITY,
    ),
    rules=(*_RULES, Rule("one_of", "bad_value", ("action",), values=ACTIONS)),
    volume="size",
    low="price",
    high="price",
)
