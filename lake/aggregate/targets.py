"""What is to be made from a series: the targets, and how their buckets are cut."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lake.aggregate.buckets import MARGIN_DAYS, Buckets, Sessions, is_long
from lake.errors import LakeError
from lake.manifest import graph
from schemas.keys import Address
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lake.aggregate.model import AggregateRequest
    from lake.manifest import Manifest

QUOTE_SIDES = ("bid", "ask", "mid")
_DAYS = {"d": 1, "w": 7, "mo": 31}
_MOST_DAYS = 40_000
"""A century and more: further back there are no sessions to be known."""
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Target:
    """One series to be made."""

    address: Address
    buckets: Buckets
    recipe: str
    code_version: str

    @property
    def zone(self) -> str:
        """The time zone its days are cut in."""
        return "UTC" if self.buckets.sessions is None else self.buckets.sessions.zone


def target_addresses(source: Address, to: tuple[str, ...]) -> list[Address]:
    """Return what the periods ask for, each once.

    Raises:
        LakeError: PERIOD when a period is none, cannot be made from the source, or is of another side or adjustment;
            USAGE when nothing can be made from the source, or nothing is asked for.
    """
    if source.type not in {"bars", "ticks"}:
        raise LakeError(
            "USAGE", f"bars cannot be made from {source.key}", where=str(source), why="They are made of bars and ticks."
        )
    if not to:
        why = "Each period makes a series of its own."
        raise LakeError("USAGE", "no period was named", where=str(source), why=why, fix=["--to 5m,1h,1d"])
    found: dict[Address, None] = {}
    for text in to:
        try:
            period = Period.parse(text.strip())
        except ValueError as error:
            raise LakeError(
                "PERIOD", str(error), why="Periods are a number and a unit.", fix=["--to 5m,1h,1d"]
            ) from error
        for each in _periods(source, period):
            found[Address.of(source.exchange, source.market, source.symbol, "bars", str(each))] = None
    return list(found)


def _periods(source: Address, period: Period) -> list[Period]:
    """Return a period with the source's own side and adjustment; of quotes, one a side."""
    if source.key == "ticks/quote" and not period.adjustment:
        if not period.side:
            return [replace(period, side=side) for side in QUOTE_SIDES]
        if period.side in QUOTE_SIDES:
            return [period]
    own = Period.parse(source.period) if source.type == "bars" else Period(1, "s")
    if (period.side or own.side, period.adjustment or own.adjustment) != (own.side, own.adjustment):
        raise LakeError(
            "PERIOD",
            f"cannot make {period} from {source.period}",
            where=str(source),
            why="Another price side or adjustment is other data.",
            fix=[f"--to {period.n}{period.unit}"],
        )
    return [replace(period, side=own.side, adjustment=own.adjustment)]


def recipe_of(request: AggregateRequest) -> str | None:
    """Return the way of cutting days that is asked for, as canonical JSON, empty for UTC; None when none is.

    Raises:
        LakeError: USAGE when the words do not fit together.
    """
    if request.calendar is not None:
        if request.session_tz is not None or request.session_start is not None:
            why = "A calendar says itself when its sessions are."
            raise LakeError("USAGE", "--calendar goes without --session-tz and --session-start", why=why)
        return _canonical({"calendar": request.calendar})
    if request.session_tz is None and request.session_start is None:
        return None
    zone, start = request.session_tz or "UTC", request.session_start or "00:00"
    if not _CLOCK.fullmatch(start):
        why = "A session begins at an hour and a minute of its zone."
        raise LakeError("USAGE", f"{start!r} is no time of day", why=why, fix=["--session-start 17:00"])
    return "" if (zone, start) == ("UTC", "00:00") else _canonical({"session_start": start, "session_tz": zone})


def _canonical(options: Mapping[str, str]) -> str:
    return json.dumps(options, sort_keys=True, separators=(",", ":"))


