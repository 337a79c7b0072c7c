"""Buckets of several periods made in one pass over rows that come in stored order; no manifest, no files.

A period that is a whole multiple of another is made from that one's buckets. Sums travel as integers, so each target
is what it would be if it were made from the rows directly.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.aggregate.buckets import OUTSIDE
from lake.aggregate.sums import Exact, both, joined
from schemas.arrow import arrow_schema
from schemas.bars import BARS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from lake.aggregate.buckets import Buckets

    Times = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]
    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Latest:
    """A column of which a bucket has the last value that is there."""

    values: Floats
    present: Mask

    def take(self, which: slice | Mask) -> Latest:
        """Return some of the rows."""
        return Latest(self.values[which], self.present[which])

    def reduced(self, starts: Times) -> Latest:
        """Return the last value there is from each start to the next."""
        places = np.maximum.reduceat(np.where(self.present, np.arange(len(self.values)), -1), starts)
        found = places >= np.r_[0, starts[1:]]
        return Latest(self.values[np.maximum(places, 0)], found)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows on the way: bars, or single trades as bars of one price; times in microseconds.

    `weighted` is a vwap times the volume it belongs to, `weight` that volume; both stand only where there is no quote
    volume to tell the vwap by.
    """

    ts: Times
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Exact | None = None
    quote_volume: Exact | None = None
    trades: Exact | None = None
    taker_buy_volume: Exact | None = None
    taker_buy_quote_volume: Exact | None = None
    weighted: Exact | None = None
    weight: Exact | None = None
    open_interest: Latest | None = None
    spread: Latest | None = None

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, which: slice | Mask) -> Block:
        """Return some of the rows."""
        parts: list[Any] = [_taken(part, which) for part in _parts(self)]
        return Block(*parts)

    def behind(self, before: Block | None) -> Block:
        """Return these rows behind others."""
        if before is None:
            return self
        lengths = (len(before), len(self))
        return Block(*(_joined(a, b, lengths) for a, b in zip(_parts(before), _parts(self), strict=True)))

    def reduced(self, buckets: Times) -> Block:
        """Return a row for each run of equal buckets."""
        starts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]])
        ends = np.r_[starts[1:], len(buckets)] - 1
        sums = [None if (column := getattr(self, name)) is None else column.sums(starts) for name in SUMS]
        latest = [None if (column := getattr(self, name)) is None else column.reduced(starts) for name in LATEST]
        return Block(
            buckets[starts],
            self.open[starts],
            np.maximum.reduceat(self.high, starts),
            np.minimum.reduceat(self.low, starts),
            self.close[ends],
            *sums,
            *latest,
        )


SUMS = (
    "volume",
    "quote_volume",
    "trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "weighted",
    "weight",
)
LATEST = ("open_interest", "spread")
_FIELDS = tuple(f.name for f in fields(Block))


def _parts(block: Block) -> list[Any]:
    return [getattr(block, name) for name in _FIELDS]


def _taken(part: Any, which: slice | Mask) -> Any:  # noqa: ANN401 -- any field of a block
    if part is None:
        return None
    return part[which] if isinstance(part, np.ndarray) else part.take(which)


def _joined(a: Any, b: Any, lengths: tuple[int, int]) -> Any:  # noqa: ANN401 -- two of the same field
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.concatenate([a, b])
    if isinstance(a, Latest) or isinstance(b, Latest):
        parts = [
            x if isinstance(x, Latest) else Latest(np.zeros(n), np.zeros(n, np.bool_))
            for x, n in zip((a, b), lengths, strict=True)
        ]
        return Latest(np.concatenate([x.values for x in parts]), np.concatenate([x.present for x in parts]))
    return joined(a, b, lengths)


@dataclass(slots=True)
class _Level:
    """One target: how its buckets are cut, what it is made of, and the bucket that is not over yet."""

    name: str
    buckets: Buckets
    children: list[_Level] = field(default_factory=list)
    open: Block | None = None


