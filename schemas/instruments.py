"""Instruments and corporate actions: what a file of them may say, a declared field each, and how its words are read.

Values are kept as JSON has them: dates as `2024-03-05`, amounts and ratios as exact text (`0.205`, `3/2`).
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from schemas.keys import encode, normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from schemas.keys import Address

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CURRENCY = re.compile(r"[A-Za-z][A-Za-z0-9]{1,9}")
_CALENDAR = re.compile(r"[A-Za-z0-9_/]{2,20}")
_RATIO = re.compile(r"(?P<new>\d+(?:\.\d+)?)(?:\s*[:/]\s*(?P<old>\d+(?:\.\d+)?))?")
_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_MOST_TEXT = 200
LIST_MARK = "|"
"""What parts the names of one cell of a CSV."""


@dataclass(frozen=True, slots=True)
class Field:
    """One fact of a record: its name in files and answers, how its words are read, and what it means."""

    name: str
    read: Callable[[Any], Any]
    """From what CSV or TOML gives to what JSON keeps; ValueError for what cannot be it."""
    doc: str
    names: bool = False
    """Whether it is part of the natural key."""


def _text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is no text")  # noqa: TRY004 -- of a file, not of a program
    text = str(value).strip()
    if not text.isprintable() or len(text) > _MOST_TEXT:
        raise ValueError(f"a text is of one line and at most {_MOST_TEXT} letters")
    return text


def _name(value: object) -> str:
    return normalise(_text(value))


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _text(value)
        if not pattern.fullmatch(text):
            raise ValueError(f"{text!r} is no {what}")
        return text

    return read


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(_text(value))
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number") from None
    if not number.is_finite() or number <= 0 or not -15 <= number.adjusted() <= 15:
        raise ValueError(f"{value!r} is not above zero, or out of all bounds")
    return number


def _number(value: object) -> float:
    return float(_decimal(value))


def _amount(value: object) -> str:
    return f"{_decimal(value).normalize():f}"


def _ratio(value: object) -> str:
    text = _text(value)
    match = _RATIO.fullmatch(text)
    if match is None or not Fraction(match["new"]) or not Fraction(match["old"] or "1"):
        raise ValueError(f"{text!r} is no ratio of new to old shares: 4, 4:1, 1:10 or 3/2")
    return str(Fraction(match["new"]) / Fraction(match["old"] or "1"))


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = _text(value).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError(f"{value!r} is neither true nor false")
    return text in _TRUE


def _date(value: object) -> str:
    if isinstance(value, dt.datetime):
        raise ValueError(f"{value} is a time; a date is wanted")  # noqa: TRY004 -- of a file, not of a program
    if isinstance(value, dt.date):
        return value.isoformat()
    text = _text(value)
    if not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is no date: 2024-03-05")
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"{text!r} is no date: {error}") from None


def _moment(value: object) -> str:
    """Read a date, its first instant, or a time; without a zone it is UTC."""
    if not isinstance(value, dt.date):
        try:
            value = dt.datetime.fromisoformat(_text(value))
        except ValueError:
            raise ValueError(f"{value!r} is no time: 2024-03-05T13:30Z") from None
    if not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    whole = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
    return whole.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _zone(value: object) -> str:
    text = _text(value)
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):  # an unknown zone, and what cannot be the name of one
        raise ValueError(f"{text!r} is no time zone: Europe/London") from None
    return text


def _names(value: object) -> list[str]:
    listed = value if isinstance(value, list) else _text(value).split(LIST_MARK)
    return sorted({_name(each) for each in listed})


def _renames(value: object) -> list[dict[str, str]]:
    """Read `[{from = "FB", on = 2022-06-09}]`, or `FB 2022-06-09|FBX 2012-05-18` of a cell."""
    if not isinstance(value, list):
        value = [
            dict(zip(("from", "on"), each.rsplit(None, 1), strict=False)) for each in _text(value).split(LIST_MARK)
        ]
    found = []
    for each in value:
        if not isinstance(each, dict) or set(each) != {"from", "on"}:
            raise ValueError("a rename says from which symbol and on which date: FB 2022-06-09")
        found.append({"from": _name(each["from"]), "on": _date(each["on"])})
    found.sort(key=lambda each: each["on"])
    if len({each["on"] for each in found}) < len(found):
        raise ValueError("two renames are on the same date")
    return found


def _kind(value: object) -> str:
    text = _text(value).lower()
    if text not in {"split", "dividend"}:
        raise ValueError(f"{text!r} is neither split nor dividend")
    return text


_PLACE = (
    Field("exchange", _name, "As in an address", names=True),
    Field("market", _name, "As in an address", names=True),
    Field("symbol", _name, "As in an address", names=True),
)
INSTRUMENT = (
    *_PLACE,
    Field("name", _text, "What it is, for people"),
    Field("tick_size", _number, "The smallest step of its price"),
    Field("lot_size", _number, "The smallest step of a quantity"),
    Field("multiplier", _number, "What one unit stands for: 50 for a future of 50 times the index"),
    Field("currency", _matching(_CURRENCY, "currency: USD, GBp or USDT"), "Of its prices, as they are written"),
    Field("time_zone", _zone, "Where its trading days begin at midnight: America/New_York"),
    Field("calendar", _matching(_CALENDAR, "calendar: XNYS, FX or 24/7"), "24/7, FX, or an exchange such as XNYS"),
    Field("price_may_be_negative", _boolean, "Whether prices of zero and less are right"),
    Field("listed", _date, "Its first trading day"),
    Field("delisted", _date, "The day from which on it does not trade"),
    Field("aliases", _names, f"Other spellings of the symbol, parted by {LIST_MARK} in a CSV"),
    Field(
        "renames", _renames, f"Earlier symbols and the first day without them: `FB 2022-06-09`, parted by {LIST_MARK}"
    ),
)
ACTION = (
    *_PLACE,
    Field("ex_date", _date, "The first trading day without the dividend, or of the new shares", names=True),
    Field("action", _kind, "split or dividend", names=True),
    Field(
        "label",
        _matching(_LABEL, "label: small letters, digits and dashes"),
        "Tells several of a day apart",
        names=True,
    ),
    Field("ratio", _ratio, "Of a split, new shares for old ones: 4, 4:1, 1:10"),
    Field("amount", _amount, "Of a dividend, per share as it was paid"),
    Field("currency", _matching(_CURRENCY, "currency: USD, GBp or USDT"), "Of the amount"),
    Field("known_at", _moment, "When it was announced"),
)
DECLARED = {"instrument": INSTRUMENT, "action": ACTION}
"""The fields of each kind of record, in the order they are told."""


def read_fields(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says, by its fields, as JSON has it; None for what it says to be unknown.

    Raises:
        ValueError: A field cannot be read, is not one, or its instrument is not named.
    """
    fields = {field.name: field for field in DECLARED[kind]}
    if unknown := [name for name in given if name not in fields]:
        raise ValueError(f"there is no field {unknown[0]!r}: they are {', '.join(fields)}")
    found: dict[str, Any] = {}
    for name, value in given.items():
        try:
            found[name] = None if value is None or value == "" else fields[name].read(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if missing := [field.name for field in fields.values() if field.names and _is_needed(field, found)]:
        raise ValueError(f"{missing[0]} is not said")
    (_refuse_action if kind == "action" else _refuse_instrument)(found)
    return found


def _is_needed(field: Field, found: Mapping[str, Any]) -> bool:
    return field.name != "label" and not found.get(field.name)


def _refuse_instrument(found: Mapping[str, Any]) -> None:
    earlier = [each["from"] for each in found.get("renames") or ()]
    for name in (*(found.get("aliases") or ()), *earlier):
        if name == found["symbol"]:
            raise ValueError(f"{name} is given as another name of itself")
    if (found.get("listed") or "") >= (found.get("delisted") or "9999"):
        raise ValueError("it is delisted before it is listed")


def _refuse_action(found: Mapping[str, Any]) -> None:
    split = found["action"] == "split"
    needed, barred = ("ratio", ("amount", "currency")) if split else ("amount", ("ratio",))
    if not found.get(needed):
        raise ValueError(f"a {found['action']} has a {needed}" if split else f"a dividend has an {needed}")
    if wrong := [name for name in barred if found.get(name)]:
        raise ValueError(f"a {found['action']} has no {wrong[0]}")
    if split and found["ratio"] == "1":
        raise ValueError("a split of 1 for 1 changes nothing")


def instrument_key(exchange: str, market: str, symbol: str) -> str:
    """Return the key of an instrument: the first three places of its addresses."""
    return "/".join(map(encode, (exchange, market, symbol)))


def instrument_of(address: Address) -> str:
    """Return the key of the instrument that a series is of."""
    return instrument_key(address.exchange, address.market, address.symbol)


def key_of(kind: str, found: Mapping[str, Any]) -> str:
    """Return the natural key of a record."""
    names: Sequence[str] = [instrument_key(found["exchange"], found["market"], found["symbol"])]
    if kind == "action":
        names = [*names, found["ex_date"], found["action"], *([found["label"]] if found.get("label") else [])]
    return "/".join(names)


def facts_of(kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a record says beyond its natural key."""
    naming = {field.name for field in DECLARED[kind] if field.names}
    return {name: value for name, value in found.items() if name not in naming}
