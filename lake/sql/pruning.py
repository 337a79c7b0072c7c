"""Which pieces of stored data a filter can have rows in, told by what is known of each piece without reading it.

A filter comes from DuckDB as an Arrow expression, which Python cannot look into. Arrow can: it simplifies an expression
by what is guaranteed of a fragment of a dataset, and leaves out fragments in which nothing is left. The fragments here
are of no file; they only carry the guarantees.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Expression = Any
    """pyarrow.dataset.Expression, which has no types."""

T = TypeVar("T")

MIN_US, MAX_US = -(2**63 // 1000), 2**63 // 1000
"""The first and the last microsecond that nanoseconds of 64 bits tell."""
_TS = pa.timestamp("us", tz="UTC")
_ARMS = 32
_CHUNK = 64
"""Pieces that are looked at together first: most of what a range leaves out goes by the chunk."""


def possible(schema: pa.Schema, wanted: Expression, guarantees: Sequence[Expression]) -> list[int]:
    """Return which of some pieces, by their places, may have a row that a filter wants; too many rather than too few.

    Args:
        schema: The columns that filter and guarantees speak of.
        wanted: The filter.
        guarantees: What holds for every row of each piece.
    """
    form, system = _nowhere()
    pieces = [
        form.make_fragment(str(place), filesystem=system, partition_expression=known)
        for place, known in enumerate(guarantees)
    ]
    try:
        left = list(ds.FileSystemDataset(pieces, schema, form, system).get_fragments(wanted))
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid, pa.ArrowTypeError):
        return list(range(len(pieces)))
    return [int(piece.path) for piece in left]


def partial(schema: pa.Schema, wanted: Expression, guarantees: Sequence[Expression]) -> set[int]:
    """Return which of some pieces may have a row that a filter does not want, for which it is false or null."""
    return set(possible(schema, pc.or_kleene(pc.invert(wanted), wanted.is_null()), guarantees))


@cache
def _nowhere() -> tuple[ds.ParquetFileFormat, fs.FileSystem]:
    return ds.ParquetFileFormat(), fs.LocalFileSystem()


def between(name: str, low: pa.Scalar, high: pa.Scalar) -> Expression:
    """Return the guarantee that a column has a value in every row, from `low` to `high`."""
    column = pc.field(name)
    return column.is_valid() & (column >= low) & (column <= high)


def times(first_ns: int, last_ns: int, *, exact: bool) -> Expression:
    """Return the guarantee that rows are of a time, as their column `ts` tells, and `ts_ns` where that is `exact`."""
    known = between("ts", pa.scalar(first_ns // 1000, _TS), pa.scalar(last_ns // 1000, _TS))
    if exact:
        known &= between("ts_ns", pa.scalar(first_ns, pa.int64()), pa.scalar(last_ns, pa.int64()))
    return known


def hull(schema: pa.Schema, wanted: Expression, *, exact: bool) -> tuple[int | None, int | None] | None:
    """Return the times outside which a filter wants nothing, as first and last nanosecond; None when it wants nothing.

    An end that the filter leaves open is None. For `exact` see `times`.
    """

    def can(spans: Sequence[tuple[int, int]]) -> list[int]:
        known = [times(low * 1000, high * 1000 + 999, exact=exact) for low, high in spans]
        return possible(schema, wanted, known)

    ends = can([(MIN_US, MIN_US), (MAX_US - 1, MAX_US - 1), (MIN_US, MAX_US - 1)])
    if not ends:
        return None
    first = None if 0 in ends else _edge(can, latest=False) * 1000
    last = None if 1 in ends else _edge(can, latest=True) * 1000 + 999
    return first, last


def _edge(can: Callable[[Sequence[tuple[int, int]]], list[int]], *, latest: bool) -> int:
    """Return the first microsecond before which, or the last after which, nothing is possible."""
    low, high = MIN_US, MAX_US - 1
    while low < high:
        step = -(-(high - low + 1) // _ARMS)
        spans = [(start, min(start + step - 1, high)) for start in range(low, high + 1, step)]
        found = can(spans)
        if not found:
            break
        low, high = spans[found[-1 if latest else 0]]
    return high if latest else low


def kept(
    items: Sequence[T], schema: pa.Schema, wanted: Expression, known: Callable[[Sequence[T]], Expression]
) -> list[T]:
    """Return the pieces that may have a row that a filter wants, in their order.

    Args:
        items: The pieces; those that lie near each other are like each other.
        schema: The columns that the filter speaks of.
        wanted: The filter.
        known: Returns what is guaranteed of every row of some pieces.
    """
    chunks = [items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK)]
    if len(chunks) > 1:
        chunks = [chunks[place] for place in possible(schema, wanted, [known(chunk) for chunk in chunks])]
    some = [item for chunk in chunks for item in chunk]
    return [some[place] for place in possible(schema, wanted, [known([item]) for item in some])]
