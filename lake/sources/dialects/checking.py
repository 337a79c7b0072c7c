"""What makes a declared dialect one that can be read by, whoever declared it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from lake.sources.dialects.declare import Dialect
from schemas.bars import BARS
from schemas.columns import IDENTITY, few_words
from schemas.metrics import FUNDING, LONG_SHORT_RATIO, OPEN_INTEREST
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.periods import ADJUSTMENTS, SIDES, Period
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from schemas.columns import Schema

GENERIC = ("csv", "json", "parquet", "arrow")
"""Names of tables whose columns are recognised by their names, in no vendor's dialect."""
_SCHEMAS: Mapping[str, Schema] = {
    "bars": BARS,
    "ticks/trade": TRADES,
    "ticks/quote": QUOTES,
    "metrics/funding": FUNDING,
    "metrics/open_interest": OPEN_INTEREST,
    "metrics/long_short_ratio": LONG_SHORT_RATIO,
    "orderbook/l2": BOOK_L2,
    "orderbook/l3": BOOK_L3,
}
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_TARGETS = {"ts.date", "ts.time", "symbol", "exchange", "period"}
_GROUPS = {"symbol", "period", "date", "year", "month", "day", "hour", "exchange", "market", "place", "class", "side"}
_PACKED = {"dbn", "bi5"}
_LEVEL = {"side", "price", "size"}
_NEEDS = {"file": ("file",), "folder": ("folder",), "folder-or-header": ("folder",), "member": ("member",)}
_ASKING = "asking"


def check(dialect: Dialect) -> list[str]:
    """Return what is wrong with a declaration, a sentence each; nothing when it can be read by."""
    if wrong := list(_types(dialect)):  # what has the wrong type cannot be looked at further
        return wrong
    looks = (_words, _columns, _headers, _parts, _none, _patterns, _values)
    return [text for look in looks for text in look(dialect)]


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Dialect, localns={"Mapping": Mapping})


def _types(dialect: Dialect) -> Iterator[str]:
    for name in (field.name for field in fields(Dialect)):
        value, hint = getattr(dialect, name), _hints()[name]
        if not _is(value, hint):
            words = f"one of {', '.join(map(str, get_args(hint)))}" if get_origin(hint) is Literal else str(hint)
            yield f"{name} is {value!r:.60}, not {words.replace('typing.', '')}"


