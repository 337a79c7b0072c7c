"""`dl formats`: what is read, how each format is declared, and what a file is. No lake is needed."""

from __future__ import annotations

import difflib
from dataclasses import MISSING, fields
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command, group
from dl_datalake.output import error_data, error_lines, facts, table
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lake.ingest import IngestRequest
    from lake.sources.dialects import Dialect

_HEADERS = {"never": "none", "maybe": "with or without", "always": "yes"}
_NEEDS = {
    "file": "under such a file name",
    "folder": "in such folders",
    "folder-or-header": "in such folders, or with the header",
    "member": "with such a name inside the zip",
    "asking": "only when it is asked for by --format",
}
_OWN = {"name", "title", "asset", "vendor", "sample", "maker", "example"}
"""What is told of a declaration in words of its own, and never left out."""


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    part = group("Show the formats that are read, and find out a file's.")
    command(part, "list")(list_)
    command(part, "show")(show)
    command(part, "detect")(detect)
    app.add_typer(part, name="formats")


def table_of(session: Session) -> Mapping[str, Dialect]:
    """Return all formats but a lake's own; what an installed package offers in vain is told as a warning."""
    from lake.sources import dialects

    found = dialects.known()
    for text in dialects.left_out():
        session.out.warn(text)
    return found


def list_(session: Session) -> None:
    """List the formats.

    What each is, what it becomes, where it belongs, and the file that proves it.
    """
    found = {**own_dialects(session), **table_of(session)}
    head = ("format", "what it is", "becomes", "exchange/market", "proof")
    rows = [(d.name, d.title, becomes(d), _place(d), d.sample) for d in found.values()]
    session.out.answer("formats.list", [_summary(dialect) for dialect in found.values()], table(head, rows))
    session.out.note(["any other table: csv, json, parquet or arrow with columns it recognises, or that --map names"])


def show(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A format, as `dl formats list` has it.")],
) -> None:
    """Show how a format is declared.

    Names, columns and what they become, times, numbers, what to mind, and the vendor's own words.
    """
    found = {**own_dialects(session), **table_of(session)}
    if name not in found:
        near = difflib.get_close_matches(name, found, 3)
        raise LakeError(
            "USAGE",
            f"there is no format {name!r}",
            why="Formats are named as `dl formats list` has them.",
            fix=[*(f"dl formats show {each}" for each in near), "dl formats list"],
        )
    dialect = found[name]
    columns = _columns(dialect)
    told = _facts(dialect)
    data = _summary(dialect) | {
        "vendor": dialect.vendor,
        "example": dialect.example or None,
        "symbol_from": _symbol_from(dialect),
        "columns": columns,
        "natural_key": _key(dialect),
        "declaration": {name: _plain(value) for name, value in _declared(dialect).items()},
    }
    cells = [("-" if c["place"] is None else c["place"], c["header"] or "", c["column"] or "not kept") for c in columns]
    lines = [*facts(told), "", *table(("column", "its name there", "becomes"), cells)]
    session.out.answer("formats.show", data, lines)


def detect(
    session: Session,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files or globs.")],
) -> None:
    """Tell what a file is, and how it would be read.

    Its format and what spoke for it and against others, where its rows would go, and the first of them. Nothing is
    written; `dl ingest --plan` shows the same with the options of an ingest.
    """
    from lake.ingest import IngestRequest

    answer_plans(session, IngestRequest(sources=tuple(files)))


def own_dialects(session: Session) -> dict[str, Dialect]:
    """Return the dialects of the lake that is worked in, with a warning of each that is broken; none without a lake."""
    from lake.sources.dialects.table import OWN_FOLDER

    config = session.config(must_exist=False)
    if not config.manifest.is_file():
        session.out.root = None
    if not (config.root / OWN_FOLDER).is_dir():
        return {}
    from lake.sources import own_dialects as of_lake

    return of_lake(config.root, session.out.warn)


def answer_plans(session: Session, request: IngestRequest) -> None:
    """Show how each source of a request would be read, and do nothing; refusals end as those of an ingest do."""
    from dl_datalake.plans import plan_data, plan_lines
    from lake.ingest import plans

    table_of(session)
    shown: list[dict[str, Any]] = []
    errors: list[LakeError] = []
    lines: list[str] = []
    for found in plans(request, own_dialects(session)):
        if isinstance(found, LakeError):
            errors.append(found)
            continue
        plan, preview = found
        try:
            shown.append(plan_data(plan, preview))
        except LakeError as refusal:
            errors.append(refusal)
            continue
        lines += [*([""] if lines else []), *plan_lines(plan, preview)]
        for text in plan.warnings:
            session.out.warn(text)
    if errors and not shown:
        session.others = errors[:-1]
        raise errors[-1]
    session.out.answer("formats.detect", {"files": shown, "refused": [error_data(error) for error in errors]}, lines)
    for error in errors:
        session.out.note(error_lines(error))
    if errors:
        raise typer.Exit(Exit.PARTIAL)


def becomes(dialect: Dialect) -> str:
    """Return the assets that a format's rows belong to."""
    bars = "bars/<period>{}"
    return ", ".join(bars.format(side and f"-{side}") if asset == "bars" else asset for asset, side in dialect.made)


def _place(dialect: Dialect) -> str:
    if not dialect.exchange and not dialect.market:
        return "from the file, or given"
    return f"{dialect.exchange or '*'}/{dialect.market or '*'}"


