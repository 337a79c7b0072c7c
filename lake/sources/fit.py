"""How well a source fits a declared dialect: name, container, header, column count, cells, value relations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lake.errors import printable
from lake.sources import times
from lake.sources.careful import is_price
from lake.sources.containers import spellings
from lake.sources.flatten import LAYOUTS
from lake.sources.levels import levels_in
from lake.sources.patterns import format_told
from lake.sources.relations import RELATIONS, holds
from lake.sources.written import NUMBER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lake.sources.dialects import Dialect
    from lake.sources.model import Confidence
    from lake.sources.recipe import Level
    from lake.sources.sniff import Head

_ENOUGH = 0.9
_RELATION_ROWS = 200
_DATE_LENGTH = 10
_TEXTS = frozenset({"trade_id", "order_id", "conditions", "symbol", "exchange", "period"})


@dataclass
class Fit:
    """A dialect that fits: what spoke for it, how strongly, and what names told."""

    dialect: Dialect
    head: Head
    """The source as the dialect says it is written."""
    targets: dict[str, int]
    score: int = 0
    groups: dict[str, str] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """What the dialect needs before it is taken without being asked for."""
    shape_only: bool = True
    joined: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Text targets that several columns make up; any cell fits them."""
    levels: tuple[Level, ...] = ()
    named: bool = False
    """The name of the file, of its folders or of the zip's member is the vendor's."""

    @property
    def confidence(self) -> Confidence:
        """The strongest thing that spoke for it."""
        return "named" if self.named else "shape" if self.shape_only else "header"


class Unfit(Exception):  # noqa: N818 -- a verdict, not an error of the program
    """The source is not in this dialect; the message says why."""

    near = False
    """Whether container, delimiter and columns fit, and only their cells or values do not."""


Verdicts = dict[str, Fit | Unfit]
"""What was found of every dialect, by name."""


def verdicts(head: Head, dialects: Iterable[Dialect]) -> Verdicts:
    """Hold a source against every dialect."""
    found: Verdicts = {}
    for dialect in dialects:
        name = dialect.name
        try:
            found[name] = fit_of(head, dialect)
        except Unfit as reason:
            found[name] = reason.with_traceback(None)  # the frames would keep the head
    return found


def fits(found: Verdicts) -> list[Fit]:
    """Return the dialects that fit without being asked for, the best ones (all of equal standing)."""
    fitting = [fit for fit in found.values() if isinstance(fit, Fit) and not fit.missing]
    best = max((fit.score for fit in fitting), default=0)
    return [fit for fit in fitting if fit.score == best]


def fit_of(head: Head, dialect: Dialect) -> Fit:
    """Return how the source fits the dialect; Unfit with the first reason why it does not."""
    head = head.under(dialect.written)
    _check_container(head, dialect)
    places = _by_name(head, dialect) if dialect.by_name else _by_position(head, dialect)
    try:
        levels = levels_in(head.header or (), dialect.levels)
    except ValueError as half:
        raise Unfit(f"its header has {half}") from half
    if dialect.levels and not levels:
        raise Unfit("its header has no levels of a book")
    fit = Fit(dialect, head, {target: place for target, (place, *others) in places.items() if not others})
    fit.levels = levels
    fit.joined = {target: columns for target, columns in places.items() if len(columns) > 1}
    if head.layout != "lines":
        fit.evidence.append(LAYOUTS[head.layout])
    if head.header is not None:
        unknown = [name for name in head.header if name not in {*dialect.by_name, *dialect.required}]
        fit.score, fit.shape_only = 2 + (bool(dialect.by_name) and not unknown), False
        fit.evidence.append("header " + head.delimiter.join(head.header))
        lost = [name for name in head.header if dialect.by_name and name not in dialect.by_name]
        fit.evidence += [f"not kept: {', '.join(lost[:20])}"] if lost else []
    else:
        fit.evidence.append(f"{head.width} columns without a header, as the vendor writes them")
    match_names(head, dialect, fit)
    try:
        _check_values(head, dialect, fit)
    except Unfit as reason:
        reason.near = True
        raise
    return fit


def _check_values(head: Head, dialect: Dialect, fit: Fit) -> None:
    _check_cells(head, dialect, fit)
    for name in dialect.relations:
        told = holds(name, head.plain_rows[:_RELATION_ROWS])
        if told is False:
            raise Unfit(f"not so: {RELATIONS[name][1]}")
        if told:
            fit.score += 1
            fit.evidence.append(RELATIONS[name][1])


