"""From targets and their columns to a recipe: units and formats of times, zones, words for sides, constants."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources import times
from lake.sources.categories import FALSE
from lake.sources.names import BOOK_SIDE_WORDS, BOOK_SIDES, MAKER_WORDS, SIDE_WORDS, TAKER_SIDES, WORDS, position
from lake.sources.patterns import format_told
from lake.sources.recipe import Constant, Level, Recipe, ScaleBy, Skip
from lake.sources.times import TimeColumn
from lake.sources.written import NUMBER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lake.sources.dialects import Dialect
    from lake.sources.model import Confidence
    from lake.sources.sniff import Head

_DATE_DIGITS = re.compile(
    r"(?:19|20|21)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[0-2]\d[0-5]\d(?:[0-5]\d)?)?", re.ASCII
)
_EXPONENT = re.compile(r"\d\.(\d*)[eE]\+(\d{1,2})", re.ASCII)
_EARLIEST, _LATEST = 788_918_400, 2_000_000_000
"""Seconds from 1995 to 2033. Before them lie counters, days of a spreadsheet, milliseconds of a day, ticks since the
year 1 or 1601 and YYMMDDHHMMSS, when they are taken for counts since 1970, and YYMMDDHHMM lies after them."""
TIME_TARGETS = ("ts", "ts_event", "ts_recv")


@dataclass
class Draft:
    """A reading of a source in the making: target → column, and what else was learnt on the way."""

    asset: str
    targets: dict[str, int]
    dialect: Dialect | None = None
    groups: dict[str, str] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    zone: str | None = None
    """What naive times are in: the caller's word first, then the dialect's; None when nobody knows."""
    price_scale: int = 1
    day_ns: int = 0
    joined: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Text targets made of several columns, which are not among `targets`."""
    levels: tuple[Level, ...] = ()
    """The levels of a book that stand side by side."""
    sides: Mapping[str, str] = field(default_factory=dict)
    """Words for sides that the column's name tells."""
    confidence: Confidence = "columns"
    against: list[str] = field(default_factory=list)
    many: bool = False
    """Whether each row says its symbol, and the rows go to a series each."""


def recipe_of(draft: Draft, head: Head) -> Recipe:
    """Return the recipe of a text source; TIME_FORMAT or AMBIGUOUS when something cannot be told."""
    rows = head.plain_rows
    dialect = draft.dialect
    clocks: list[TimeColumn] = []
    for target in TIME_TARGETS:
        if _columns(draft, target):
            clocks.append(_time(draft, target, rows, clocks[0] if clocks else None))
    for target in ("trade_id", "order_id"):
        if target in draft.targets:
            _refuse_rounded_ids(target, [row[draft.targets[target]].strip() for row in rows])
    fields = {
        ("side" if target == "buyer_maker" else target): column
        for target, column in draft.targets.items()
        if target not in {*TIME_TARGETS, "ts.date", "ts.time", "symbol", "exchange", "period"}
    }
    skips = [_skip(head, *said) for said in dialect.skips] if dialect else []
    return Recipe(
        kind="text",
        names=tuple(f"#{i}" for i in range(head.width)),
        times=tuple(clocks),
        fields=fields,
        sides=dict(sides_of(draft)),
        words=words_of(draft),
        fixed=fixed_of(draft),
        levels=draft.levels,
        lacking=dict(dialect.lacking) if dialect else {},
        awaits=_skip(head, *dialect.awaits) if dialect and dialect.awaits else None,
        pointed=frozenset(t for t in fields if t == "trades" and any("." in row[fields[t]] for row in rows)),
        joined=draft.joined,
        zeros=frozenset(dialect.zeros) if dialect else frozenset(),
        price_scale=draft.price_scale,
        scale_by=_scale_by(dialect, head) if dialect else None,
        whole_prices=dialect is not None and dialect.digits == "whole",
        constants=tuple(constants(draft, head.full_rows)),
        symbol=draft.targets.get("symbol") if draft.many else None,
        skips=tuple(skips),
        fill=tuple(draft.targets[target] for target in dialect.fill) if dialect else (),
        encoding=head.encoding,
        comment=head.written.comment,
        numerals=head.written.numerals,
        delimiter=head.delimiter,
        layout=head.layout,
        keys=head.header if head.header is not None and head.layout != "lines" else (),
        skip_lines=head.skip_lines,
    )


def _scale_by(dialect: Dialect, head: Head) -> ScaleBy | None:
    if dialect.price_scale_by is None:
        return None
    column, scales = dialect.price_scale_by
    return ScaleBy(position(column, head.header or [str(place) for place in range(head.width)]), dict(scales))


def _skip(head: Head, name: str, words: Sequence[str], reason: str) -> Skip:
    return Skip(head.column(name), frozenset(words), reason)


