"""Cells that are left empty because nothing changed, and records that make rows of several kinds."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from lake.sources.careful import Bad, split
from lake.sources.model import Batch, Portion
from lake.sources.written import NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lake.sources.recipe import Recipe

_BEFORE_FIRST, _NO_QUOTE = "before_first_quote", "no_quote"


class Filling:
    """Puts into the empty cells of records, in order, what was said last; does nothing without columns to fill."""

    def __init__(self, recipe: Recipe, before: Sequence[str]) -> None:
        """Begin with the cells that were said last above."""
        self._columns = recipe.fill
        self._last = list(before) or [""] * len(recipe.fill)

    def __call__(self, cells: list[str]) -> str | None:
        """Fill one record; return the reason why it is skipped, if it is."""
        if not self._columns:
            return None
        said = [cells[column].strip() for column in self._columns]
        self._last = [new if NUMBER.fullmatch(new) else old for new, old in zip(said, self._last, strict=True)]
        if not any(said):
            return _NO_QUOTE
        for column, cell, last in zip(self._columns, said, self._last, strict=True):
            cells[column] = cell or last
        return None if all(cells[column] for column in self._columns) else _BEFORE_FIRST


@dataclass(frozen=True)
class Filled:
    """Columns without empty cells, and what is to be done with the rows."""

    arrays: list[Any]
    keep: Any = None
    """pa.BooleanArray; None where all rows are kept."""
    skipped: Mapping[str, int] = field(default_factory=dict)

    def batch(self, portion: Portion, records: int) -> Batch:
        """Return the batch of a block, of which `portion` has all rows."""
        if self.keep is None:
            return Batch([portion], records, [], {})
        kept = np.flatnonzero(np.array(self.keep.to_pylist(), dtype=bool))
        return Batch([_chosen(portion, kept, portion.channel)], records, [], dict(self.skipped))


def filled(arrays: list[Any], before: Sequence[str]) -> Filled:
    """Fill arrays of numbers (pa.Array with nulls) as `Filling` does; rows that are not kept hold anything."""
    if not any(array.null_count for array in arrays):
        return Filled(arrays)
    empty = functools.reduce(pc.and_, [array.is_null() for array in arrays])
    made, unknown = [], pc.xor(empty, empty)
    for array, last in zip(arrays, before or [""] * len(arrays), strict=True):
        whole = pc.fill_null_forward(array)
        if whole.null_count and not last:
            unknown = pc.or_(unknown, whole.is_null())
        made.append(whole.fill_null(float(last or 0)) if whole.null_count else whole)
    unknown = pc.and_not(unknown, empty)
    skipped = {_NO_QUOTE: pc.sum(empty).as_py(), _BEFORE_FIRST: pc.sum(unknown).as_py()}
    if not any(skipped.values()):
        return Filled(made)
    keep = pc.invert(pc.or_(empty, unknown))
    return Filled(made, keep, {reason: count for reason, count in skipped.items() if count})


def last_cells(data: bytes, recipe: Recipe, before: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the columns to fill say last in a block of whole lines; `before` is what they said above it."""
    last: dict[int, str] = {}
    comment = recipe.comment.encode()
    for raw in _backwards(data):
        if len(last) == len(recipe.fill):
            break
        if not raw or (comment and raw.startswith(comment)):
            continue
        try:
            cells = split(raw, recipe)
        except Bad:
            continue
        for column in recipe.fill:
            if column not in last and NUMBER.fullmatch(cells[column].strip()):
                last[column] = cells[column].strip()
    return tuple(last.get(column, old) for column, old in zip(recipe.fill, before, strict=True))


def _backwards(data: bytes) -> Iterator[bytes]:
    end = len(data)
    while end:
        start = data.rfind(b"\n", 0, end - 1) + 1
        yield data[start:end].rstrip(b"\r\n")
        end = start


def together(batches: list[Batch]) -> Batch:
    """Make one batch of what several recipes make of the same block: a record that is bad for one is bad whole."""
    if len(batches) == 1:
        return batches[0]
    rejects = {reject.line: reject for batch in reversed(batches) for reject in batch.rejects}
    portions = [_without(batch.portions[0], rejects, channel) for channel, batch in enumerate(batches)]
    # What is skipped is skipped by all, for one reason, or by the one that lacks it, for its own.
    skipped = {reason: count for batch in reversed(batches) for reason, count in batch.skipped.items()}
    return Batch(portions, batches[0].records, [rejects[line] for line in sorted(rejects)], skipped)


def _without(portion: Portion, lines: dict[int, Any], channel: int) -> Portion:
    """Return the rows of other lines than these."""
    rows, locate = portion.rows, portion.locate
    if not lines:
        return replace(portion, channel=channel)
    kept = np.array([row for row in range(rows.num_rows) if locate(row)[0] not in lines], dtype=np.int64)
    return _chosen(portion, kept, channel)


def _chosen(portion: Portion, rows: NDArray[np.int64], channel: int) -> Portion:
    symbols, locate = portion.symbols, portion.locate
    taken = None if symbols is None else symbols.take(rows)
    return Portion(portion.rows.take(rows), lambda row: locate(int(rows[row])), channel, taken)
