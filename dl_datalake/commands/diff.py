"""`dl diff`: what changed between two states of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.dates import format_ns
from dl_datalake.output import Step, clear, plural, table

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from lake.diff import DiffReport, PartDiff, Progress, Side

Text = str | None
From = Annotated[Text, typer.Option(metavar="DATE", help="Only rows from here.")]
Before = Annotated[Text, typer.Option(metavar="DATE", help="Only rows before this.")]
_PARTITIONS_SHOWN = 40
_COUNTS = ("added", "removed", "changed", "identical")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "diff")(diff)


def diff(
    session: Session,
    old: Annotated[
        str, typer.Argument(metavar="ADDRESS[@AS_OF]", help="A series at a snapshot's number or name, or at a time.")
    ],
    new: Annotated[
        Text,
        typer.Argument(metavar="[ADDRESS[@AS_OF]]", help="The same, or another series; else the present of the first."),
    ] = None,
    start: From = None,
    end: Before = None,
    samples: Annotated[int, typer.Option(metavar="N", help="Show so many rows of each kind.", min=0)] = 5,
) -> None:
    """Say which rows were added, removed and changed.

    Partitions that hold the same rows are not read. Exit 0 whether or not anything differs.
    """
    from dl_datalake.client import open as open_lake

    config = session.config()
    reporter = session.out.reporter()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        try:
            report = lake.diff(old, new, start=start, end=end, samples=samples, progress=watch(reporter))
        finally:
            clear(reporter)
    session.out.answer("diff", report_data(report), diff_lines(report))


def watch(reporter: Callable[[Step], None] | None) -> Callable[[Progress], None]:
    """Return what shows how far a comparison is."""

    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, f"compared up to {at.partition}", "rows"))

    return tell


def report_data(report: DiffReport) -> dict[str, Any]:
    """Return what differs, as scripts read it."""
    return {
        "differs": report.differs,
        "old": _side_data(report.old),
        "new": _side_data(report.new),
        "start": None if report.start_ns is None else format_ns(report.start_ns),
        "end": None if report.end_ns is None else format_ns(report.end_ns),
        "rows": {name: getattr(report.tally, name) for name in _COUNTS},
        "columns": dict(report.tally.columns.most_common()),
        "partitions": {
            "equal": report.partitions_equal,
            "unread": report.partitions_unread,
            "different": [_part_data(part) for part in report.partitions],
        },
        "samples": {
            "added": _records(report.added),
            "removed": _records(report.removed),
            "changed": [
                {"old": old, "new": new}
                for old, new in zip(_records(report.changed_old), _records(report.changed_new), strict=True)
            ],
        },
    }


def _side_data(side: Side) -> dict[str, Any]:
    return {"address": str(side.address), "snapshot": side.snapshot}


def _part_data(part: PartDiff) -> dict[str, Any]:
    counts = {name: getattr(part.tally, name) for name in (*_COUNTS, "reordered")}
    return {"partition": part.partition, "old_rows": part.old_rows, "new_rows": part.new_rows} | counts


def _records(rows: pa.Table) -> list[dict[str, Any]]:
    from dl_datalake import export

    return [record for batch in rows.to_batches() for record in export.records(rows.schema, batch)]


def diff_lines(report: DiffReport) -> list[str]:
    """Return what differs, for people."""
    tally = report.tally
    lines = [f"{report.old} → {report.new}"]
    if not report.differs:
        return [*lines, f"no difference in {plural(tally.identical, 'row')}"]
    counts = ", ".join(f"{getattr(tally, name):,} {name}" for name in _COUNTS)
    lines.append(f"rows: {counts}")
    if tally.columns:
        named = ", ".join(f"{name} {count:,}" for name, count in tally.columns.most_common())
        lines.append(f"changed in: {named}")
    shown = report.partitions[:_PARTITIONS_SHOWN]
    head = ("partition", "old", "new", "added", "removed", "changed", "")
    cells = [
        (
            part.partition,
            f"{part.old_rows:,}",
            f"{part.new_rows:,}",
            *(f"{getattr(part.tally, name):,}" for name in _COUNTS[:3]),
            "in another order" if part.tally.reordered else "",
        )
        for part in shown
    ]
    lines += ["", *table(head, cells, right=head[1:-1])]
    if len(report.partitions) > len(shown):
        lines.append(f"… and {plural(len(report.partitions) - len(shown), 'partition')} more")
    if report.partitions_equal:
        lines.append(f"{plural(report.partitions_equal, 'partition')} the same")
    return lines + _sample_lines(report)


def _sample_lines(report: DiffReport) -> list[str]:
    from dl_datalake.export import texts, texts_apart

    kinds = (
        ("removed", (("-", report.removed),)),
        ("added", (("+", report.added),)),
        ("changed", (("-", report.changed_old), ("+", report.changed_new))),
    )
    lines = []
    for kind, sides in kinds:
        if not sides[0][1].num_rows:
            continue
        names = [
            name for name in sides[0][1].column_names if any(rows[name].null_count < len(rows) for _, rows in sides)
        ]
        whole = [batch for _, rows in sides for batch in rows.select(names).combine_chunks().to_batches()]
        told = texts_apart(*whole) if len(whole) > 1 else (texts(*whole),)
        sided = [[(mark, *row) for row in side] for (mark, _), side in zip(sides, told, strict=True)]
        cells = [row for rows in zip(*sided, strict=True) for row in rows]
        lines += ["", f"{kind}, the first {len(sided[0]):,}:", *table(("", *names), cells, right=names)]
    return lines
