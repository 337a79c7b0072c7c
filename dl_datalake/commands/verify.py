"""`dl verify`: hash every file again, check the manifest's chain, and name what is not as it was stored."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.output import Step, clear, plural, size
from lake.amounts import byte_count, duration_ns
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from lake.check import VerifyReport
    from lake.config import Config


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "verify")(verify)


def verify(
    session: Session,
    tier: Annotated[str, typer.Option(metavar="NAME", help="Only copies in this tier: hot, cold, …")] = "all",
    subset: Annotated[
        str | None,
        typer.Option(
            metavar="K/N|X%|SIZE",
            help="Only a part: 2/7; 10%, another one every day; 10GB, of those verified longest ago: one file at "
            "least, and the one that reaches the size is read to its end.",
        ),
    ] = None,
    max_duration: Annotated[
        str | None,
        typer.Option(
            "--max-duration", metavar="TIME", help="Stop after 30m, 2h; the files verified longest ago first."
        ),
    ] = None,
) -> None:
    """Check every stored byte, in every tier.

    Each copy of a file against its hash, and the manifest against its log; exit 4 when something is not as it was
    stored.
    """
    from lake.check import Budget
    from lake.check import verify as check

    part, most = (None, None) if subset is None else parse_subset(subset)
    seconds = None if max_duration is None else duration_ns(max_duration) / 1e9
    budget = None if most is None and seconds is None else Budget(most, seconds)
    config = session.config()
    session.safe = "Verify changes no data; what was not reached is not verified."
    reporter = session.out.reporter()

    def tell(done: int, total: int, _bytes: int) -> None:
        if reporter is not None:
            reporter(Step(done, total, f"verified {done:,} of {total:,} files"))

    try:
        report = check(config, tier=None if tier == "all" else tier, part=part, budget=budget, progress=tell)
    finally:
        clear(reporter)
    old = _superseded(config, report)
    session.out.answer("verify", report_data(report, old), _lines(report, old))
    if not report.ok:
        session.out.note(_advice(report, old))
        raise typer.Exit(Exit.FINDINGS)


def parse_subset(text: str) -> tuple[tuple[int, int] | None, int | None]:
    """Return which part is meant, or how many bytes.

    `2/7` is the part (2, 7); `10%` is today's of ten parts, so that ten days see them all; `10GB` is so many bytes.

    Raises:
        LakeError: USAGE for anything else.
    """
    part, slash, parts = text.partition("/")
    if slash and part.isdecimal() and parts.isdecimal():
        return (int(part), int(parts)), None
    try:
        share = float(text.removesuffix("%")) if text.endswith("%") else 0.0
    except ValueError:
        share = 0.0
    if 0 < share <= 100:
        count = max(1, round(100 / share))
        return (int(time.time() // 86_400) % count + 1, count), None
    try:
        return None, byte_count(text)
    except LakeError:
        why = "A part is one of so many, a share, of which each day takes another, or a size."
        fix = ["--subset 2/7", "--subset 10%", "--subset 10GB"]
        raise LakeError("USAGE", f"--subset {text} is no part", why=why, fix=fix) from None


def _superseded(config: Config, report: VerifyReport) -> dict[str, list[tuple[int, int]]]:
    """Return those of the bad files that were replaced since, with the snapshots that need them."""
    bad = [*report.missing, *(damage.path for damage in report.damaged)]
    if not bad or report.chain:
        return {}
    from lake.repair.needed import superseded

    return superseded(config, bad)


def report_data(report: VerifyReport, old: dict[str, list[tuple[int, int]]]) -> dict[str, Any]:
    """Return what verify found, as scripts read it."""
    from lake.manifest.decode import text_of

    return {
        "clean": report.ok,
        "snapshot": report.snapshot,
        "files_ok": report.files_ok,
        "bytes": report.bytes,
        "tiers": {name: {"files": tally.files, "bytes": tally.bytes} for name, tally in report.tiers.items()},
        "files_elsewhere": report.files_elsewhere,
        "files_skipped": report.files_skipped,
        "files_left": report.files_left,
        "oldest_verified": None if report.oldest_ns is None else text_of(report.oldest_ns),
        "unavailable": report.unavailable,
        "missing": report.missing,
        "damaged": [{"path": d.path, "expected": d.expected, "found": d.found} for d in report.damaged],
        "superseded": [{"path": path, "needed_by": [list(span) for span in spans]} for path, spans in old.items()],
        "chain": report.chain,
        "orphans": report.orphans,
        "interrupted": report.interrupted,
    }


def _lines(report: VerifyReport, old: dict[str, list[tuple[int, int]]]) -> list[str]:
    costs = _costs(old)
    lines = [f"{plural(report.files_ok, 'file')} as stored, {size(report.bytes)}, snapshot {report.snapshot}"]
    if len(report.tiers) > 1:
        lines += [f"  {name}: {plural(t.files, 'file')}, {size(t.bytes)}" for name, t in sorted(report.tiers.items())]
    if report.files_elsewhere:
        lines.append(f"{plural(report.files_elsewhere, 'file')} in other tiers, not looked at")
    if report.files_skipped:
        lines.append(f"{plural(report.files_skipped, 'file')} of other parts, not looked at")
    if report.files_left:
        lines.append(f"{plural(report.files_left, 'file')} left for another time, {_oldest(report)}")
    lines += [f"not there  tier {name}: {plural(n, 'file')} not looked at" for name, n in report.unavailable.items()]
    lines += [f"missing   {path}" + (f": {costs[path]}" if path in costs else "") for path in report.missing]
    lines += [
        f"damaged   {d.path}: {costs[d.path] + '; ' if d.path in costs else ''}"
        f"stored {_short(d.expected)}, found {_short(d.found)}"
        for d in report.damaged
    ]
    lines += [f"manifest  {finding}" for finding in report.chain]
    lines += [f"harmless  {path}: the manifest does not know it" for path in report.orphans]
    lines += [f"harmless  {text}" for text in report.interrupted]
    return lines


def _costs(old: dict[str, list[tuple[int, int]]]) -> dict[str, str]:
    """Return what each bad file that was replaced is needed for, in words."""
    if not old:
        return {}
    from lake.repair.needed import told

    return {path: told(spans) for path, spans in old.items()}


def _advice(report: VerifyReport, old: dict[str, list[tuple[int, int]]]) -> list[str]:
    lines = []
    if old and len(old) == len(report.missing) + len(report.damaged):
        lines.append(
            "the present is whole: dl repair --from cold, or --from source, or, to give up what needs the named files:"
            " dl expire, then dl vacuum"
        )
    elif report.missing or report.damaged:
        lines.append(
            "dl repair --from cold, or --from source: ingesting their sources again does not replace the named files"
        )
    if report.unavailable:
        lines.append("mount the tiers that are not there, or leave them out: --tier hot")
    if report.chain:
        lines.append(
            "dl repair --from log, or --from manifest where only the log is damaged; --plan tells what would be done"
        )
    return lines


def _oldest(report: VerifyReport) -> str:
    from lake.manifest.decode import text_of

    if report.oldest_ns is None:
        return "some of them never verified"
    return f"the oldest last verified {text_of(report.oldest_ns)}"


def _short(found: str) -> str:
    return f"{found[:19]}…" if found.startswith("sha256:") else found
