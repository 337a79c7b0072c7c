"""`dl ingest`: take vendor files into the lake, and account for every record read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._mapping import Mapped, Saved, with_words, words_of
from dl_datalake.commands._via import Via, carried_out
from dl_datalake.commands.formats import answer_plans, table_of
from dl_datalake.dates import format_ns, format_short, parse_ns, parse_range
from dl_datalake.output import Step, clear, error_data, error_lines, plural, size
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lake.ingest import FileReport, IngestReport, IngestRequest, Progress

COUNTS = ("read", "new", "identical", "corrected", "superseded", "quarantined", "skipped")
_ALWAYS = ("read", "new", "identical", "corrected", "quarantined")
_SERIES_SHOWN = 3
_SAFE = "Every file that was finished is safely in the lake; of the one being read, nothing is."
Text = str | None
OnBad = Annotated[Literal["quarantine", "fail"], typer.Option(help="What bad rows do.")]
MaxBad = Annotated[Text, typer.Option(metavar="SHARE", help="Refuse a file with more: 5%, 100; else 5% and 20 rows.")]
OnConflict = Annotated[
    Literal["newest", "keep", "fail"], typer.Option(help="What rows that differ from stored ones do.")
]
FetchedAt = Annotated[
    Text, typer.Option(metavar="DATE", help="When the file was fetched: tells an unfinished last bar.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "ingest")(ingest)


@with_words
def ingest(
    session: Session,
    source: Annotated[
        list[str], typer.Option(metavar="FILE|DIR|GLOB", help="A file, a folder or a glob; as often as needed.")
    ],
    exchange: Annotated[Text, typer.Option(metavar="NAME", help="Exchange or provider, such as BINANCE.")] = None,
    symbol: Annotated[Text, typer.Option(metavar="NAME", help="Symbol, when the file does not say it.")] = None,
    market: Annotated[Text, typer.Option(metavar="NAME", help="Market; else the format's own, else SPOT.")] = None,
    type_: Annotated[
        Text,
        typer.Option(
            "--type", metavar="TYPE", help="bars, ticks/trade, ticks/quote, orderbook/l2 or /l3; else by data."
        ),
    ] = None,
    period: Annotated[
        Text, typer.Option(metavar="PERIOD", help="1m, 1h, 1d, trade, quote; else from the data.")
    ] = None,
    format_: Annotated[
        Text, typer.Option("--format", metavar="NAME", help="As `dl formats list` has it; else found by looking.")
    ] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="NAME=COLUMN", help="Which column is which: open=o,high=h.")
    ] = None,
    tz: Annotated[
        Text, typer.Option(metavar="ZONE", help="Time zone of times that state none, such as Europe/Moscow.")
    ] = None,
    start: Annotated[
        Text, typer.Option(metavar="DATE", help="Skip what is earlier: 2024-03, 2024-03-05T10:00Z, -7d.")
    ] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Skip this and what is later.")] = None,
    on_bad: OnBad = "quarantine",
    max_bad: MaxBad = None,
    on_conflict: OnConflict = "newest",
    fetched_at: FetchedAt = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count; write nothing.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show how each file would be read; do nothing.")] = False,
    via: Via = None,
    mapping: Mapped = None,
    save_dialect: Saved = None,
    **given: Any,  # noqa: ANN401 - the words of _mapping.OPTIONS
) -> None:
    """Take vendor files in.

    The format is found by looking, every row is checked; what is new is stored, what is bad is kept aside.
    """
    from lake.ingest import IngestRequest

    start_ns, end_ns = parse_range(start, end)
    request = IngestRequest(
        sources=tuple(source),
        exchange=exchange,
        symbol=symbol,
        market=market,
        type=type_,
        period=period,
        format=format_,
        columns=parse_map(map_ or []),
        tz=tz,
        start_ns=start_ns,
        end_ns=end_ns,
        on_bad=on_bad,
        max_bad=max_bad,
        on_conflict=on_conflict,
        fetched_at_ns=None if fetched_at is None else parse_ns(fetched_at),
        dry_run=dry_run,
        words=words_of(given, mapping),
        save_dialect=save_dialect,
    )
    if plan:
        answer_plans(session, request)
        return
    table_of(session)
    _answer(session, _taken_in(session, request, via), request)


def _taken_in(session: Session, request: IngestRequest, via: str | None) -> IngestReport:
    """Ingest, with progress, in the way that was asked for."""
    from lake.ingest import ingest as take_in

    config = session.config()
    reporter = session.out.reporter()
    watch = _Watch(session, reporter)

    def here() -> IngestReport:
        return take_in(config, request, progress=watch, checks=session.registry(config).checks)

    try:
        return carried_out(via, "ingest", config, request, here, progress=watch)
    finally:
        clear(reporter)


class _Watch:
    """Follows the engine's progress: draws it, and knows what to tell a user who stops it."""

    def __init__(self, session: Session, reporter: Callable[[Step], None] | None) -> None:
        self._session, self._reporter = session, reporter
        self._last: Progress | None = None
        self._committed = 0
        session.safe = _SAFE

    def __call__(self, at: Progress) -> None:
        last, self._last = self._last, at
        if last is not None and last.source != at.source and last.phase == "commit":
            self._committed += 1
        if last is None or (last.source, last.phase) != (at.source, at.phase):
            self._session.safe = self._sentence(at)
        if self._reporter is not None:
            which = f"{at.file:,} of {at.files:,} files, " if at.files > 1 else ""
            done, total = (at.all_done, at.all_total) if at.all_total else (at.bytes_done, at.bytes_total)
            self._reporter(Step(done, total, f"{which}{at.source}: {at.phase}, {at.rows:,} rows", "bytes"))

    def _sentence(self, at: Progress) -> str:
        if at.phase == "done":
            return _SAFE
        if at.phase == "commit":
            current = f"all of {at.source} was stored, or nothing: its commit was under way"
        else:
            current = f"nothing of {at.source} was stored"
        if not self._committed:
            return f"{current[:1].upper()}{current[1:]}; what was stored before is safely in the lake."
        verb = "is" if self._committed == 1 else "are"
        return f"{plural(self._committed, 'file')} of this run {verb} safely in the lake; {current}."


