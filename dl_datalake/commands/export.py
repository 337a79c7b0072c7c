"""`dl export`: series as the files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands.catalog import AsOf
from dl_datalake.commands.read import Adjusting, End, Start, Text
from dl_datalake.dates import format_ns
from dl_datalake.exports.words import Layout, Name
from dl_datalake.output import Step, clear, plural, size
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dl_datalake.exports.model import ExportReport, Progress
    from lake.adjust import Adjust

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "export")(export)


def export(
    session: Session,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="A series, or a pattern such as 'BINANCE/*/*/bars/1m'.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where files go; made if need be.")],
    to: Annotated[Name, typer.Option("--to", help="The program or format to write for.")],
    start: Start = None,
    end: End = None,
    columns: Annotated[
        Text, typer.Option(metavar="NAMES", help="Of tables only these, with commas; of some programs these too.")
    ] = None,
    as_of: AsOf = None,
    where: Annotated[
        Text, typer.Option(metavar="CONDITION", help='Only rows for which it is true: "close > 100 and volume > 0".')
    ] = None,
    adjust: Adjusting = None,
    layout: Annotated[
        Layout, typer.Option("--layout", help="Of tables: the address as a path, in one folder, or hive with years.")
    ] = "path",
    pair: Annotated[
        list[str] | None,
        typer.Option(
            "--pair", metavar="SYMBOL=PAIR", help="BTCUSD=BTC/USD, of a contract BTC/USD:BTC; again for more."
        ),
    ] = None,
    place: Annotated[
        Text, typer.Option(metavar="CLASS/MARKET", help="What LEAN calls the place of the series: equity/usa.")
    ] = None,
    tz: Annotated[Text, typer.Option("--tz", metavar="ZONE", help="Its zone, where the place does not tell.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write series as files of another program: all of them, each whole, or none.

    Of a pattern, series that the program has no place for are left out, and named.
    """
    from dl_datalake.client import open as open_lake

    config = session.config()
    session.safe = "Nothing was exported; what was made so far is gone."
    reporter = session.out.reporter()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        try:
            report = lake.export(
                address,
                to,
                folder,
                start=start,
                end=end,
                columns=[name.strip() for name in columns.split(",")] if columns else None,
                as_of=as_of,
                where=where,
                adjust=cast("Adjust | None", adjust),  # the engine refuses other words
                layout=layout,
                pairs=_pairs(pair or ()),
                place=place,
                tz=tz,
                force=force,
                progress=_watch(reporter),
            )
        finally:
            clear(reporter)
    for text in report.left_out:
        session.out.warn(f"left out: {text}")
    for what, count in report.losses.items():
        session.out.warn(f"not told exactly: {what}, {plural(count, 'row')}")
    session.out.done("export", report_data(report), _lines(report))


def _pairs(words: list[str] | tuple[()]) -> dict[str, str]:
    pairs = {}
    for text in words:
        symbol, sign, pair = text.partition("=")
        if not (symbol and sign and pair):
            raise LakeError(
                "USAGE",
                f'"{text}" says no pair',
                why="It is a symbol of the lake, and the pair that it is.",
                fix=["--pair BTCUSD=BTC/USD"],
            )
        pairs[symbol] = pair
    return pairs


def _watch(reporter: Callable[[Step], None] | None) -> Callable[[Progress], None]:
    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, f"wrote {at.done:,} rows, now of {at.address}", "rows"))

    return tell


def report_data(report: ExportReport) -> dict[str, Any]:
    """Return what was written, as scripts read it."""
    return {
        "target": report.target,
        "folder": str(report.folder),
        "snapshot": report.snapshot,
        "rows": report.rows,
        "files": [
            {
                "file": str(file.path),
                "addresses": [str(address) for address in file.addresses],
                "rows": file.rows,
                "bytes": file.bytes,
                "first": None if file.first_ns is None else format_ns(file.first_ns),
                "last": None if file.last_ns is None else format_ns(file.last_ns),
            }
            for file in report.files
        ],
        "left_out": list(report.left_out),
        "losses": [{"what": what, "rows": count} for what, count in report.losses.items()],
    }


def _lines(report: ExportReport) -> list[str]:
    lines = [f"{plural(file.rows, 'row')} → {file.path}" for file in report.files[:_SHOWN]]
    if len(report.files) > 1:
        more = len(report.files) - _SHOWN
        lines += [f"… and {plural(more, 'file')} more"] if more > 0 else []
        total = size(sum(file.bytes for file in report.files))
        lines.append(f"{plural(report.rows, 'row')} in {plural(len(report.files), 'file')}, {total}")
    return lines