def _check_container(head: Head, dialect: Dialect) -> None:
    if dialect.container not in {"text", "zip", "json"} or head.kind != "text":
        raise Unfit("it is no text file" if head.kind != "text" else f"it is no {dialect.container} file")
    if dialect.container == "zip" and head.container != "zip":
        raise Unfit("it is no zip")
    if dialect.container == "json" and head.layout == "lines":
        raise Unfit("it is no JSON")
    if head.refusal is not None:
        raise Unfit(head.refusal.message)
    if not head.rows:
        raise Unfit("it has JSON messages, and no table")
    if dialect.delimiters and head.delimiter not in dialect.delimiters:
        raise Unfit(f"its columns are parted by {head.delimiter!r}")


def _by_name(head: Head, dialect: Dialect) -> dict[str, tuple[int, ...]]:
    if head.header is None:
        raise Unfit("it has no header")
    if len(head.header) != head.width:
        raise Unfit(f"its header has {len(head.header)} columns over records of {head.width}")
    absent = [name for name in dialect.required if name not in head.header]
    if absent:
        raise Unfit(f"its header has no {', '.join(absent)}")
    other = [name for name in dialect.without if name in head.header]
    if other:
        raise Unfit(f"its header has {other[0]}")
    doubled = [name for name in dialect.by_name if head.header.count(name) > 1]
    if doubled:
        raise Unfit(f"its header has {doubled[0]} twice")
    return {target: (head.header.index(name),) for name, target in dialect.by_name.items() if name in head.header}


def _by_position(head: Head, dialect: Dialect) -> dict[str, tuple[int, ...]]:
    width = len(dialect.columns)
    if not width - dialect.optional <= head.width <= width:
        raise Unfit(f"it has {head.width} columns where {width} are expected")
    if head.header is not None:
        if dialect.header == "never" or not any(_says(head.header, known) for known in dialect.headers):
            raise Unfit("its header is not the vendor's")
        if len(head.header) + dialect.header_lacks != head.width:
            raise Unfit(f"its header has {len(head.header)} columns over records of {head.width}")
    elif dialect.header == "always":
        raise Unfit("it has no header")
    places: dict[str, tuple[int, ...]] = {}
    for place, target in enumerate(dialect.columns[: head.width]):
        if target is not None:
            places[target] = (*places.get(target, ()), place)
    return places


def _says(header: Sequence[str], known: Sequence[str]) -> bool:
    """Whether a header is the known one, whatever its case and whatever stands where that has a star."""
    return len(header) == len(known) and all(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".+"), name, re.IGNORECASE)
        for name, pattern in zip(header, known, strict=True)
    )


def named(head: Head, dialect: Dialect) -> re.Match[str] | None:
    """Return how the name of the file, or of what is packed in it, is one that the dialect declares."""
    if not dialect.file:
        return None
    names = {*spellings(printable(head.path.name)), printable(head.member.name).rsplit("/", 1)[-1]}
    return next((match for name in sorted(names) if (match := re.fullmatch(dialect.file, name))), None)


def match_names(head: Head, dialect: Dialect, fit: Fit) -> None:
    """Add what the names of a file, its folders and its archive's member tell, and what they should."""
    file, member_name = named(head, dialect), printable(head.member.name).rsplit("/", 1)[-1]
    folder = re.search(dialect.folder, printable(head.path.as_posix())) if dialect.folder else None
    member = re.fullmatch(dialect.member, member_name, re.IGNORECASE) if dialect.member else None
    for match, points, what in ((file, 4, "file name"), (folder, 3, "folder and name"), (member, 3, "member name")):
        if match:
            fit.score += points
            fit.shape_only, fit.named = False, True
            fit.evidence.append(f"{what} {match[0].strip('/')}")
            fit.groups |= {name: text for name, text in match.groupdict().items() if text}
    told = {"file": file, "folder": folder, "member": member, "folder-or-header": folder or head.header}
    fit.missing = [f"the {need.replace('-', ' ')}" for need in dialect.needs if not told.get(need)]
    if dialect.member and folder is None and member is not None:
        fit.missing.append("the folders or the long name, which tell asset class, market and resolution")


def _check_cells(head: Head, dialect: Dialect, fit: Fit) -> None:
    if len(head.full_rows) < _ENOUGH * len(head.rows):
        raise Unfit("its records have different numbers of columns")
    rows = _meant(head, dialect)
    if dialect.digits:
        _check_digits(dialect, fit, rows)
    for target, column in fit.targets.items():
        cells = [row[column].strip() for row in rows]
        good = sum(_fits(cell, target, dialect) for cell in cells)
        if good < _ENOUGH * len(cells):
            bad = next(cell for cell in cells if not _fits(cell, target, dialect))
            raise Unfit(f"column {column} cannot be {target}: {bad[:40]!r}")


