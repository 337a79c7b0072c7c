"""Making a bad file again of what was ingested: aside, and only if the content comes out as it was stored.

The same rows, written as they were then, mostly give the same bytes: its SHA-256 tells, and the file is put back. Else
a live file is replaced by one with the same rows, in a commit; one that was replaced before stays as it is.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lake import files
from lake import write as writing
from lake.config import Config
from lake.declared import schema_of
from lake.errors import Exit, LakeError
from lake.ingest import IngestRequest, ingest
from lake.intake.pieces import part_rows
from lake.manifest import Change, Manifest, NewPart
from lake.manifest.rows import Conflict
from lake.places import Places as Stored
from lake.repair.copies import put_back
from lake.repair.model import Broken, Step
from lake.repair.needed import lose
from lake.sources.dialects.table import OWN_FOLDER
from lake.staging import tiers_turn
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.files import StagedFile
    from lake.manifest import FileRow, PartRow, Writer
    from lake.manifest.origins import Source
    from lake.repair.finding import Bad, Places
    from lake.repair.model import RepairReport
    from lake.staging import Staging
    from schemas.keys import Address

_OF_THE_SOURCE = {Exit.REFUSED, Exit.NOT_FOUND, Exit.USAGE}
"""Errors that are the source's own; others are of the machine, and end the repair."""
_OTHER_BYTES = "its rows can be had, but not byte for byte as it was stored, which a replaced file has to be"


@dataclass(frozen=True, slots=True)
class Case:
    """A bad file, what it held, and what it can be made of."""

    address: Address
    bad: Bad
    parts: list[PartRow]
    doubts: tuple[int, ...]
    sources: list[Source]
    lacking: tuple[str, ...]
    """What is wrong with other sources of it."""

    @property
    def names(self) -> str:
        """The names of the sources."""
        return ", ".join(dict.fromkeys(Path(source.path).name for source in self.sources))


@dataclass(frozen=True, slots=True)
class Remaking:
    """One run that makes bad files again."""

    config: Config
    manifest: Manifest
    places: Places
    writer: Writer
    staging: Staging
    run_id: str

    def make(self, case: Case, report: RepairReport) -> None:
        """Make one file again, if that can be had; report what came of it."""
        scratch = self.staging.path("")
        try:
            outcome = self._ingest(case, scratch)
            if isinstance(outcome, str):
                lose(report, self.manifest, case.bad, outcome)
                return
            aside, made = outcome
            staged = self._staged(aside, case, made, as_then=True)
            if staged.sha256 == case.bad.file.sha256:
                with tiers_turn(self.config.data, self.config.wait_s):
                    put_back(self.config, self.manifest, self.places, case.bad, staged.temporary)
                _tell(case, report, "byte for byte")
                return
            files.discard(self.config.data, [staged])
            if case.bad.file.to_snapshot is not None:
                lose(report, self.manifest, case.bad, _OTHER_BYTES)
                return
            self._commit(case, self._staged(aside, case, made), report)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _ingest(self, case: Case, scratch: Path) -> tuple[Config, list[FileRow]] | str:
        """Make a lake aside with the content of the bad file, and return what holds it; why not when it cannot be."""
        own = self.config
        if (own.root / OWN_FOLDER).is_dir():
            shutil.copytree(own.root / OWN_FOLDER, scratch / OWN_FOLDER)
        aside = Config(scratch, scratch / "data", scratch / "manifest.db", own.memory_mb, own.threads, own.wait_s)
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
        other = [part.partition for part in case.parts if not _is_same(part, made.get(part.partition))]
        if other:
            return _other_rows(case, other)
        return aside, [made[part.partition] for part in case.parts]

    def _staged(self, aside: Config, case: Case, made: Sequence[FileRow], *, as_then: bool = False) -> StagedFile:
        """Stage one file with the rows of all parts; `as_then`, as the run did that made the bad one."""
        file, schema = case.bad.file, schema_of(self.config, case.address.key)
        stored = Stored(aside)
        run_id, base = (file.run_id, file.from_snapshot - 1) if as_then else (self.run_id, None)
        partition = Partition.parse(file.partition)
        writer = files.FileWriter(self.staging, case.address, partition, schema, run_id, base)
        try:
            for part in made:
                for table in part_rows(stored.parquet(part, schema), schema, part):
                    writer.write(table)
            staged = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        if staged is None or staged.content_hash != file.content_hash:
            message = "a file has not its parts' rows, which are whole"
            raise LakeError("UNEXPECTED", message, where=f"{case.address} {file.partition}")
        return staged

    def _commit(self, case: Case, staged: StagedFile, report: RepairReport) -> None:
        file = case.bad.file
        sealed = [part for part in case.parts if part.partition != file.partition]
        change = Change(self.run_id, "repair", f"{case.address} {file.partition} from its sources", keeps_content=True)
        change.files = [
            writing.new_file(
                staged,
                schema_of(self.config, case.address.key).version,
                replaces=file,
                upstreams=[file.id],
                unproven=case.doubts,
                parts=[NewPart(p.partition, p.rows, p.first_ns, p.last_ns, p.content_hash) for p in sealed],
            )
        ]
        try:
            report.snapshot = writing.swap(self.config, self.writer, change, [staged], [file])
        except Conflict:
            report.broken.append(Broken(case.bad.shown, "another writer changed it meanwhile: repair again"))
            return
        _tell(case, report, "the same rows in another file")
        replaced = replace(case.bad, file=replace(file, to_snapshot=report.snapshot))
        lose(report, self.manifest, replaced, "its rows are in another file now")


def _tell(case: Case, report: RepairReport, how: str) -> None:
    detail = f"from {case.names}, {how}; it was {case.bad.found}"
    report.steps.append(Step("made_again", case.bad.shown, detail))
    report.files += 1
    report.bytes += case.bad.file.bytes


def _is_same(part: PartRow, found: FileRow | None) -> bool:
    return found is not None and (found.content_hash, found.rows) == (part.content_hash, part.rows)


def _other_rows(case: Case, partitions: Sequence[str]) -> str:
    """Say which partitions did not come out as they were stored, and what that may be for."""
    shown = ", ".join(partitions[:5]) + (f" and {len(partitions) - 5:,} more" if len(partitions) > 5 else "")
    if case.lacking:
        why = f"{'; '.join(case.lacking)}; without it other rows come out for {shown}"
    else:
        why = f"its sources give other rows than were stored for {shown}: rows were deleted, rolled back or written"
    if len(case.parts) > 1:
        unproven = f"{len(partitions):,} of its {len(case.parts):,} days cannot be proven"
        why += f"; a sealed month comes back whole or not at all, and {unproven}"
    return why


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
        words=source.options.get("words") or {},
    )
