"""`dl features write` and `dl features delete`, and `dl upload-feature`, which registers and writes in one go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dl_datalake.commands._asking import Yes, confirm
from dl_datalake.commands._base import Session, command
from dl_datalake.commands.diff import Before, From
from dl_datalake.commands.feature_rows import Name, OnlyExchange, OnlyMarket, OnlySymbol
from dl_datalake.dates import format_ns
from dl_datalake.output import Step, clear, plural, size, table
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.features.model import FeatureDeleteReport, FeatureWriteReport, Progress
    from schemas.keys import Address

Text = str | None
Mode = Literal["upsert", "append", "replace"]
OnBad = Literal["refuse", "quarantine"]
COUNTS = ("read", "new", "identical", "corrected", "superseded", "quarantined")
_SERIES_SHOWN = 10
_SAFE = "The rows were stored whole, or not at all. Run it again to be sure."
Version = Annotated[Text, typer.Option(metavar="N", help="The version, if it is not in the name.")]
Exchange = Annotated[Text, typer.Option(metavar="NAME", help="The exchange, where neither rows nor inputs say it.")]
Market = Annotated[
    Text, typer.Option(metavar="NAME", help="The market, where neither rows nor inputs say it; else SPOT.")
]
Symbol = Annotated[Text, typer.Option(metavar="NAME", help="The symbol, where the rows do not say it.")]


def register(app: typer.Typer) -> None:
    """Add `dl upload-feature` to the program."""
    command(app, "upload-feature")(upload_feature)


def write(
    session: Session,
    name: Name,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A Parquet, CSV, Feather or Arrow file.")],
    symbol: Symbol = None,
    exchange: Exchange = None,
    market: Market = None,
    version: Version = None,
    mode: Annotated[
        Mode, typer.Option(help="Merge by ts and known_at, add behind the last row, or put in the place of a range.")
    ] = "upsert",
    inputs_as_of: Annotated[
        Text,
        typer.Option(
            metavar="N|NAME|TIME", help="The snapshot at which the inputs were read: its number or name, or a time."
        ),
    ] = None,
    code_version: Annotated[
        str, typer.Option(metavar="TEXT", help="The version of the code; else the git commit here.")
    ] = "",
    on_bad: Annotated[
        OnBad | None,
        typer.Option(help="Refuse any bad row, or keep them aside, those that look ahead too.", show_default=False),
    ] = None,
    max_bad: Annotated[
        Text, typer.Option(metavar="N|N%", help="Refuse the file at more bad rows; else at more than 5% and 20.")
    ] = None,
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")] = "",
) -> None:
    """Store the rows of a file in a feature set, with what they were made from.

    Rows that say they were known before their inputs could be are refused.
    """
    from dl_datalake.client import open as open_lake

    session.safe = _SAFE
    config = session.config()
    reporter = session.out.reporter()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest, wait=session.wait) as lake:
        try:
            told = lake.features.write(
                name,
                path,
                symbol=symbol,
                exchange=exchange,
                market=market,
                version=version,
                inputs_as_of=inputs_as_of,
                code_version=code_version,
                mode=mode,
                on_bad=on_bad,
                max_bad=max_bad,
                message=message,
                progress=_watch(reporter, path),
            )
        finally:
            clear(reporter)
    _answer(session, "features.write", told, path)


def upload_feature(
    session: Session,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A Parquet, CSV, Feather or Arrow file.")],
    exchange: Annotated[str, typer.Argument(metavar="EXCHANGE")],
    market: Annotated[str, typer.Argument(metavar="MARKET")],
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL")],
    name: Annotated[str, typer.Argument(metavar="SET", help="A set, or one version of it: returns, returns.v2.")],
    version: Annotated[
        Text, typer.Option(metavar="N", help="The version, such as 2 or 1.0.1, if it is not in the name; else 1.")
    ] = None,
) -> None:
    """Store a file of features, registering its columns first where the version is new.

    The short way for `dl features register` and `dl features write`, when nothing is to be said of inputs and ttl.
    """
    from dl_datalake.client import open as open_lake
    from lake.features.inferring import columns_of
    from lake.features.sets import one_version

    session.safe = _SAFE
    config = session.config()
    reporter = session.out.reporter()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest, wait=session.wait) as lake:
        own, number = one_version(name, version)
        label = f"{own}.v{number or '1'}"
        new = lake.features.sets().find(f"features/{label}") is None
        if new:
            lake.features.register(label, columns_of(path), message=f"columns of {path.name}")
        try:
            told = lake.features.write(
                label, path, symbol=symbol, exchange=exchange, market=market, progress=_watch(reporter, path)
            )
        except LakeError:
            if new:
                session.out.note([f"{label} stays registered; to take it back: dl features delete {label}"])
            raise
        finally:
            clear(reporter)
    _answer(session, "upload-feature", told, path)


def _watch(reporter: Callable[[Step], None] | None, path: Path) -> Callable[[Progress], None]:
    def watch(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.bytes_done, at.bytes_total, f"{path.name}: {at.phase}, {at.rows:,} rows", "bytes"))

    return watch


def _answer(session: Session, name: str, told: FeatureWriteReport, path: Path) -> None:
    session.out.done(name, _data(told), _lines(told, path))
    if told.rows["quarantined"]:
        session.out.note([f"see the rejected rows: dl quarantine show {told.run}"])
        raise typer.Exit(Exit.PARTIAL)


def _data(told: FeatureWriteReport) -> dict[str, Any]:
    return {
        "set": told.set,
        "status": told.status,
        "snapshot": told.snapshot,
        "run": told.run,
        "source": told.source,
        "sha256": None if told.sha256 is None else f"sha256:{told.sha256}",
        "rows": {count: told.rows.get(count, 0) for count in COUNTS},
        "rejected": told.rejected,
        "series": [
            {
                "address": each.address,
                "rows": {count: each.rows.get(count, 0) for count in COUNTS},
                "rejected": each.rejected,
                "first": None if each.first_ns is None else format_ns(each.first_ns),
                "last": None if each.last_ns is None else format_ns(each.last_ns),
                "files_written": each.files_written,
            }
            for each in told.series
        ],
        "files_written": told.files_written,
        "bytes_written": told.bytes_written,
        "lineage": told.lineage,
        "ts_from": told.ts_from,
        "code_version": told.code_version,
    }


def _lines(told: FeatureWriteReport, path: Path) -> list[str]:
    names = [each.address for each in told.series[:_SERIES_SHOWN]]
    more = len(told.series) - len(names)
    lines = [", ".join(names) + (f" and {more} more" if more else "") or told.set, f"  from {path}"]
    counts = []
    for count in COUNTS:
        number = told.rows.get(count, 0)
        if number or count in {"read", "new", "identical", "corrected", "quarantined"}:
            why = ", ".join(f"{reason}: {n:,}" for reason, n in told.rejected.items()) if count == "quarantined" else ""
            counts.append(f"{count} {number:,}" + (f" ({why})" if why else ""))
    lines.append("  " + " · ".join(counts))
    if told.ts_from:
        lines.append(f"  the column {told.ts_from} was taken for ts")
    if told.status == "unchanged":
        return [*lines, f"  nothing new: it is in the lake already · snapshot {told.snapshot}"]
    wrote = f"{plural(told.files_written, 'file')}, {size(told.bytes_written)}"
    made = f", made from {plural(told.lineage, 'partition')} of inputs" if told.lineage else ""
    code = f" by code {told.code_version}" if told.lineage and told.code_version else ""
    return [*lines, f"  wrote {wrote}{made}{code} · snapshot {told.snapshot} · run {told.run}"]


def delete(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="One version of a set: returns.v2.")],
    symbol: OnlySymbol = None,
    exchange: OnlyExchange = None,
    market: OnlyMarket = None,
    version: Version = None,
    start: From = None,
    end: Before = None,
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")] = False,
    yes: Yes = False,
) -> None:
    """Delete a version of a feature set with its registration, or only rows of it; earlier snapshots keep them.

    Without the version, the one before it is the latest again.
    """
    from dl_datalake.client import open as open_lake

    session.safe = "A version goes whole or not at all, rows series by series. Run it again to go on."
    config = session.config()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest, wait=session.wait) as lake:
        words: dict[str, Any] = {
            "version": version,
            "exchange": exchange,
            "market": market,
            "start": start,
            "end": end,
            "message": message,
        }
        told = lake.features.delete(name, symbol, **words, dry_run=True)
        if (told.series or told.ended) and not dry_run:
            confirm(session, _would(told), yes=yes)
        if not dry_run:
            reporter = session.out.reporter()

            def tell(done: int, total: int, address: Address) -> None:
                if reporter is not None:
                    reporter(Step(done, total, f"deleted from {address}"))

            try:
                told = lake.features.delete(name, symbol, **words, progress=tell)
            finally:
                clear(reporter)
    session.out.done("features.delete", _delete_data(told), _delete_lines(told))


def _would(told: FeatureDeleteReport) -> str:
    rows = sum(series.rows for series in told.series)
    what = f"{plural(rows, 'row')} of {plural(len(told.series), 'series')} of {told.set} would go"
    return f"{what}, and its registration" if told.ended else what


def _delete_data(told: FeatureDeleteReport) -> dict[str, Any]:
    return {
        "set": told.set,
        "status": told.status,
        "before": told.before,
        "snapshot": told.snapshot,
        "run": told.run,
        "rows": sum(series.rows for series in told.series),
        "ended": told.ended,
        "series": [
            {"address": str(each.address), "rows": each.rows, "removed": each.removed, "rewritten": each.rewritten}
            for each in told.series
        ],
    }


def _delete_lines(told: FeatureDeleteReport) -> list[str]:
    if not told.series and not told.ended:
        return [f"nothing to delete · snapshot {told.snapshot}"]
    head = ("series", "rows", "partitions gone", "rewritten")
    cells = [(each.address, f"{each.rows:,}", f"{each.removed:,}", f"{each.rewritten:,}") for each in told.series]
    lines = table(head, cells, right=head[1:]) if cells else []
    if told.status == "dry_run":
        return [*lines, f"{_would(told)}; nothing deleted: --dry-run"]
    gone = f"{told.set} is registered no longer" if told.ended else f"deleted from {told.set}"
    return [*lines, f"{gone} · snapshot {told.snapshot} · run {told.run}", f"read it as of snapshot {told.before}"]
