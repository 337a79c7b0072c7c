"""Making bad files again from what was ingested: aside, and only if the content comes out as it was stored."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lake import files
from lake import write as writing
from lake.config import Config
from lake.errors import Exit, LakeError
from lake.ingest import IngestRequest, ingest
from lake.intake.pieces import part_rows
from lake.lookup import schema_of
from lake.manifest import Change, Manifest, NewPart, Writer, graph
from lake.manifest.origins import sources_of
from lake.manifest.rows import Conflict
from lake.places import Places as Stored
from lake.repair.finding import Places, bad_files
from lake.repair.model import Broken, Progress, Step
from lake.staging import Staging
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lake.files import StagedFile
    from lake.manifest import FileRow, PartRow
    from lake.manifest.origins import Source
    from lake.repair.finding import Bad
    from lake.repair.model import RepairReport, RepairRequest
    from schemas.keys import Address

    Tell = Callable[[Progress], None]

_OF_THE_SOURCE = {Exit.REFUSED, Exit.NOT_FOUND, Exit.USAGE}
"""Errors that are the source's own; others are of the machine, and end the repair."""
_OLD = "earlier snapshots that had these files still name them, and cannot be read there: dl expire forgets them"


def from_source(config: Config, request: RepairRequest, report: RepairReport, tell: Tell) -> None:
    """Make live files again that are bad and that no place has whole; see `repair`."""
    with Manifest.open(config) as manifest:
        report.snapshot = manifest.snapshot()
        addresses = {series.id: series.address for series in manifest.series()}
        places = Places(config, manifest)
        bad = list(bad_files(manifest, places, request.selection, tell, live_only=True))
        todo: list[_Case] = []
        for each in bad:
            if each.spare is not None or places.whole_copy(each.file) is not None:
                report.broken.append(Broken(each.shown, f"{each.found}; another place has it whole: --from cold"))
                continue
            case = _case(manifest, addresses[each.file.series_id], each)
            if isinstance(case, Broken):
                report.broken.append(case)
            else:
                todo.append(case)
    if not todo:
        return
    if request.plan:
        for case in todo:
            names = ", ".join(Path(source.path).name for source in case.sources)
            report.steps.append(Step("made_again", case.bad.shown, f"if its content comes out the same, from {names}"))
        return
    with Writer(config) as writer:
        command = " ".join(["repair --from source", *request.selection])
        with writing.run(writer, "repair", command) as run_id:
            report.run = run_id
            _make_all(config, writer, run_id, todo, report, tell)
            writer.end_run(run_id, "ok" if report.files else "unchanged")
    if report.files:
        report.status = "repaired"
        report.notes.append(_OLD)


@dataclasses.dataclass(frozen=True, slots=True)
class _Case:
    """A bad file, what it held, and what it can be made of."""

    address: Address
    bad: Bad
    parts: list[PartRow]
    doubts: tuple[int, ...]
    sources: list[Source]


def _case(manifest: Manifest, address: Address, bad: Bad) -> _Case | Broken:
    file = bad.file
    upstream = graph.upstream_at(manifest, file.series_id, manifest.snapshot())
    if upstream is not None:
        return Broken(bad.shown, f"{bad.found}; it is made from {upstream}: delete it, then make it anew")
    found = sources_of(manifest, file.series_id, file.start_ns, file.end_ns)
    whole = [source for source in found if _is_there(source)]
    if not whole:
        why = "nothing was ingested into it" if not found else "no source of it is where it was, as it was"
        return Broken(bad.shown, f"{bad.found}; {why}")
    parts = [
        part for part in graph.parts(manifest, file.series_id, file.start_ns, file.end_ns) if part.file.id == file.id
    ]
    doubts = tuple(
        ns for ns in manifest.unproven(file.series_id, manifest.snapshot()) if file.start_ns <= ns < file.end_ns
    )
    return _Case(address, bad, parts, doubts, whole)