def sides_of(draft: Draft) -> Mapping[str, str]:
    """Return the source's words for the aggressor, or for the side of a book."""
    if draft.dialect and draft.dialect.sides:
        own = BOOK_SIDES if draft.asset.startswith("orderbook") else TAKER_SIDES
        return {word: own.get(side, side) for word, side in draft.dialect.sides.items()}
    if draft.sides:
        return draft.sides
    if "buyer_maker" in draft.targets:
        return MAKER_WORDS
    if draft.asset.startswith("orderbook"):
        return BOOK_SIDE_WORDS if "side" in draft.targets else {}
    return SIDE_WORDS if "side" in draft.targets else {}


def words_of(draft: Draft) -> dict[str, dict[str, str]]:
    """Return the source's words for other columns that say one of few."""
    declared = draft.dialect.words if draft.dialect else {}
    return {target: dict(declared.get(target, usual)) for target, usual in WORDS.items() if target in draft.targets}


def fixed_of(draft: Draft) -> dict[str, str]:
    """Return what every row is; rows of a book that nothing calls a snapshot are changes of it."""
    declared = dict(draft.dialect.fixed) if draft.dialect else {}
    unsaid = draft.asset == "orderbook/l2" and "is_snapshot" not in draft.targets
    return {"is_snapshot": FALSE} | declared if unsaid else declared


def constants(draft: Draft, rows: Sequence[Sequence[str]]) -> list[Constant]:
    """Return the columns that must say the same throughout; AMBIGUOUS when they already differ in the head."""
    found = []
    for what in ("symbol", "exchange", "period"):
        if what not in draft.targets or (what == "symbol" and draft.many):
            continue
        column = draft.targets[what]
        values = Counter(row[column] for row in rows)
        if len(values) > 1:
            said = ", ".join(value for value, _ in values.most_common(4))
            raise LakeError(
                "AMBIGUOUS",
                f"the file holds more than one {what}: {said}",
                fix=["leave --symbol out: the rows are parted by it"]
                if what == "symbol"
                else [f"split the file by {what} first"],
            )
        found += [Constant(column, value, what) for value in values]
    return found


def _columns(draft: Draft, target: str) -> tuple[int, ...]:
    if target in draft.targets:
        return (draft.targets[target],)
    if target == "ts" and "ts.date" in draft.targets:
        return tuple(draft.targets[part] for part in ("ts.date", "ts.time") if part in draft.targets)
    return ()


def _time(draft: Draft, target: str, rows: Sequence[Sequence[str]], first: TimeColumn | None) -> TimeColumn:
    columns = _columns(draft, target)
    cells = [" ".join(row[column].strip() for column in columns) for row in rows]
    samples = [cell for cell in cells if cell.strip()]
    if not samples and first is not None:  # a clock that no row of the head has is written as the one that all have
        return replace(first, target=target, columns=columns)
    if draft.dialect and draft.dialect.time == "day" and target == "ts":
        fraction = any("." in sample for sample in samples)
        zone = draft.zone or "UTC"
        unit: times.Unit = "s" if draft.dialect.unit == "s" else "ms"
        return TimeColumn(target, columns, "day", unit, fraction=fraction, zone=zone, day_ns=draft.day_ns)
    if draft.dialect and draft.dialect.time == "clock" and target == "ts":
        finest = _clock_unit(samples)
        return TimeColumn(target, columns, "clock", finest, zone=draft.zone or "UTC", day_ns=draft.day_ns)
    made = _declared(draft.dialect, columns, samples) if target == "ts" else None
    made = made or column_of(target, columns, samples)
    unsaid = draft.confidence in {"columns", "mapped"} and not (draft.dialect and draft.dialect.unit)
    if target == "ts" and made.kind == "epoch" and unsaid:
        _refuse_unlikely(made, samples)
    return zoned(draft, made)


def zoned(draft: Draft, clock: TimeColumn) -> TimeColumn:
    """Return a clock in the zone its texts are in, which is warned of where it is told nowhere."""
    if clock.text is None or clock.text.aware or not clock.text.clock:
        return clock
    return replace(clock, zone=zone_of(draft, clock.target))


def zone_of(draft: Draft, target: str) -> str:
    """Return the zone of times that carry none, which is warned of where it is told nowhere."""
    if draft.zone is None and target == "ts":
        draft.warnings.append("the times carry no zone and are taken as UTC; --tz says otherwise")
    return draft.zone or "UTC"


def _clock_unit(samples: Sequence[str]) -> times.Unit:
    """Return the unit of the fraction behind HHMMSS: the coarsest of ms, us and ns that most samples can be in."""
    values = [float(sample) for sample in samples if NUMBER.fullmatch(sample) and len(sample) < 40]
    coarse: tuple[times.Unit, ...] = ("ms", "us")
    fitting = {unit: sum(times.clock_fits(value, unit) for value in values) for unit in coarse}
    return next((unit for unit in coarse if fitting[unit] * 2 > len(values)), "ns")


