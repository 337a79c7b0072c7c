"""`dl book`: the book of levels at a time or at regular times, and whether its chain of messages is whole."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command, group
from dl_datalake.commands.catalog import AsOf
from dl_datalake.commands.read import End, Form, Limit, Output, Printing, Start, Text
from dl_datalake.dates import format_ns, format_short, parse_range
from dl_datalake.output import Step, clear, plural, table
from lake.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dl_datalake.book import BookResult
    from lake.book import BookReport, Ladder, Side, Span
    from lake.book.checking import Spans
    from lake.config import Config

_SHOWN = 40
JSON_SPANS = 1_000
Series = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="One series, such as BINANCE/SPOT/BTCUSDT/orderbook/l2.")
]


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    part = group("Rebuild books of levels from stored changes.")
    command(part, "at")(at)
    command(part, "snapshots")(snapshots)
    command(part, "check")(check)
    app.add_typer(part, name="book")


def at(
    session: Session,
    address: Series,
    time: Annotated[str, typer.Argument(metavar="TIME", help="Every message up to it, itself included, has come.")],
    levels: Annotated[int, typer.Option(metavar="N", help="The best so many of each side; 0 for all.", min=0)] = 20,
    as_of: AsOf = None,
) -> None:
    """Show the book at a time: price and size of the best levels, and whether it can be trusted."""
    from dl_datalake.dates import parse_ns

    ts_ns = parse_ns(time)
    with _book(session, address, as_of=as_of) as (book, _, reporter):
        ladder = book.at(ts_ns, levels or None)
        clear(reporter)
        data = ladder_data(ladder) | {"snapshot": book.snapshot}
        session.out.answer("book.at", data, _ladder_lines(ladder))


def snapshots(
    session: Session,
    address: Series,
    every: Annotated[str, typer.Option(metavar="STEP", help="100ms, 1s, 5m: its multiples since 1970.")] = "1s",
    levels: Annotated[int, typer.Option(metavar="N", help="The best so many of each side.", min=1)] = 10,
    start: Start = None,
    end: End = None,
    as_of: AsOf = None,
    limit: Limit = None,
    format_: Form = None,
    output: Output = None,
) -> None:
    """Print the best levels at regular times, a row a time: the book once every message up to it had come."""
    printing = Printing(session, format_, output, limit)
    with _book(session, address, start, end, as_of) as (book, config, reporter):
        grid = book.snapshots(every, levels)
        clear(reporter)
        printing.print("book.snapshots", grid, config.data)


def check(
    session: Session,
    address: Series,
    start: Annotated[Text, typer.Option(metavar="DATE", help="From here; else from the first row.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Up to here; else up to the last row.")] = None,
    as_of: AsOf = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="List at most so many: 40, or with --json 1,000 a kind.", min=0)
    ] = None,
) -> None:
    """Say where messages are missing, where the book cannot be trusted, and where it is crossed; change nothing.

    Exit 4 where there is any of these.
    """
    with _book(session, address, start, end, as_of) as (book, _, reporter):
        report = book.check(progress=_watch(reporter))
        clear(reporter)
        shown = (JSON_SPANS if session.out.json else _SHOWN) if limit is None else limit
        session.out.answer("book.check", report_data(report, shown), _report_lines(report, shown))
    if not report.ok:
        raise typer.Exit(Exit.FINDINGS)


@contextmanager
def _book(
    session: Session, address: str, start: Text = None, end: Text = None, as_of: Text = None
) -> Iterator[tuple[BookResult, Config, Callable[[Step], None] | None]]:
    """Give the book, the lake's configuration, and what draws progress while checkpoints are made."""
    from dl_datalake.book import BookResult
    from dl_datalake.client import open as open_lake

    parse_range(start, end)
    config = session.config()
    reporter = session.out.reporter()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        try:
            rows = lake.read(address, start=start, end=end, as_of=as_of)
            yield BookResult(lake, rows, _watch(reporter)), config, reporter
        finally:
            clear(reporter)


def _watch(reporter: Callable[[Step], None] | None) -> Callable[[int, int], None]:
    def tell(done: int, total: int) -> None:
        if reporter is not None:
            reporter(Step(done, total, f"went through {done:,} of {total:,} rows", "rows"))

    return tell


def ladder_data(ladder: Ladder) -> dict[str, Any]:
    """Return a book at one time as scripts read it."""
    return {
        "address": str(ladder.address),
        "ts": format_ns(ladder.ts_ns),
        "last": _time(ladder.last_ns),
        "state": ladder.state,
        "reason": ladder.reason or None,
        "since": _time(ladder.since_ns),
        "crossed": ladder.crossed,
        "mid": ladder.mid,
        "spread": ladder.spread,
        "bids": _side_data(ladder.bids),
        "asks": _side_data(ladder.asks),
    }


