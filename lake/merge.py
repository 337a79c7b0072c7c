"""Merging rows of one source with what is stored, by natural key or by multiplicity; pure functions on Arrow tables.

Bars, metrics and features have the key ts: one row a ts. Trades with an id have the key (UTC day, id). All other rows
have multiplicity: k identical rows of one source are k events, and what is kept is the larger of the stored and the
source's count. Rows of one ts keep the order their source gave them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import rows
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from schemas.columns import Schema

    Stream = Callable[[], Iterable[pa.Table]]
    """Gives rows in order of ts, from the start each time it is called."""

OnConflict = Literal["newest", "keep", "fail"]
WINDOW_ROWS = 262_144
"""Rows of one stream that a merge holds at a time; more only where a single ts has more."""


@dataclass(slots=True)
class Counts:
    """What became of a source's rows."""

    new: int = 0
    identical: int = 0
    corrected: int = 0
    superseded: int = 0

    def add(self, other: Counts) -> None:
        """Add another count to this one."""
        self.new += other.new
        self.identical += other.identical
        self.corrected += other.corrected
        self.superseded += other.superseded

    @property
    def changes(self) -> bool:
        """Whether anything stored becomes another."""
        return bool(self.new or self.corrected)


def sort_by_time(table: pa.Table) -> pa.Table:
    """Order rows by ts, those of one ts staying as they are; the same table when it is in order."""
    ts = rows.times(table)
    if rows.is_sorted(ts):
        return table
    return table.take(pa.array(np.argsort(ts, kind="stable")))


def keyed_by_id(schema: Schema) -> bool:
    """Whether rows of the schema may carry an id that is their key."""
    return schema.key == ("trade_id",)


def in_order(table: pa.Table, schema: Schema) -> bool:
    """Whether rows can be stored as they come: ordered by ts, and visibly without a repeated key."""
    ts = rows.times(table)
    if schema.key == ("ts",):
        return rows.is_sorted(ts, strictly=True)
    if not rows.is_sorted(ts):
        return False
    if keyed_by_id(schema):
        ids = table.column("trade_id")
        if ids.null_count < len(ids):
            numbers = rows.whole_numbers(ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids)
            return numbers is not None and rows.is_sorted(numbers, strictly=True)
    return True


def ends(table: pa.Table, schema: Schema) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return ts and id of the first and last row; the id is -1 where there is none, or none that is a number."""
    ts = rows.times(table)
    if not keyed_by_id(schema):
        return (int(ts[0]), -1), (int(ts[-1]), -1)
    ids = table.column("trade_id")
    first, last = (-1 if i.as_py() is None else int(i.as_py()) for i in (ids[0], ids[-1]))
    return (int(ts[0]), first), (int(ts[-1]), last)


def follows(before: tuple[int, int], after: tuple[int, int], schema: Schema) -> bool:
    """Whether rows `in_order` that begin with `after` may be stored behind those that end with `before`."""
    if schema.key == ("ts",):
        return after[0] > before[0]
    by_id = before[1] < after[1] if before[1] >= 0 and after[1] >= 0 else before[1] == after[1]
    return after[0] >= before[0] and by_id


def dedup(table: pa.Table, schema: Schema) -> tuple[pa.Table, Counts]:
    """Order the rows of one source and drop those whose key comes again later; the last row of a key stays.

    Returns:
        The rows that stay, and the dropped ones counted: identical to the row that stays, or superseded by it.
    """
    if keyed_by_id(schema):
        losers, winners = _repeated_ids(table)
    elif schema.key == ("ts",):
        table = sort_by_time(table)
        ts = rows.times(table)
        last = np.append(ts[1:] != ts[:-1], True)
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


def id_keys(table: pa.Table) -> NDArray[np.uint64]:
    """Return a 64-bit key for each trade id: equal ids have equal keys; rows without an id have 0."""
    ids = table.column("trade_id")
    if ids.null_count == len(ids):
        return np.zeros(len(ids), np.uint64)
    keys = rows.row_hashes(table.select(["trade_id"])) | np.uint64(1)
    if ids.null_count:
        keys[ids.is_null().to_numpy()] = 0
    return keys


def _repeated_ids(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows whose id comes again later, and the last row of each one's id."""
    keys = id_keys(table)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    again = np.flatnonzero((ordered[:-1] == ordered[1:]) & (ordered[:-1] != 0))
    if not len(again):
        return again, again
    last = np.append(ordered[1:] != ordered[:-1], True)
    ends = np.flatnonzero(last)
    winners = order[ends[np.searchsorted(ends, again)]]
    losers = order[again]
    _same_ids(table.take(pa.array(losers)), table.take(pa.array(winners)))
    return losers, winners


