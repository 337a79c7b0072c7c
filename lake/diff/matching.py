"""Matching the rows of two streams by their natural key, in windows of time, so that little memory is needed.

Rows are matched by ts, or ts and known_at, where that is the key, by trade id within one UTC day where there are ids,
and else as a multiset: k rows that are the same are k rows. Two nulls are equal, and so are two NaN; 0.0 and -0.0 are
one value, as they are in content hashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import rows
from lake.diff.model import Samples, Tally
from lake.merge.ids import id_keys, same_ids
from lake.merge.model import keyed_by_id, keyed_by_time
from lake.merge.windows import windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from schemas.columns import Schema

    Stream = Callable[[], Iterable[pa.Table]]
    """Gives the rows of one side in order of ts, from the start each time; the first table may be empty."""
    Indices = NDArray[np.int64]
    Keys = NDArray[np.uint64]

HELD_KEYS = 2_000_000
"""Ids in no common window that are held at a time; where there are more, the streams are read again for the rest."""
CLASSES_MAX = 1024
HELD_ROWS = 131_072
"""Rows that moved to another time, held at a time of each side."""


def compare(old: Stream, new: Stream, schema: Schema, samples: Samples) -> Tally:
    """Compare two streams of one natural partition.

    Args:
        old: The rows as they were.
        new: The rows as they are.
        schema: Says which key they have.
        samples: Takes up the first rows of each kind.
    """
    tally = Tally()
    apart = _Apart()
    for a, b in windows([old(), new()]):
        if keyed_by_time(schema):
            i, j = _common(*rows.key_numbers([a, b], schema.key))
            _pairs(a, b, (i, j), tally, samples)
            _alone(a, _others(a.num_rows, i), b, _others(b.num_rows, j), tally, samples)
        elif keyed_by_id(schema):
            _by_id(a, b, apart, tally, samples)
        else:
            _alike(a, b, tally, samples)
    for keys in apart.classes(old, new):
        _settle(keys, (old, new), tally, samples)
    return tally


def count_alone(stream: Stream, kept: list[pa.Table], samples: Samples) -> None:
    """Take samples of a stream that the other side has nothing of."""
    for table in stream():
        if samples.room(kept) <= 0:
            return
        samples.keep(kept, table)


def _common(a: NDArray[np.int64] | Keys, b: NDArray[np.int64] | Keys) -> tuple[Indices, Indices]:
    """Return where values that both have lie in each; each is without repeats."""
    if len(a) == len(b) and bool((a == b).all()):
        return np.arange(len(a)), np.arange(len(a))
    _, i, j = np.intersect1d(a, b, assume_unique=True, return_indices=True)
    order = np.argsort(i)
    return i[order], j[order]


def _others(count: int, taken: Indices) -> Indices:
    left = np.ones(count, dtype=bool)
    left[taken] = False
    return np.flatnonzero(left)


def _pairs(a: pa.Table, b: pa.Table, at: tuple[Indices, Indices], tally: Tally, samples: Samples) -> None:
    """Count and sample rows of the same key, given where they lie."""
    count = len(at[0])
    if not count:
        return
    x, y = (_taken(side, index) for side, index in zip((a, b), at, strict=True))
    changed = np.zeros(count, dtype=bool)
    for name in x.column_names:
        differs = _differs(x.column(name), y.column(name))
        if differs is not None:
            tally.columns[name] += int(differs.sum())
            changed |= differs
    found = np.flatnonzero(changed)
    tally.changed += len(found)
    tally.identical += count - len(found)
    if len(found):
        first = pa.array(found[: max(0, samples.room(samples.old))])
        samples.keep(samples.old, x.take(first))
        samples.keep(samples.new, y.take(first))


def _taken(table: pa.Table, index: Indices) -> pa.Table:
    whole = len(index) == table.num_rows and rows.is_sorted(index, strictly=True)
    return table if whole else table.take(pa.array(index))


def _differs(x: pa.ChunkedArray, y: pa.ChunkedArray) -> NDArray[np.bool_] | None:
    """Return where two columns differ; None where they do not."""
    if x.null_count == len(x) and y.null_count == len(y):
        return None
    if pa.types.is_fixed_size_list(x.type):
        apart: NDArray[np.bool_] = ~rows.equal_lists(x, y)
        return apart if apart.any() else None
    if pa.types.is_dictionary(x.type):
        x, y = x.cast(pa.string()), y.cast(pa.string())
    same = pc.fill_null(pc.equal(x, y), fill_value=False)
    if pc.all(same).as_py():
        return None
    if x.null_count and y.null_count:
        same = pc.or_(same, pc.and_(pc.is_null(x), pc.is_null(y)))
    if pa.types.is_floating(x.type):
        both = pc.and_(pc.is_nan(x), pc.is_nan(y))
        same = pc.or_(same, pc.fill_null(both, fill_value=False))
    differs: NDArray[np.bool_] = ~same.to_numpy()
    return differs if differs.any() else None


def _alone(a: pa.Table, gone: Indices, b: pa.Table, fresh: Indices, tally: Tally, samples: Samples) -> None:
    """Count and sample the rows that only one side has."""
    tally.removed += len(gone)
    tally.added += len(fresh)
    for table, index, kept in ((a, gone, samples.removed), (b, fresh, samples.added)):
        room = samples.room(kept)
        if len(index) and room > 0:
            samples.keep(kept, table.take(pa.array(index[:room])))


def _alike(a: pa.Table, b: pa.Table, tally: Tally, samples: Samples) -> None:
    """Match rows without a key with their like; what one side has more of is added or removed."""
    x, y = rows.row_hashes(a), rows.row_hashes(b)
    if len(x) == len(y) and bool((x == y).all()):
        tally.identical += len(x)
        return
    values, kinds = np.unique(np.concatenate([x, y]), return_inverse=True)
    old, new = kinds[: len(x)], kinds[len(x) :]
    gone = np.flatnonzero(_ordinals(old) >= np.bincount(new, minlength=len(values))[old])
    fresh = np.flatnonzero(_ordinals(new) >= np.bincount(old, minlength=len(values))[new])
    tally.identical += len(x) - len(gone)
    _alone(a, gone, b, fresh, tally, samples)


def _ordinals(kinds: Indices) -> Indices:
    """Number the rows of each kind in their order."""
    if not len(kinds):
        return kinds
    order = np.argsort(kinds, kind="stable")
    ordered = kinds[order]
    index = np.arange(len(order))
    starts = np.append(True, ordered[1:] != ordered[:-1])
    ordinals = np.empty(len(order), np.int64)
    ordinals[order] = index - np.maximum.accumulate(np.where(starts, index, 0))
    return ordinals


# ---- rows with ids ---------------------------------------------------------------------------------------------------


class _Apart:
    """The ids that one side has in a window and the other has not: gone, new, or under another time.

    They are held by their 64-bit keys. Where there are too many, only a class of the keys is kept, and the streams are
    read again for each of the other classes.
    """

    def __init__(self) -> None:
        self._classes = 1
        self._class = 0
        self._held: tuple[list[Keys], list[Keys]] = ([], [])
        self._count = 0

    def add(self, old: Keys, new: Keys) -> None:
        for held, keys in zip(self._held, (old, new), strict=True):
            chosen = self._of_class(keys)
            if len(chosen):
                held.append(chosen)
                self._count += len(chosen)
        while self._count > HELD_KEYS and not self._class and self._classes < CLASSES_MAX:
            self._classes *= 2
            for held in self._held:
                held[:] = [self._of_class(keys) for keys in held]
            self._count = sum(len(keys) for held in self._held for keys in held)

    def _of_class(self, keys: Keys) -> Keys:
        if self._classes == 1:
            return keys
        # The lowest bit is the same in all of them.
        chosen: Keys = keys[(keys >> np.uint64(1)) % np.uint64(self._classes) == self._class]
        return chosen

    def classes(self, old: Stream, new: Stream) -> Iterator[tuple[Keys, Keys]]:
        """Yield the keys of both sides, a class at a time, each side's in the order of its stream."""
        yield self._take()
        for number in range(1, self._classes):
            self._class = number
            for a, b in windows([old(), new()]):
                x, y = id_keys(a), id_keys(b)
                i, j = _common(*(keys[at] for keys, at in ((x, _with_id(x)), (y, _with_id(y)))))
                self.add(x[_with_id(x)][_others(len(_with_id(x)), i)], y[_with_id(y)][_others(len(_with_id(y)), j)])
            yield self._take()

    def _take(self) -> tuple[Keys, Keys]:
        old, new = (np.concatenate([np.empty(0, np.uint64), *held]) for held in self._held)
        self._held, self._count = ([], []), 0
        return old, new


