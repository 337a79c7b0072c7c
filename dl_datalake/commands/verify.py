"""`dl verify`: hash every file again, check the manifest's chain, and name what is not as it was stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.output import clear, plural, size
from lake.errors import Exit

if TYPE_CHECKING:
    from lake.check import VerifyReport


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "verify")(verify)


def verify(session: Session) -> None:
    """Check every stored byte.

    Each file against its hash, and the manifest against its log; exit 4 when something is not as it was stored.
    """
    from lake.check import verify as check

    config = session.config()
    session.safe = "Verify changes no data; what was not reached is not verified."
    reporter = session.out.reporter()

    def tell(done: int, total: int, _bytes: int) -> None:
        if reporter is not None:
            reporter(_Step(done, total))

    try:
        report = check(config, progress=tell)
    finally:
        clear(reporter)
    session.out.answer("verify", report_data(report), _lines(report))
    if not report.ok:
        session.out.note(_advice(report))
        raise typer.Exit(Exit.FINDINGS)


@dataclass(frozen=True, slots=True)
class _Step:
    """How many files of how many are verified."""

    done: int
    total: int

    def __str__(self) -> str:
        return f"verified {self.done:,} of {self.total:,} files"


def report_data(report: VerifyReport) -> dict[str, Any]:
    """Return what verify found, as scripts read it."""
    return {
        "clean": report.ok,
        "snapshot": report.snapshot,
        "files_ok": report.files_ok,
        "bytes": report.bytes,
        "files_elsewhere": report.files_elsewhere,
        "missing": report.missing,
        "damaged": [{"path": d.path, "expected": d.expected, "found": d.found} for d in report.damaged],
        "chain": report.chain,
        "orphans": report.orphans,
        "interrupted": report.interrupted,
    }


def _lines(report: VerifyReport) -> list[str]:
    lines = [f"{plural(report.files_ok, 'file')} as stored, {size(report.bytes)}, snapshot {report.snapshot}"]
    if report.files_elsewhere:
        lines.append(f"{plural(report.files_elsewhere, 'file')} in other tiers, not looked at")
    lines += [f"missing   {path}" for path in report.missing]
    lines += [f"damaged   {d.path}: stored {_short(d.expected)}, found {_short(d.found)}" for d in report.damaged]
    lines += [f"manifest  {finding}" for finding in report.chain]
    lines += [f"harmless  {path}: the manifest does not know it" for path in report.orphans]
    lines += [f"harmless  {text}" for text in report.interrupted]
    return lines


def _advice(report: VerifyReport) -> list[str]:
    lines = []
    if report.missing or report.damaged:
        lines.append("restore the named files from a backup: ingesting their sources again does not replace them")
    if report.chain:
        lines.append("restore the manifest from a backup")
    return lines


def _short(found: str) -> str:
    return f"{found[:19]}…" if found.startswith("sha256:") else found
