"""Committing what a file says of instruments or corporate actions: one snapshot, or none where it says nothing new."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from lake import write as writing
from lake.errors import LakeError
from lake.manifest import Change, Conflict, Manifest, NewReference, SourceRecord, Writer
from lake.manifest.reference import Kind, record_of, standing
from lake.reference.reading import MAX_BYTES, read
from schemas.instruments import instrument_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lake.config import Config
    from lake.reference.reading import Record

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import."""

    kind: Literal["instrument", "action"]
    path: Path
    exchange: str | None = None
    market: str | None = None
    symbol: str | None = None
    """Hold where the file does not say them."""
    message: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one record of the file."""

    kind: str
    key: str
    line: int
    status: Literal["new", "changed", "identical"]


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do."""

    source: str
    sha256: str
    snapshot: int
    run: str | None = None
    status: Literal["committed", "unchanged", "dry_run"] = "unchanged"
    records: list[Imported] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    """Instruments of which the lake holds no series."""

    def count(self, status: str) -> int:
        """Return how many records are new, changed or identical."""
        return sum(record.status == status for record in self.records)


def import_file(config: Config, request: ImportRequest) -> ImportReport:
    """Import a file of instruments or of corporate actions.

    What is known already writes nothing. Of an instrument, a field that the file lacks stays as it is known, and an
    empty one is forgotten; an action is replaced whole. Earlier snapshots keep what was known at them.

    Raises:
        LakeError: SOURCE_NOT_FOUND, SOURCE_UNREADABLE; COLUMN_MISSING and SCHEMA for what the file says wrongly, with
            its lines; LOCKED, DISK_FULL, STORAGE.
    """
    content = _bytes(request.path)
    digest = hashlib.sha256(content).hexdigest()
    places = {"exchange": request.exchange, "market": request.market, "symbol": request.symbol}
    defaults = {name: word for name, word in places.items() if word is not None}
    records = read(request.path, content, request.kind, defaults)
    report = ImportReport(request.path.name, digest, 0)
    if request.dry_run:
        with Manifest.open(config) as manifest:
            _compare(manifest, records, report)
        report.status = "dry_run"
        return report
    source = SourceRecord(digest, request.path.name, str(request.path.absolute()), len(content), f"{request.kind}s")
    command = f"{request.kind}s import {request.path.name}"
    with Writer(config) as writer, writing.run(writer, "import", command) as run_id:
        report.run = run_id
        for _ in range(_ATTEMPTS):
            with Manifest.open(config) as manifest:
                news = _compare(manifest, records, report)
            if not news:
                writer.end_run(run_id, "unchanged")
                return report
            change = Change(run_id, "import", request.message or request.path.name, source=source, ends_run=True)
            change.reference = news
            try:
                report.snapshot, report.status = writer.commit(change), "committed"
            except Conflict:
                continue
            return report
    raise LakeError("LOCKED", "other writers kept changing the records to be imported", where=str(config.root))


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise LakeError("SOURCE_NOT_FOUND", f"{path} is no file", where=str(path))
    if path.stat().st_size > MAX_BYTES:
        message = f"it has more than {MAX_BYTES // 1_000_000} MB"
        why = "A file is imported as one snapshot, and held in memory for it."
        raise LakeError(
            "SOURCE_UNREADABLE", message, where=str(path), why=why, fix=["name another file", "or cut it up"]
        )
    return path.read_bytes()


def _compare(manifest: Manifest, records: Sequence[Record], report: ImportReport) -> list[NewReference]:
    """Hold the records against what is known; fill in the report, and return what is to be written."""
    kinds = {record.kind for record in records}
    known: dict[str, dict[str, tuple[int, str]]] = {
        kind: standing(manifest, kind) for kind in get_args(Kind) if kind in kinds
    }
    held = {instrument_of(row.address) for row in manifest.series()}
    report.snapshot, report.records, news = manifest.snapshot(), [], []
    for record in records:
        number, stood = known[record.kind].get(record.key, (None, "{}"))
        definition = (json.loads(stood) if record.kind == "instrument" else {}) | record.facts
        definition = {name: value for name, value in definition.items() if value is not None}
        text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        status: Literal["new", "changed", "identical"] = "new" if number is None else "changed"
        if number is not None and text == stood:
            status = "identical"
        else:
            news.append(NewReference(record.kind, record.key, text, record.line, number))
        report.records.append(Imported(record.kind, record.key, record.line, status))
    named = {"/".join(record.key.split("/")[:3]) for record in records if record.kind != "alias"}
    report.unmatched = sorted(named - held)
    return news


def remove(config: Config, kind: Kind, key: str, *, message: str = "") -> int:
    """End a record that should not be: it is known as of earlier snapshots only; return the new snapshot.

    Raises:
        LakeError: USAGE when there is no such record; LOCKED, DISK_FULL, STORAGE.
    """
    with Writer(config) as writer, writing.run(writer, "import", f"{kind}s remove {key}") as run_id:
        for _ in range(_ATTEMPTS):
            with Manifest.open(config) as manifest:
                found = record_of(manifest, kind, key)
            if found is None:
                why = "A record is named by its whole key."
                raise LakeError("USAGE", f"there is no {kind} {key}", why=why, fix=[f"dl {kind}s list"])
            change = Change(run_id, "import", message, ends_run=True)
            change.ended_reference = [(kind, key, found.id)]
            try:
                return writer.commit(change)
            except Conflict:
                continue
    raise LakeError("LOCKED", f"other writers kept changing {key}", where=str(config.root))