def stored_recipe(manifest: Manifest, address: Address) -> str | None:
    """Return how the days of a series were cut; None when it was not made by the lake."""
    series = manifest.find(address)
    found = [] if series is None else graph.derivations(manifest, series.id)
    return found[-1].recipe if found else None


def sessions_of(recipe: str, low_us: int, high_us: int, margin_days: int = MARGIN_DAYS) -> Sessions | None:
    """Return the sessions of a recipe around a range, as far beyond it as buckets may reach; None for UTC."""
    if not recipe:
        return None
    options = json.loads(recipe)
    if "calendar" in options:
        return Sessions.of_calendar(options["calendar"], low_us, high_us, margin_days)
    hour, minute = options["session_start"].split(":")
    start_s = int(hour) * 3600 + int(minute) * 60
    return Sessions.of_zone(options["session_tz"], start_s, low_us, high_us, margin_days)


def _margin_days(periods: Iterable[str]) -> int:
    """Return how far the longest of some buckets may reach beyond a time in it."""
    lengths = [period.n * _DAYS.get(period.unit, 0) for period in (Period.parse(text.strip()) for text in periods)]
    return min(max(MARGIN_DAYS, *lengths), _MOST_DAYS)


class Cutter:
    """Finds the buckets of the targets and of their source; sessions are looked up once."""

    def __init__(
        self, manifest: Manifest, request: AggregateRequest, low_us: int, high_us: int, *, stores: bool = True
    ) -> None:
        """Take what is asked for, and the range of the source's rows; what is not to be stored is cut as asked."""
        self._stores = stores
        self._manifest, self._asked, self._source = manifest, recipe_of(request), request.address
        longest = _margin_days([*request.to, *([self._source.period] if self._source.type == "bars" else [])])
        self._range = low_us, high_us, longest
        self._versions = request.code_versions
        self._sessions: dict[str, Sessions | None] = {}
        self._source_recipe = ""
        if self._source.type == "bars" and is_long(Period.parse(self._source.period)):
            self._source_recipe = stored_recipe(manifest, self._source) or ""

    def source(self) -> Buckets | None:
        """Return the buckets that the source's bars are; None for ticks."""
        if self._source.type != "bars":
            return None
        return Buckets(Period.parse(self._source.period), self._sessions_of(self._source_recipe))

    def target(self, address: Address) -> Target:
        """Return how a target is made.

        Raises:
            LakeError: PERIOD when it is not made of whole bars of the source, and of more than one; DERIVED when it was
                made in another way before.
        """
        period = Period.parse(address.period)
        recipe = self._recipe(address) if is_long(period) else ""
        buckets = Buckets(period, self._sessions_of(recipe))
        own = self.source()
        if own is not None and not buckets.nest(own):
            why = "Aggregation only goes up, to whole multiples."
            if recipe != self._source_recipe:
                why = "The session does not begin where a bar does."
            raise LakeError(
                "PERIOD",
                f"cannot make {address.period} from {self._source.period}",
                where=str(self._source),
                why=why,
                fix=["aggregate a finer series", "or name a coarser period with --to"],
            )
        return Target(address, buckets, recipe, self._versions.get(address.key, "1"))

    def _recipe(self, address: Address) -> str:
        stored = stored_recipe(self._manifest, address)
        if self._asked is not None and (stored is None or not self._stores):
            return self._asked
        if stored is None:
            return self._source_recipe
        if self._asked is not None and self._asked != stored:
            raise LakeError(
                "DERIVED",
                f"{address} was made with {stored or 'days of UTC'}, not with {self._asked or 'days of UTC'}",
                where=str(address),
                why="Days that are cut in two ways do not go into one series.",
                fix=["leave the session's options out: the series keeps its own"],
            )
        return stored

    def _sessions_of(self, recipe: str) -> Sessions | None:
        if recipe not in self._sessions:
            self._sessions[recipe] = sessions_of(recipe, *self._range)
        return self._sessions[recipe]