def _with_id(keys: Keys) -> Indices:
    return np.flatnonzero(keys != 0)


def _by_id(a: pa.Table, b: pa.Table, apart: _Apart, tally: Tally, samples: Samples) -> None:
    """Match the rows of one window by id, those without an id with their like."""
    x, y = id_keys(a), id_keys(b)
    at, there = _with_id(x), _with_id(y)
    if len(at) < len(x) or len(there) < len(y):
        without_a, without_b = (table.take(pa.array(np.flatnonzero(keys == 0))) for table, keys in ((a, x), (b, y)))
        _alike(without_a, without_b, tally, samples)
    i, j = _common(x[at], y[there])
    apart.add(x[at[_others(len(at), i)]], y[there[_others(len(there), j)]])
    _id_pairs(a, b, (at[i], there[j]), tally, samples)


def _id_pairs(a: pa.Table, b: pa.Table, at: tuple[Indices, Indices], tally: Tally, samples: Samples) -> None:
    i, j = at
    if not len(i):
        return
    same_ids(_taken(a.select(["trade_id"]), i), _taken(b.select(["trade_id"]), j))
    in_place = rows.times(a)[i] == rows.times(b)[j]
    tally.reordered |= not rows.is_sorted(j[in_place])
    _pairs(a, b, at, tally, samples)


