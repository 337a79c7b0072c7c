"""The words that say how a table is written: the same on the command line, in a file, and in a dialect of one's own.

One table says which words there are, of what kind each is, and which field of a dialect it sets.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.sources.dialects.declare import Dialect
from lake.sources.names import COLUMNS, MAKER_WORDS
from lake.sources.patterns import format_told
from lake.sources.times import UNIT_NS, zone
from lake.sources.written import BLANKS, THOUSANDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

NOT_KEPT = "-"
"""Stands among the columns for one that is not kept."""
NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
"""How a dialect of one's own may be called."""
_SIDES = {"buy", "sell", "bid", "ask"}
_MAX_PREAMBLE = 10_000


class _No(Exception):  # noqa: N818 -- a verdict on a value, turned into the error that names the word
    """The value is not one that the word takes; the message says what it takes."""


@dataclass(frozen=True)
class Word:
    """One word: the field of a dialect it sets (empty when it is about columns), and what its values are.

    `take` turns a value into the field's; it raises _No, saying what it takes, for any other.
    """

    field: str
    take: Callable[[Any], Any]
    example: str
    option: bool = True
    """Whether the command line has it among these words; the others are options for themselves, or of files alone."""


@dataclass(frozen=True)
class Told:
    """What the words say: fields of a dialect, and which column is which, by order or by name."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str | None, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    """Our column → the source's."""

    @property
    def of_columns(self) -> bool:
        """Whether it says which column is which."""
        return bool(self.columns or self.named)

    @property
    def only_bytes(self) -> bool:
        """Whether it says nothing but how lines are had from bytes, so that the rest may be found by looking."""
        return not self.of_columns and set(self.fields) <= {"encoding", "comment", "preamble"}


def _text(value: Any) -> str:  # noqa: ANN401 -- whatever a file holds
    if not isinstance(value, str) or not value:
        raise _No("a text")
    return value


def _character(value: Any) -> str:  # noqa: ANN401 -- the same
    text = {"tab": "\t", "\\t": "\t"}.get(value, value) if isinstance(value, str) else ""
    if len(text) != 1 or text in '"\r\n\0' or not text.isascii():
        raise _No("one character, or tab")
    return text


def _encoding(value: Any) -> str:  # noqa: ANN401 -- the same
    try:
        name = codecs.lookup(_text(value)).name
        codecs.getincrementaldecoder(name)
        "a".encode(name)  # refuses what is no encoding of texts
    except (LookupError, ValueError) as error:
        raise _No("the name of an encoding, such as cp1251") from error
    return "utf-8" if name == "utf-8-sig" else name


def _thousands(value: Any) -> str:  # noqa: ANN401 -- the same
    if value not in THOUSANDS and value not in set(BLANKS):
        raise _No("one of , . ' and a blank")
    return str(value)


def _one_of(*choices: str) -> Callable[[Any], str]:
    def take(value: Any) -> str:  # noqa: ANN401 -- the same
        if value not in choices:
            raise _No(f"one of {' '.join(choices)}")
        return str(value)

    return take


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def take(value: Any) -> int:  # noqa: ANN401 -- the same
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _No(f"a whole number from {least} to {most:,}")
        return value

    return take


def _flag(value: Any) -> bool:  # noqa: ANN401 -- the same
    if not isinstance(value, bool):
        raise _No("true or false")
    return value


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 -- the same
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise _No("a list of texts")
    return tuple(value)


def _table(value: Any) -> dict[str, str]:  # noqa: ANN401 -- the same
    pairs = value.items() if hasattr(value, "items") else ()
    if not pairs or not all(isinstance(item, str) and item for pair in pairs for item in pair):
        raise _No("a table of texts")
    return dict(pairs)


def _scales(value: Any) -> tuple[str, dict[str, int]]:  # noqa: ANN401 -- the same
    column, sign, words = value.partition("=") if isinstance(value, str) else ("", "", "")
    pairs = [part.strip().rpartition(":") for part in words.split(",")]
    scales = {word: int(scale) for word, _, scale in pairs if scale.isascii() and scale.isdigit() and len(scale) <= 12}
    if not (column and sign) or len(scales) < len(pairs) or "" in scales or 0 in scales.values():
        raise _No("a column, and each of its words with what prices are divided by, such as Currency=GBp:100,GBP:1")
    return column, scales


def _side(value: Any) -> dict[str, str]:  # noqa: ANN401 -- the same
    if value == "maker":
        return dict(MAKER_WORDS)
    if not hasattr(value, "items") or not value or not set(value.values()) <= _SIDES:
        raise _No('"maker", or a table of the file\'s words for buy and sell, or for bid and ask')
    return _table(value)


def _zone(value: Any) -> str:  # noqa: ANN401 -- the same
    try:
        zone(_text(value))
    except ValueError as error:
        raise _No("the name of a time zone, such as Europe/Berlin") from error
    return str(value)


def _form(value: Any) -> str:  # noqa: ANN401 -- the same
    try:
        format_told(_text(value))
    except ValueError as error:
        raise _No(f"a format of times ({error})") from error
    return str(value)


def _pattern(value: Any) -> str:  # noqa: ANN401 -- the same
    try:
        re.compile(_text(value))
    except re.error as error:
        raise _No(f"a pattern of file names ({error})") from error
    return str(value)


def _asset(value: Any) -> str:  # noqa: ANN401 -- the same
    word = "bars" if isinstance(value, str) and value.startswith("bars/") else value
    return _one_of(*COLUMNS)(word)