def _check_digits(dialect: Dialect, fit: Fit, rows: Sequence[Sequence[str]]) -> None:
    """Hold prices to how the dialect writes them: with a decimal point, or without."""
    columns = [column for target, column in fit.targets.items() if is_price(target)]
    columns += [level.price for level in fit.levels]
    cells = [row[column] for row in rows for column in columns]
    pointed = sum("." in cell for cell in cells if cell and cell not in dialect.nulls)
    if dialect.digits == "whole" and pointed:
        raise Unfit("its prices have a decimal point")
    if dialect.digits == "pointed" and not pointed:
        raise Unfit("its prices have no decimal point")


def _meant(head: Head, dialect: Dialect) -> Sequence[Sequence[str]]:
    """Return the rows that the vendor means as data, all where there is none among them."""
    rows = head.full_rows
    for name, words, _ in dialect.skips:
        column = head.column(name)
        rows = tuple(row for row in rows if row[column] not in words)
    return rows or head.full_rows


def _fits(cell: str, target: str, dialect: Dialect) -> bool:
    if target in _TEXTS:
        return target == "conditions" or bool(cell)
    if cell in dialect.nulls:
        return True
    if target == "side" or target in dialect.words:
        left_out = (word for _, words, _ in dialect.skips for word in words)
        return not cell or cell in {*(dialect.sides if target == "side" else dialect.words[target]), *left_out}
    if target.startswith("ts"):
        return _fits_time(cell, target, dialect)
    if cell == "":
        return True
    return dialect.written.numerals.plain(cell, scaled=not is_price(target)) is not None


def _fits_time(cell: str, target: str, dialect: Dialect) -> bool:
    if target == "ts.date":
        return len(cell) <= _DATE_LENGTH and times.is_time(cell)
    if target == "ts.time":
        return times.is_time(f"2000-01-01 {cell}")
    if target == "ts" or (dialect.time == "any" and cell):
        return _is_clock(cell, dialect)
    return cell == "" or NUMBER.fullmatch(cell) is not None


def _is_clock(cell: str, dialect: Dialect) -> bool:
    if dialect.time == "any":
        return times.is_time(cell) or _is_epoch(cell, dialect)
    return _is_form(cell, dialect.form) if dialect.time == "text" else _is_epoch(cell, dialect)


def _is_form(cell: str, form: str) -> bool:
    if not form:
        return True
    told = format_told(form)
    if isinstance(told, times.TextFormat) and told.order == "ymd":
        try:
            return str(times.format_of([cell])) == str(told)
        except ValueError:  # day first or month first, so not year first
            return False
    return told.one(cell) is not None


def _is_epoch(cell: str, dialect: Dialect) -> bool:
    plain = dialect.written.numerals.plain(cell) if len(cell) <= 40 else None
    if plain is None:
        return False
    value = float(plain)
    if dialect.time == "day":
        return 0 <= value < times.DAY_NS // times.UNIT_NS[dialect.unit if dialect.unit in times.UNIT_NS else "ms"]
    if dialect.time == "clock":
        return times.clock_fits(value, "ns")
    unit = dialect.unit if dialect.unit in times.UNIT_NS else times.unit_of(value)
    least = 10**9 // 10  # 1973, so that counters and small numbers are no times
    return value * times.UNIT_NS[unit] >= least * 10**9


def explain(found: Verdicts, names: Sequence[str]) -> str:
    """Say why none of these dialects fits."""
    said = []
    for name in names:
        fit = found[name]
        if isinstance(fit, Unfit):
            said.append(f"{name}: {fit}")
        else:
            said.append(f"{name}: fits but for {', '.join(fit.missing)}" if fit.missing else f"{name}: fits")
    return "; ".join(said)


def rivals(found: Verdicts, chosen: Fit | None) -> list[str]:
    """Say of every other dialect with the same columns why it was not taken; nothing of those with other columns."""
    said = []
    for name, fit in found.items():
        if chosen is not None and name == chosen.dialect.name:
            continue
        if isinstance(fit, Unfit):
            said += [f"{name}: {fit}"] if fit.near else []
        elif fit.missing:
            said.append(f"{name}: lacks {', '.join(fit.missing)}")
        else:
            more = [text for text in (chosen.evidence if chosen else ()) if text not in fit.evidence]
            said.append(f"{name}: fits too" + (f", but not {', '.join(more)}" if more else ""))
    return said