def _same_ids(a: pa.Table, b: pa.Table) -> None:
    """Make sure that equal keys mean equal ids: 64 bits can meet by chance."""
    if not rows.equal_rows(a, b, ["trade_id"]).all():
        msg = "two trade ids have the same 64-bit key"
        raise LakeError("UNEXPECTED", msg, fix=["ingest the source in smaller pieces and report this"])


def merge(
    stored: Stream,
    source: list[Stream],
    schema: Schema,
    on_conflict: OnConflict,
    emit: Callable[[pa.Table], None],
) -> Counts:
    """Merge one source's runs into the stored rows of a partition.

    Every stream yields tables in order of ts; `source` streams are in source order, each already `dedup`ed on its own.
    Memory: a window of each stream; for rows with ids also 8 bytes a row.

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
    drops = _Drops()
    if keyed_by_id(schema):
        drops = _id_drops(stored, source, on_conflict, total)
    seen = [0] * (1 + len(source))
    for tables in windows([stored(), *(s() for s in source)]):
        left = drops.apply(0, tables[0], seen)
        right = [drops.apply(i, t, seen) for i, t in enumerate(tables[1:], 1)]
        merged, counts = _merge_window(left, _concat(right, left), schema, on_conflict)
        total.add(counts)
        if on_conflict == "fail" and total.corrected:
            raise _conflict(schema, left)
        emit(merged)
    return total


def _conflict(schema: Schema, stored: pa.Table) -> LakeError:
    first = stored.column("ts")[0].as_py() if stored.num_rows else None
    return LakeError("CONFLICT", f"rows of {schema.name} differ from those stored", where=f"near {first}" if first else "")


def _concat(tables: list[pa.Table], like: pa.Table) -> pa.Table:
    some = [t for t in tables if t.num_rows]
    if not some:
        return tables[0].slice(0, 0) if tables else like.slice(0, 0)
    return some[0] if len(some) == 1 else sort_by_time(pa.concat_tables(some))


@dataclass(slots=True)
class _Drops:
    """Rows that leave their stream before the windows are merged: by stream, row numbers in stream order."""

    of: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def apply(self, stream: int, table: pa.Table, seen: list[int]) -> pa.Table:
        start = seen[stream]
        seen[stream] += table.num_rows
        numbers = self.of.get(stream)
        if numbers is None:
            return table
        here = numbers[np.searchsorted(numbers, start) : np.searchsorted(numbers, start + table.num_rows)] - start
        if not len(here):
            return table
        keep = np.ones(table.num_rows, dtype=bool)
        keep[here] = False
        return table.filter(pa.array(keep))


def _id_drops(
    stored: Stream,
    source: list[Stream],
    on_conflict: OnConflict,
    total: Counts,
) -> _Drops:
    """Find the rows with an id that comes again in the source, or is stored under another ts."""
    columns = ["ts", "trade_id"]
    streams = [_IdColumn.read(s(), columns) for s in [stored, *source]]
    drops: dict[int, list[NDArray[np.int64]]] = {}
    new = _IdColumn.join(streams[1:])
    order = np.argsort(new.keys, kind="stable")
    ordered = new.keys[order]
    again = np.flatnonzero((ordered[:-1] == ordered[1:]) & (ordered[:-1] != 0))
    if len(again):
        ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        losers, winners = order[again], order[ends[np.searchsorted(ends, again)]]
        same = _compare(source, source, losers, winners, streams[1:], streams[1:])
        total.identical += int(same.sum())
        total.superseded += int((~same).sum())
        _scatter(drops, losers, streams[1:], first=1)
        keep = np.ones(len(new.keys), dtype=bool)
        keep[losers] = False
        order = order[keep[order]]
        ordered = new.keys[order]
    old = streams[0]
    at = np.searchsorted(ordered, old.keys)
    hit = (at < len(ordered)) & (old.keys != 0)
    hit[hit] = ordered[at[hit]] == old.keys[hit]
    old_rows = np.flatnonzero(hit)
    new_rows = order[at[old_rows]]
    moved = old.ts[old_rows] != new.ts[new_rows]
    if moved.any():
        count = int(moved.sum())
        if on_conflict == "keep":
            total.superseded += count
            _scatter(drops, new_rows[moved], streams[1:], first=1)
        else:
            total.corrected += count
            # The window will count the row that comes in as new; it is the correction.
            total.new -= count
            _scatter(drops, old_rows[moved], streams[:1], first=0)
    return _Drops({k: np.sort(np.concatenate(v)) for k, v in drops.items()})


@dataclass(slots=True)
class _IdColumn:
    keys: NDArray[np.uint64]
    ts: NDArray[np.int64]

    @classmethod
    def read(cls, stream: Iterable[pa.Table], columns: list[str]) -> _IdColumn:
        parts = [(id_keys(t), rows.times(t)) for t in (x.select(columns) for x in stream)]
        if not parts:
            return cls(np.empty(0, np.uint64), np.empty(0, np.int64))
        return cls(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))

    @classmethod
    def join(cls, columns: list[_IdColumn]) -> _IdColumn:
        return cls(np.concatenate([c.keys for c in columns]), np.concatenate([c.ts for c in columns]))


def _scatter(
    drops: dict[int, list[NDArray[np.int64]]], numbers: NDArray[np.int64], streams: list[_IdColumn], *, first: int
) -> None:
    """Sort row numbers of joined streams out to their streams."""
    start = 0
    for i, stream in enumerate(streams, first):
        stop = start + len(stream.keys)
        mine = numbers[(numbers >= start) & (numbers < stop)] - start
        if len(mine):
            drops.setdefault(i, []).append(mine)
        start = stop


def _compare(
    a: list[Stream],
    b: list[Stream],
    a_rows: NDArray[np.int64],
    b_rows: NDArray[np.int64],
    a_streams: list[_IdColumn],
    b_streams: list[_IdColumn],
) -> NDArray[np.bool_]:
    """Compare rows of two joined streams by number."""
    left, right = _pick(a, a_rows, a_streams), _pick(b, b_rows, b_streams)
    _same_ids(left, right)
    return rows.equal_rows(left, right, left.column_names)


def _pick(
    streams: list[Stream], numbers: NDArray[np.int64], columns: list[_IdColumn]
) -> pa.Table:
    wanted = np.unique(numbers)
    found: list[pa.Table] = []
    start = 0
    for stream, column in zip(streams, columns, strict=True):
        if not ((wanted >= start) & (wanted < start + len(column.keys))).any():
            start += len(column.keys)
            continue
        for table in stream():
            here = wanted[(wanted >= start) & (wanted < start + table.num_rows)] - start
            if len(here):
                found.append(table.take(pa.array(here)))
            start += table.num_rows
    return pa.concat_tables(found).take(pa.array(np.searchsorted(wanted, numbers)))


def windows(streams: list[Iterable[pa.Table]]) -> Iterator[list[pa.Table]]:
    """Cut streams that are ordered by ts at common times: each window has, of every stream, all rows of its times."""
    heads = [_Head(iter(s)) for s in streams]
    while any([h.fill(WINDOW_ROWS) for h in heads]):  # noqa: C419 -- every stream has to be filled
        open_ends = [int(h.ts[-1]) for h in heads if not h.exhausted]
        if not open_ends:
            yield [h.take(None) for h in heads]
            return
        boundary = min(open_ends)
        if all(not len(h.ts) or h.ts[0] >= boundary for h in heads):
            for h in heads:  # one ts fills a whole window: make room for all of it
                if not h.exhausted and int(h.ts[-1]) == boundary:
                    h.fill(len(h.ts) + WINDOW_ROWS)
            continue
        yield [h.take(boundary) for h in heads]


class _Head:
    """The next rows of one stream."""

    def __init__(self, stream: Iterator[pa.Table]) -> None:
        self._stream = stream
        self._tables: deque[pa.Table] = deque()
        self._empty: pa.Table | None = None
        self.exhausted = False
        self.ts: NDArray[np.int64] = np.empty(0, np.int64)

    def fill(self, at_least: int) -> bool:
        """Hold at least that many rows, or all that are left; whether there are any."""
        while len(self.ts) < at_least and not self.exhausted:
            table = next(self._stream, None)
            if table is None:
                self.exhausted = True
            else:
                self._empty = table.slice(0, 0)
                if table.num_rows:
                    self._tables.append(table)
                    self.ts = np.concatenate([self.ts, rows.times(table)])
        return bool(len(self.ts))

    def take(self, before: int | None) -> pa.Table:
        """Take the rows whose ts is below `before`, or all."""
        count = len(self.ts) if before is None else int(np.searchsorted(self.ts, before))
        if not self._tables:
            return self._empty if self._empty is not None else pa.table({"ts": pa.array([], pa.int64())})
        held = pa.concat_tables(self._tables)
        self._tables = deque([held.slice(count)] if count < held.num_rows else [])
        self.ts = self.ts[count:]
        return held.slice(0, count)


def _merge_window(
    stored: pa.Table, source: pa.Table, schema: Schema, on_conflict: OnConflict
) -> tuple[pa.Table, Counts]:
    if not source.num_rows:
        return stored, Counts()
    if schema.key == ("ts",):
        source, counts = dedup(source, schema)
    else:
        counts = Counts()
    if not stored.num_rows:
        counts.new += source.num_rows
        return source, counts
    match = _match_by_time(stored, source) if schema.key == ("ts",) else _match_events(stored, source, schema)
    found = match >= 0
    old = match[found]
    same = rows.equal_rows(source.filter(pa.array(found)), stored.take(pa.array(old)), source.column_names)
    counts.identical += int(same.sum())
    counts.new += int((~found).sum())
    differing = int((~same).sum())
    if differing and keyed_by_id(schema):
        _same_ids(source.filter(pa.array(found)).filter(pa.array(~same)), stored.take(pa.array(old[~same])))
    if on_conflict == "keep":
        counts.superseded += differing
    else:
        counts.corrected += differing
    replaced = np.empty(0, np.int64) if on_conflict == "keep" else old[~same]
    if not differing and found.all():
        return stored, counts
    return _interleave(stored, source, match, replaced), counts


def _match_by_time(stored: pa.Table, source: pa.Table) -> NDArray[np.int64]:
    """Return for each source row the stored row of the same ts, or -1; both have one row a ts."""
    a, b = rows.times(stored), rows.times(source)
    at = np.searchsorted(a, b)
    hit = at < len(a)
    hit[hit] = a[at[hit]] == b[hit]
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
    pair = (
        (times[a] == times[b]) & (key[a] == key[b]) & (ordinal[a] == ordinal[b]) & (side[a] == 0) & (side[b] == 1)
    )
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


def _interleave(
    stored: pa.Table, source: pa.Table, match: NDArray[np.int64], replaced: NDArray[np.int64]
) -> pa.Table:
    """Put new rows among the stored ones, and corrections in the place of what they correct.

    A new row goes behind the row it follows in its source, if that one is stored under the same ts; else before the
    next such one; else behind all of its ts. So overlapping halves make the same whole in either order.
    """
    old_ts, new_ts = rows.times(stored), rows.times(source)
    fresh = np.flatnonzero(match < 0)
    groups = np.searchsorted(new_ts, new_ts)  # the first source row of each one's ts
    index = np.arange(len(new_ts))
    before = np.maximum.accumulate(np.where(match >= 0, index, -1))
    has_before = before >= groups
    after = np.minimum.accumulate(np.where(match >= 0, index, len(index))[::-1])[::-1]
    has_after = after < np.searchsorted(new_ts, new_ts, side="right")
    anchor = np.searchsorted(old_ts, new_ts, side="right") - 1  # the last stored row of that ts, or of the ts before
    lean = np.ones(len(new_ts), np.int8)
    anchor = np.where(has_before, match[np.maximum(before, 0)], anchor)
    only_after = has_after & ~has_before
    anchor = np.where(only_after, match[np.minimum(after, len(index) - 1)], anchor)
    lean[only_after] = -1
    take = np.arange(stored.num_rows)
    if len(replaced):
        by_old = np.full(stored.num_rows, -1, np.int64)
        found = np.flatnonzero(match >= 0)
        by_old[match[found]] = found
        take[replaced] = by_old[replaced] + stored.num_rows
    places = np.concatenate([np.arange(stored.num_rows), anchor[fresh]])
    leans = np.concatenate([np.zeros(stored.num_rows, np.int8), lean[fresh]])
    numbers = np.concatenate([take, fresh + stored.num_rows])
    order = np.lexsort((np.arange(len(numbers)), leans, places))
    return pa.concat_tables([stored, source]).take(pa.array(numbers[order]))


def repeated(table: pa.Table) -> int:
    """Count the rows that are exact repeats of another row of the same ts."""
    key, ts = rows.row_hashes(table), rows.times(table)
    order = np.lexsort((key, ts))
    return int(((ts[order][1:] == ts[order][:-1]) & (key[order][1:] == key[order][:-1])).sum())