def _is_there(source: Source) -> bool:
    with suppress(OSError), Path(source.path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == source.sha256
    return False


def _make_all(
    config: Config, writer: Writer, run_id: str, todo: Sequence[_Case], report: RepairReport, tell: Tell
) -> None:
    staging = Staging(config.data, run_id)
    try:
        for done, case in enumerate(todo):
            tell(Progress("ingesting again", done, len(todo)))
            with ExitStack() as stack:
                scratch = staging.path("")
                stack.callback(shutil.rmtree, scratch, ignore_errors=True)
                outcome = _make(config, staging, run_id, case, scratch)
                if isinstance(outcome, str):
                    report.broken.append(Broken(case.bad.shown, f"{case.bad.found}; {outcome}"))
                else:
                    _commit(config, writer, run_id, (case, outcome), report)
    finally:
        staging.close()


def _make(config: Config, staging: Staging, run_id: str, case: _Case, scratch: Path) -> StagedFile | str:
    """Stage a file with the content of the bad one; return why that cannot be had when it cannot."""
    aside = Config(scratch, scratch / "data", scratch / "manifest.db", config.memory_mb, config.threads, config.wait_s)
    Manifest.create(aside)
    start, end = case.bad.file.start_ns, case.bad.file.end_ns
    for source in case.sources:
        try:
            ingest(aside, _request(case.address, source, start, end))
        except LakeError as error:
            if error.exit not in _OF_THE_SOURCE:
                raise
            return f"{Path(source.path).name} cannot be ingested as it was: {error.message}"
    with Manifest.open(aside) as manifest:
        made = writing.live_files(manifest, case.address, [part.partition for part in case.parts])
    for part in case.parts:
        found = made.get(part.partition)
        if found is None or (found.content_hash, found.rows) != (part.content_hash, part.rows):
            return f"its sources give other rows than were stored for {part.partition}"
    return _staged(aside, staging, run_id, case, [made[part.partition] for part in case.parts])


def _request(address: Address, source: Source, start_ns: int, end_ns: int) -> IngestRequest:
    return IngestRequest(
        sources=(source.path,),
        exchange=address.exchange,
        symbol=source.vendor_symbol or address.symbol,
        market=address.market,
        type=address.type,
        period=address.period,
        format=source.dialect,
        columns=source.options.get("columns") or {},
        tz=source.options.get("tz"),
        start_ns=start_ns,
        end_ns=end_ns,
        max_bad="100%",
        fetched_at_ns=source.fetched_at_ns,
    )


def _staged(aside: Config, staging: Staging, run_id: str, case: _Case, made: Sequence[FileRow]) -> StagedFile | str:
    schema = schema_of(case.address.key)
    stored = Stored(aside)
    writer = files.FileWriter(staging, case.address, Partition.parse(case.bad.file.partition), schema, run_id)
    try:
        for part in made:
            for table in part_rows(stored.parquet(part, schema), schema, part):
                writer.write(table)
        staged = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    if staged is None or staged.content_hash != case.bad.file.content_hash:
        return "its sources give other rows than were stored"
    return staged


def _commit(config: Config, writer: Writer, run_id: str, made: tuple[_Case, StagedFile], report: RepairReport) -> None:
    case, staged = made
    file = case.bad.file
    sealed = [part for part in case.parts if part.partition != file.partition]
    change = Change(run_id, "repair", message=f"{case.address} {file.partition} from its sources", keeps_content=True)
    change.files = [
        writing.new_file(
            staged,
            schema_of(case.address.key).version,
            replaces=file,
            upstreams=[file.id],
            unproven=case.doubts,
            parts=[NewPart(p.partition, p.rows, p.first_ns, p.last_ns, p.content_hash) for p in sealed],
        )
    ]
    try:
        report.snapshot = writing.swap(config, writer, change, [staged], [file])
    except Conflict:
        report.broken.append(Broken(case.bad.shown, "another writer changed it meanwhile: repair again"))
        return
    names = ", ".join(Path(source.path).name for source in case.sources)
    report.steps.append(Step("made_again", case.bad.shown, f"from {names}; it was {case.bad.found}"))
    report.files += 1
    report.bytes += staged.bytes