def _settle(keys: tuple[Keys, Keys], streams: tuple[Stream, Stream], tally: Tally, samples: Samples) -> None:
    """Tell the rows that moved to another time from those that are gone or new."""
    moved = np.intersect1d(*keys, assume_unique=True)
    for side, stream, kept in zip(keys, streams, (samples.removed, samples.added), strict=True):
        alone = side[~np.isin(side, moved)]
        if kept is samples.removed:
            tally.removed += len(alone)
        else:
            tally.added += len(alone)
        room = samples.room(kept)
        if len(alone) and room > 0:
            samples.keep(kept, _fetch(stream, np.sort(alone[:room])))
    for start in range(0, len(moved), HELD_ROWS):
        a, b = (_fetch(stream, moved[start : start + HELD_ROWS]) for stream in streams)
        _id_pairs(a, b, (np.arange(a.num_rows), np.arange(b.num_rows)), tally, samples)


def _fetch(stream: Stream, wanted: Keys) -> pa.Table:
    """Read the rows with these ids, in the order of the keys, which are sorted."""
    found: list[pa.Table] = []
    keys: list[Keys] = []
    count = 0
    for table in stream():
        here = id_keys(table)
        at = np.searchsorted(wanted, here)
        hit = np.flatnonzero(wanted[np.minimum(at, len(wanted) - 1)] == here)
        if len(hit):
            found.append(table.take(pa.array(hit)))
            keys.append(here[hit])
            count += len(hit)
        if count == len(wanted):
            break
    return pa.concat_tables(found).take(pa.array(np.argsort(np.concatenate(keys))))
