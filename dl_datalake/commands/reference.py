"""`dl instruments` and `dl actions`: what is known of instruments, their splits and their dividends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from dl_datalake.commands._base import Session, command, group
from dl_datalake.dates import format_ns
from dl_datalake.output import facts, plural, table
from lake.errors import LakeError
from schemas.keys import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.adjust import Adjust, Factors
    from lake.manifest import ReferenceRow
    from lake.reference import ImportReport

Text = str | None
_LISTED = ("tick_size", "lot_size", "multiplier", "currency", "time_zone", "calendar")
_SHOWN = 5
_FACTORS = ("prices", "prices_in_all", "sizes", "sizes_in_all")
JSON_CHANGES = 1_000
File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or TOML; docs/instruments.md tells the fields.")]
Exchange = Annotated[Text, typer.Option(metavar="NAME", help="Exchange, where the file says none.")]
Market = Annotated[Text, typer.Option(metavar="NAME", help="Market, where the file says none.")]
Symbol = Annotated[Text, typer.Option(metavar="NAME", help="Symbol, where the file says none.")]
Message = Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")]
Pattern = Annotated[
    Text, typer.Argument(metavar="INSTRUMENT", help="A symbol, or EXCHANGE/MARKET/SYMBOL; * and ? fit anything.")
]
AsOf = Annotated[Text, typer.Option(metavar="N|NAME|TIME", help="As known at a snapshot or a time.")]


def register(app: typer.Typer) -> None:
    """Add both groups' commands to the program."""
    part = group("What is known of instruments: tick sizes, currencies, calendars, other names.")
    command(part, "import")(import_instruments)
    command(part, "list")(list_instruments)
    command(part, "show")(show)
    app.add_typer(part, name="instruments")
    part = group("Splits and cash dividends, by which reads can adjust prices.")
    command(part, "import")(import_actions)
    command(part, "list")(list_actions)
    command(part, "remove")(remove)
    command(part, "factors")(factors)
    app.add_typer(part, name="actions")


def import_instruments(
    session: Session,
    file: File,
    exchange: Exchange = None,
    market: Market = None,
    message: Message = "",
    dry_run: DryRun = False,
) -> None:
    """Import a file of instruments, whole or not at all.

    A field that the file lacks stays as it is known; an empty one is forgotten.
    """
    _import(session, "instrument", file, (exchange, market, None), message, dry_run=dry_run)


def import_actions(
    session: Session,
    file: File,
    exchange: Exchange = None,
    market: Market = None,
    symbol: Symbol = None,
    message: Message = "",
    dry_run: DryRun = False,
) -> None:
    """Import a file of splits and cash dividends, whole or not at all.

    A history file of yfinance has them too, in its columns Dividends and Stock Splits.
    """
    _import(session, "action", file, (exchange, market, symbol), message, dry_run=dry_run)


def _import(
    session: Session,
    kind: Literal["instrument", "action"],
    file: Path,
    places: tuple[Text, Text, Text],
    message: str,
    *,
    dry_run: bool,
) -> None:
    from lake.reference import ImportRequest, import_file

    session.safe = "Nothing was imported, or all of it: dl history tells."
    request = ImportRequest(kind, file, *places, message=message, dry_run=dry_run)
    report = import_file(session.config(), request)
    session.out.done(f"{kind}s.import", _report_data(report), _report_lines(report))
    if report.unmatched:
        some = ", ".join(report.unmatched[:_SHOWN]) + (", …" if len(report.unmatched) > _SHOWN else "")
        session.out.note([f"the lake has no series yet of {plural(len(report.unmatched), 'instrument')}: {some}"])


def _report_data(report: ImportReport) -> dict[str, Any]:
    changes = [record for record in report.records if record.status != "identical"]
    return {
        "source": report.source,
        "sha256": f"sha256:{report.sha256}",
        "status": report.status,
        "snapshot": report.snapshot,
        "run": report.run,
        "records": {
            "read": len(report.records),
            **{status: report.count(status) for status in ("new", "changed", "identical")},
        },
        "changes": [
            {"kind": record.kind, "key": record.key, "line": record.line, "status": record.status}
            for record in changes[:JSON_CHANGES]
        ],
        "complete": len(changes) <= JSON_CHANGES,
        "unmatched": report.unmatched,
    }


