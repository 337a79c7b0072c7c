"""Small tables written as plain rows, plain rows out of tables, and the lake's merge rules in plain Python."""

from __future__ import annotations

import functools
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.columns import IDENTITY, Column, Schema
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
DAY_NS = DAY_US * 1000
Row = dict[str, Any]
FEATURES = Schema(
    "features_tabled",
    1,
    (
        Column("ts", "timestamp_us"),
        Column("known_at", "timestamp_us"),
        Column("value", "float64", nullable=True),
        *IDENTITY,
    ),
    key=("ts", "known_at"),
)


def bar(minute: int, price: float = 1.0, **changes: object) -> Row:
    """Return a flat bar that opens `minute` minutes after the epoch."""
    row = dict.fromkeys(("open", "high", "low", "close"), price) | {"ts": minute * MINUTE_US, "volume": 1.0}
    return row | changes


FOUR_DAYS = [
    bar(day * 1440 + i, 1.0 + day + i / 100, vwap=None if i % 2 else 1.5) for day in range(4) for i in range(0, 60, 3)
]
"""Bars of each third minute of the first hours of four days; every other one lacks its vwap."""


def trade(ts: int, price: float = 1.0, trade_id: str | None = None, **changes: object) -> Row:
    """Return a trade `ts` nanoseconds after the epoch."""
    return {"ts": ts, "price": price, "size": 1.0, "trade_id": trade_id} | changes


def feature(minute: int, wait: int, value: float | None = 1.0, **changes: object) -> Row:
    """Return a row of `FEATURES`, `minute` minutes after the epoch, that was known `wait` minutes later."""
    return {"ts": minute * MINUTE_US, "known_at": (minute + wait) * MINUTE_US, "value": value} | changes


def quote(ts: int, bid: float = 1.0, **changes: object) -> Row:
    """Return a quote `ts` nanoseconds after the epoch."""
    return {"ts": ts, "bid": bid, "ask": bid + 1.0} | changes


def table(schema: Schema, rows: Iterable[Row]) -> pa.Table:
    """Return rows as the engine holds them: the schema's columns without exchange, market and symbol."""
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(schema, identity=False))


def bars(*rows: Row) -> pa.Table:
    return table(BARS, rows)


def trades(*rows: Row) -> pa.Table:
    return table(TRADES, rows)


def features(*rows: Row) -> pa.Table:
    return table(FEATURES, rows)


def quotes(*rows: Row) -> pa.Table:
    return table(QUOTES, rows)


def plain(data: pa.Table | pa.RecordBatch) -> list[Row]:
    """Return a table's rows as dicts without nulls and names of the series; times are integers."""
    names = [name for name in data.schema.names if name not in {"exchange", "market", "symbol"}]
    columns = []
    for name in names:
        column = data.column(name)
        columns.append((column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist())
    return [
        {name: value for name, value in zip(names, values, strict=True) if value is not None}
        for values in zip(*columns, strict=True)
    ]


def clean(rows: Iterable[Row]) -> list[Row]:
    """Return rows without their nulls, as `plain` does."""
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


class ConflictingRow(Exception):  # noqa: N818 -- what the rules say, not what the engine raises
    """A stored row would change, and that was refused."""


def merged(
    schema: Schema, stored: Sequence[Row], source: Sequence[Row], on_conflict: str = "newest"
) -> tuple[list[Row], Counter[str]]:
    """Merge one source into a partition's stored rows as the design says it, row by row; return rows and counts."""
    stored, source = clean(stored), clean(source)
    counts: Counter[str] = Counter()
    last = {key: i for i, row in enumerate(source) if (key := _key(schema, row)) is not None}
    kept = []
    for i, row in enumerate(source):  # inside one source the last line of a key wins
        winner = last.get(_key(schema, row), i)
        if winner == i:
            kept.append(row)
        else:
            counts["identical" if source[winner] == row else "superseded"] += 1
    source = sorted(kept, key=functools.partial(_moment, schema))
    held = {key: row for row in stored if (key := _key(schema, row)) is not None}
    for row in list(source):  # a key that is stored under another ts moves, or stays
        old = held.get(_key(schema, row)) if _key(schema, row) is not None else None
        if old is None or old["ts"] == row["ts"]:
            continue
        if on_conflict == "fail":
            raise ConflictingRow
        if on_conflict == "keep":
            counts["superseded"] += 1
            source.remove(row)
        else:
            counts["corrected"] += 1
            counts["new"] -= 1
            stored.remove(old)
    out: list[Row] = []
    for moment in sorted({_moment(schema, row) for row in [*stored, *source]}):
        here, there = ([row for row in rows if _moment(schema, row) == moment] for rows in (stored, source))
        out += _merge_moment(schema, here, there, on_conflict, counts)
    return out, +counts


def _moment(schema: Schema, row: Row) -> tuple[int, ...]:
    """Return what rows are stored in the order of."""
    return tuple(row[name] for name in (schema.key if schema.key[:1] == ("ts",) else ("ts",)))


def _key(schema: Schema, row: Row) -> Hashable:
    if schema.key[:1] == ("ts",):
        return tuple(int(row[name]) for name in schema.key)
    if schema.key == ("trade_id",) and "trade_id" in row:
        return str(row["trade_id"])
    return None


def _merge_moment(
    schema: Schema, stored: list[Row], source: list[Row], on_conflict: str, counts: Counter[str]
) -> list[Row]:
    """Merge the rows of one moment; new rows go where their neighbours in the source lie."""
    places = {tag: i for i, tag in enumerate(_tags(schema, stored))}
    match = [places.get(tag) for tag in _tags(schema, source)]
    groups: list[list[Row]] = [[row] for row in stored] + [[]]
    first = next((at for at in match if at is not None), None)
    leading: list[Row] = []
    behind = leading if first is not None else groups[-1]
    for row, at in zip(source, match, strict=True):
        if at is None:
            counts["new"] += 1
            behind.append(row)
            continue
        behind = groups[at]
        counts[_fate(stored[at], row, on_conflict)] += 1
        if on_conflict == "newest":
            groups[at][0] = row
    if first is not None:
        groups[first][:0] = leading
    return [row for group in groups for row in group]


def _fate(old: Row, new: Row, on_conflict: str) -> str:
    if old == new:
        return "identical"
    if on_conflict == "fail":
        raise ConflictingRow
    return "superseded" if on_conflict == "keep" else "corrected"


def _tags(schema: Schema, rows: list[Row]) -> list[Hashable]:
    """Name each row of one ts: by its key, or by what it is and the how many-th of its kind."""
    seen: Counter[Hashable] = Counter()
    named: list[Hashable] = []
    for row in rows:
        key = _key(schema, row)
        like = tuple(sorted(row.items())) if key is None else key
        named.append((like, seen[like]))
        seen[like] += 1
    return named
