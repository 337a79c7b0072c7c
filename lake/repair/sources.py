"""Bad files from what was ingested: which of them can be tried, and trying that."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from lake import write as writing
from lake.manifest import Manifest, Writer, graph
from lake.manifest.origins import sources_of
from lake.repair.finding import Places, away, bad_files, not_looked_at
from lake.repair.model import Progress, Step
from lake.repair.needed import lose
from lake.repair.remaking import Case, Remaking
from lake.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.config import Config
    from lake.manifest.origins import Source
    from lake.repair.finding import Bad
    from lake.repair.model import RepairReport, RepairRequest
    from schemas.keys import Address

    Tell = Callable[[Progress], None]

_PROVEN = "a plan ingests nothing: whether the content comes out as it was stored is proven only by doing it"


def from_source(config: Config, request: RepairRequest, report: RepairReport, tell: Tell) -> None:
    """Make files again that are bad and that no place has whole; see `repair`."""
    with Manifest.open(config) as manifest:
        report.snapshot = manifest.snapshot()
        places = Places(config, manifest)
        todo = _cases(manifest, places, list(bad_files(manifest, places, request.selection, tell)), report)
        for name, count in away(manifest, places).items():
            report.broken.append(not_looked_at(places, name, count))
        if request.plan:
            _plan(todo, report)
        elif todo:
            _make_all(config, manifest, places, request, todo, report, tell)


def _cases(manifest: Manifest, places: Places, found: Sequence[Bad], report: RepairReport) -> list[Case]:
    """Return what can be tried; report what cannot."""
    addresses = graph.addresses(manifest)
    todo: list[Case] = []
    looked: dict[tuple[str, str], str | None] = {}
    for bad in found:
        if bad.spare is not None or places.whole_copy(bad.file) is not None:
            lose(report, manifest, bad, "another place has it whole: --from cold")
            continue
        case = _case(manifest, addresses[bad.file.series_id], bad, looked)
        if isinstance(case, str):
            lose(report, manifest, bad, case)
        else:
            todo.append(case)
    return todo


def _case(manifest: Manifest, address: Address, bad: Bad, looked: dict[tuple[str, str], str | None]) -> Case | str:
    """Return what a file can be made of; why it cannot when it cannot. `looked` keeps what was seen of sources."""
    file = bad.file
    then = manifest.snapshot() if file.to_snapshot is None else file.from_snapshot
    upstream = graph.upstream_at(manifest, file.series_id, then)
    if upstream is not None:
        made = f"it is made from {upstream}"
        return f"{made}: delete it, then make it anew" if file.to_snapshot is None else f"{made}, and not ingested"
    found = [s for s in sources_of(manifest, file.series_id, file.start_ns, file.end_ns) if s.snapshot <= then]
    if not found:
        return "nothing was ingested into it"
    for source in found:
        if (source.path, source.sha256) not in looked:
            looked[source.path, source.sha256] = _wrong(source)
    wrong = [looked[source.path, source.sha256] for source in found]
    there = [source for source, why in zip(found, wrong, strict=True) if why is None]
    lacking = tuple(dict.fromkeys(why for why in wrong if why is not None))
    if not there:
        return "; ".join(lacking)
    parts = graph.parts(manifest, file.series_id, file.start_ns, file.end_ns, then)
    doubts = tuple(ns for ns in manifest.unproven(file.series_id, then) if file.start_ns <= ns < file.end_ns)
    return Case(address, bad, [part for part in parts if part.file.id == file.id], doubts, there, lacking)


def _wrong(source: Source) -> str | None:
    """Say what keeps a source from being ingested again; None when nothing does."""
    path = Path(source.path)
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return f"{path.name} is not at {path}"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if digest == source.sha256:
        return None
    return f"{path} is not the file that was ingested, whose SHA-256 begins {source.sha256[:12]}"


def _plan(todo: Sequence[Case], report: RepairReport) -> None:
    for case in todo:
        detail = "; ".join([f"if its content comes out the same, from {case.names}", *case.lacking])
        report.steps.append(Step("made_again", case.bad.shown, detail))
        report.files += 1
        report.bytes += case.bad.file.bytes
    if todo:
        report.notes.append(_PROVEN)


def _make_all(
    config: Config,
    manifest: Manifest,
    places: Places,
    request: RepairRequest,
    todo: Sequence[Case],
    report: RepairReport,
    tell: Tell,
) -> None:
    with (
        Writer(config) as writer,
        writing.run(writer, "repair", " ".join(["repair --from source", *request.selection])) as run_id,
    ):
        report.run = run_id
        staging = Staging(config.data, run_id)
        try:
            remaking = Remaking(config, manifest, places, writer, staging, run_id)
            for done, case in enumerate(todo):
                tell(Progress("ingesting again", done, len(todo)))
                remaking.make(case, report)
        finally:
            staging.close()
        writer.end_run(run_id, "ok" if report.files else "unchanged")
    if report.files:
        report.status = "repaired"
