"""Prices that leave their surroundings: jumps, spikes, and levels that are a hundred times another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lake.amounts import plural
from lake.manifest.packed import DAY_NS
from lake.quality.pieces import typical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lake.quality.collecting import Findings
    from lake.quality.pieces import Floats, Piece

    Times = NDArray[np.int64]

NORMAL = 0.6745
"""The median of absolute values of a normal distribution, in its standard deviations."""
FOURFOLD = np.log(4)
"""What is too much whatever is usual: of months, the usual is a lot."""
_NOISE = 1e-6
"""Returns below this come of how floats were written."""
_SOON = 5
"""Within so many rows a price that jumped may come back, and be told with the jump."""
_BACK = 0.25
"""What may be left of a jump for the price to be back."""
_SHIFT = 2
"""Powers of ten from which on a change of level is one of unit."""
LEVELS = 1_000
"""Levels that are kept of a series."""


def price_of(piece: Piece) -> Floats:
    """Return the one price of each row: the close, the price, or the middle of the quote."""
    columns = piece.columns
    if "close" in columns:
        return columns["close"]
    if "price" in columns:
        return columns["price"]
    middle: Floats = (columns["bid"] + columns["ask"]) / 2
    return middle


def log_returns(price: Floats) -> Floats:
    """Return the log of each price over the one before; NaN where either is not above zero, and in the first row."""
    logs = np.full(len(price), np.nan)
    np.log(price, out=logs, where=price > 0)
    return np.diff(logs, prepend=np.nan)


def shifts(log_ratio: Floats, tolerance: float) -> NDArray[np.int64]:
    """Return the power of ten that ratios are, from 100 and 1/100 on; 0 for those that are none."""
    tens = np.nan_to_num(log_ratio) / np.log(10)
    power = np.rint(tens)
    near = (np.abs(power) >= _SHIFT) & (np.abs(tens - power) <= np.log10(1 + tolerance))
    return np.where(near, power, 0).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Split:
    """A split that is known: from a time on there are `ratio` shares for each one before."""

    at_ns: int
    ratio: float


class Jumps:
    """Prices that jump, seen against how they move around that time."""

    def __init__(
        self,
        findings: Findings,
        rule: str,
        threshold: float,
        of_unit: float | None,
        step_ns: int | None,
        splits: Sequence[Split],
    ) -> None:
        """Take what counts as a jump, what is one of unit and told as such, the period of bars, and known splits.

        Either of the middle two may be None: where nobody tells of units, and where rows have no period.
        """
        self._findings, self._rule, self._threshold = findings, rule, threshold
        self._of_unit, self._step = of_unit, step_ns
        self._splits = splits
        self._told = -1

    def feed(self, piece: Piece) -> None:
        """Look at a piece."""
        price = price_of(piece)
        returns = log_returns(price)
        sizes = np.abs(returns)
        sizes[sizes < _NOISE] = 0
        passed = np.diff(piece.ts, prepend=piece.ts[0]).astype(np.float64)
        step = typical(passed) if self._step is None else np.full(len(passed), float(self._step))
        # The longer nobody looked, the farther a price may have walked.
        waits = np.sqrt(np.fmax(1.0, passed / step))
        scores = sizes / (typical(sizes) / NORMAL) / waits
        jumps = (scores >= self._threshold) | (sizes >= FOURFOLD)
        if self._of_unit is not None:
            jumps &= shifts(returns, self._of_unit) == 0
        for place in (np.flatnonzero(jumps[piece.own]) + piece.low).tolist():
            number = piece.number + place - piece.low
            if number > self._told and not self._is_split(piece, returns, scores, place):
                self._tell(piece, price, returns, scores, place)

    def end(self) -> None:
        """Pieces bring what comes after them: nothing is left to be told."""

    def _is_split(self, piece: Piece, returns: Floats, scores: Floats, place: int) -> bool:
        """Whether a known split leaves no jump of this one: it was due since the row before, give or take a day."""
        before, now = int(piece.ts[place - 1]), int(piece.ts[place])
        for split in self._splits:
            left = abs(returns[place] + np.log(split.ratio))
            due = before < split.at_ns + DAY_NS and now >= split.at_ns - DAY_NS
            if due and left < FOURFOLD and scores[place] * left / abs(returns[place]) < self._threshold:
                return True
        return False

    def _tell(self, piece: Piece, price: Floats, returns: Floats, scores: Floats, place: int) -> None:
        left = np.abs(np.cumsum(returns[place : place + _SOON + 1]))[1:]
        back = np.flatnonzero(left <= _BACK * abs(returns[place]))
        rows = int(back[0]) + 1 if len(back) else 1
        self._told = piece.number + place - piece.low + (rows if len(back) else 0)
        said = f"from {price[place - 1]:.15g} to {price[place]:.15g}, {np.expm1(returns[place]):+,.2%}"
        said += _usual(scores[place], "move")
        if len(back):
            said += f"; back at {price[place + rows]:.15g} after {plural(rows, 'row')}"
        self._findings.add(self._rule, int(piece.ts[place]), int(piece.ts[place + rows - 1]), rows, said)


class Spikes:
    """Highs and lows far beyond their own bar and both neighbours."""

    def __init__(self, findings: Findings, threshold: float) -> None:
        """Take what counts as a spike."""
        self._findings, self._threshold = findings, threshold

    def feed(self, piece: Piece) -> None:
        """Look at a piece; the first and the last row of a series have no two neighbours."""
        prices = {name: _positive(piece.columns[name]) for name in ("open", "high", "low", "close")}
        high, low = prices["high"], prices["low"]
        top = np.fmax(prices["open"], prices["close"])
        bottom = np.fmin(prices["open"], prices["close"])
        above, below = np.full(len(high), np.nan), np.full(len(high), np.nan)
        inner = slice(1, -1)
        above[inner] = np.log(high[inner] / np.fmax(top[inner], np.fmax(high[:-2], high[2:])))
        below[inner] = np.log(np.fmin(bottom[inner], np.fmin(low[:-2], low[2:])) / low[inner])
        usual = typical(np.log(high / low))
        for name, column, reach in (("high", high, above), ("low", low, below)):
            scores = reach / usual
            far = (scores >= self._threshold) | (reach >= FOURFOLD)
            places = np.flatnonzero(far[piece.own]) + piece.low

            def said(
                number: int,
                name: str = name,
                facts: tuple[Floats, ...] = (column[places], reach[places], scores[places]),
            ) -> str:
                value, beyond, score = (float(fact[number]) for fact in facts)
                return f"{name} {value:.15g}, {np.expm1(beyond):,.2%} beyond all around it{_usual(score, 'range')}"

            self._findings.add_all("price_spike", piece.ts[places], piece.ts[places], np.ones_like(places), said)

    def end(self) -> None:
        """Pieces bring what comes after them: nothing is left to be told."""


def _positive(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)


@dataclass(slots=True)
class _Level:
    """Rows in a run that stand on one level."""

    power: int
    first: int
    last: int
    rows: int
    price: float


class Units:
    """Levels of price that are 100 times another, or more; and single prices that are so beside the rest of their row.

    Which level is the wrong one, rows do not tell: all of them are told.
    """

    def __init__(self, findings: Findings, tolerance: float) -> None:
        """Take how far a ratio may be from a power of ten."""
        self._findings, self._tolerance = findings, tolerance
        self._levels: list[_Level] = []
        self._changes: list[tuple[int, int]] = []
        self._last_price = np.nan
        self._more = 0

    def feed(self, piece: Piece) -> None:
        """Look at a piece."""
        price, ts = price_of(piece)[piece.own], piece.ts[piece.own]
        self._within(piece)
        with_before = np.concatenate([[self._last_price], price])
        powers = shifts(log_returns(with_before)[1:], self._tolerance)
        places = np.flatnonzero(powers).tolist()
        if not self._levels:
            self._levels.append(_Level(0, int(ts[0]), int(ts[0]), 0, float(price[0])))
        at = 0
        for place in [*places, len(price)]:
            level = self._levels[-1]
            if place > at:
                level.rows += place - at
                level.last = int(ts[place - 1])
            if place < len(price):
                if len(self._levels) < LEVELS:
                    power = level.power + int(powers[place])
                    self._changes.append((level.last, int(ts[place])))
                    self._levels.append(_Level(power, int(ts[place]), int(ts[place]), 0, float(price[place])))
                else:
                    self._more += 1
            at = place
        self._last_price = float(price[-1])

    def end(self) -> None:
        """Tell of the levels, when there is more than one."""
        if len(self._levels) < 2:
            return
        lowest = min(level.power for level in self._levels)
        counts = dict.fromkeys(sorted({level.power for level in self._levels}), 0)
        for level in self._levels:
            counts[level.power] += level.rows
        told = ", ".join(f"{plural(rows, 'row')} at {_level(power - lowest)}" for power, rows in counts.items())
        for number, level in enumerate(self._levels):
            said = f"{_level(level.power - lowest)}: {level.price:.15g}; in all {told}"
            if self._more and number == len(self._levels) - 1:
                said += f"; {plural(self._more, 'more change')} of level from here on"
            change = self._changes[max(0, number - 1)]
            self._findings.add("unit_error", level.first, level.last, level.rows, said, change)

    def _within(self, piece: Piece) -> None:
        """Tell of prices that are 100 times another one of their row."""
        columns, own = piece.columns, piece.own
        names = ("open", "high", "low") if "close" in columns else ("ask",) if "bid" in columns else ()
        against = "close" if "close" in columns else "bid"
        for name in names:
            rest = columns[against][own]
            values = columns[name][own]
            ratio = np.full(len(values), np.nan)
            np.divide(values, rest, out=ratio, where=(values > 0) & (rest > 0))
            powers = shifts(np.log(ratio), self._tolerance)
            places = np.flatnonzero(powers)

            def said(
                number: int,
                name: str = name,
                facts: tuple[NDArray[np.generic], ...] = (values[places], powers[places], rest[places]),
            ) -> str:
                value, power, other = (fact[number] for fact in facts)
                return f"{name} {value:.15g} is {_part(int(power))} the {against} {other:.15g}"

            ts = piece.ts[own][places]
            self._findings.add_all("unit_error", ts, ts, np.ones_like(places), said)


def _usual(score: float, what: str) -> str:
    return f", {score:,.0f} times the usual {what}" if np.isfinite(score) else ""


def _level(power: int) -> str:
    return f"{10**power:,} times the lowest level" if power else "the lowest level"


def _part(power: int) -> str:
    return f"{10**power:,} times" if power > 0 else f"1/{10**-power:,} of"
