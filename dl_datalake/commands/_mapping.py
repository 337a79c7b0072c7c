"""The options of `dl ingest` that say how a table is written and what is in it; see `lake.sources.words`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TEXT = str | None
_COUNT = int | None
OPTIONS: dict[str, tuple[object, str, str]] = {
    "columns": (_TEXT, "A,B,C", "Our names of all columns, in order; - for one not kept."),
    "date-column": (_TEXT, "COLUMN", "The column with the date, where the time of day has one of its own."),
    "time-column": (_TEXT, "COLUMN", "The column with the time of day."),
    "delimiter": (_TEXT, "CHAR", "What parts columns, where looking finds another; tab is one."),
    "encoding": (_TEXT, "NAME", "What the bytes are, if not UTF-8: cp1251, gbk, utf-16-le."),
    "decimal": (_TEXT, "CHAR", "The decimal mark: , or the point."),
    "thousands": (_TEXT, "CHAR", "What parts thousands: , . ' or a blank."),
    "volume-suffixes": (bool, "", "K, M, B and T scale volumes, as in 44.82M."),
    "nulls": (_TEXT, "A,B", "Cells that stand for no value, as -,N/A."),
    "comment": (_TEXT, "TEXT", "Lines that begin with it are no records."),
    "skip-preamble": (_COUNT, "N", "Lines before the header, or the first record, that are neither."),
    "time-format": (_TEXT, "FORMAT", "How times are written: 'DD.MM.YYYY HH:MM', or '%d %b %Y %I:%M %p'."),
    "time-unit": (_TEXT, "UNIT", "Of counts since 1970: s, ms, us, ns, or mixed: each row by its magnitude."),
    "stamp": (_TEXT, "open|close", "Which end of a bar its time is."),
    "price-scale": (_COUNT, "N", "Prices are divided by it."),
    "price-scale-by": (_TEXT, "COLUMN=WORD:N,…", "Prices are divided by what each row's word in a column stands for."),
    "side": (_TEXT, "WORD=buy,…", "The file's words for buy and sell, or maker: the maker's side is told."),
}
"""Word → type, metavar, help; a test holds them to the engine's table."""
_LISTS = ("columns", "nulls")
Mapped = Annotated[Path | None, typer.Option("--mapping", metavar="FILE", help="The same words in a TOML file.")]
Saved = Annotated[
    str | None, typer.Option("--save-dialect", metavar="NAME", help="Keep all this as a format of your own.")
]


def with_words(function: Callable[..., None]) -> Callable[..., None]:
    """Give a function that takes `**given` the options as parameters."""
    own = inspect.signature(function, eval_str=True)
    kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    function.__signature__ = own.replace(parameters=[*kept, *map(_parameter, OPTIONS)])  # type: ignore[attr-defined]  # read by inspect
    return function


def _parameter(name: str) -> inspect.Parameter:
    kind, metavar, text = OPTIONS[name]
    option = typer.Option(f"--{name}", metavar=metavar or None, help=text)
    default = False if kind is bool else None
    return inspect.Parameter(
        name.replace("-", "_"), inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )


def words_of(given: Mapping[str, Any], mapping: Path | None) -> dict[str, Any]:
    """Return the words of a file and, over them, those of the command line, as the engine takes them.

    Raises:
        LakeError: USAGE for a file that cannot be read, or an option's value that is not written as it must be.
    """
    words: dict[str, Any] = {}
    if mapping is not None:
        from lake.sources.own import read_words

        words = read_words(mapping)
    for name in OPTIONS:
        value = given.get(name.replace("-", "_"))
        if value is None or value is False:
            continue
        if name in _LISTS:
            words[name] = [part.strip() for part in value.split(",")]
        elif name == "side" and value != "maker":
            words[name] = _pairs(value)
        else:
            words[name] = value
    return words


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(sign and word.strip() for word, sign, _ in pairs):
        raise LakeError(
            "USAGE",
            f'--side: "{text}" does not say which word is which side',
            why="Each part names a word of the file, and buy or sell.",
            fix=["--side B=buy,S=sell", "or --side maker"],
        )
    return {word.strip(): side.strip().casefold() for word, _, side in pairs}
