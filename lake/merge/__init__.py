"""Merging rows of one source with what is stored, by natural key or by multiplicity; pure functions on Arrow tables.

Bars and metrics have the key ts: one row a ts. Features have the key (ts, known_at), in whose order they are stored:
what became known later of the same ts stands behind. Trades with an id have the key (UTC day, id). All other rows have
multiplicity: k identical rows of one source are k events, and what is kept is the larger of the stored and the
source's count. Rows of one ts keep the order their source gave them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import rows
from lake.merge.ids import Drops, id_drops, id_keys, refused, repeated_ids, same_ids
from lake.merge.model import Counts, OnConflict, clocks, keyed_by_id, keyed_by_time
from lake.merge.windows import windows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lake.merge.model import Place, Stream
    from schemas.columns import Schema

__all__ = [
    "Counts",
    "OnConflict",
    "clocks",
    "dedup",
    "ends",
    "follows",
    "in_order",
    "keyed_by_id",
    "keyed_by_time",
    "merge",
    "repeated",
    "sort_by_time",
]


def sort_by_time(table: pa.Table, by: Sequence[str] = ("ts",)) -> pa.Table:
    """Order rows by their `clocks`, those of equal times staying as they are; the same table when it is in order."""
    times = [rows.times(table, name) for name in by]
    if rows.is_sorted(*times):
        return table
    return table.take(pa.array(np.lexsort(times[::-1])))


def in_order(table: pa.Table, schema: Schema) -> bool:
    """Whether rows can be stored as they come: in stored order, and visibly without a repeated key."""
    if keyed_by_time(schema):
        return rows.is_sorted(*(rows.times(table, name) for name in clocks(schema)), strictly=True)
    ts = rows.times(table)
    if not rows.is_sorted(ts):
        return False
    if keyed_by_id(schema):
        ids = table.column("trade_id")
        if ids.null_count < len(ids):
            numbers = rows.whole_numbers(ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids)
            return numbers is not None and rows.is_sorted(numbers, strictly=True)
    return True


def ends(table: pa.Table, schema: Schema) -> tuple[Place, Place]:
    """Return ts and id of the first and last row; the id is -1 where there is none, or none that is a number.

    Of a key made of times, return the times.
    """
    if keyed_by_time(schema):
        key = [rows.times(table, name) for name in schema.key]
        return tuple(int(column[0]) for column in key), tuple(int(column[-1]) for column in key)
    ts = rows.times(table)
    if not keyed_by_id(schema):
        return (int(ts[0]), -1), (int(ts[-1]), -1)
    ids = table.column("trade_id")
    first, last = (-1 if i.as_py() is None else int(i.as_py()) for i in (ids[0], ids[-1]))
    return (int(ts[0]), first), (int(ts[-1]), last)


def follows(before: Place, after: Place, schema: Schema) -> bool:
    """Whether rows `in_order` that begin with `after` may be stored behind those that end with `before`."""
    if keyed_by_time(schema):
        return after > before
    by_id = before[1] < after[1] if before[1] >= 0 and after[1] >= 0 else before[1] == after[1]
    return after[0] >= before[0] and by_id


def dedup(table: pa.Table, schema: Schema) -> tuple[pa.Table, Counts]:
    """Order the rows of one source and drop those whose key comes again later; the last row of a key stays.

    Returns:
        The rows that stay, and the dropped ones counted: identical to the row that stays, or superseded by it.
    """
    if keyed_by_id(schema):
        losers, winners = repeated_ids(table)
    elif keyed_by_time(schema):
        table = sort_by_time(table, clocks(schema))
        (at,) = rows.key_numbers([table], schema.key)
        last = np.append(at[1:] != at[:-1], True)
        losers = np.flatnonzero(~last)
        winners = np.flatnonzero(last)[np.searchsorted(np.flatnonzero(last), losers)]
    else:
        losers = winners = np.empty(0, np.int64)
    counts = Counts()
    if len(losers):
        same = rows.equal_rows(table.take(pa.array(losers)), table.take(pa.array(winners)), table.column_names)
        counts.identical, counts.superseded = int(same.sum()), int((~same).sum())
        keep = np.ones(table.num_rows, dtype=bool)
        keep[losers] = False
        table = table.filter(pa.array(keep))
    return sort_by_time(table), counts


def merge(
    stored: Stream,
    source: list[Stream],
    schema: Schema,
    on_conflict: OnConflict,
    emit: Callable[[pa.Table], None],
) -> Counts:
    """Merge one source's runs into the stored rows of a partition.

    Every stream yields tables in order of ts; `source` streams are in source order, each already `dedup`ed on its own.
    Memory: one window; for rows whose ids do not rise with time also some 60 bytes a row of the partition.

    Args:
        stored: Gives the stored rows, in stored order. May be called twice.
        source: Give the source's rows. May be called twice.
        schema: The rows' schema.
        on_conflict: Which row stays where a key has another row stored.
        emit: Is given the merged rows in stored order.

    Raises:
        LakeError: CONFLICT, when `on_conflict` is fail and a stored row would change.
    """
    total = Counts()
    drops = Drops()
    if keyed_by_id(schema):
        drops = id_drops(stored, source, on_conflict, total)
    seen = [0] * (1 + len(source))
    for tables in windows([stored(), *(s() for s in source)]):
        left = drops.apply(0, tables[0], seen)
        right = [drops.apply(i, t, seen) for i, t in enumerate(tables[1:], 1)]
        merged, counts = _merge_window(left, _concat(right, left), schema, on_conflict)
        total.add(counts)
        if merged.num_rows:
            emit(merged)
    return total


def _concat(tables: list[pa.Table], like: pa.Table) -> pa.Table:
    some = [t for t in tables if t.num_rows]
    if not some:
        return tables[0].slice(0, 0) if tables else like.slice(0, 0)
    return some[0] if len(some) == 1 else sort_by_time(pa.concat_tables(some))


def _merge_window(
    stored: pa.Table, source: pa.Table, schema: Schema, on_conflict: OnConflict
) -> tuple[pa.Table, Counts]:
    if not source.num_rows:
        return stored, Counts()
    if keyed_by_time(schema):
        source, counts = dedup(source, schema)
    else:
        counts = Counts()
    if not stored.num_rows:
        counts.new += source.num_rows
        return source, counts
    old_at, new_at = rows.key_numbers([stored, source], clocks(schema))
    match = _match_keys(old_at, new_at) if keyed_by_time(schema) else _match_events(stored, source, schema)
    found = match >= 0
    old = match[found]
    same = rows.equal_rows(source.filter(pa.array(found)), stored.take(pa.array(old)), source.column_names)
    counts.identical += int(same.sum())
    counts.new += int((~found).sum())
    differing = int((~same).sum())
    if differing and keyed_by_id(schema):
        same_ids(source.filter(pa.array(found)).filter(pa.array(~same)), stored.take(pa.array(old[~same])))
    if differing and on_conflict == "fail":
        raise refused(stored.slice(int(old[~same][0]), 1))
    if on_conflict == "keep":
        counts.superseded += differing
    else:
        counts.corrected += differing
    replaced = np.empty(0, np.int64) if on_conflict == "keep" else old[~same]
    if not differing and found.all():
        return stored, counts
    order = _interleaved(old_at, new_at, match, replaced)
    return pa.concat_tables([stored, source]).take(pa.array(order)), counts


def _match_keys(stored: NDArray[np.int64], source: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each source row the stored row of the same key, or -1; both go up, and neither has a key twice."""
    at = np.searchsorted(stored, source)
    hit = at < len(stored)
    hit[hit] = stored[at[hit]] == source[hit]
    return np.where(hit, at, -1)


