"""Times of vendor files to nanoseconds since the epoch: integer and decimal epochs, text in fixed formats, zones.

Nothing passes through floating point, and nothing is wrapped: a time outside the years 1800 to 2199, or outside the
magnitude of its file's unit, is not a time.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lake.sources.patterns import Pattern

    Int64s = NDArray[np.int64]
    Bools = NDArray[np.bool_]

Unit = Literal["s", "ms", "us", "ns"]
UNIT_NS: dict[str, int] = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_FLOOR: dict[str, int] = {"s": 0, "ms": 10**11, "us": 10**14, "ns": 10**17}
_MIN_NS = -5_364_662_400 * 10**9  # 1800-01-01
_MAX_NS = 7_258_118_400 * 10**9 - 1  # the last of 2199
DAY_NS = 86_400 * 10**9


_WORDS = re.compile(
    r"(?P<date>YYYY(?P<a>[-/.]?)MM(?P=a)DD|DD(?P<b>[-/.])MM(?P=b)YYYY|MM(?P<c>[-/.])DD(?P=c)YYYY)"
    r"(?:(?P<gap>[ T]?)(?P<clock>HH:MM(?::SS(?:\.f+)?)?|HHMM(?:SSf*)?|hh-AM)(?P<zone>±HH:MM|Z)?)?"
)


@dataclass(frozen=True, slots=True)
class TextFormat:
    """A way of writing a time: the order of year, month and day, what parts them, the clock, and whether zoned.

    `clock` is `:` for 10:30[:00[.123]], `compact` for 1030[00[123]], `half` for 10-AM, or empty for dates alone.
    `gap` is whether a space or `T` stands between date and clock. `aware` times end in Z, UTC or an offset.
    """

    order: Literal["ymd", "dmy", "mdy"]
    sep: str
    gap: bool
    clock: Literal["", ":", "compact", "half"]
    aware: bool = False

    def __str__(self) -> str:
        """Return it the way people write formats, such as `YYYY-MM-DD HH:MM`."""
        date = self.sep.join({"y": "YYYY", "m": "MM", "d": "DD"}[part] for part in self.order)
        clock = {"": "", ":": "HH:MM", "compact": "HHMMSS", "half": "hh-AM"}[self.clock]
        return date + (" " if self.gap else "") + clock + ("±HH:MM" if self.aware else "")

    @classmethod
    def named(cls, words: str) -> TextFormat:
        """Return the format that words like `DD.MM.YYYY HH:MM:SS` name; ValueError when they name none."""
        found = _WORDS.fullmatch(words)
        if found is None:
            raise ValueError(f"{words!r} is not a format of times, such as YYYY-MM-DD HH:MM:SS or %d.%m.%Y %H:%M")
        parts = re.sub("[^YMD]", "", found["date"])
        order: Literal["ymd", "dmy", "mdy"] = "ymd" if parts[0] == "Y" else "dmy" if parts[0] == "D" else "mdy"
        told = found["clock"] or ""
        clock: Literal["", ":", "compact", "half"] = (
            "" if not told else "half" if told == "hh-AM" else ":" if ":" in told else "compact"
        )
        sep = found["a"] or found["b"] or found["c"] or ""
        return cls(order, sep, bool(found["gap"]), clock, aware=bool(found["zone"]))

    def one(self, text: str) -> int | None:
        """Read one time the careful way; None when it is not one, or is not written as the others are."""
        return parse_one(text, self)

    def many(self, texts: Any) -> tuple[Int64s, Bools]:  # noqa: ANN401 -- pa.StringArray
        """Read an array of texts without nulls at once, as `parse_text` does."""
        return parse_text(texts, self)

    @property
    def iso(self) -> bool:
        """Whether Arrow's own ISO 8601 parser reads it."""
        return self.order == "ymd" and self.sep == "-" and (self.clock == "" or (self.clock == ":" and self.gap))


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """Where a target time column comes from.

    `epoch`: a count of `unit` since 1970 (UTC). `day`: a count of `unit` since the midnight of `day_ns` in `zone`.
    `clock`: the digits HHMMSS and those of a fraction that `unit` tells, of that day, with leading zeros or without.
    `text`: one column, or date and clock in two, written as `text`; naive ones are in `zone`. `stamp`: an Arrow
    timestamp or date. `labels` are dates of bars of a day and up, kept as 00:00 UTC whatever the zone.
    """

    target: str
    columns: tuple[int, ...]
    kind: Literal["epoch", "day", "clock", "text", "stamp"]
    unit: Unit = "ns"
    fraction: bool = False
    text: TextFormat | Pattern | None = None
    zone: str = "UTC"
    day_ns: int = 0
    labels: bool = False
    mixed: bool = False
    """Whether the unit of an epoch is told by its own magnitude, row by row."""