def parse_map(words: list[str]) -> dict[str, str]:
    """Return `open=o,high=h` as a mapping of our columns to the source's; USAGE when a part is not NAME=COLUMN."""
    columns: dict[str, str] = {}
    for part in (part for word in words for part in word.split(",")):
        ours, sign, theirs = part.partition("=")
        if not (sign and ours.strip() and theirs.strip()):
            raise LakeError(
                "USAGE",
                f'--map: "{part}" is not NAME=COLUMN',
                why="Each part names one of our columns, and the file's column that holds it.",
                fix=["--map open=o,high=h"],
            )
        if ours.strip() in columns:
            raise LakeError(
                "USAGE",
                f'--map: "{ours.strip()}" is given twice',
                why="A column is read from one place.",
                fix=["name each column once"],
            )
        columns[ours.strip()] = theirs.strip()
    return columns


def _answer(session: Session, report: IngestReport, request: IngestRequest) -> None:
    if report.errors and not report.files:
        session.others = report.errors[:-1]
        raise report.errors[-1]
    out = session.out
    for text in [*report.warnings, *(text for file in report.files for text in file.warnings)]:
        out.warn(text)
    data: dict[str, Any] = {"snapshot": report.snapshot, "files": [file_data(file) for file in report.files]}
    data["saved"] = report.saved
    data["refused"] = [error_data(error) for error in report.errors]
    data["ignored"] = report.ignored
    lines = [line for file in report.files for line in _file_lines(file)]
    lines += [f"saved the format as {report.saved}"] if report.saved else []
    out.done("ingest", data, lines)
    for error in report.errors:
        out.note(error_lines(error))
    if report.ignored:
        out.note(
            [f"{plural(sum(report.ignored.values()), 'file')} beside the data left out: {_reasons(report.ignored)}"]
        )
    bad = [file for file in report.files if file.rows["quarantined"]]
    if bad and not request.dry_run:
        out.note(f"see the rejected rows: dl quarantine show {file.run}" for file in bad)
    if bad or report.errors:
        raise typer.Exit(Exit.PARTIAL)


def file_data(file: FileReport) -> dict[str, Any]:
    """Return what became of one source file, as scripts read it."""
    return {
        "source": file.source,
        "sha256": f"sha256:{file.sha256}",
        "dialect": file.dialect,
        "addresses": file.addresses,
        "records": file.records,
        "rows": {name: file.rows.get(name, 0) for name in COUNTS},
        "rejected": file.rejected,
        "skipped": file.skipped,
        "first": None if file.first_ns is None else format_ns(file.first_ns),
        "last": None if file.last_ns is None else format_ns(file.last_ns),
        "status": file.status,
        "run": file.run,
        "snapshot": file.snapshot,
        "files_written": file.files_written,
        "bytes_written": file.bytes_written,
        "evidence": file.evidence,
    }


def _file_lines(file: FileReport) -> list[str]:
    names = file.addresses[:_SERIES_SHOWN]
    more = len(file.addresses) - len(names)
    lines = [", ".join(names) + (f" and {more} more" if more else ""), f"  from {file.source} ({file.dialect})"]
    if file.status == "unchanged":
        return [*lines, f"  0 new rows: this file is already in the lake (snapshot {file.snapshot})"]
    lines.append("  " + " · ".join(_counts(file)))
    if file.first_ns is not None and file.last_ns is not None:
        lines.append(f"  covers {format_short(file.first_ns)} → {format_short(file.last_ns)} UTC")
    if file.status == "dry_run":
        lines.append("  nothing written: --dry-run")
    elif file.files_written:
        wrote = f"{plural(file.files_written, 'file')}, {size(file.bytes_written)}"
        lines.append(f"  wrote {wrote} · snapshot {file.snapshot} · run {file.run}")
    else:
        why = "every row is already in the lake" if file.rows["identical"] else "there was none to take in"
        lines.append(f"  0 new rows: {why} · snapshot {file.snapshot} · run {file.run}")
    return lines


def _counts(file: FileReport) -> list[str]:
    parts = []
    reasons = {"quarantined": file.rejected, "skipped": file.skipped}
    for name in COUNTS:
        count = file.rows.get(name, 0)
        if count or name in _ALWAYS:
            why = _reasons(reasons.get(name, {}))
            parts.append(f"{name} {count:,}" + (f" ({why})" if why else ""))
    return parts


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {n:,}" for reason, n in counts.items())