def _match_events(stored: pa.Table, source: pa.Table, schema: Schema) -> NDArray[np.int64]:
    """Return for each source row the stored row that is the same event, or -1.

    Rows with an id match by id; others match their like, the k-th of them in the source the k-th that is stored.
    """
    keys, ts = [], []
    for table in (stored, source):
        key = rows.row_hashes(table)
        if keyed_by_id(schema):
            by_id = id_keys(table)
            key = np.where(by_id != 0, by_id, key & ~np.uint64(1))
        keys.append(key)
        ts.append(rows.times(table))
    times, key = np.concatenate(ts), np.concatenate(keys)
    side = np.repeat(np.array([0, 1], np.int8), [stored.num_rows, source.num_rows])
    ordinal = _ordinals(times, key, side)
    order = np.lexsort((side, ordinal, key, times))
    a, b = order[:-1], order[1:]
    pair = (times[a] == times[b]) & (key[a] == key[b]) & (ordinal[a] == ordinal[b]) & (side[a] == 0) & (side[b] == 1)
    match = np.full(source.num_rows, -1, np.int64)
    match[b[pair] - stored.num_rows] = a[pair]
    return match


def _ordinals(ts: NDArray[np.int64], key: NDArray[np.uint64], side: NDArray[np.int8]) -> NDArray[np.int64]:
    """Number the rows that share ts, key and side, in their order."""
    order = np.lexsort((side, key, ts))
    t, k, s = ts[order], key[order], side[order]
    starts = np.append(True, (t[1:] != t[:-1]) | (k[1:] != k[:-1]) | (s[1:] != s[:-1]))
    index = np.arange(len(order))
    ordinals = np.empty(len(order), np.int64)
    ordinals[order] = index - np.maximum.accumulate(np.where(starts, index, 0))
    return ordinals