def _summary(dialect: Dialect) -> dict[str, Any]:
    from lake.sources.dialects import origin_of

    return {
        "name": dialect.name,
        "title": dialect.title,
        "maker": dialect.maker or None,
        "becomes": becomes(dialect),
        "exchange": dialect.exchange,
        "market": dialect.market,
        "sample": dialect.sample,
        "origin": origin_of(dialect.name),
    }


def _facts(dialect: Dialect) -> dict[str, str]:
    """Return what a declaration says, in the order in which a reader asks; what is not declared is left out."""
    summary = _summary(dialect)
    times = {"epoch": "a count since 1970, in the unit of its size", "day": "milliseconds since the date's midnight"}
    times["clock"] = "HHMMSS and the digits of a fraction, on the date of the name"
    zone = "by place" if dialect.places else dialect.zone or "none: --tz"
    told = {
        "format": f"{dialect.name}: {dialect.title}",
        "declared by": summary["origin"],
        "becomes": becomes(dialect),
        "exchange/market": _place(dialect),
        "symbol": _symbol_from(dialect),
        "a name": dialect.example,
        "file pattern": dialect.file,
        "folder pattern": dialect.folder,
        "zip member": dialect.member,
        "taken unasked": "; ".join(_NEEDS.get(need, need) for need in dialect.needs) or "whenever it fits",
        "container": dialect.container,
        "header": _HEADERS[dialect.header] + "".join(f"\n{','.join(header)}" for header in dialect.headers),
        "delimiters": " ".join(repr(mark)[1:-1] for mark in dialect.delimiters)
        if dialect.container in {"text", "zip"}
        else "",
        "times": times.get(dialect.time, dialect.form or "date and time as text"),
        "zone": zone,
        "clock": dialect.clock,
        "stamp": f"the {dialect.stamp} of the bar" if dialect.asset == "bars" else "",
        "places": "\n".join(
            f"{name}: {place.market}, {place.zone or 'zone by --tz'}, prices divided by {place.price_scale:,}"
            for name, place in dialect.places.items()
        ),
        "price scale": f"divided by {dialect.price_scale:,}" if dialect.price_scale != 1 else "",
        "sides": ", ".join(f"{word} = {side}" for word, side in dialect.sides.items()),
        "periods": ", ".join(f"{word} = {period}" for word, period in dialect.periods.items()),
        "natural key": ", ".join(_key(dialect)) or "none: equal rows are counted",
        "ids are of": dialect.id_space,
        "left out": "\n".join(f"{column} {', '.join(values)}: {why}" for column, values, why in dialect.skips),
        "must hold": ", ".join(dialect.relations),
        "last bar": "whole: published when over" if dialect.complete else "",
        "mind": dialect.caution,
        "in doubt": dialect.doubt,
        "the vendor": dialect.vendor,
        "proof": dialect.sample,
    }
    # What a declaration can say and has no line above.
    rest = {name: str(value) for name, value in _declared(dialect).items() if name not in _TOLD}
    return {name: text for name, text in (told | rest).items() if text}


_TOLD = _OWN | {
    "columns", "optional", "headers", "header", "by_name", "required", "delimiters", "container", "file", "folder",
    "member", "needs", "time", "form", "clock", "zone", "places", "stamp", "price_scale", "sides", "id_space",
    "periods", "market", "exchange", "skips", "relations", "complete", "caution", "doubt",
}  # fmt: skip


def _declared(dialect: Dialect) -> dict[str, Any]:
    """Return the fields that a declaration sets."""
    found = {}
    for each in fields(dialect):
        value = getattr(dialect, each.name)
        usual = each.default_factory() if each.default_factory is not MISSING else each.default
        if each.name in _OWN or value != usual:
            found[each.name] = value
    return found


def _plain(value: Any) -> Any:  # noqa: ANN401 -- whatever a field holds
    """Return a declared value as JSON has it."""
    if hasattr(value, "items"):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value


def _columns(dialect: Dialect) -> list[dict[str, Any]]:
    """Return the vendor's columns in order, each with what becomes of it."""
    if dialect.by_name:
        return [{"place": None, "header": name, "column": target} for name, target in dialect.by_name.items()]
    # A header with names too few does not say which column is which; the last columns may be absent.
    names = () if dialect.header_lacks else max(dialect.headers, key=len, default=())
    return [
        {"place": place, "header": name, "column": target}
        for place, (name, target) in enumerate(zip_longest(names, dialect.columns))
    ]


def _key(dialect: Dialect) -> list[str]:
    """Return the columns that tell two rows of one day apart; none where equal rows are counted."""
    if dialect.asset == "bars" or dialect.asset.startswith("metrics/"):
        return ["ts"]
    targets = {*dialect.columns, *dialect.by_name.values()}
    return ["trade_id"] if dialect.asset == "ticks/trade" and "trade_id" in targets else []


def _symbol_from(dialect: Dialect) -> str:
    patterns = {"file name": dialect.file, "folders": dialect.folder, "zip member": dialect.member}
    found = [name for name, pattern in patterns.items() if "(?P<symbol>" in pattern]
    if "symbol" in {*dialect.columns, *dialect.by_name.values()}:
        found.insert(0, "a column")
    return " or ".join([*found, "--symbol"])