def _is(value: object, hint: Any) -> bool:  # noqa: ANN401 -- any type at all
    """Whether a value is of a type, its parts included."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin in {Union, UnionType}:
        return any(_is(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple) and _are(value, parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(_are(item, parts) for item in value.items())
    return isinstance(value, hint) and not (hint is int and isinstance(value, bool))


def _are(values: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        hints = hints[:1] * len(values)
    return len(values) == len(hints) and all(map(_is, values, hints))


def _words(dialect: Dialect) -> Iterator[str]:
    if not _NAME.fullmatch(dialect.name) or dialect.name in GENERIC:
        yield f"{dialect.name!r} is no name for a format: small letters, digits, points and hyphens, and not {GENERIC}"
    if not dialect.title.strip():
        yield "it has no title"


def _columns(dialect: Dialect) -> Iterator[str]:
    schema = _SCHEMAS.get(dialect.asset)
    targets = [target for target in (*dialect.columns, *dialect.by_name.values()) if target]
    if schema is None or not targets:
        return
    if dialect.columns and dialect.by_name:
        yield "its columns are found by position or by name, not by both"
    known = {*schema.names, *_TARGETS}
    if unknown := sorted(set(targets) - known):
        yield f"{dialect.asset} has no column {', '.join(unknown)}"
    several = sorted({target for target in targets if targets.count(target) > 1 and target in schema.names})
    for target in several:
        if target == "symbol" and dialect.by_name:
            continue  # the last of its columns that is there tells it
        if dialect.by_name or schema.column(target).type != "text":
            yield f"{target} stands there twice, and only a text is made of several cells"
    needed = {column.name for column in schema.columns if not column.nullable} - {"ts", "exchange", "market", "symbol"}
    told = {*targets, *dialect.fixed, *(_LEVEL if dialect.levels else ())}
    if absent := sorted(needed - told):
        yield f"{dialect.asset} needs {', '.join(absent)}"
    if not {"ts", "ts.date"} & set(targets):
        yield "no column is its time: ts, or ts.date and ts.time"
    if dialect.id_space and "trade_id" not in targets:
        yield "it has an id space and no trade_id"
    yield from _few(dialect, schema, targets)


def _few(dialect: Dialect, schema: Schema, targets: list[str]) -> Iterator[str]:
    """Look at the words of columns that say one of few."""
    said = {**dialect.words, **({"side": dialect.sides} if dialect.sides else {})}
    for column in schema.columns:
        if column.type not in {"category", "bool"} or column in IDENTITY:
            continue
        ours = set(few_words(schema, column.name))
        words = said.pop(column.name, None)
        if column.name in targets and not words:
            yield f"it has {column.name} and no words for it"
        if wrong := sorted(set(words.values()) - ours - {""} if words else ()):
            yield f"{column.name} is {' or '.join(sorted(ours))}, not {', '.join(wrong)}"
        if column.name in dialect.fixed and (column.name in targets or dialect.fixed[column.name] not in ours):
            yield f"{column.name} is fixed, and {dialect.fixed[column.name]!r} cannot be"
    for target in said:
        yield f"{target} is no column of one of few words"


def _headers(dialect: Dialect) -> Iterator[str]:
    widths = range(len(dialect.columns) - dialect.optional, len(dialect.columns) + 1)
    if any(len(header) + dialect.header_lacks not in widths for header in dialect.headers):
        yield "a header has not as many names as there are columns, less those that it is said to lack"
    if dialect.columns and (dialect.header == "never") != (not dialect.headers):
        yield f"header is {dialect.header!r}, and {len(dialect.headers)} header lines are declared"
    if dialect.by_name and dialect.header == "never" and dialect.container not in _PACKED:
        yield "its columns are found by name, so it has a header"
    if not 0 <= dialect.optional < max(1, len(dialect.columns)):
        yield f"{dialect.optional} of {len(dialect.columns)} columns may be absent"
    if not dialect.delimiters or set(dialect.delimiters) & set('"\r\n'):
        yield f"{dialect.delimiters!r} are no delimiters"


def _parts(dialect: Dialect) -> Iterator[str]:
    targets = {*dialect.columns, *dialect.by_name.values()}
    if absent := sorted(set(dialect.fill) - targets):
        yield f"what is to be filled is no column: {', '.join(absent)}"
    for part in dialect.parts:
        schema = _SCHEMAS[part.asset]
        columns = {target for target in part.columns if target}
        if unknown := sorted(columns - {*schema.names, "symbol"}):
            yield f"{part.asset} has no column {', '.join(unknown)}"
        if len(part.columns) > len(dialect.columns):
            yield f"a part has {len(part.columns)} columns, and a record {len(dialect.columns)}"
    for part_side in (dialect.side, *(part.side for part in dialect.parts)):
        if part_side not in {"", *SIDES}:
            yield f"{part_side!r} is no price side: {', '.join(SIDES)}"
    if dialect.adjustment not in {"", *ADJUSTMENTS}:
        yield f"{dialect.adjustment!r} is no adjustment: {', '.join(ADJUSTMENTS)}"


def _none(dialect: Dialect) -> Iterator[str]:
    """Look at what says that there is no value, or no row."""
    columns = {
        column.name for column in _SCHEMAS[dialect.asset].columns if column.nullable and column.type == "float64"
    }
    if wrong := sorted(set(dialect.zeros) - (columns & {*dialect.columns, *dialect.by_name.values()})):
        yield f"a 0 is to say that there is none, where there must be one or no column is: {', '.join(wrong)}"
    for part in dialect.parts:
        if alien := sorted(set(part.lacking) - set(part.columns)):
            yield f"what a part is to lack is no column of it: {', '.join(alien)}"
        if shared := sorted(set(part.lacking.values()) & set(dialect.lacking.values())):
            yield f"a part lacks for the reason that all lack for: {', '.join(shared)}"


def _patterns(dialect: Dialect) -> Iterator[str]:
    compiled: dict[str, re.Pattern[str]] = {}
    for name in ("file", "folder", "member"):
        try:
            compiled[name] = re.compile(getattr(dialect, name))
        except re.error as error:
            yield f"{name} is no pattern: {error}"
            return
        if unknown := sorted(set(compiled[name].groupindex) - _GROUPS):
            yield f"{name} names the group {', '.join(unknown)}, which tells nothing"
    for need in dialect.needs:
        if need == _ASKING:
            continue
        if need not in _NEEDS:
            yield f"it needs {need!r}, which is none of {', '.join(_NEEDS)}"
        if need in _NEEDS and not any(getattr(dialect, name) for name in _NEEDS[need]):
            yield f"it needs a {need}, and has no pattern for it"
    if dialect.example and not (
        compiled["file"].fullmatch(dialect.example.rpartition("/")[2])
        if dialect.file
        else dialect.folder and compiled["folder"].search(dialect.example)
    ):
        yield f"the example {dialect.example!r} has not such a name"


def _values(dialect: Dialect) -> Iterator[str]:
    if dialect.relations:
        from lake.sources.relations import RELATIONS  # brings Arrow along

        if unknown := [name for name in dialect.relations if name not in RELATIONS]:
            yield f"there is no relation {', '.join(unknown)}"
    for word in dialect.periods.values():
        if not _can(Period.parse, word):
            yield f"{word!r} is no period"
    for zone in (dialect.zone, dialect.days or None, *(place.zone for place in dialect.places.values())):
        if zone is not None and not _can(ZoneInfo, zone):
            yield f"{zone!r} is no time zone"
    kinds = [place for _, place in dialect.kinds]
    scales = dialect.price_scale_by[1].values() if dialect.price_scale_by else ()
    if min([dialect.price_scale, *scales, *(place.price_scale for place in [*kinds, *dialect.places.values()])]) < 1:
        yield "a price scale is 1 or more"


def _can(make: Callable[[str], object], text: str) -> bool:
    try:
        make(text)
    except (ValueError, LookupError, OSError):
        return False
    return True