def _interleaved(
    old_at: NDArray[np.int64], new_at: NDArray[np.int64], match: NDArray[np.int64], replaced: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the order, in stored rows and source rows behind them, that puts new rows among the stored ones.

    A new row goes behind the row it follows in its source, if that one is stored under the same ts; else before the
    next such one; else behind all of its ts. So overlapping halves make the same whole in either order. Corrections
    come in the place of what they correct. `old_at` and `new_at` are the rows' ts, or what numbers their keys.
    """
    fresh = np.flatnonzero(match < 0)
    groups = np.searchsorted(new_at, new_at)  # the first source row of each one's ts
    index = np.arange(len(new_at))
    before = np.maximum.accumulate(np.where(match >= 0, index, -1))
    has_before = before >= groups
    after = np.minimum.accumulate(np.where(match >= 0, index, len(index))[::-1])[::-1]
    has_after = after < np.searchsorted(new_at, new_at, side="right")
    anchor = np.searchsorted(old_at, new_at, side="right") - 1  # the last stored row of it, or of what is before
    lean = np.ones(len(new_at), np.int8)
    anchor = np.where(has_before, match[np.maximum(before, 0)], anchor)
    only_after = has_after & ~has_before
    anchor = np.where(only_after, match[np.minimum(after, len(index) - 1)], anchor)
    lean[only_after] = -1
    take = np.arange(len(old_at))
    if len(replaced):
        by_old = np.full(len(old_at), -1, np.int64)
        found = np.flatnonzero(match >= 0)
        by_old[match[found]] = found
        take[replaced] = by_old[replaced] + len(old_at)
    places = np.concatenate([np.arange(len(old_at)), anchor[fresh]])
    leans = np.concatenate([np.zeros(len(old_at), np.int8), lean[fresh]])
    numbers = np.concatenate([take, fresh + len(old_at)])
    order = np.lexsort((np.arange(len(numbers)), leans, places))
    ordered: NDArray[np.int64] = numbers[order]
    return ordered


def repeated(table: pa.Table) -> int:
    """Count the rows that are exact repeats of another row of the same ts."""
    key, ts = rows.row_hashes(table), rows.times(table)
    order = np.lexsort((key, ts))
    return int(((ts[order][1:] == ts[order][:-1]) & (key[order][1:] == key[order][:-1])).sum())