WORDS: dict[str, Word] = {
    "columns": Word("", _texts, '["ts", "open", "high", "low", "close", "-"]'),
    "map": Word("", _table, '{open = "Eröffnung"}'),
    "date-column": Word("", _text, '"Datum"'),
    "time-column": Word("", _text, '"Uhrzeit"'),
    "delimiter": Word("delimiters", _character, '";"'),
    "encoding": Word("encoding", _encoding, '"cp1251"'),
    "decimal": Word("decimal", _one_of(".", ","), '","'),
    "thousands": Word("thousands", _thousands, '"."'),
    "volume-suffixes": Word("suffixes", _flag, "true"),
    "nulls": Word("nulls", _texts, '["-", "N/A"]'),
    "comment": Word("comment", _text, '"#"'),
    "skip-preamble": Word("preamble", _whole(0, _MAX_PREAMBLE), "3"),
    "time-format": Word("form", _form, '"DD.MM.YYYY HH:MM"'),
    "time-unit": Word("unit", _one_of(*UNIT_NS, "mixed"), '"ms"'),
    "tz": Word("zone", _zone, '"Europe/Berlin"', option=False),
    "stamp": Word("stamp", _one_of("open", "close"), '"close"'),
    "price-scale": Word("price_scale", _whole(1, 10**12), "100"),
    "price-scale-by": Word("price_scale_by", _scales, '"Currency=GBp:100,GBP:1"'),
    "side": Word("sides", _side, '{B = "buy", S = "sell"}'),
    "title": Word("title", _text, '"my broker\'s minute bars"', option=False),
    "type": Word("asset", _asset, '"bars"', option=False),
    "header": Word("", _texts, '["Date", "Open"]', option=False),
    "file": Word("file", _pattern, "'(?P<symbol>[A-Z]+)_\\d+\\.csv'", option=False),
    "exchange": Word("exchange", _text, '"XETRA"', option=False),
    "market": Word("market", _text, '"EQUITY"', option=False),
}


def told(words: Mapping[str, Any], *, where: str = "") -> Told:
    """Return what the words say.

    Args:
        words: Word → value, as text files and JSON have them.
        where: The file they stand in, empty for the command line.

    Raises:
        LakeError: USAGE for a word there is not, a value of another kind, or words that contradict each other.
    """
    values: dict[str, Any] = {}
    for name, value in words.items():
        word = WORDS.get(name)
        if word is None:
            known = [other for other, each in WORDS.items() if where or each.option]
            raise _refusal(f"there is no word {name!r}", where, f"one of: {', '.join(known)}")
        try:
            values[name] = word.take(value)
        except _No as wrong:
            raise _refusal(f"{name} is {value!r}, and must be {wrong}", where, f"{name} = {word.example}") from wrong
    _agree(values, where)
    fields = {WORDS[name].field: value for name, value in values.items() if WORDS[name].field}
    fields |= {"time": "text"} if "time-format" in values else {"time": "epoch"} if "time-unit" in values else {}
    named = dict(values.get("map", {}))
    parts = {"date-column": "ts.date", "time-column": "ts.time"}
    named |= {target: values[name] for name, target in parts.items() if name in values}
    columns = tuple(None if name in {NOT_KEPT, ""} else name for name in values.get("columns", ()))
    return Told(fields, columns, named)


def refuse_words(words: Mapping[str, Any], what: str, *, but: Collection[str] = ()) -> None:
    """Refuse, with USAGE, words about a source that is no such text.

    Args:
        words: What is said.
        what: What the source is.
        but: The words that apply to it all the same.
    """
    name = next((name for name in words if name not in but), None)
    if name is not None:
        message = f"{what}, to which {name} does not apply"
        raise LakeError("USAGE", message, why="It says how a table of text is written.", fix=[f"drop --{name}"])


def _agree(values: Mapping[str, Any], where: str) -> None:
    """Refuse words that contradict each other."""
    decimal, thousands = values.get("decimal", "."), values.get("thousands", "")
    if thousands == decimal:
        what = f"{decimal!r} is both the decimal mark and what parts thousands"
        raise _refusal(what, where, "--decimal , --thousands ." if decimal == "." else "--thousands .")
    if values.get("delimiter") in {".", "-", "+"}:
        raise _refusal(f"{values['delimiter']!r} cannot part columns: it stands in numbers", where, "--delimiter ';'")
    if "time-format" in values and "time-unit" in values:
        raise _refusal("a time has a format or a unit, not both", where, "drop --time-unit")
    if "columns" in values and ({"map", "date-column", "time-column"} & set(values)):
        raise _refusal("the columns are named in order or by name, not both", where, "name all of them in --columns")
    if "time-column" in values and "date-column" not in values:
        raise _refusal("a column with the time of day needs one with the date", where, "--date-column COLUMN")
    twice = [name for name in values.get("columns", ()) if name != NOT_KEPT and values["columns"].count(name) > 1]
    if twice:
        raise _refusal(f"{twice[0]} is named twice among the columns", where, f"put {NOT_KEPT} for what is not kept")


def _refusal(what: str, where: str, fix: str) -> LakeError:
    why = "These words say how a table is written; docs/formats.md lists them."
    return LakeError("USAGE", what, where=where, why=why, fix=[fix])


BLANK = Dialect("csv", "a table of unknown origin", "bars", "", "", delimiters="", time="any", zone=None)
"""What words are laid over when they stand for themselves."""