def unit_of(value: float) -> Unit:
    """Return the unit whose magnitude an epoch has: from 1e17 ns, from 1e14 us, from 1e11 ms, else s."""
    for unit in ("ns", "us", "ms"):
        if abs(value) >= _FLOOR[unit]:
            return unit
    return "s"


def bounds(unit: Unit) -> tuple[int, int, int]:
    """Return (lowest, highest, least magnitude) of epochs in `unit`."""
    return -(-_MIN_NS // UNIT_NS[unit]), _MAX_NS // UNIT_NS[unit], _FLOOR[unit]


def bad_epochs(values: Int64s, unit: Unit) -> Bools | None:
    """Return which epochs are outside the band of `unit`, or None when none is."""
    if not len(values):
        return None
    low, high, floor = bounds(unit)
    if floor <= values.min() and values.max() <= high:
        return None
    magnitude = np.abs(values)
    bad: Bools = (values < low) | (values > high) | (magnitude < floor)
    if unit == "s":
        bad |= magnitude >= _FLOOR["ms"]
    return bad if bad.any() else None


def mixed_epochs(values: Int64s) -> tuple[Int64s, Bools]:
    """Return epochs of any unit, each by its own magnitude, as nanoseconds, and which of them are times."""
    magnitude = np.abs(values)
    factors = np.select([magnitude >= _FLOOR[unit] for unit in ("ns", "us", "ms")], [1, 1_000, 10**6], 10**9)
    ok: Bools = (values >= -(-_MIN_NS // factors)) & (values <= _MAX_NS // factors)
    return np.where(ok, values, 0) * factors, ok


def clock_fits(value: float, unit: Unit) -> bool:
    """Return whether a number can be the digits HHMMSS with a fraction of that unit."""
    return 0 <= value < 240_000 * (10**9 // UNIT_NS[unit])


def clocks(values: Int64s, unit: Unit) -> tuple[Int64s, Bools]:
    """Return digits HHMMSS with a fraction of that unit as nanoseconds of the day, and which of them are times."""
    parts = 10**9 // UNIT_NS[unit]
    ok: Bools = (values >= 0) & (values < 240_000 * parts)
    clock, part = np.divmod(np.where(ok, values, 0), parts)
    minutes, seconds = clock // 100 % 100, clock % 100
    ok &= (minutes <= 59) & (seconds <= 59)
    return ((clock // 10_000 * 60 + minutes) * 60 + seconds) * 10**9 + part * UNIT_NS[unit], ok


def in_years(ns: Int64s) -> Bools:
    """Return which times lie in the years 1800 to 2199."""
    result: Bools = (ns >= _MIN_NS) & (ns <= _MAX_NS)
    return result


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone; ValueError when there is none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone, such as UTC or America/New_York") from error


_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 -- wall clock of a zone that is applied beside it


@lru_cache(maxsize=65536)
def _offset_of_day(name: str, day: int) -> int | None:
    """Return the zone's offset in ns if the same throughout a local day (counted from 1970), else None."""
    tz = zone(name)
    first = _EPOCH + dt.timedelta(days=day)
    offsets = {
        (first + dt.timedelta(hours=hour)).replace(tzinfo=tz, fold=fold).utcoffset()
        for hour in range(25)
        for fold in (0, 1)
    }
    (offset, *others) = offsets
    return None if others or offset is None else _ns(offset)


def _ns(delta: dt.timedelta) -> int:
    return (delta.days * 86_400 + delta.seconds) * 10**9 + delta.microseconds * 1000


def offset_at(name: str, local_ns: int) -> int | None:
    """Return the offset at a wall-clock time, or None when the clock shows it twice or never."""
    if name == "UTC":
        return 0
    tz = zone(name)
    local = _EPOCH + dt.timedelta(microseconds=local_ns // 1000)
    offsets = {local.replace(tzinfo=tz, fold=fold).utcoffset() for fold in (0, 1)}
    (offset, *others) = offsets
    return None if others or offset is None else _ns(offset)


def to_utc(local: Int64s, name: str) -> tuple[Int64s, Bools | None]:
    """Turn wall-clock nanoseconds of a zone into UTC; the mask says which the clock shows twice or never."""
    if name == "UTC" or not len(local):
        return local, None
    days, where = np.unique(local // DAY_NS, return_inverse=True)
    constant = [_offset_of_day(name, int(day)) for day in days]
    offsets = np.array([offset or 0 for offset in constant], dtype=np.int64)[where]
    mixed = np.array([offset is None for offset in constant], dtype=np.bool_)[where]
    bad: Bools | None = None
    if mixed.any():
        bad = np.zeros(len(local), dtype=np.bool_)
        for row in np.flatnonzero(mixed):
            offset = offset_at(name, int(local[row]))
            bad[row] = offset is None
            offsets[row] = offset or 0
        bad = bad if bad.any() else None
    return local - offsets, bad


_DATE = (
    r"(?:(?P<y>\d{4})(?P<s>[-/.]?)(?P<m>\d{2})(?P=s)(?P<d>\d{2})"
    r"|(?P<a>\d{1,2})(?P<t>[-/.])(?P<b>\d{1,2})(?P=t)(?P<z>\d{4}))"
)
_CLOCK = (
    r"(?:(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"|(?P<h>\d{2})(?P<n>\d{2})(?:(?P<c>\d{2})(?:\.?(?P<g>\d{1,9}))?)?"
    r"|(?P<q>\d{1,2})-(?P<half>[AP]M))"
)
_ZONE = r"(?P<zone>Z| ?UTC| ?GMT| ?[+-]\d{2}(?::?\d{2})?)"
_TEXT = re.compile(rf"{_DATE}(?:(?P<gap>[ T]?){_CLOCK}{_ZONE}?)?", re.ASCII)


def is_time(text: str) -> bool:
    """Return whether the text is a time in some known format (an epoch is not: it is a number)."""
    return _TEXT.fullmatch(text.strip()) is not None


def format_of(samples: Sequence[str]) -> TextFormat | None:
    """Return the format all samples share, or None when they have none; ValueError when day and month look alike."""
    matches = [_TEXT.fullmatch(sample.strip()) for sample in samples]
    found = [match for match in matches if match]
    if not found or len(found) * 2 < len(matches):
        return None
    order: Literal["ymd", "dmy", "mdy"] = "ymd"
    if found[0]["y"] is None:
        firsts = [int(m["a"]) > 12 for m in found if m["a"]]
        seconds = [int(m["b"]) > 12 for m in found if m["b"]]
        if any(firsts) == any(seconds):
            raise ValueError(f"{samples[0]!r} may be day first or month first")
        order = "dmy" if any(firsts) else "mdy"
    first = found[0]
    clock: Literal["", ":", "compact", "half"] = (
        ":" if first["H"] else "compact" if first["h"] else "half" if first["q"] else ""
    )
    return TextFormat(order, first["s"] or first["t"] or "", bool(first["gap"]), clock, aware=bool(first["zone"]))


def parse_one(text: str, form: TextFormat) -> int | None:
    """Read one time the careful way; None when it is not one, or is not written as the others are."""
    match = _TEXT.fullmatch(text.strip())
    if match is None or bool(match["zone"]) != form.aware or (match["y"] is None) != (form.order != "ymd"):
        return None
    if (match["s"] or match["t"] or "") != form.sep or bool(match["H"] or match["h"] or match["q"]) != bool(form.clock):
        return None
    year, month, day = match["y"] or match["z"], match["m"] or match["b"], match["d"] or match["a"]
    if form.order == "mdy":
        month, day = day, month
    hour, minute, second = (int(match[a] or match[b] or 0) for a, b in (("H", "h"), ("M", "n"), ("S", "c")))
    if match["q"]:
        if not 1 <= int(match["q"]) <= 12:
            return None
        hour = int(match["q"]) % 12 + 12 * (match["half"] == "PM")
    try:
        local = dt.datetime(int(year), int(month), int(day), hour, minute, second)  # noqa: DTZ001 -- the zone is applied beside it
    except ValueError:
        return None
    ns = _ns(local - _EPOCH) + int((match["f"] or match["g"] or "0").ljust(9, "0"))
    offset = re.sub(r"[ :ZUTCGM]", "", match["zone"] or "")
    if offset:
        minutes = int(offset[1:3]) * 60 + int(offset[3:] or 0)
        ns -= (-1 if offset[0] == "-" else 1) * minutes * 60 * 10**9
    return ns if _MIN_NS <= ns <= _MAX_NS else None


def _number(digits: NDArray[np.uint8], start: int, count: int) -> Int64s:
    value = np.zeros(len(digits), dtype=np.int64)
    for position in range(start, start + count):
        value = value * 10 + digits[:, position]
    return value


def _same_width(cells: NDArray[np.uint8], form: TextFormat) -> tuple[Int64s, Bools] | None:
    """Read naive, zero-padded times of one width at once; None when the width is not one of the format's."""
    width = cells.shape[1]
    ends = 8 + 2 * len(form.sep)
    at = ends + form.gap
    colon = form.clock == ":"
    whole = [at + 5, at + 8] if colon else [at + 4, at + 6]
    fraction = max(0, width - whole[1] - colon)
    if form.clock == "" and width != ends:
        return None
    if form.clock and width not in whole and not 1 <= fraction <= 9:
        return None
    digits = cells - np.uint8(48)
    positions, literals = _layout(form, ends, at, width if form.clock else 0, whole)
    if fraction:
        positions += list(range(width - fraction, width))
        literals += [(whole[1], ".")] if colon else []
    ok: Bools = np.all(digits[:, positions] <= 9, axis=1)
    for position, characters in literals:
        ok &= np.isin(cells[:, position], np.frombuffer(characters.encode(), dtype=np.uint8))
    year, month, day = (_number(digits, *place) for place in _date_places(form))
    step = 2 + colon
    clock = [
        _number(digits, at + step * i, 2) if form.clock and width >= at + step * i + 2 else 0 * year for i in range(3)
    ]
    ok &= (year > 0) & (month >= 1) & (month <= 12) & (day >= 1)
    ok &= (clock[0] <= 23) & (clock[1] <= 59) & (clock[2] <= 59)
    month = np.clip(month, 1, 12)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    ok &= day <= (months + 1).astype("datetime64[D]").astype(np.int64) - first
    seconds = (first + day - 1) * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    ok &= (seconds >= _MIN_NS // 10**9) & (seconds <= _MAX_NS // 10**9)
    part = _number(digits, width - fraction, fraction) * 10 ** (9 - fraction) if fraction else 0 * year
    return np.where(ok, seconds, 0) * 10**9 + np.where(ok, part, 0), ok


def _date_places(form: TextFormat) -> list[tuple[int, int]]:
    """Return (start, length) of year, month and day."""
    places, at = {}, 0
    for part in form.order:
        size = 4 if part == "y" else 2
        places[part] = (at, size)
        at += size + len(form.sep)
    return [places[part] for part in "ymd"]


def _layout(
    form: TextFormat, ends: int, at: int, width: int, whole: list[int]
) -> tuple[list[int], list[tuple[int, str]]]:
    """Return the positions of digits, and of literals with the characters each may be, up to the whole second."""
    positions = [place for start, size in _date_places(form) for place in range(start, start + size)]
    literals = [(place, form.sep) for place in range(ends) if place not in positions]
    if form.gap and width:
        literals.append((ends, " T"))
    step = 2 + (form.clock == ":")
    for place in range(at, min(width, whole[1])):
        if (place - at) % step == 2:
            literals.append((place, ":"))
        else:
            positions.append(place)
    return positions, literals


def parse_text(texts: Any, form: TextFormat) -> tuple[Int64s, Bools]:  # noqa: ANN401 -- pa.StringArray
    """Read an array of texts without nulls; returns wall-clock (or, when aware, UTC) ns and which rows are times."""
    ns, ok = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.bool_)
    if not form.aware and form.clock != "half" and len(texts):
        _, offsets, characters = texts.buffers()
        ends = np.frombuffer(offsets, dtype=np.int32, count=len(texts) + 1, offset=texts.offset * 4)
        cells = np.frombuffer(characters or b"", dtype=np.uint8)
        widths = np.diff(ends)
        for width in np.unique(widths):
            rows = np.flatnonzero(widths == width)
            read = _same_width(cells[ends[rows][:, None] + np.arange(width)], form) if width else None
            if read:
                ns[rows], ok[rows] = read
    for row in np.flatnonzero(~ok):
        value = parse_one(texts[int(row)].as_py(), form)
        if value is not None:
            ns[row], ok[row] = value, True
    return ns, ok
