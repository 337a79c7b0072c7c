"""`dl list`, `dl show` and `dl history`: what the lake holds, answered from the manifest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.dates import format_ns, format_short, parse_as_of
from dl_datalake.output import facts, plural, size, table
from dl_datalake.series import Filters, find_one
from dl_datalake.strips import Coverage, coverage, coverage_lines, sparkline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.manifest import FileRow, HistoryRow, ListRow
    from schemas.columns import Schema

Text = str | None
AsOf = Annotated[
    Text,
    typer.Option(
        metavar="N|NAME|TIME", help="A snapshot number (digits alone are one), its name, or a time: 2016-01-01."
    ),
]
_UNPROVEN_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    command(app, "list")(list_)
    command(app, "show")(show)
    command(app, "history")(history)


def list_(
    session: Session,
    address: Annotated[
        Text, typer.Argument(metavar="ADDRESS", help="A pattern such as BINANCE/*/BTC*/bars/1m.")
    ] = None,
    exchange: Annotated[Text, typer.Option(metavar="NAME", help="Exchange; * and ? fit anything.")] = None,
    market: Annotated[Text, typer.Option(metavar="NAME", help="Market, such as SPOT.")] = None,
    symbol: Annotated[Text, typer.Option(metavar="NAME", help="Symbol, such as BTCUSDT.")] = None,
    type_: Annotated[
        Text, typer.Option("--type", metavar="TYPE", help="bars, ticks, orderbook, metrics or features.")
    ] = None,
    period: Annotated[Text, typer.Option(metavar="PERIOD", help="Period, such as 1m, or trade, quote, l2.")] = None,
    as_of: AsOf = None,
) -> None:
    """List the series of the lake.

    Gaps are whole partitions (days, months or years) between the first and the last; single bars are not counted.
    """
    filters = Filters.parse(address) if address else Filters()
    given = {"exchange": exchange, "market": market, "symbol": symbol, "type": type_, "period": period}
    words = {place: given[place] or old for place, old in filters.words().items()}
    with session.manifest() as manifest:
        at = manifest.snapshot(None if as_of is None else parse_as_of(as_of))
        newest = manifest.snapshot()
        rows = manifest.listing(**words, snapshot=at)
    session.out.answer("list", [list_data(row) for row in rows], _list_lines(rows))
    if not rows:
        session.out.note([_nothing(at, newest, fitting=any(words.values()))])


def _nothing(at: int, newest: int, *, fitting: bool) -> str:
    """Return what to say when nothing is listed: that does not have to mean that the lake never held a thing."""
    if not newest:
        return "the lake is empty: dl ingest --source FILE --exchange X --symbol S"
    where = "now" if at == newest else f"at snapshot {at}"
    if fitting:
        return "no series fits" if at == newest else f"no series fits {where}"
    return f"nothing is in the lake {'yet ' if not at else ''}{where}; the newest snapshot is {newest}: dl history"


def show(
    session: Session,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="One series, such as BINANCE/SPOT/BTCUSDT/bars/1m.")
    ],
    stats: Annotated[bool, typer.Option("--stats", help="Compute figures from the stored files.")] = False,
    as_of: AsOf = None,
) -> None:
    """Show one series.

    What it is, where its rows lie, its schema and its files; with --stats also rows, ends, volume, extremes and how the
    price went, computed from the files.
    """
    from lake.declared import schema_of

    with session.manifest() as manifest:
        snapshot = manifest.snapshot(None if as_of is None else parse_as_of(as_of))
        row = find_one(manifest, address, snapshot)
        files = manifest.plan(row.id, None, None, snapshot)
        schema = schema_of(manifest.config, row.address.key, None if as_of is None else snapshot)
        data = _show_data(row, files, schema, snapshot, manifest.unproven(row.id, snapshot))
        if stats:
            from dl_datalake.stats import stats_data

            data["stats"] = stats_data(manifest, row.address, snapshot)
    session.out.answer("show", data, _show_lines(data))


def history(
    session: Session,
    address: Annotated[Text, typer.Argument(metavar="ADDRESS", help="Only what changed this series.")] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="The newest so many.", min=1)] = None,
) -> None:
    """List the snapshots, newest first.

    What made each of them, and what it changed; also of a series that holds no rows any more.
    """
    from lake.manifest.deeds import deeds

    with session.manifest() as manifest:
        series = find_one(manifest, address, ever=True).address if address else None
        rows = manifest.history(series, limit)
        did = deeds(manifest, rows)
    session.out.answer(
        "history", [history_data(row, did.get(row.snapshot, "")) for row in rows], _history_lines(rows, did)
    )


def list_data(row: ListRow) -> dict[str, object]:
    """Return one line of `dl list` as scripts read it."""
    return {
        "address": str(row.address),
        "first": _time(row.first_ns),
        "last": _time(row.last_ns),
        "rows": row.rows,
        "bytes": row.bytes,
        "files": row.files,
        "gaps": row.gaps,
        "tier": row.tier,
        "snapshot": row.snapshot,
        "verified_at": _time(row.verified_at_ns),
    }


def history_data(row: HistoryRow, did: str) -> dict[str, object]:
    """Return one snapshot as scripts read it; `did` says what the counts do not."""
    return {
        "snapshot": row.snapshot,
        "at": format_ns(row.at_ns),
        "operation": row.operation,
        "did": did,
        "run": row.run_id,
        "message": row.message,
        "source": row.source,
        "sha256": f"sha256:{row.sha256}" if row.sha256 else None,
        "series": row.series,
        "address": None if row.address is None else str(row.address),
        "rows": {"new": row.rows_new, "corrected": row.rows_corrected, "quarantined": row.rows_quarantined},
        "files": {"added": row.files_added, "removed": row.files_removed, "moved": row.moved},
        "derived": row.derived,
        "cause": row.cause or None,
        "expired": row.expired,
    }


def _time(ns: int | None) -> str | None:
    return None if ns is None else format_ns(ns)


def _list_lines(rows: Sequence[ListRow]) -> list[str]:
    if not rows:
        return []
    head = ("series", "first", "last", "rows", "files", "gaps", "size", "tier", "snapshot", "verified")
    cells = [
        (
            row.address,
            format_short(row.first_ns),
            format_short(row.last_ns),
            f"{row.rows:,}",
            f"{row.files:,}",
            plural(row.gaps, row.address.grain),
            size(row.bytes),
            row.tier,
            row.snapshot,
            "never" if row.verified_at_ns is None else format_short(row.verified_at_ns)[:16],
        )
        for row in rows
    ]
    return table(head, cells, right=("rows", "files", "gaps", "size", "snapshot"))


def _show_data(
    row: Any,  # noqa: ANN401 - a manifest row
    files: Sequence[FileRow],
    schema: Schema,
    snapshot: int,
    unproven: Sequence[int],
) -> dict[str, Any]:
    from schemas.describing import describe

    return {
        "address": str(row.address),
        "asset": row.address.key,
        "snapshot": snapshot,
        "first": _time(min((file.first_ns for file in files), default=None)),
        "last": _time(max((file.last_ns for file in files), default=None)),
        "rows": sum(file.rows for file in files),
        "bytes": sum(file.bytes for file in files),
        "coverage": {"cell": (found := coverage(files)).cell, "rows": found.rows},
        "instrument": {
            "vendor_symbol": row.vendor_symbol,
            "tick_size": row.tick_size,
            "price_may_be_negative": row.price_may_be_negative,
            "time_zone": row.time_zone,
        },
        "schema": {
            "name": schema.name,
            "version": schema.version,
            "key": list(schema.key),
            "columns": describe(schema),
        },
        "files": [_file_data(file) for file in files],
        "unproven": [format_ns(ns) for ns in unproven],
    }


def _file_data(file: FileRow) -> dict[str, object]:
    return {
        "path": file.path,
        "partition": file.partition,
        "rows": file.rows,
        "bytes": file.bytes,
        "first": format_ns(file.first_ns),
        "last": format_ns(file.last_ns),
        "sha256": f"sha256:{file.sha256}",
        "content_hash": file.content_hash,
        "tier": file.tier,
        "snapshot": file.from_snapshot,
        "verified_at": _time(file.verified_at_ns),
    }


def _show_lines(data: dict[str, Any]) -> list[str]:
    instrument, schema, files = data["instrument"], data["schema"], data["files"]
    tiers = sorted({file["tier"] for file in files})
    unproven = data["unproven"]
    pairs: dict[str, object] = {
        "series": data["address"],
        "covers": f"{_human(data['first'])} → {_human(data['last'])} UTC" if files else "nothing",
        "rows": f"{data['rows']:,}",
        "files": f"{plural(len(files), 'file')}, {size(data['bytes'])}, {', '.join(tiers)}",
        "snapshot": data["snapshot"],
        "vendor symbol": instrument["vendor_symbol"] or "not known",
        "time zone": instrument["time_zone"] or "UTC",
        "schema": f"{schema['name']} version {schema['version']}, key {', '.join(schema['key']) or 'none'}",
    }
    if instrument["tick_size"] is not None:
        pairs["tick size"] = instrument["tick_size"]
    if instrument["price_may_be_negative"]:
        pairs["prices"] = "may be zero or negative"
    if unproven:
        shown = ", ".join(_human(text) for text in unproven[-_UNPROVEN_SHOWN:])
        pairs["unproven"] = f"{plural(len(unproven), 'bar')} may be unfinished: {shown}"
    lines = facts(pairs)
    if files:
        lines += ["", *coverage_lines(Coverage(data["coverage"]["cell"], data["coverage"]["rows"]))]
    if "stats" in data:
        lines += ["", *_stats_lines(data["stats"])]
    columns = [(c["name"], c["type"], "null" if c["nullable"] else "", c["unit"]) for c in schema["columns"]]
    return [*lines, "", *table(("column", "type", "may be", "unit"), columns)]


def _stats_lines(stats: dict[str, Any]) -> list[str]:
    told = {name: "-" if value is None else value for name, value in stats.items()}
    if stats["prices"] is not None:
        told["prices"] = sparkline(stats["prices"])
    return facts(told)


def _human(text: str) -> str:
    return text[:16].replace("T", " ")


def _history_lines(rows: Sequence[HistoryRow], did: dict[int, str]) -> list[str]:
    if not rows:
        return []
    head = ("snapshot", "at", "operation", "series", "new", "corrected", "source", "message")
    cells = [
        (
            row.snapshot,
            format_short(row.at_ns)[:19],
            row.operation,
            str(row.address) if row.address else plural(row.series, "series") if row.series else "-",
            f"{row.rows_new:,}",
            f"{row.rows_corrected:,}",
            row.source or "-",
            ("(forgotten) " if row.expired else "") + _told(row, did.get(row.snapshot, "")),
        )
        for row in rows
    ]
    return table(head, cells, right=("snapshot", "new", "corrected"))


def _told(row: HistoryRow, did: str) -> str:
    """Return what a snapshot did, with the user's words for it where there are some."""
    own = row.message == row.source or did.startswith(row.message)
    return ": ".join(filter(None, (did, "" if own else row.message)))
