"""A metric of one's own whose columns are lists and short numbers, and rows of it; all floats are exact in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.assets import declare
from schemas.columns import Column, Rule
from schemas.keys import Address
from schemas.metrics import metrics_schema
from tests.tables import MINUTE_US, Row, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

EMBEDDED = metrics_schema(
    "embedded",
    (
        Column("vector", "float32", nullable=True, length=3),
        Column("levels", "int32", length=2),
        Column("score", "float32", nullable=True),
    ),
    rules=(
        Rule("at_least", "bad_value", ("levels",), bound=-9),
        Rule("at_most", "bad_value", ("score", "vector"), bound=100.0),
    ),
)
VECTORS = Address.of("LAB", "SPOT", "BTCUSDT", "metrics", "embedded")
declare(VECTORS.key, EMBEDDED)


def embedded(
    minute: int, vector: Sequence[float] | None = (0.5, -1.25, 2.0), levels: Sequence[int] = (1, 2), **changes: object
) -> Row:
    """Return a row `minute` minutes after the epoch."""
    lists = {"vector": None if vector is None else list(vector), "levels": list(levels)}
    return {"ts": minute * MINUTE_US, **lists, "score": 0.5} | changes


def vectors(*rows: Row) -> pa.Table:
    return table(EMBEDDED, rows)