def _report_lines(report: ImportReport) -> list[str]:
    counts = ", ".join(f"{report.count(status):,} {status}" for status in ("new", "changed", "identical"))
    end = {"committed": f"snapshot {report.snapshot}", "unchanged": "nothing to do", "dry_run": "dry run"}
    return [f"{report.source}: {plural(len(report.records), 'record')}, {counts} → {end[report.status]}"]


def list_instruments(session: Session, instrument: Pattern = None, as_of: AsOf = None) -> None:
    """List the instruments that were imported, and the aliases of currencies."""
    from dl_datalake.reference_client import known

    with session.manifest() as manifest:
        rows = known(manifest, "instrument", instrument, as_of)
        aliases = known(manifest, "alias", None, as_of) if instrument is None else []
    data = {
        "instruments": [instrument_data(row) for row in rows],
        "aliases": [{"name": decode(row.key), "of": row.definition["of"], **_origin(row)} for row in aliases],
    }
    lines = _instrument_lines(rows) + [f"{decode(row.key)} = {row.definition['of']}" for row in aliases]
    session.out.answer("instruments.list", data, lines)
    if not lines:
        session.out.note(["no instrument is known: dl instruments import FILE"])


def show(
    session: Session,
    instrument: Annotated[str, typer.Argument(metavar="INSTRUMENT", help="A symbol, or EXCHANGE/MARKET/SYMBOL.")],
    as_of: AsOf = None,
) -> None:
    """Show what is known of one instrument, and where it was said."""
    from dl_datalake.reference_client import known

    with session.manifest() as manifest:
        rows = known(manifest, "instrument", instrument, as_of)
    if len(rows) != 1:
        if rows:
            raise LakeError("AMBIGUOUS", f"{instrument} fits {', '.join(row.key for row in rows[:_SHOWN])}")
        fix = ["dl instruments list", "dl instruments import FILE"]
        raise LakeError("UNKNOWN_SERIES", f"nothing is known of {instrument}", why="No import told of it.", fix=fix)
    data = instrument_data(rows[0])
    pairs = {name.replace("_", " "): _shown(value) for name, value in data.items() if value not in (None, [])}
    session.out.answer("instruments.show", data, facts(pairs))


def instrument_data(row: ReferenceRow) -> dict[str, Any]:
    """Return an instrument as scripts read it: every field, null where nothing is known."""
    from schemas.instruments import INSTRUMENT

    names = ("exchange", "market", "symbol")
    told: dict[str, Any] = dict(zip(names, map(decode, row.key.split("/")), strict=True))
    empty: dict[str, Any] = {"aliases": [], "renames": []}
    told |= {
        field.name: row.definition.get(field.name, empty.get(field.name)) for field in INSTRUMENT if not field.names
    }
    return {"instrument": row.key, **told, **_origin(row)}


def _origin(row: ReferenceRow) -> dict[str, Any]:
    digest = f"sha256:{row.sha256}" if row.sha256 else None
    return {"source": row.source, "sha256": digest, "line": row.line, "snapshot": row.snapshot}