def _declared(dialect: Dialect | None, columns: tuple[int, ...], samples: Sequence[str]) -> TimeColumn | None:
    """Return the clock as it is declared; None where the values are to tell it."""
    if dialect is None or not (dialect.form or dialect.unit):
        return None
    if dialect.form:
        return TimeColumn("ts", columns, "text", text=format_told(dialect.form))
    if dialect.unit == "mixed":
        return TimeColumn("ts", columns, "epoch", "s", mixed=True)
    return TimeColumn("ts", columns, "epoch", dialect.unit or "s", fraction=any("." in sample for sample in samples))


def column_of(target: str, columns: tuple[int, ...], samples: Sequence[str]) -> TimeColumn:
    """Tell how a time column is written from its first cells; TIME_FORMAT when it cannot be told."""
    dates = [sample for sample in samples if _DATE_DIGITS.fullmatch(sample)]
    if len(dates) * 2 > len(samples):
        clocked = len(dates[0]) > 8
        form = times.TextFormat("ymd", "", gap=False, clock="compact" if clocked else "")
        return TimeColumn(target, columns, "text", text=form)
    numbers = [sample for sample in samples if NUMBER.fullmatch(sample) and len(sample) < 40]
    if rounded := _rounded(numbers):
        raise LakeError(
            "TIME_FORMAT",
            f"{target} is rounded: {rounded!r}",
            why="A spreadsheet has kept some of the digits, and the others are lost.",
            fix=["fetch the file again, and do not save it from a spreadsheet"],
        )
    if len(numbers) * 2 > len(samples):
        units = Counter(times.unit_of(float(number)) for number in numbers)
        unit = units.most_common(1)[0][0]
        return TimeColumn(target, columns, "epoch", unit, fraction=any("." in number for number in numbers))
    try:
        form_found = times.format_of(samples)
    except ValueError as error:
        raise LakeError("TIME_FORMAT", str(error), fix=_either_order(samples[0])) from error
    if form_found is None:
        first = samples[0][:60] if samples else ""
        raise LakeError("TIME_FORMAT", f"{target} is not a time that is understood: {first!r}")
    return TimeColumn(target, columns, "text", text=form_found)


_NO_YEAR = 1e12
"""Seconds that are more than some thirty thousand years."""


def unlikely(made: TimeColumn, samples: Sequence[str]) -> str:
    """Say of counts since 1970 that they would be of years hardly any file is from; empty when they are not."""
    numbers = [sample for sample in samples if NUMBER.fullmatch(sample)]
    seconds = [float(number) * times.UNIT_NS[made.unit] / 10**9 for number in numbers]
    odd = [place for place, value in enumerate(seconds) if not _EARLIEST <= value < _LATEST]
    if len(odd) * 2 <= len(numbers):
        return ""
    first = seconds[odd[0]]
    when = str(1970 + int(first // 31_556_952)) if abs(first) < _NO_YEAR else "no year at all"
    return f"{made.target} {numbers[odd[0]]} would be of {when}, were it counted in {made.unit} since 1970"


def _refuse_unlikely(made: TimeColumn, samples: Sequence[str]) -> None:
    if odd := unlikely(made, samples):
        raise LakeError(
            "TIME_FORMAT",
            odd,
            why="It may as well be a counter, a date of a spreadsheet, a time of day or a date in digits.",
            fix=[f"--time-unit {made.unit}, if it is so counted", "--time-format FORMAT", "or --map ts=COLUMN"],
        )


def _rounded(cells: Sequence[str]) -> str | None:
    """Return the first of numbers whose exponent says that their last digits are gone, if most are such."""
    found = [cell for cell in cells if (match := _EXPONENT.fullmatch(cell)) and len(match[1]) < int(match[2])]
    return found[0] if len(found) * 2 > len(cells) else None


def _refuse_rounded_ids(target: str, cells: Sequence[str]) -> None:
    """Refuse ids that a spreadsheet has rounded, since different ones have become the same."""
    if rounded := _rounded([cell for cell in cells if cell]):
        raise LakeError(
            "FORMAT_UNKNOWN",
            f"{target} is rounded: {rounded!r}",
            why="A spreadsheet has kept some of the digits, and ids that differed may have become the same.",
            fix=[
                "fetch the file again, and do not save it from a spreadsheet",
                "or name the columns in order, and this one -: --columns A,B,-",
            ],
        )


def _either_order(sample: str) -> list[str]:
    """Return the options that say which comes first in dates such as this, the day or the month."""
    mark = next((character for character in sample if character in "-/."), "/")
    clock = " HH:MM" if ":" in sample else ""
    return [
        f"--time-format 'DD{mark}MM{mark}YYYY{clock}', if the day comes first",
        f"--time-format 'MM{mark}DD{mark}YYYY{clock}', if the month does",
    ]
