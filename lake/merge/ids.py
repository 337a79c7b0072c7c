"""Rows with ids: a key that may come again anywhere in its UTC day, also under another time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import rows
from lake.errors import LakeError
from lake.merge.windows import windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from lake.merge.model import Counts, OnConflict, Stream


_PAIRS = 65_536
"""Pairs of rows that are compared at a time."""


def id_keys(table: pa.Table) -> NDArray[np.uint64]:
    """Return a 64-bit key for each trade id: equal ids have equal keys; rows without an id have 0."""
    ids = table.column("trade_id")
    if ids.null_count == len(ids):
        return np.zeros(len(ids), np.uint64)
    keys = rows.row_hashes(table.select(["trade_id"])) | np.uint64(1)
    if ids.null_count:
        keys[ids.is_null().to_numpy()] = 0
    return keys


def repeated_ids(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
    same_ids(table.take(pa.array(losers)), table.take(pa.array(winners)))
    return losers, winners


def same_ids(a: pa.Table, b: pa.Table) -> None:
    """Make sure that equal keys mean equal ids: 64 bits can meet by chance."""
    if not rows.equal_rows(a, b, ["trade_id"]).all():
        msg = "two trade ids have the same 64-bit key"
        raise LakeError("UNEXPECTED", msg, fix=["ingest the source in smaller pieces and report this"])


def refused(stored: pa.Table) -> LakeError:
    """Return the error for a stored row, the first of the table, that would change although that was refused."""
    row = {name: stored.column(name)[0] for name in ("ts", "trade_id") if name in stored.column_names}
    where = " ".join(f"{name} {value.cast(pa.string()).as_py()}" for name, value in row.items() if value.is_valid)
    return LakeError("CONFLICT", "a row differs from the one stored under the same key", where=where)


@dataclass(slots=True)
class Drops:
    """Rows that leave their stream before the windows are merged: by stream, row numbers in stream order."""

    of: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def apply(self, stream: int, table: pa.Table, seen: list[int]) -> pa.Table:
        """Drop what leaves from the next table of a stream; `seen` counts the rows of each stream so far."""
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


def id_drops(
    stored: Stream,
    source: list[Stream],
    on_conflict: OnConflict,
    total: Counts,
) -> Drops:
    """Find the rows with an id that comes again in the source, or is stored under another ts.

    Raises:
        LakeError: CONFLICT, when `on_conflict` is fail and a stored row would move.
    """
    if _in_place([stored, *source]):
        return Drops()
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
        same = _compare(source, losers, winners, streams[1:])
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
    if moved.any() and on_conflict == "fail":
        raise refused(_pick([stored], old_rows[moved][:1], streams[:1]))
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
    return Drops({k: np.sort(np.concatenate(v)) for k, v in drops.items()})


class _Unordered(Exception):  # noqa: N818 -- an outcome, caught here
    """The ids of a stream are no numbers that rise with time."""


def _in_place(streams: list[Stream]) -> bool:
    """Whether it can be shown in little memory that no row has to leave its stream: mostly, it can.

    It can where there are no ids, and where in every stream the ids are numbers that rise with time, none comes in two
    of the source's streams, and those that are stored too have the same ts there.
    """
    try:
        for old, *new in windows([_rising(s) for s in streams]):
            some = [t for t in new if t.num_rows]
            if not some:
                continue
            fresh = pa.concat_tables(some)
            ids = rows.times(fresh)
            if len(np.unique(ids)) < len(ids):
                return False
            if old.num_rows:
                _, here, there = np.intersect1d(ids, rows.times(old), assume_unique=True, return_indices=True)
                if (rows.times(fresh, "at")[here] != rows.times(old, "at")[there]).any():
                    return False
    except _Unordered:
        return False
    return True


def _rising(stream: Stream) -> Iterator[pa.Table]:
    """Yield the ids of a stream as numbers, in a column `ts` to be cut by, with the rows' times beside them."""
    last = -1
    for table in stream():
        ids = table.column("trade_id").combine_chunks()
        if ids.null_count == len(ids):
            continue
        numbers = rows.whole_numbers(ids)
        if numbers is None or numbers[0] <= last or not rows.is_sorted(numbers, strictly=True):
            raise _Unordered
        last = int(numbers[-1])
        yield pa.table({"ts": pa.array(numbers), "at": pa.array(rows.times(table))})


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
        if not columns:
            return cls.read((), [])
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
    streams: list[Stream], a: NDArray[np.int64], b: NDArray[np.int64], columns: list[_IdColumn]
) -> NDArray[np.bool_]:
    """Compare rows of joined streams by number, a slice at a time."""
    parts = [np.empty(0, dtype=bool)]
    for start in range(0, len(a), _PAIRS):
        here = slice(start, start + _PAIRS)
        left, right = _pick(streams, a[here], columns), _pick(streams, b[here], columns)
        same_ids(left, right)
        parts.append(rows.equal_rows(left, right, left.column_names))
    return np.concatenate(parts)


def _pick(streams: list[Stream], numbers: NDArray[np.int64], columns: list[_IdColumn]) -> pa.Table:
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
