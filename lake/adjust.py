"""Prices adjusted on read for splits, and for cash dividends too: stored rows stay as they came.

Prices before a split are divided by its ratio, and sizes multiplied. Prices before a dividend are multiplied by
1 - amount / close, with the last close before the ex-date: as CRSP and Yahoo do, so that returns across it are what a
holder had. The newest stored rows stay as they are; what is to come after them changes nothing yet.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import files, layout, rows
from lake.errors import LakeError
from lake.instruments import Action, actions, facts, first_instant, is_long, members
from lake.joined import Spanned
from lake.read import Scan
from schemas.keys import Address
from schemas.periods import Period

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lake.checksums import StoredFile
    from lake.config import Config
    from lake.joined import Range
    from lake.manifest import FileRow, Manifest
    from lake.where import Where
    from schemas.columns import Column, Schema

Adjust = Literal["split", "total"]
CLOSE_DAYS = 15
"""How long before an ex-date the last close may lie: longer than any exchange was shut for holidays."""
_DAY_NS = 86_400 * 10**9
_DAY_US = 86_400_000_000
_CLOSES = {"bars": "close", "ticks": "price"}
_ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Step:
    """What the corporate actions of one ex-date do to the rows before it."""

    ex_date: dt.date
    at_ns: int
    """Rows before this are adjusted."""
    actions: tuple[Action, ...]
    close: float | None
    """The last close before the ex-date, as it is stored; None where no dividend asks for it."""
    prices: Fraction
    """What prices are multiplied by."""
    sizes: Fraction
    """What sizes are multiplied by."""


class Factors:
    """The steps of one series, and what they make together of its rows."""

    def __init__(self, steps: Sequence[Step], unit: str) -> None:
        """Take the steps, the earliest first, and the unit of the rows' times."""
        self.steps = tuple(steps)
        self.prices, self.sizes = (_products(getattr(step, name) for step in steps) for name in ("prices", "sizes"))
        """What rows before each step are multiplied by, and behind the last one those after all: by one."""
        scale = layout.NS_PER[unit]
        self._at = np.array([-(-step.at_ns // scale) for step in steps], np.int64)
        # A division by the ratio of a split is exact to the last digit, a product with its inverse is not.
        self._divisors = np.array([float(1 / each) for each in self.prices])
        self._multipliers = np.array([float(each) for each in self.sizes])

    def touch(self, first_ns: int) -> bool:
        """Whether rows from a moment on are changed at all."""
        return bool(self.steps) and first_ns < self.steps[-1].at_ns

    def apply(self, table: pa.Table, declaration: Schema) -> pa.Table:
        """Return rows, which have their ts, with prices and sizes adjusted; names, counts and amounts of money stay."""
        place = np.searchsorted(self._at, rows.times(table), side="right")
        if not len(place) or place[0] == len(self._at):
            return table
        one = place[0] == place[-1]
        for column in declaration.columns:
            if not _is_adjusted(column) or column.name not in table.column_names:
                continue
            of_prices = column.unit == "price"
            factors = (self._divisors if of_prices else self._multipliers)[place[:1] if one else place]
            work = pc.divide if of_prices else pc.multiply
            values = work(table.column(column.name), pa.scalar(factors[0]) if one else pa.array(factors))
            number = table.schema.get_field_index(column.name)
            table = table.set_column(number, table.schema.field(number), values)
        return table


def _products(factors: Iterable[Fraction]) -> tuple[Fraction, ...]:
    found = [_ONE]
    for factor in reversed([*factors]):
        found.append(found[-1] * factor)
    return tuple(reversed(found))


class Adjusted(Spanned):
    """A planned read of series of prices, adjusted by what is known at its snapshot; else as `Scan`."""

    def __init__(  # noqa: PLR0913 -- one word more than a plain read has
        self,
        config: Config,
        manifest: Manifest,
        addresses: Sequence[Address],
        *,
        adjust: Adjust,
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | str | dt.datetime | None = None,
        where: Callable[[Schema], Where] | None = None,
        spans: Mapping[Address, Range] | None = None,
        heads: Mapping[Address, Address] | None = None,
    ) -> None:
        """Plan the read, and settle the factors of each series; a condition is on adjusted rows.

        `heads` says of series of earlier symbols which one took over: its actions are theirs, too.

        Raises:
            LakeError: As `Scan` does; USAGE for another word, and for series that cannot be adjusted; ADJUST when a
                dividend cannot be reckoned with.
        """
        refuse(adjust, addresses)
        super().__init__(
            config,
            manifest,
            addresses,
            start_ns=start_ns,
            end_ns=end_ns,
            columns=columns,
            as_of=as_of,
            where=where,
            spans=spans or {},
        )
        self.adjust, self.heads = adjust, dict(heads or {})
        firsts: dict[Address, int] = {}
        for file in self.plan:
            first_ns = file.first_ns if start_ns is None else max(file.first_ns, start_ns)
            firsts.setdefault(self.address_of(file), first_ns)
        self.factors = {
            address: Factors(
                _Instrument(config, manifest, self.heads.get(address, address), self.snapshot).steps(
                    address, adjust, firsts[address]
                )
                if address in firsts
                else (),
                rows.unit(self.declaration),
            )
            for address in self.addresses
        }
        """By series: what its rows are multiplied by."""

    def _kind(self) -> Callable[..., Scan]:
        return partial(Adjusted, adjust=self.adjust, spans=self.spans, heads=self.heads)

    def groups(self, parquet: StoredFile, start_ns: int | None, end_ns: int | None) -> list[int]:
        """Return the row groups that may have rows that fit: what they tell of values is of those that are stored."""
        if self.where is None or not any(_is_adjusted(self.declaration.column(name)) for name in self.where.columns):
            return super().groups(parquet, start_ns, end_ns)
        return files.groups_between(parquet, self.declaration, start_ns, end_ns)

    def _stored(self, file: FileRow, columns: Sequence[str], skip: int, *, bare: bool) -> Iterator[pa.Table]:
        factors = self.factors[self.address_of(file)]
        if not factors.touch(file.first_ns):
            yield from super()._stored(file, columns, skip, bare=bare)
            return
        needed = columns if "ts" in columns else [*columns, "ts"]
        for table in super()._stored(file, needed, skip, bare=bare):
            done = factors.apply(table, self.declaration)
            yield done if needed is columns else done.drop_columns(["ts"])


def _is_adjusted(column: Column) -> bool:
    return column.unit in {"price", "base"}


def refuse(adjust: str, addresses: Iterable[Address]) -> None:
    """Refuse, with USAGE, another word, and series that have no raw prices or whose rows are no part of a day."""
    if adjust not in get_args(Adjust):
        why = "Prices are adjusted for splits, or in total: for splits and cash dividends."
        raise LakeError("USAGE", f"{adjust!r} is no adjustment", why=why, fix=["adjust='split'", "adjust='total'"])
    for address in addresses:
        why, fix = "", "leave the adjustment out"
        if address.type not in _CLOSES:
            why = "Only bars, trades and quotes have prices that actions change."
        elif address.type == "bars":
            period = Period.parse(address.period)
            if period.adjustment:
                why = "Its vendor adjusted it already: it would be done twice."
            elif is_long(period) and period.fixed_us != _DAY_US:
                why = "An ex-date may lie inside of a bar, whose prices are then of both sides."
                fix = "read bars of a day, adjusted, and aggregate these"
        if why:
            raise LakeError("USAGE", f"{address} cannot be adjusted", where=str(address), why=why, fix=[fix])


class _Instrument:
    """What is known of the instrument of a series, under all symbols it had, and what the lake holds of it."""

    def __init__(self, config: Config, manifest: Manifest, head: Address, snapshot: int) -> None:
        self._config, self._manifest, self._head, self._snapshot = config, manifest, head, snapshot
        self._members = members(manifest, head, snapshot)
        self._said = facts(manifest, head, snapshot)

    def steps(self, address: Address, adjust: Adjust, first_ns: int) -> list[Step]:
        """Return what changes the rows of one of its series from `first_ns` on, the earliest first; ADJUST."""
        known = [each for each in self._actions() if adjust == "total" or each.kind == "split"]
        if not known:
            return []
        days = [_Day(address, date, tuple(each)) for date, each in groupby(known, key=lambda action: action.ex_date)]
        sources = self._sources(address)
        found = []
        for day in days:
            at_ns = self._begins(address, day.date)
            if at_ns <= first_ns or not any(source.last_ns >= source.begins(day.date) for source in sources):
                continue
            close = day.refuse_currency(self._said.get("currency")).close(sources, days) if day.paid else None
            found.append(day.step(at_ns, close))
        return found

    def _actions(self) -> list[Action]:
        """Return the actions under each symbol while the instrument had it."""
        return [
            action
            for member in self._members
            for action in actions(self._manifest, replace(self._head, symbol=member.symbol), self._snapshot)
            if (member.start is None or member.start <= action.ex_date)
            and (member.end is None or action.ex_date < member.end)
        ]

    def _sources(self, address: Address) -> list[_Source]:
        """Return what tells closes: the daily bars of the instrument, and then series as the one that is read."""
        symbols = [member.symbol for member in self._members]
        daily = [Address(address.exchange, address.market, symbol, "bars", "1d") for symbol in symbols]
        found = []
        for each in dict.fromkeys((*daily, *(replace(address, symbol=symbol) for symbol in symbols))):
            series = self._manifest.find(each)
            if series is not None and self._manifest.plan(series.id, None, None, self._snapshot):
                scan = Scan(self._config, self._manifest, [each], as_of=self._snapshot)
                found.append(_Source(scan, partial(self._begins, each), is_daily=each in daily))
        return found

    def _begins(self, address: Address, day: dt.date) -> int:
        return first_instant(self._manifest, address, day, self._said.get("time_zone"))


@dataclass(frozen=True, slots=True)
class _Day:
    """The actions of one ex-date."""

    address: Address
    date: dt.date
    actions: tuple[Action, ...]

    @property
    def ratio(self) -> Fraction:
        return math.prod((each.value for each in self.actions if each.kind == "split"), start=_ONE)

    @property
    def paid(self) -> Fraction:
        return sum((each.value for each in self.actions if each.kind == "dividend"), start=Fraction(0))

    def refuse_currency(self, currency: str | None) -> _Day:
        for each in self.actions:
            if each.currency is not None and currency not in {None, each.currency}:
                why = f"The prices of the instrument are in {currency}, and rates are not known."
                raise self._error(f"the dividend of {self.date} is in {each.currency}", why)
        return self

    def close(self, sources: Sequence[_Source], days: Sequence[_Day]) -> tuple[float, Fraction]:
        """Return the last close before the day, as stored and in shares of the day."""
        told = [(source, source.close_before(source.begins(self.date))) for source in sources]
        closes = [
            (source.is_daily, at_ns, close, source) for source, found in told if found for close, at_ns in [found]
        ]
        if closes:
            _, at_ns, close, source = max(closes, key=lambda each: each[:2])
            since = (day.ratio for day in days if day.date <= self.date and source.begins(day.date) > at_ns)
            return close, Fraction(repr(close)) / math.prod(since, start=_ONE)
        why = f"No close lies in the {CLOSE_DAYS} days before it, neither in bars/1d nor in the series itself."
        raise self._error(f"nothing tells the price before the dividend of {self.date}", why)

    def step(self, at_ns: int, close: tuple[float, Fraction] | None) -> Step:
        factor = _ONE
        if close is not None:
            factor = 1 - self.paid / close[1]
            if factor <= 0:
                why = "An amount is per share, in the currency of the prices, and of the shares of its ex-date."
                message = f"the dividend of {self.date} is {float(self.paid):g}, and the close before it {close[0]:g}"
                raise self._error(message, why)
        stored = None if close is None else close[0]
        return Step(self.date, at_ns, self.actions, stored, factor / self.ratio, self.ratio)

    def _error(self, message: str, why: str) -> LakeError:
        return LakeError("ADJUST", message, where=str(self.address), why=why)


class _Source:
    """A series that tells closes."""

    def __init__(self, scan: Scan, begins: Callable[[dt.date], int], *, is_daily: bool) -> None:
        self.address = scan.addresses[0]
        self.last_ns = max(file.last_ns for file in scan.plan)
        self.begins, self.is_daily = begins, is_daily
        self._scan = scan

    def close_before(self, at_ns: int) -> tuple[float, int] | None:
        """Return the last close before a moment, and the time of its row."""
        name = _CLOSES[self.address.type]
        if name not in self._scan.declaration.names:
            return None
        part = copy(self._scan)
        part.end_ns = at_ns
        for file in reversed(self._scan.plan):
            if file.first_ns < at_ns and file.last_ns >= at_ns - CLOSE_DAYS * _DAY_NS:
                last = None
                for table in part.pieces(file, ["ts", name]):
                    last = table.slice(table.num_rows - 1) if table.num_rows else last
                if last is not None:
                    ns = int(rows.times(last)[0]) * layout.NS_PER[rows.unit(part.declaration)]
                    return (last.column(name)[0].as_py(), ns) if ns >= at_ns - CLOSE_DAYS * _DAY_NS else None
        return None
