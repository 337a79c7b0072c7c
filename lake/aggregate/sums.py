"""Sums of decimals, exact: doubles are taken for the decimals they print as, added as integers, and rounded once.

So a sum does not depend on the order or the grouping it was made in: hours made of minutes are hours made of trades.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import numpy.typing as npt

    Integers = npt.NDArray[Any]
    """64-bit integers, or Python's own where these would not do."""
    Floats = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]
    Places = npt.NDArray[np.int64]

_POWERS = np.array([float(10**k) for k in range(23)])
"""The powers of ten that a double holds exactly."""
_FIFTEEN_DIGITS = 1e15
"""Below it a scaled double is off by less than a half, and no two decimals of that size are one double."""
_LONGEST = 15
_WIDEST, _DEEPEST = 38, 22
_FEW = 64
_ROOM = 2**62
_EXACT_DOUBLE = 2**53


@dataclass(frozen=True, slots=True)
class Exact:
    """A column of decimals: `numbers` / 10**`scale` where `present`, everywhere when that is None."""

    numbers: Integers
    scale: int
    present: Mask | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, which: slice | Mask) -> Exact:
        """Return some of the rows."""
        return Exact(self.numbers[which], self.scale, None if self.present is None else self.present[which])

    def sums(self, starts: Places) -> Exact:
        """Add the rows up from each start to the next; a sum of none is absent."""
        numbers = self.numbers
        if numbers.dtype != object and largest(numbers) * _longest(starts, len(numbers)) >= _ROOM:
            numbers = numbers.astype(object)
        present = None if self.present is None else np.logical_or.reduceat(self.present, starts)
        return Exact(_narrowed(np.add.reduceat(numbers, starts)), self.scale, present)

    def times(self, other: Exact) -> Exact:
        """Multiply row by row; absent where one of the two is."""
        a, b = self.numbers, other.numbers
        if object not in (a.dtype, b.dtype) and largest(a) * largest(b) >= _ROOM:
            a = a.astype(object)
        return Exact(a * b, self.scale + other.scale, both(self.present, other.present))

    def where(self, chosen: Mask) -> Exact:
        """Return the rows with zero in the place of those not chosen."""
        return Exact(np.where(chosen, self.numbers, 0), self.scale, self.present)

    def only(self, chosen: Mask) -> Exact:
        """Return the rows with those not chosen absent."""
        return Exact(np.where(chosen, self.numbers, 0), self.scale, both(self.present, chosen))

    def rescaled(self, scale: int) -> Exact:
        """Return the same decimals at a larger scale."""
        if scale == self.scale:
            return self
        numbers, factor = self.numbers, 10 ** (scale - self.scale)
        if numbers.dtype != object and largest(numbers) * factor >= _ROOM:
            numbers = numbers.astype(object)
        if numbers.dtype != object and factor >= _ROOM:  # nothing but zeros
            return Exact(numbers, scale, self.present)
        return Exact(numbers * factor, scale, self.present)

    def floats(self, divisor: int = 1) -> Floats:
        """Return the doubles nearest to the decimals over `divisor`; anything where absent."""
        bottom = 10**self.scale * divisor
        if self.numbers.dtype == object:
            return np.array([_quotient(int(n), bottom) for n in self.numbers], np.float64)
        if bottom >= _EXACT_DOUBLE:
            return np.array([_quotient(n, bottom) for n in self.numbers.tolist()], np.float64)
        made: Floats = self.numbers / float(bottom)
        if largest(self.numbers) >= _EXACT_DOUBLE:
            wide = np.abs(self.numbers) >= _EXACT_DOUBLE
            made[wide] = [_quotient(n, bottom) for n in self.numbers[wide].tolist()]
        return made


def both(a: Mask | None, b: Mask | None) -> Mask | None:
    """Return where both are present; None is everywhere."""
    if a is None or b is None:
        return a if b is None else b
    found: Mask = a & b
    return found


def largest(numbers: Integers) -> int:
    """Return the largest magnitude."""
    return max(int(numbers.max()), -int(numbers.min())) if len(numbers) else 0


def joined(first: Exact | None, second: Exact | None, lengths: tuple[int, int]) -> Exact | None:
    """Return rows behind rows; a column that is None is absent, and so is what two of those make."""
    if first is None and second is None:
        return None
    first = first or Exact(np.zeros(lengths[0], np.int64), 0, np.zeros(lengths[0], np.bool_))
    second = second or Exact(np.zeros(lengths[1], np.int64), 0, np.zeros(lengths[1], np.bool_))
    scale = max(first.scale, second.scale)
    a, b = first.rescaled(scale), second.rescaled(scale)
    present = None
    if a.present is not None or b.present is not None:
        parts = [np.ones(len(x), np.bool_) if x.present is None else x.present for x in (a, b)]
        present = np.concatenate(parts)
    return Exact(np.concatenate([a.numbers, b.numbers]), scale, present)