def _side_data(side: Side) -> list[dict[str, float]]:
    return [{"price": price, "size": size} for price, size in side.pairs()]


def _ladder_lines(ladder: Ladder) -> list[str]:
    state = f"{ladder.state}: {ladder.reason}" if ladder.reason else ladder.state
    words = [f"{ladder.address}  {format_short(ladder.ts_ns)}", state]
    words += ["crossed"] * ladder.crossed
    words.append(f"last message {format_short(ladder.last_ns)}" if ladder.last_ns is not None else "no message yet")
    head = ("bid_size", "bid", "ask", "ask_size")
    rows = ladder.to_arrow().select(head).to_pylist()
    cells = [["-" if value is None else f"{value:.15g}" for value in row.values()] for row in rows]
    return [" · ".join(words), *(table(head, cells, right=head) if cells else ["no level"])]


def report_data(report: BookReport, limit: int) -> dict[str, Any]:
    """Return what a check found as scripts read it: of each kind at most `limit` spans."""
    counts = report.counts
    return {
        "address": str(report.address),
        "snapshot": report.snapshot,
        "clean": report.ok,
        "first": _time(report.first_ns),
        "last": _time(report.last_ns),
        "rows": counts.rows,
        "messages": counts.messages,
        "snapshots": counts.snapshots,
        "old": counts.old,
        "late_snapshots": counts.late_snapshots,
        "unchecked": counts.unchecked,
        "before_first_snapshot": report.before_messages,
        "breaks": _spans_data(report.breaks, limit),
        "suspect": _spans_data(report.suspect, limit),
        "crossed": _spans_data(report.crossed, limit),
    }


def _spans_data(spans: Spans, limit: int) -> dict[str, Any]:
    return {
        "count": spans.count,
        "messages": spans.messages,
        "spans": [
            {
                "reason": span.reason,
                "start": format_ns(span.start_ns),
                "end": format_ns(span.end_ns),
                "messages": span.messages,
                "open": span.open,
                "after": _time(span.after_ns),
            }
            for span in spans.first[:limit]
        ],
        "complete": spans.count <= min(limit, len(spans.first)),
    }


def _report_lines(report: BookReport, limit: int) -> list[str]:
    counts, kinds = report.counts, _kinds(report)
    words = [f"{plural(spans.count, name)}" + _of(spans, name) for name, spans in kinds.items() if spans.count]
    lines = [f"{report.address}  {' · '.join(words) or 'no break, never crossed'}"]
    if report.first_ns is None or report.last_ns is None:
        return [*lines, "  no message"]
    told = f"  {plural(counts.messages, 'message')} of {plural(counts.rows, 'row')}"
    told += f", {plural(counts.snapshots, 'snapshot')} among them"
    lines.append(f"{told}, {format_short(report.first_ns)} to {format_short(report.last_ns)}")
    if report.before_messages:
        lines.append(f"  {plural(report.before_messages, 'message')} before the first snapshot")
    if counts.unchecked:
        lines.append(f"  {plural(counts.unchecked, 'change')} without ids: what is missing among them cannot be told")
    found = sorted(
        ((span, name) for name, spans in kinds.items() for span in spans.first), key=lambda each: each[0].start_ns
    )
    total = sum(spans.count for spans in kinds.values())
    if found[:limit]:
        head = ("kind", "from", "to", "messages", "reason", "last before")
        lines += [f"  {line}" for line in table(head, [_cells(*each) for each in found[:limit]], right=("messages",))]
    if total > limit:
        lines.append(f"  … and {total - min(limit, len(found)):,} more: --limit")
    return lines


def _kinds(report: BookReport) -> dict[str, Spans]:
    return {"break": report.breaks, "suspect span": report.suspect, "crossed span": report.crossed}


def _of(spans: Spans, name: str) -> str:
    return "" if name == "break" else f" ({plural(spans.messages, 'message')})"


def _cells(span: Span, name: str) -> tuple[str, ...]:
    end = f"{format_short(span.end_ns)}{' (last)' if span.open else ''}"
    after = "-" if span.after_ns is None else format_short(span.after_ns)
    kind = name.removesuffix(" span")
    reason = "" if kind == "crossed" else span.reason
    return kind, format_short(span.start_ns), end, f"{span.messages:,}", reason, after


def _time(ns: int | None) -> str | None:
    return None if ns is None else format_ns(ns)
