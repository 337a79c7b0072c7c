"""Order books: level updates (l2, deltas and snapshots) and single order events (l3)."""

from __future__ import annotations

from schemas.columns import IDENTITY, Column, Rule, Schema

_HEAD = (
    Column("ts", "timestamp_ns", unit="UTC"),
    Column("ts_event", "timestamp_ns", nullable=True, unit="UTC"),
    Column("ts_recv", "timestamp_ns", nullable=True, unit="UTC"),
    Column("seq", "int64", nullable=True, description="The venue's sequence number."),
    Column("side", "category", description="bid or ask."),
    Column("price", "float64", unit="price"),
    Column("size", "float64", unit="base", description="0 deletes the level or order."),
)
_RULES = (
    Rule("positive", "non_positive_price", ("price",), waivable=True),
    Rule("not_negative", "negative_volume", ("size",)),
    Rule("one_of", "bad_value", ("side",), values=("bid", "ask")),
)

BOOK_L2 = Schema(
    name="book_l2",
    version=1,
    columns=(
        *_HEAD,
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
    version=1,
    columns=(
        *_HEAD,
        Column("order_id", "text"),
        Column("action", "category", description="add, change, cancel, trade or clear, as the venue says."),
        *IDENTITY,
    ),
    rules=_RULES,
    volume="size",
    low="price",
    high="price",
)
