"""Matching the rows of sources by their time, window by window, and telling what differs from the preferred row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import rows
from lake.merge.windows import windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from lake.reconcile.model import Tallies

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Indices = NDArray[np.int64]

_ROUNDING = 4 * float(np.finfo(np.float64).eps)
KINDS = pa.array(["missing", "differs"])


@dataclass(frozen=True, slots=True)
class Measure:
    """One column to be compared, and how far apart its values may be."""

    name: str
    absolute: float
    relative: float

    def apart(self, value: Floats, other: Floats) -> Flags:
        """Whether values differ; both are there."""
        distance = np.abs(value - other)
        size = np.maximum(np.abs(value), np.abs(other))
        # 100.03 - 100 is a little more than 0.03 as floats, and not as they are written.
        absolute = self.absolute + _ROUNDING * size if self.absolute else 0.0
        room = np.maximum(absolute, self.relative * size)
        found: Flags = distance > room
        return found


@dataclass(frozen=True, slots=True)
class Differences:
    """Compares sources, the most trusted first."""

    names: Sequence[str]
    """What to call them."""
    measures: Sequence[Measure]
    schema: pa.Schema
    """Of what is yielded."""
    tallies: Tallies

    def batches(self, streams: list[Iterable[pa.Table]]) -> Iterator[pa.RecordBatch]:
        """Yield the differences, by time and then by source; what is counted on the way is complete after the last."""
        for tables in windows(streams):
            batch = self._window(tables)
            if batch.num_rows:
                yield batch

    def _window(self, tables: list[pa.Table]) -> pa.RecordBatch:
        times = [rows.times(table) for table in tables]
        every = np.unique(np.concatenate(times))
        present = np.zeros((len(tables), len(every)), np.bool_)
        places = [np.searchsorted(every, ts) for ts in times]
        for number, place in enumerate(places):
            present[number, place] = True
        preferred = np.argmax(present, axis=0)
        sources, at = np.nonzero(~present)
        found = [_Found(-1, sources, at, None, None)]
        differs = np.zeros_like(present)
        for column, measure in enumerate(self.measures):
            found.append(self._column(column, measure, tables, places, preferred, differs))
        self._count(present, preferred, differs)
        return self._told(every, preferred, found)

    def _column(
        self,
        column: int,
        measure: Measure,
        tables: list[pa.Table],
        places: list[Indices],
        preferred: Indices,
        differs: Flags,
    ) -> _Found:
        values = np.full(differs.shape, np.nan)
        for number, table in enumerate(tables):
            values[number, places[number]] = _floats(table.column(measure.name))
        best = values[preferred, np.arange(len(preferred))]
        here, there = ~np.isnan(values), ~np.isnan(best)[np.newaxis]
        apart = here & there & (np.arange(len(tables))[:, np.newaxis] != preferred)
        compared = int(np.count_nonzero(apart))
        apart[apart] = measure.apart(values[apart], np.broadcast_to(best, values.shape)[apart])
        differs |= apart
        sources, at = np.nonzero(apart)
        told = self.tallies.columns[measure.name]
        told.compared += compared
        told.differing += len(at)
        if len(at):
            told.largest = max(told.largest, float(np.abs(values[sources, at] - best[at]).max()))
        for number, place in enumerate(places):
            told.unknown += int(np.count_nonzero(here[number, place] != there[0, place]))
        return _Found(column, sources, at, values[sources, at], best[at])

    def _count(self, present: Flags, preferred: Indices, differs: Flags) -> None:
        tallies = self.tallies
        tallies.times += present.shape[1]
        tallies.agreeing += int(np.count_nonzero(present.all(axis=0) & ~differs.any(axis=0)))
        for number, tally in enumerate(tallies.sources):
            tally.rows += int(np.count_nonzero(present[number]))
            tally.missing += int(np.count_nonzero(~present[number]))
            tally.preferred += int(np.count_nonzero(preferred == number))
            tally.differing += int(np.count_nonzero(differs[number]))

    def _told(self, every: Indices, preferred: Indices, found: list[_Found]) -> pa.RecordBatch:
        """Return what was found in the order of time, source, and column."""
        sources, at = (np.concatenate([getattr(each, name) for each in found]) for name in ("sources", "at"))
        columns = np.concatenate([np.full(len(each.at), each.column) for each in found])
        values, best = (
            np.concatenate([_given(getattr(each, name), len(each.at)) for each in found]) for name in ("values", "best")
        )
        order = np.lexsort((columns, sources, at))
        sources, at, columns = sources[order], at[order], columns[order]
        self.tallies.count += len(order)
        names = pa.array(self.names, pa.string())
        measured = pa.array([measure.name for measure in self.measures], pa.string())
        arrays = [
            pa.array(every[at], pa.int64()).view(self.schema.field("ts").type),
            KINDS.take(pa.array((columns >= 0).astype(np.int64))),
            names.take(pa.array(sources)),
            names.take(pa.array(preferred[at])),
            measured.take(pa.array(columns, mask=columns < 0)),
            pa.array(values[order], from_pandas=True),
            pa.array(best[order], from_pandas=True),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


@dataclass(frozen=True, slots=True)
class _Found:
    """Differences of one column, or, of -1, rows that are not there."""

    column: int
    sources: Indices
    at: Indices
    values: Floats | None
    best: Floats | None


def _given(values: Floats | None, count: int) -> Floats:
    return np.full(count, np.nan) if values is None else values


def _floats(column: pa.ChunkedArray) -> Floats:
    values: Floats = column.to_numpy()
    return values if values.dtype == np.float64 else values.astype(np.float64)
