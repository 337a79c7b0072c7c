"""Times in formats that are told the way `strptime` has them, such as `%d %b %Y %I:%M %p`; English names alone.

Both ways of reading use one regular expression, in the dialect that Python's `re` and Arrow's RE2 share, so that they
agree on every text; a locale changes nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lake.sources.times import TextFormat, in_years

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Int64s = NDArray[np.int64]
    Bools = NDArray[np.bool_]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_DIRECTIVES = {
    "Y": "(?P<Y>[0-9]{4})",
    "y": "(?P<y>[0-9]{2})",
    "m": "(?P<m>[0-9]{1,2})",
    "d": "(?P<d>[0-9]{1,2})",
    "b": f"(?P<b>(?i:{'|'.join(_MONTHS)}))",
    "B": f"(?P<B>(?i:{_LONG_MONTHS}))",
    "a": "(?i:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "A": f"(?i:{_DAYS})",
    "H": "(?P<H>[0-9]{1,2})",
    "I": "(?P<I>[0-9]{1,2})",
    "M": "(?P<M>[0-9]{2})",
    "S": "(?P<S>[0-9]{2})",
    "f": "(?P<f>[0-9]{1,9})",
    "p": "(?P<p>[AaPp])[Mm]",
    "z": "(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
    "%": "%",
}
_SHORTHANDS = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y"}
_DATES = ({"Y", "y"}, {"m", "b", "B"}, {"d"})
_CLOCK = frozenset("HIMSf")


@dataclass(frozen=True)
class Pattern:
    """A way of writing times. ValueError when it names no full date, or has a directive that is not read."""

    text: str

    def __post_init__(self) -> None:
        """Refuse what tells no time."""
        fields = set(re.compile(self.regex).groupindex)
        if not all(len(alternatives & fields) == 1 for alternatives in _DATES):
            raise ValueError(f"{self.text!r} does not name year, month and day, each once")
        if ("I" in fields) != ("p" in fields) or {"H", "I"} <= fields:
            raise ValueError(f"{self.text!r}: the hour is %H, or %I with %p")
        if ({"M", "S", "f"} & fields and not {"H", "I"} & fields) or ("f" in fields and "S" not in fields):
            raise ValueError(f"{self.text!r}: minutes, seconds and fractions stand behind what they are parts of")

    def __str__(self) -> str:
        """Return it as it was given."""
        return self.text

    @cached_property
    def regex(self) -> str:
        """The expression that a text in this format matches as a whole."""
        text = re.sub(r"%([TRFD])", lambda found: _SHORTHANDS[found[1]], self.text)
        made, at = [], 0
        for found in re.finditer("%(.?)", text):
            if found[1] not in _DIRECTIVES:
                raise ValueError(f"{self.text!r}: %{found[1]} is not among {', '.join('%' + d for d in _DIRECTIVES)}")
            made += [re.escape(text[at : found.start()]), _DIRECTIVES[found[1]]]
            at = found.end()
        whole = "".join([*made, re.escape(text[at:])])
        try:
            re.compile(whole)
        except re.error as error:
            raise ValueError(f"{self.text!r} names a part twice") from error
        return whole

    @cached_property
    def _fields(self) -> frozenset[str]:
        return frozenset(re.compile(self.regex).groupindex)

    @property
    def aware(self) -> bool:
        """Whether the texts carry their offset."""
        return "z" in self._fields

    @property
    def clock(self) -> str:
        """What stands for the time of day; empty for dates alone."""
        return "".join(sorted(_CLOCK & self._fields))

    @property
    def iso(self) -> bool:
        """Whether Arrow reads it by itself: it is not asked to."""
        return False

    def one(self, text: str) -> int | None:
        """Read one time the careful way: wall-clock (or, when aware, UTC) ns; None when it is not written so."""
        found = re.fullmatch(self.regex, text.strip())
        if found is None:
            return None
        parts = found.groupdict()
        hour, minute, second = (int(parts.get(name) or 0) for name in "HMS")
        if "p" in parts:
            if not 1 <= int(parts["I"]) <= 12:
                return None
            hour = int(parts["I"]) % 12 + 12 * (parts["p"] in "pP")
        try:
            date = dt.date(_year(parts), _month(parts), int(parts["d"]))
        except ValueError:
            return None
        if hour > 23 or minute > 59 or second > 59:
            return None
        seconds = (date - dt.date(1970, 1, 1)).days * 86_400 + hour * 3600 + minute * 60 + second
        ns = seconds * 10**9 + int((parts.get("f") or "0").ljust(9, "0")) - _offset_ns(parts.get("z") or "Z")
        return ns if in_years(np.array([ns], dtype=np.int64))[0] else None

    def many(self, texts: Any) -> tuple[Int64s, Bools]:  # noqa: ANN401 -- pa.StringArray
        """Read an array of texts without nulls at once; returns ns as `one` does, and which texts are times."""
        import pyarrow.compute as pc

        ns, ok = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.bool_)
        found = pc.extract_regex(pc.utf8_trim_whitespace(texts), f"^(?:{self.regex})$")
        if found.null_count or self.aware:
            rows = range(len(texts))
            read = [self.one(texts[row].as_py()) for row in rows]
            for row in rows:
                value = read[row]
                if value is not None:
                    ns[row], ok[row] = value, True
            return ns, ok
        return _assembled(lambda name: found.field(name) if name in self._fields else None, len(texts))


def format_told(text: str) -> TextFormat | Pattern:
    """Return the format that is told as `DD.MM.YYYY HH:MM` or as `%d.%m.%Y %H:%M`; ValueError when it is neither."""
    return Pattern(text) if "%" in text else TextFormat.named(text)


def _year(parts: dict[str, str]) -> int:
    """Return the year; of two digits, those from 69 on are of the last century, as POSIX has it."""
    if "Y" in parts:
        return int(parts["Y"])
    year = int(parts["y"])
    return year + (1900 if year >= 69 else 2000)


def _month(parts: dict[str, str]) -> int:
    if "m" in parts:
        return int(parts["m"])
    return _MONTHS.index((parts.get("b") or parts["B"])[:3].casefold()) + 1


def _offset_ns(text: str) -> int:
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return (-1 if text[0] == "-" else 1) * minutes * 60 * 10**9


def _assembled(field: Callable[[str], Any], count: int) -> tuple[Int64s, Bools]:
    """Return times put together from arrays of their parts, and which of them there are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def whole(name: str, usual: int = 0) -> Int64s:
        texts = field(name)
        if texts is None:
            return np.full(count, usual, dtype=np.int64)
        cast = texts.cast(pa.int64())
        return np.frombuffer(cast.buffers()[1], dtype=np.int64, count=count, offset=cast.offset * 8)

    year = whole("Y") if field("Y") is not None else whole("y")
    if field("Y") is None:
        year = year + np.where(year >= 69, 1900, 2000)
    named = field("b") if field("b") is not None else field("B")
    if named is None:
        month = whole("m")
    else:
        short = pc.utf8_lower(pc.utf8_slice_codeunits(named, 0, 3))
        places = pc.index_in(short, value_set=pa.array(_MONTHS)).cast(pa.int64())
        month = np.frombuffer(places.buffers()[1], dtype=np.int64, count=count, offset=places.offset * 8) + 1
    day, hour, minute, second = whole("d"), whole("H"), whole("M"), whole("S")
    ok: Bools = (month >= 1) & (month <= 12) & (day >= 1) & (hour <= 23) & (minute <= 59) & (second <= 59) & (year > 0)
    half = field("p")
    if half is not None:
        twelve = whole("I")
        ok &= (twelve >= 1) & (twelve <= 12)
        later = np.array([letter in "pP" for letter in half.to_pylist()], dtype=np.int64)
        hour = twelve % 12 + 12 * later
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    ok &= day <= (months + 1).astype("datetime64[D]").astype(np.int64) - first
    fraction = field("f")
    part = np.zeros(count, dtype=np.int64)
    if fraction is not None:
        padded = pc.utf8_rpad(fraction, width=9, padding="0").cast(pa.int64())
        part = np.frombuffer(padded.buffers()[1], dtype=np.int64, count=count, offset=padded.offset * 8)
    seconds = (first + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    ok &= in_years(np.clip(seconds, -(9 * 10**9), 9 * 10**9) * 10**9)
    return np.where(ok, seconds, 0) * 10**9 + np.where(ok, part, 0), ok
