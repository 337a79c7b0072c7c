"""What single rows say, told in runs: no volume, prices that stand still, crossed quotes, hours that are closed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lake.quality.collecting import Runs
from lake.quality.prices import price_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lake.quality.collecting import Findings
    from lake.quality.pieces import Floats, Piece

    Detail = Callable[[float], str]
    Ended = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats]

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Opening:
    """When the market of a series is open."""

    calendar: str
    spans: Sequence[tuple[int, int]]
    """Half-open, in nanoseconds, in order."""
    step_ns: int
    """How long a row is; 1 of ticks."""


class _Told:
    """Runs of rows that one rule speaks of."""

    def __init__(self, findings: Findings, rule: str, least: float, detail: Detail) -> None:
        self._findings, self._rule, self._detail = findings, rule, detail
        self._runs = Runs(least)

    def feed(
        self,
        holds: NDArray[np.bool_],
        ts: NDArray[np.int64],
        values: Floats,
        before: NDArray[np.int64] | None = None,
    ) -> None:
        self._tell(self._runs.feed(holds, ts, values, before))

    def end(self) -> None:
        self._tell(self._runs.end())

    def _tell(self, ended: Ended) -> None:
        firsts, lasts, counts, values = ended
        self._findings.add_all(self._rule, firsts, lasts, counts, lambda number: self._detail(float(values[number])))


class Volumes:
    """Bars whose volume is 0, with the price at rest and with the price moving; and trades of size 0."""

    def __init__(self, findings: Findings, still: float | None, moved: float | None) -> None:
        """Take how many rows each must have to be told of; None not to tell of them."""
        self._findings = findings
        self._still = None if still is None else _Told(findings, "zero_volume", still, lambda at: f"at {at:.15g}")
        self._moved = (
            None
            if moved is None
            else _Told(findings, "moved_without_volume", moved, lambda at: f"the first closes at {at:.15g}")
        )
        self._ends: tuple[int, int] | None = None
        self._rows = self._zeros = 0

    def feed(self, piece: Piece) -> None:
        """Look at a piece."""
        own, columns = piece.own, piece.columns
        ts, price = piece.ts[own], price_of(piece)
        if "volume" in columns:
            zero = columns["volume"][own] == 0
            moves = np.diff(price, prepend=price[0])[own] != 0
            moves |= columns["high"][own] > columns["low"][own]
        else:
            zero = columns["size"][own] == 0
            moves = np.zeros(len(ts), np.bool_)
        self._rows += len(ts)
        self._zeros += int(zero.sum())
        self._ends = (int(ts[0]) if self._ends is None else self._ends[0], int(ts[-1]))
        if self._still is not None:
            self._still.feed(zero & ~moves, ts, price[own])
        if self._moved is not None:
            self._moved.feed(zero & moves, ts, price[own])

    def end(self) -> None:
        """Tell of the last run; of a series without any volume that alone."""
        for told in (self._still, self._moved):
            if told is not None:
                told.end()
        if self._ends is not None and self._zeros == self._rows:
            self._findings.drop("zero_volume")
            self._findings.drop("moved_without_volume")
            if self._still is not None:
                self._findings.add("zero_volume", *self._ends, self._rows, "every row: the source has no volumes")


class Stale:
    """Bars that are the same as the one before, and have volume, or are of a source that gives none."""

    def __init__(self, findings: Findings, least: float) -> None:
        """Take how many rows must be the same."""
        self._told = _Told(findings, "stale_price", least, lambda at: f"at {at:.15g}")

    def feed(self, piece: Piece) -> None:
        """Look at a piece."""
        columns, own = piece.columns, piece.own
        same = np.ones(len(piece.ts), np.bool_)
        same[0] = False
        for name in PRICES:
            same[1:] &= columns[name][1:] == columns[name][:-1]
        volume = columns["volume"]
        same[1:] &= (volume[1:] == volume[:-1]) | np.isnan(volume[1:])
        same &= volume != 0
        before = np.concatenate([piece.ts[:1], piece.ts[:-1]])
        self._told.feed(same[own], piece.ts[own], columns["close"][own], before[own])

    def end(self) -> None:
        """Tell of the last run."""
        self._told.end()


class Quotes:
    """Quotes whose bid is above the ask, or is the ask."""

    def __init__(self, findings: Findings, crossed: float | None, locked: float | None) -> None:
        """Take how many rows each must have to be told of; None not to tell of them."""
        self._crossed = (
            None if crossed is None else _Told(findings, "crossed_quote", crossed, lambda by: f"the first by {by:.6g}")
        )
        self._locked = None if locked is None else _Told(findings, "locked_quote", locked, lambda at: f"at {at:.15g}")

    def feed(self, piece: Piece) -> None:
        """Look at a piece."""
        ts, bid, ask = piece.ts[piece.own], piece.columns["bid"][piece.own], piece.columns["ask"][piece.own]
        if self._crossed is not None:
            self._crossed.feed(bid > ask, ts, bid - ask)
        if self._locked is not None:
            self._locked.feed(bid == ask, ts, bid)

    def end(self) -> None:
        """Tell of the last runs."""
        for told in (self._crossed, self._locked):
            if told is not None:
                told.end()


class ClosedHours:
    """Rows while the market is closed; those that say that nothing was traded are none."""

    def __init__(self, findings: Findings, least: float, opening: Opening) -> None:
        """Take how many rows are to be told of, and when the market is open."""
        self._told = _Told(findings, "out_of_hours", least, lambda _at: f"closed by {opening.calendar}")
        self._starts = np.array([start for start, _ in opening.spans], np.int64)
        self._ends = np.array([end for _, end in opening.spans], np.int64)
        self._step = opening.step_ns

    def feed(self, piece: Piece) -> None:
        """Look at a piece."""
        ts = piece.ts[piece.own]
        last = np.searchsorted(self._starts, ts + self._step) - 1
        # The last span that begins before a row ends: where that is over before it begins, all is closed.
        over = np.concatenate([self._ends, [np.iinfo(np.int64).min]])[last] <= ts
        for name in ("volume", "size"):
            if name in piece.columns:
                over &= piece.columns[name][piece.own] != 0
        self._told.feed(over, ts, np.zeros(len(ts)))

    def end(self) -> None:
        """Tell of the last run."""
        self._told.end()
