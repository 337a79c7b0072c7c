"""Cells that are left empty because nothing changed, and records that make rows of several kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from lake.sources.careful import Bad, split
from lake.sources.model import Batch, Portion
from lake.sources.written import NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def filled(arrays: list[Any], before: Sequence[str]) -> list[Any] | None:
    """Fill arrays of numbers (pa.Array with nulls) as `Filling` does; None where a record is to be skipped."""
    if not any(array.null_count for array in arrays):
        return arrays  # all there is to do where there is nothing to fill
    empty = arrays[0].is_null()
    for array in arrays[1:]:
        empty = pc.and_(empty, array.is_null())
    if pc.any(empty).as_py():
        return None
    made = []
    for array, last in zip(arrays, before or [""] * len(arrays), strict=True):
        whole = pc.fill_null_forward(array)
        if whole.null_count:
            if not last:
                return None
            whole = whole.fill_null(float(last))
        made.append(whole)
    return made


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
    first = batches[0]
    return Batch(portions, first.records, [rejects[line] for line in sorted(rejects)], first.skipped)


def _without(portion: Portion, lines: dict[int, Any], channel: int) -> Portion:
    """Return the rows of other lines than these."""
    rows, locate = portion.rows, portion.locate
    if not lines:
        return replace(portion, channel=channel)
    kept = np.array([row for row in range(rows.num_rows) if locate(row)[0] not in lines], dtype=np.int64)
    symbols = None if portion.symbols is None else portion.symbols.take(kept)
    return Portion(rows.take(kept), lambda row: locate(int(kept[row])), channel, symbols)