def _shown(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(
            f"{each['from']} until {each['on']}" if isinstance(each, dict) else str(each) for each in value
        )
    return ("yes" if value else "no") if isinstance(value, bool) else value


def _instrument_lines(rows: Sequence[ReferenceRow]) -> list[str]:
    if not rows:
        return []
    used = [name for name in _LISTED if any(name in row.definition for row in rows)]
    head = ("instrument", *(name.replace("_", " ") for name in used), "also")
    cells = [
        (
            row.key,
            *(row.definition.get(name, "-") for name in used),
            ", ".join(
                [
                    *row.definition.get("aliases", ()),
                    *(f"{each['from']} until {each['on']}" for each in row.definition.get("renames", ())),
                ]
            ),
        )
        for row in rows
    ]
    return table(head, cells, right=("tick size", "lot size", "multiplier"))


def list_actions(
    session: Session,
    instrument: Pattern = None,
    action: Annotated[Text, typer.Option(metavar="KIND", help="Only split, or only dividend.")] = None,
    as_of: AsOf = None,
) -> None:
    """List splits and dividends by instrument and ex-date."""
    from dl_datalake.reference_client import known

    if action not in {None, "split", "dividend"}:
        why = "An action is a split or a dividend."
        raise LakeError("USAGE", f"there is no action {action!r}", why=why, fix=["--action split"])
    with session.manifest() as manifest:
        rows = [action_data(row) for row in known(manifest, "action", instrument, as_of)]
    rows = [row for row in rows if action in {None, row["action"]}]
    cells = [
        (row["instrument"], row["ex_date"], row["action"], row["ratio"] or row["amount"], row["currency"] or "-")
        + ((row["label"],) if row["label"] else ("",))
        for row in rows
    ]
    head = ("instrument", "ex-date", "action", "value", "currency", "")
    session.out.answer("actions.list", rows, table(head, cells, right=("value",)) if rows else [])
    if not rows:
        session.out.note(["no action is known: dl actions import FILE"])


def action_data(row: ReferenceRow) -> dict[str, Any]:
    """Return a split or dividend as scripts read it."""
    places = row.key.split("/")
    label = places[5] if len(places) > 5 else None
    told = {"key": row.key, "instrument": "/".join(places[:3]), "ex_date": places[3], "action": places[4]}
    values = {name: row.definition.get(name) for name in ("ratio", "amount", "currency", "known_at")}
    return {**told, "label": label, **values, **_origin(row)}


def remove(
    session: Session,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="As dl actions list --json has it: NASDAQ/EQUITY/ABC/2020-08-31/split.")
    ],
    message: Message = "",
) -> None:
    """Take back a split or dividend that never was; earlier snapshots still know it."""
    from lake.reference import remove as take_back

    snapshot = take_back(session.config(), "action", key, message=message)
    session.out.done("actions.remove", {"key": key, "snapshot": snapshot}, [f"{key} removed → snapshot {snapshot}"])


def factors(
    session: Session,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A series, such as NASDAQ/EQUITY/ABC/bars/1d.")],
    adjust: Annotated[
        Text, typer.Option(metavar="split|total", help="For splits, or for dividends too.", show_default="total")
    ] = None,
    as_of: AsOf = None,
) -> None:
    """Show what an adjusted read multiplies prices and sizes by, and why."""
    from dl_datalake.client import open as open_lake
    from lake.adjust import Adjusted

    config = session.config()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        scan = lake.read(address, as_of=as_of, adjust=cast("Adjust", adjust or "total")).planned
    if not isinstance(scan, Adjusted):
        raise TypeError("an adjusted read is planned as another one")
    [series] = scan.addresses
    steps = _steps(scan.factors[series])
    data = {"address": str(series), "snapshot": scan.snapshot, "adjust": scan.adjust, "steps": steps}
    cells = [
        (
            step["ex_date"],
            ", ".join(
                " ".join(filter(None, (each["action"], each["label"], each["value"]))) for each in step["actions"]
            ),
            "-" if step["close"] is None else step["close"],
            *(f"{step[name]:.9g}" for name in _FACTORS),
        )
        for step in steps
    ]
    head = ("ex-date", "actions", "close before", *(name.replace("_", " ") for name in _FACTORS))
    session.out.answer("actions.factors", data, table(head, cells, right=head[2:]) if cells else [])
    if not cells:
        session.out.note([f"nothing changes the rows of {series}"])


def _steps(factors: Factors) -> list[dict[str, Any]]:
    return [
        {
            "ex_date": step.ex_date.isoformat(),
            "before": format_ns(step.at_ns),
            "actions": [
                {
                    "action": each.kind,
                    "label": each.label or None,
                    "value": str(each.value) if each.kind == "split" else f"{float(each.value):.15g}",
                    "currency": each.currency,
                }
                for each in step.actions
            ],
            "close": step.close,
            **dict(zip(_FACTORS, map(float, (step.prices, prices, step.sizes, sizes)), strict=True)),
        }
        for step, prices, sizes in zip(factors.steps, factors.prices, factors.sizes, strict=False)
    ]
