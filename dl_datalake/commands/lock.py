"""`dl lock`: write down what a study reads, and find out whether it can still be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.dates import format_ns, format_short
from dl_datalake.output import Step, clear, plural, table
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.study import Checked, Lock, PinnedSeries, Progress

Text = str | None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "lock")(lock)


def lock(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The lock, such as STUDY.lock.")],
    addresses: Annotated[
        list[str] | None, typer.Argument(metavar="[ADDRESS]...", help="Series or patterns that the study reads.")
    ] = None,
    start: Annotated[Text, typer.Option(metavar="DATE", help="From here: 2024-03, 2024-03-05T10:00Z.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Up to here, and not this.")] = None,
    as_of: Annotated[
        Text, typer.Option(metavar="N|NAME|TIME", help="The snapshot it reads; the newest unless given.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Read what the lock pins again, and compare.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a lock that is there.")] = False,
) -> None:
    """Write down what a study reads, with hashes; `dl read --lock FILE` reads it again.

    Where it pins several series, `dl read ADDRESS --lock FILE` says which.
    --check exits with 4 when the lake has the rows no more, and names the first partition that differs.
    """
    from dl_datalake.client import open as open_lake
    from lake.study import load

    if check and (addresses or start or end or as_of or replace):
        raise LakeError(
            "USAGE",
            "--check takes a lock and nothing else",
            why="The lock says itself which rows of which snapshot the study read.",
            fix=[f"dl lock {file} --check"],
        )
    config = session.config()
    if file.absolute().is_relative_to(config.data.resolve()):
        raise LakeError(
            "USAGE",
            f"{file} lies among the lake's own files",
            why="In the data folder are the files the manifest names, and nothing else is written there.",
            fix=["keep it with the study"],
        )
    reporter = session.out.reporter()
    watch = _watch(reporter)
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        try:
            if check:
                found = load(file)
                checked = lake.check_study(file, progress=watch)
            else:
                found = lake.lock(
                    file, *addresses or (), start=start, end=end, as_of=as_of, replace=replace, progress=watch
                )
                checked = []
        finally:
            clear(reporter)
    session.out.done("lock", _data(file, found, checked), _lines(file, found, checked))


def _watch(reporter: Callable[[Step], None] | None) -> Callable[[Progress], None]:
    def watch(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, f"read of {at.address}", "rows"))

    return watch


def _data(file: Path, found: Lock, checked: Sequence[Checked]) -> dict[str, Any]:
    origins = {each.pinned.address: each.origin for each in checked}
    return {
        "status": "same" if checked else "written",
        "path": str(file.absolute()),
        "lake": found.lake,
        "snapshot": found.snapshot,
        "at": format_ns(found.at_ns),
        "series": [_series_data(series) | {"read_from": origins.get(series.address)} for series in found.series],
    }


def _series_data(series: PinnedSeries) -> dict[str, Any]:
    return {
        "address": str(series.address),
        "start": None if series.start_ns is None else format_ns(series.start_ns),
        "end": None if series.end_ns is None else format_ns(series.end_ns),
        "rows": series.rows,
        "sha256": f"sha256:{series.sha256}",
        "partitions": len(series.partitions),
    }


def _lines(file: Path, found: Lock, checked: Sequence[Checked]) -> list[str]:
    cells = [
        (series.address, f"{series.rows:,}", f"{len(series.partitions):,}", series.sha256[:16])
        for series in found.series
    ]
    lines = table(("series", "rows", "partitions", "sha256"), cells, right=("rows", "partitions"))
    of = f"snapshot {found.snapshot} of {format_short(found.at_ns)[:19]}"
    if not checked:
        return [*lines, f"{file} pins {plural(len(found.series), 'series')} of {of}"]
    now = sum(each.origin == "present" for each in checked)
    where = f", {now:,} of them read from the present: {of} was forgotten" if now else f", read at {of}"
    return [*lines, f"the same rows in {plural(len(checked), 'series')}{where}"]
