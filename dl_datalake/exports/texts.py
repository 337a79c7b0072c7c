"""Lines of text that programs read: what stands in each column is declared, and written a batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dl_datalake.export import NEEDS_QUOTES, lines
from dl_datalake.exports.job import seen, times_ns
from lake.errors import LakeError
from lake.features.known import closes
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import PurePosixPath

    from dl_datalake.exports.job import Job
    from dl_datalake.result import Result
    from schemas.keys import Address

    Cell = Callable[[pa.RecordBatch, Address], pa.Array]
    Namer = Callable[[Job, Address], PurePosixPath]

_SECOND_NS = 10**9
SECOND = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Text:
    """How lines are written: the names and cells of columns, in their order."""

    columns: Mapping[str, Cell]
    name: Namer
    delimiter: str = ","

    def __call__(self, job: Job, results: Sequence[Result]) -> None:
        """Write one series as one file."""
        [result] = results
        cells = {**self.columns, **{name: _any(name) for name in job.wishes.columns or () if name not in self.columns}}
        with job.file(self.name(job, result.address), result.address) as made:
            made.sink.write((self.delimiter.join(cells) + "\n").encode())
            for batch in seen(made, job.batches(result)):
                job.lose("parts of a second", int(np.count_nonzero(times_ns(batch) % _SECOND_NS)))
                made.sink.write(lines([cell(batch, result.address) for cell in cells.values()], self.delimiter))


def addressed(ending: str) -> Namer:
    """Return what names files by the address of their series."""
    return lambda job, address: job.name(address, ending)


def number(name: str) -> Cell:
    """Return cells of a column of numbers; of a null none."""
    return lambda batch, _address: plain(batch.column(name))


def word(name: str) -> Cell:
    """Return cells of a column of words, as they are."""
    return lambda batch, _address: batch.column(name).cast(pa.string())


def constant(of: Callable[[Address], str]) -> Cell:
    """Return cells that say the same in every row of a series."""
    return lambda batch, address: pa.repeat(of(address), batch.num_rows)


def moment(form: str, *, zone: str = "UTC", close: bool = False) -> Cell:
    """Return times in a zone; `close` shifts those of bars below a day to their end.

    Bars of a day and more carry a date, which no zone and no shift makes another.
    """

    def cells(batch: pa.RecordBatch, address: Address) -> pa.Array:
        column = batch.column("ts")
        dated = address.type == "bars" and Period.parse(address.period).grid_us is None
        if close and address.type == "bars" and not dated:
            column = closed(column, address)
        local = column.cast(pa.timestamp(column.type.unit, "UTC" if dated else zone))
        return pc.strftime(pc.floor_temporal(local, unit="second").cast(pa.timestamp("s", local.type.tz)), format=form)

    return cells


def closed(column: pa.Array, address: Address) -> pa.Array:
    """Return when bars close, from when they open; a timestamp in microseconds."""
    opens = column.view(pa.int64()).to_numpy()
    return pa.array(closes(opens, Period.parse(address.period))).view(column.type)


def plain(column: pa.Array) -> pa.Array:
    """Return numbers as the shortest text that reads back to the same, without exponents: not every reader has them."""
    if not pa.types.is_floating(column.type):
        return column.cast(pa.string())
    text = column.cast(pa.string())
    scientific = pc.fill_null(pc.match_substring(text, "e"), fill_value=False)
    if not pc.any(scientific).as_py():
        return text
    values = column.filter(scientific).to_numpy()
    return pc.replace_with_mask(
        text, scientific, pa.array([np.format_float_positional(each, unique=True, trim="-") for each in values])
    )


def _any(name: str) -> Cell:
    def cells(batch: pa.RecordBatch, _address: Address) -> pa.Array:
        column = batch.column(name)
        if pa.types.is_floating(column.type):
            return plain(column)
        text = column.cast(pa.string())
        if pc.any(pc.match_substring_regex(text, NEEDS_QUOTES)).as_py():
            raise LakeError(
                "USAGE",
                f"{name} has texts that cannot stand in a line as they are",
                why="They hold a comma, a quote or a line's end.",
                fix=["leave the column out", "or --to csv, which quotes them"],
            )
        return text

    return cells