class Reader:
    """Reads doubles of one column as decimals; it keeps the scale that served so far."""

    def __init__(self) -> None:
        """Start with whole numbers."""
        self._scale = 0

    def read(self, values: Floats, present: Mask | None = None) -> Exact:
        """Return the decimals that `values` print as; absent ones must be 0."""
        scaled, good = _scaled(values, self._scale)
        if not good.all() and self._raise_scale(values[~good], len(values)):
            scaled, good = _scaled(values, self._scale)
        if good.all():
            return Exact(scaled.astype(np.int64), self._scale, present)
        whole = Exact(np.where(good, scaled, 0).astype(np.int64), self._scale)
        made = _with(whole, _by_text(values[~good]), ~good)
        return Exact(made.numbers, made.scale, present)

    def _raise_scale(self, rest: Floats, rows: int) -> bool:
        """Find the scale that all of the rest have, of those that have 15 digits; return whether it is a larger one."""
        before = self._scale
        for scale in range(before + 1, _LONGEST + 1):
            scaled, good = _scaled(rest, scale)
            # For a few strays, each of which has a text, the others need not be wider.
            if int(good.sum()) * _FEW > rows:
                self._scale = scale
            rest = rest[~good & (np.abs(scaled) < _FIFTEEN_DIGITS)]
            if not len(rest):
                break
        return self._scale > before


def _scaled(values: Floats, scale: int) -> tuple[Floats, Mask]:
    """Return values times a power of ten, and where these are the whole numbers they are decimals of."""
    with np.errstate(over="ignore"):
        scaled = np.rint(values * _POWERS[scale])
    good = np.abs(scaled) < _FIFTEEN_DIGITS
    good &= scaled / _POWERS[scale] == values
    return scaled, good


def _with(column: Exact, others: Exact, places: Mask) -> Exact:
    """Return a column with others in some places."""
    scale = max(column.scale, others.scale)
    a, b = column.rescaled(scale).numbers, others.rescaled(scale).numbers
    made = a.astype(object if object in (a.dtype, b.dtype) else np.int64)
    made[places] = b
    return Exact(made, scale)


def _by_text(values: Floats) -> Exact:
    """Return the decimals that doubles print as, by printing them."""
    texts = pa.array(values).cast(pa.string())
    powers = pc.match_substring(texts, "e").to_numpy(zero_copy_only=False)
    if powers.any():
        if powers.all():
            return _one_by_one(values)
        return _with(_by_text(np.where(powers, 0.0, values)), _one_by_one(values[powers]), powers)
    point = pc.find_substring(texts, ".")
    after = pc.subtract(pc.subtract(pc.binary_length(texts), point), 1)
    scale = int(pc.max(pc.if_else(pc.less(point, 0), 0, after)).as_py())
    if scale > _DEEPEST or np.abs(values).max() >= _FIFTEEN_DIGITS:
        return _one_by_one(values)
    halves = np.frombuffer(texts.cast(pa.decimal128(_WIDEST, scale)).buffers()[1], np.int64).reshape(-1, 2)
    low, high = halves[:, 0], halves[:, 1]
    if bool((high == low >> 63).all()) and largest(low) < _ROOM:
        return Exact(low, scale)
    return Exact(high.astype(object) * 2**64 + low.view(np.uint64).astype(object), scale)


def _one_by_one(values: Floats) -> Exact:
    parts = [Decimal(repr(v)).as_tuple() for v in values.tolist()]
    scale = max(0, *(-int(t.exponent) for t in parts))
    numbers = np.empty(len(parts), object)
    numbers[:] = [_whole(t) * 10 ** (scale + int(t.exponent)) for t in parts]
    return Exact(_narrowed(numbers), scale)


def _whole(parts: Any) -> int:  # noqa: ANN401 -- a DecimalTuple
    number = int("".join(map(str, parts.digits)))
    return -number if parts.sign else number


def _quotient(number: int, bottom: int) -> float:
    try:
        return number / bottom  # Python's division of integers is rounded correctly
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _narrowed(numbers: Integers) -> Integers:
    """Return Python's integers as 64-bit ones where they fit."""
    if numbers.dtype == object and len(numbers) and largest(numbers) < _ROOM:
        return numbers.astype(np.int64)
    return numbers


def _longest(starts: Places, end: int) -> int:
    return int(np.diff(starts, append=end).max())