class Cascade:
    """Makes buckets of several periods from rows in stored order."""

    def __init__(self, targets: Sequence[tuple[str, Buckets]], emit: Callable[[str, Block], None]) -> None:
        """Plan what is made from what.

        Args:
            targets: A name and the buckets of each, in any order.
            emit: Called with a target's name and buckets that are over, in order of time.
        """
        self._emit = emit
        self._roots: list[_Level] = []
        self.outside: dict[str, int] = {}
        levels: list[_Level] = []
        for name, buckets in sorted(targets, key=lambda each: _length(each[1])):
            level = _Level(name, buckets)
            # What lies outside a calendar's sessions is counted in rows of the source.
            whole = buckets.sessions is None or buckets.sessions.gapless
            under = [other for other in levels if whole and buckets.nest(other.buckets)]
            (under[-1].children if under else self._roots).append(level)
            levels.append(level)

    def add(self, block: Block) -> None:
        """Take rows that come behind those taken before."""
        for level in self._roots:
            self._feed(level, block)

    def end(self) -> None:
        """Let the buckets that are still open be over: no row of theirs will come."""
        for level in self._roots:
            self._close(level)

    def _feed(self, level: _Level, block: Block) -> None:
        if not len(block):
            return
        buckets = level.buckets.starts(block.ts)
        if (inside := buckets != OUTSIDE).all():
            block = block.behind(level.open)
        else:
            self.outside[level.name] = self.outside.get(level.name, 0) + int((~inside).sum())
            block, buckets = block.take(inside).behind(level.open), buckets[inside]
        if level.open is not None:
            buckets = np.r_[level.open.ts, buckets]
        if not len(block):
            return
        made = block.reduced(buckets)
        level.open = made.take(slice(len(made) - 1, None))
        self._pass_on(level, made.take(slice(0, len(made) - 1)))

    def _close(self, level: _Level) -> None:
        if level.open is not None:
            last, level.open = level.open, None
            self._pass_on(level, last)
        for child in level.children:
            self._close(child)

    def _pass_on(self, level: _Level, made: Block) -> None:
        if not len(made):
            return
        self._emit(level.name, made)
        for child in level.children:
            self._feed(child, made)


def _length(buckets: Buckets) -> int:
    period = buckets.period
    return period.fixed_us or period.n * 30 * 86_400_000_000


def bars_of(block: Block) -> pa.RecordBatch:
    """Return buckets as bars, without the identity columns."""
    floats = {
        name: None if (column := getattr(block, name)) is None else _float_array(column.floats(), column.present)
        for name in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    }
    columns: dict[str, pa.Array | None] = {
        "ts": pa.array(block.ts).view(pa.timestamp("us", tz="UTC")),
        "open": pa.array(block.open),
        "high": pa.array(block.high),
        "low": pa.array(block.low),
        "close": pa.array(block.close),
        **floats,
        "trades": _whole(block.trades),
        "vwap": _vwap(block),
    }
    for name in LATEST:
        latest: Latest | None = getattr(block, name)
        columns[name] = None if latest is None else _float_array(latest.values, latest.present)
    schema = arrow_schema(BARS, identity=False)
    arrays = [pa.nulls(len(block), f.type) if columns[f.name] is None else columns[f.name] for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _float_array(values: Floats, present: Mask | None) -> pa.Array:
    return pa.array(values, pa.float64(), mask=None if present is None else ~present)


def _whole(trades: Exact | None) -> pa.Array | None:
    if trades is None:
        return None
    return pa.array(trades.numbers, pa.int64(), mask=None if trades.present is None else ~trades.present)


def _vwap(block: Block) -> pa.Array | None:
    """Quote volume over volume; where there is none, the mean of the stored vwaps by their volumes."""
    made = np.full(len(block), np.nan)
    with np.errstate(over="ignore"):
        if block.weighted is not None and block.weight is not None:
            there = both(block.weighted.present, block.weight.numbers > 0)
            np.divide(block.weighted.floats(), block.weight.floats(), out=made, where=there)
        if block.quote_volume is not None and block.volume is not None:
            traded = both(both(block.quote_volume.present, block.volume.present), block.volume.numbers > 0)
            np.divide(block.quote_volume.floats(), block.volume.floats(), out=made, where=traded)
    missing = ~np.isfinite(made)  # not traded; or more than a double holds, over next to nothing
    return None if missing.all() else pa.array(made, mask=missing)
