"""`dl seal`: one file a month in the place of its day files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._via import Via, carried_out
from dl_datalake.output import Step, clear, error_data, error_lines, plural, size, table
from lake.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.seal import Progress, SealedMonth, SealReport

_REASONS = {
    "too_large": "above --max-size, large enough as day files",
    "other_tier": "with files in another tier",
}
_MONTHS_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "seal")(seal)


def seal(
    session: Session,
    selection: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SELECTION]...", help="Addresses or patterns, such as BINANCE/*/*/bars/1m; else all."),
    ] = None,
    older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Only months that ended so long ago: 40d, 12w.")
    ] = "40d",
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Leave larger months of ticks and order books as day files.")
    ] = "512MB",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sealed; write nothing.")] = False,
    via: Via = None,
) -> None:
    """Make one file a month of day files.

    Only of months that are over. The rows stay the same, which is checked; late ones open their month again.
    """
    from lake.amounts import byte_count, duration_ns
    from lake.seal import SealRequest
    from lake.seal import seal as close

    request = SealRequest(tuple(selection or ()), duration_ns(older_than), byte_count(max_size), dry_run)
    config = session.config()
    reporter = session.out.reporter()
    try:
        watch = _Watch(session, reporter)
        report = carried_out(via, "seal", config, request, lambda: close(config, request, watch), progress=watch)
    finally:
        clear(reporter)
    session.out.done("seal", report_data(report), _lines(report))
    for error in report.errors:
        session.out.note(error_lines(error))
    if report.errors:
        raise typer.Exit(Exit.PARTIAL)


class _Watch:
    """Follows the engine's progress: draws it, and knows what to tell a user who stops it."""

    def __init__(self, session: Session, reporter: Callable[[Step], None] | None) -> None:
        self._session, self._reporter = session, reporter
        session.safe = "No row was lost: a month is sealed whole, or as it was."

    def __call__(self, at: Progress) -> None:
        self._session.safe = (
            f"{plural(at.done, 'month')} of {at.total:,} done; the others are as they were. Run it again to go on."
        )
        if self._reporter is not None:
            self._reporter(
                Step(
                    at.bytes_done,
                    at.bytes_total,
                    f"sealed {at.done:,} of {at.total:,} months, last {at.month}",
                    "bytes",
                )
            )


def report_data(report: SealReport) -> dict[str, Any]:
    """Return what a seal did, as scripts read it."""
    return {
        "status": report.status,
        "snapshot": report.snapshot,
        "run": report.run,
        "months": [_month_data(month) for month in report.months],
        "files": {"before": sum(month.files for month in report.months), "after": len(report.months)},
        "bytes": {"before": sum(month.bytes_before for month in report.months), "after": _bytes_after(report)},
        "left": dict(report.left),
        "refused": [error_data(error) for error in report.errors],
    }


def _bytes_after(report: SealReport) -> int | None:
    return None if report.status == "dry_run" else sum(month.bytes_after or 0 for month in report.months)


def _month_data(month: SealedMonth) -> dict[str, Any]:
    return {
        "address": str(month.address),
        "partition": month.partition,
        "rows": month.rows,
        "files_before": month.files,
        "bytes_before": month.bytes_before,
        "bytes_after": month.bytes_after,
    }


def _lines(report: SealReport) -> list[str]:
    lines = []
    if report.months:
        shown = report.months[:_MONTHS_SHOWN]
        cells = [
            (
                month.address,
                month.partition,
                f"{month.rows:,}",
                f"{month.files:,}",
                size(month.bytes_before),
                "" if month.bytes_after is None else size(month.bytes_after),
            )
            for month in shown
        ]
        head = ("series", "month", "rows", "files", "size", "sealed")
        lines += table(head, cells, right=("rows", "files", "size", "sealed"))
        if len(report.months) > len(shown):
            lines.append(f"… and {plural(len(report.months) - len(shown), 'month')} more")
    lines.append(_sum_up(report))
    return lines + [f"left {plural(count, 'month')} {_REASONS[why]}" for why, count in sorted(report.left.items())]


def _sum_up(report: SealReport) -> str:
    if not report.months:
        return f"nothing to seal · snapshot {report.snapshot}"
    before, after = sum(month.files for month in report.months), len(report.months)
    bytes_before = size(sum(month.bytes_before for month in report.months))
    if report.status == "dry_run":
        return f"would make {plural(after, 'file')} of {before:,} ({bytes_before}); nothing written: --dry-run"
    written = size(_bytes_after(report) or 0)
    told = f"{plural(before, 'file')}, {bytes_before} → {plural(after, 'file')}, {written}"
    return f"{told} · snapshot {report.snapshot} · run {report.run}"
