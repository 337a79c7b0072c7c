"""Rows made few enough for a chart: of each stretch of time the first, last, least, greatest and summed values.

A chart shows what is stored: a stretch without a row stays empty, and nothing is drawn across it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake.errors import LakeError
from schemas.periods import UNIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from dl_datalake.result import Result

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_VOLUME = "volume, summed"
"""A line may be of a column called volume."""
POINTS = 1_500
"""More marks than a screen is wide show nothing more."""
_STEPS = tuple(
    UNIT_SECONDS[unit] * n
    for unit, counts in (("s", (1, 5, 15, 30)), ("m", (1, 5, 15, 30)), ("h", (1, 4)), ("d", (1,)))
    for n in counts
)
_DAY = UNIT_SECONDS["d"]
_TAKEN: dict[str, Callable[[Floats, Ints, Ints], Floats]] = {
    "first": lambda values, starts, _ends: values[starts],
    "last": lambda values, _starts, ends: values[ends - 1],
    "max": lambda values, starts, _ends: np.fmax.reduceat(values, starts),
    "min": lambda values, starts, _ends: np.fmin.reduceat(values, starts),
    "sum": lambda values, starts, _ends: np.where(
        np.isnan(np.fmax.reduceat(values, starts)), np.nan, np.add.reduceat(np.nan_to_num(values), starts)
    ),
}
_MERGED: dict[str, Callable[[float, float], float]] = {
    "first": lambda old, _new: old,
    "last": lambda _old, new: new,
    "max": lambda old, new: float(np.fmax(old, new)),
    "min": lambda old, new: float(np.fmin(old, new)),
    "sum": lambda old, new: new if np.isnan(old) else old if np.isnan(new) else old + new,
}
"""How two parts of one stretch become one."""


@dataclass(frozen=True, slots=True)
class Style:
    """What of a type is drawn: the columns of its candles, those of its lines, and that of its volume."""

    candle: tuple[str, str, str, str] | None = None
    lines: tuple[str, ...] = ()
    volume: str | None = None


STYLES: dict[str, Style] = {
    "bars": Style(candle=("open", "high", "low", "close"), volume="volume"),
    "ticks/trade": Style(candle=("price", "price", "price", "price"), volume="size"),
    "ticks/quote": Style(lines=("bid", "ask")),
    "metrics": Style(),
    "features": Style(),
}
"""Type, or type and period → how it is drawn; without a word on lines, all columns of numbers are."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """What a chart shows; columns are as long as `times`, in their order."""

    title: str
    times: Ints
    """Nanoseconds since 1970, UTC: of each mark the begin."""
    step_ns: int
    """How long a mark lasts."""
    thinned: bool
    """Whether a mark stands for a stretch of time, and not for a row."""
    columns: Mapping[str, Floats]
    candle: bool
    """Whether `columns` has open, high, low and close; else each of `lines` is one."""
    lines: tuple[str, ...]
    volume: Floats | None
    """Of each mark; None where it is not drawn, or no row has any."""
    rows: int


def thin(result: Result, columns: Iterable[str] | None = None, points: int = POINTS) -> Drawing:
    """Read a result through, in bounded memory, and return what a chart of it shows.

    Args:
        result: The rows of one series.
        columns: Lines of these, instead of what is usual for the type.
        points: More marks than this are not made of them.

    Raises:
        LakeError: USAGE for an order book, columns that are no numbers, and where there is nothing to draw.
    """
    style = _style(result, columns)
    ends = [each for part in (result.head(1), result.tail(1)) for each in _ns(part.column("ts"))]
    if not ends:
        raise LakeError("USAGE", "there is nothing to draw", where=str(result), why="No row lies in the range.")
    count, span = result.count(), ends[-1] - ends[0]
    step = 0 if count <= points else _step_ns(span, points)
    wanted = _wanted(style, of_rows=not step and result.address.type != "bars")
    kept = _Kept(wanted, step)
    needed = list(dict.fromkeys(column for column, _ in wanted.values()))
    for batch in result.batches():
        kept.add(_ns(batch.column("ts")), {name: _floats(batch.column(name)) for name in needed})
    times, values = kept.arrays()
    volume = values.pop(_VOLUME, None)
    candle = bool(style.candle) and "open" in values
    return Drawing(
        title=str(result.address),
        times=times * (step or 1),
        step_ns=step or _usual(times),
        thinned=bool(step),
        columns=values,
        candle=candle,
        lines=() if candle else tuple(values),
        volume=volume,
        rows=count,
    )


def _style(result: Result, columns: Iterable[str] | None) -> Style:
    address = result.address
    style = STYLES.get(address.key, STYLES.get(address.type))
    if style is None:
        raise LakeError(
            "USAGE",
            f"{address.key} is not drawn",
            where=str(address),
            why=f"There are charts of {', '.join(STYLES)}.",
            fix=["dl read ADDRESS"],
        )
    numbers = [field.name for field in result.schema if _is_number(field.type)]
    lines = tuple(columns) if columns is not None else style.lines
    if strange := [name for name in lines if name not in numbers]:
        raise LakeError(
            "USAGE",
            f"there is no column of numbers called {strange[0]}",
            where=str(address),
            why="A line is drawn of numbers.",
            fix=[f"one of {', '.join(numbers)}"],
        )
    if columns is not None:
        return Style(lines=lines)
    return style if style.candle or lines else Style(lines=tuple(numbers))


def _wanted(style: Style, *, of_rows: bool) -> dict[str, tuple[str, str]]:
    """Return, for each value of a mark, the column it is of and how it is taken."""
    wanted = {}
    if style.candle and not of_rows:
        ways = zip(("open", "high", "low", "close"), style.candle, ("first", "max", "min", "last"), strict=True)
        wanted = {name: (column, how) for name, column, how in ways}
    elif style.candle:
        wanted = {column: (column, "last") for column in style.candle}
    wanted |= {name: (name, "last") for name in style.lines}
    return wanted | ({_VOLUME: (style.volume, "sum")} if style.volume else {})


class _Kept:
    """The marks so far, each of one stretch of `step` ns, or of a row if it is 0; the last may go on in the next batch.

    `wanted` gives for each value of a mark the column it is of, and how it is taken.
    """

    def __init__(self, wanted: Mapping[str, tuple[str, str]], step: int) -> None:
        self._wanted, self._step = wanted, step
        self._times: list[Ints] = []
        self._columns: dict[str, list[Floats]] = {name: [] for name in wanted}

    def add(self, times: Ints, columns: dict[str, Floats]) -> None:
        """Add rows in the order of time."""
        if not len(times):
            return
        step = self._step
        stretches = times // step if step else times
        starts = np.append(0, np.flatnonzero(np.diff(stretches)) + 1) if step else np.arange(len(times))
        ends = np.append(starts[1:], len(times))
        found = {name: _TAKEN[how](columns[column], starts, ends) for name, (column, how) in self._wanted.items()}
        marks = stretches[starts]
        if step and self._times and self._times[-1][-1] == marks[0]:
            for name, values in found.items():
                last = self._columns[name][-1]
                last[-1] = _MERGED[self._wanted[name][1]](float(last[-1]), float(values[0]))
            marks, found = marks[1:], {name: values[1:] for name, values in found.items()}
        if len(marks):
            self._times.append(marks)
            for name, values in found.items():
                self._columns[name].append(values.copy())

    def arrays(self) -> tuple[Ints, dict[str, Floats]]:
        """Return times and values; a value that no row has is left out."""
        values = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        whole = {name: array for name, array in values.items() if not np.isnan(array).all()}
        return np.concatenate(self._times), whole


def _step_ns(span_ns: int, points: int) -> int:
    """Return how long a stretch must be for so many of them: of the usual lengths, or of whole days."""
    least = span_ns / (points - 1) / 10**9  # both ends may be cut by a stretch's grid
    for step in _STEPS:
        if step >= least:
            return step * 10**9
    return -int(-least // _DAY) * _DAY * 10**9


def _usual(times: Ints) -> int:
    return int(np.median(np.diff(times))) if len(times) > 1 else _DAY * 10**9


def _ns(column: pa.Array | pa.ChunkedArray) -> Ints:
    times: Ints = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()).to_numpy()
    return times


def _floats(column: pa.Array) -> Floats:
    values: Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
