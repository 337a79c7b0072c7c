"""Writing feature rows: of one series or of many, in one commit, with what they were made from."""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from lake import space
from lake import write as writing
from lake.errors import LakeError
from lake.features.code import git_version
from lake.features.destinations import Destinations
from lake.features.given import given as given_rows
from lake.features.lineage import Inputs, Made, Recorder
from lake.features.model import Computed, Names, OnBad, Progress
from lake.features.outcome import Outcome, repeated
from lake.features.parting import Naming
from lake.features.taking import Taking
from lake.ingest.reading import Quarantine, bad_limit
from lake.manifest import Manifest, Writer
from lake.manifest.feature_sets import feature_sets
from lake.manifest.rows import AlreadyIngested, Change, Instrument
from lake.outcome import no_checks
from lake.sources import SourceFile
from lake.staging import Staging
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lake.config import Config
    from lake.features.given import Given
    from lake.features.model import FeatureWriteReport
    from lake.manifest.rows import IngestRow, NewDerivation, SourceRecord
    from lake.outcome import Check
    from lake.write import Mode, Tabular
    from schemas.features import FeatureSet


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """How feature rows are to be written."""

    names: Names = field(default_factory=Names)
    """The series, as far as the rows do not say it in columns exchange, market and symbol."""
    mode: Mode = "upsert"
    """`upsert` merges by (ts, known_at); `append` refuses rows that are not behind the last stored one; `replace` puts
    the rows of each series in the place of everything stored between its first and last one."""
    computed: Computed = field(default_factory=Computed)
    on_bad: OnBad | None = None
    max_bad: str | None = None
    """As of an ingest: without it more than 5 % and more than 20 bad rows refuse the write."""
    message: str = ""
    source: SourceRecord | None = None
    """Where a table came from; a file tells that itself."""


def write(
    config: Config,
    feature_set: FeatureSet,
    data: Tabular | str | os.PathLike[str],
    request: WriteRequest | None = None,
    *,
    declared: Iterable[FeatureSet] = (),
    checks: Callable[[str], Sequence[Check]] = no_checks,
    progress: Callable[[Progress], None] | None = None,
) -> FeatureWriteReport:
    """Write rows of a feature set, all that can be stored or none, in one snapshot whatever series they are of.

    Where rows do not say when they were known, they were when their inputs were complete and the set's delay was over.
    What is stored already in the same way writes nothing, but for what rows were made from, where that was restated
    since and they are the same again.

    Args:
        config: The lake.
        feature_set: The version of a set, registered or declared.
        data: A table of any library, a pandas frame by its index of times too; or the path of a Parquet, Arrow,
            Feather or comma-separated text file. Columns by name; of shared sets only the keys they have.
        request: How to write them.
        declared: The sets that code declares: they may be inputs.
        checks: Gives the user's own checks of an asset, by its key.
        progress: Told how far the write is.

    Raises:
        LakeError: LOOKAHEAD when rows are stamped before what they were made from; SCHEMA, COLUMN_MISSING, CHECK;
            CONFLICT (append); SYMBOL_CASE; DERIVED for a set that the lake makes; USAGE, UNKNOWN_SNAPSHOT,
            SNAPSHOT_EXPIRED; UNKNOWN_FEATURES, FEATURE_CHANGED when the set was deleted or changed meanwhile;
            SOURCE_NOT_FOUND, SOURCE_UNREADABLE, SOURCE_UNSAFE; LOCKED, DISK_FULL, STORAGE.
    """
    asked = request or WriteRequest()
    writing.refuse_unknown(asked.mode, feature_set.label)
    _refuse_unknown(asked.on_bad, feature_set.label)
    bad_limit(asked.max_bad)
    naming = Naming(feature_set, asked.names)
    with Manifest.open(config) as manifest:
        inputs = Inputs(manifest, feature_set, asked.computed, declared)
        registered = feature_set.registered or bool(feature_sets(manifest, None, feature_set.key))
    work = _Work(config, replace(feature_set, registered=registered), asked, naming, inputs, checks, progress)
    return work.unchanged(data) or work.write(data)


def _refuse_unknown(on_bad: str | None, where: str) -> None:
    if on_bad not in (None, *get_args(OnBad)):
        why = "A bad row refuses the write, or is kept aside."
        fix = [f'on_bad="{known}"' for known in get_args(OnBad)]
        raise LakeError("USAGE", f"{on_bad!r} is none of {', '.join(get_args(OnBad))}", where=where, why=why, fix=fix)


class _Work:
    """One write under way."""

    def __init__(
        self,
        config: Config,
        feature_set: FeatureSet,
        asked: WriteRequest,
        naming: Naming,
        inputs: Inputs,
        checks: Callable[[str], Sequence[Check]],
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._config, self._set, self._asked, self._naming, self._inputs = config, feature_set, asked, naming, inputs
        self._own, self._progress = checks(feature_set.key), progress
        self._renews = False
        """Whether the file was written already, and what its rows were made from is to be told anew."""

    # ---- a file that was written already -----------------------------------------------------------------------------

    def unchanged(self, data: Tabular | str | os.PathLike[str]) -> FeatureWriteReport | None:
        """Return what is to be said of a file whose write is current still, unless its inputs were restated."""
        if not isinstance(data, str | os.PathLike):
            return None
        file = SourceFile(Path(data))
        try:
            with Manifest.open(self._config) as manifest:
                if not manifest.same_size_source(file.nbytes):
                    return None
                current = manifest.current_ingest(self._key(file.digest()))
                if current is None:
                    return None
                self._renews = self._is_restated(manifest, current)
        except OSError:  # who reads it says what is wrong
            return None
        return None if self._renews else repeated(current)

    def _is_restated(self, manifest: Manifest, current: IngestRow) -> bool:
        made = Made(self._set, "", "", ())
        addresses = [Address.parse(series["address"]) for series in current.report["series"]]
        return any(Recorder(self._config, manifest, made, address).any_restated() for address in addresses)

    def _key(self, sha256: str) -> str:
        """Name a file's bytes together with everything that decides what they become."""
        asked = self._asked
        handed = [asdict(each) for each in asked.computed.inputs]
        computed = [asked.computed.code_version, asked.computed.snapshot, handed]
        facts = [sha256, self._set.key, self._set.revision, asdict(asked.names), asked.mode, asked.on_bad]
        text = json.dumps(["features", *facts, asked.max_bad, computed], default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    # ---- the write ---------------------------------------------------------------------------------------------------

    def write(self, data: Tabular | str | os.PathLike[str]) -> FeatureWriteReport:
        """Read the rows, merge and commit them."""
        config, label = self._config, self._set.label
        with (
            Writer(config) as writer,
            writing.run(writer, "write", f"features write {label} {self._asked.mode}") as run_id,
        ):
            file = SourceFile(Path(data)) if isinstance(data, str | os.PathLike) else None
            seen = file.sighted() if file else ()
            with closing(given_rows(data, self._set, self._naming.place)) as given:
                space.require(config, given.nbytes, f"the write to {label}")
                staging = Staging(config.data, run_id)
                quarantine = Quarantine(staging.folder)
                try:
                    with ThreadPoolExecutor(config.threads, thread_name_prefix="features") as pool:
                        return self._written(
                            writer, run_id, given, staging, quarantine, pool, lambda: not file or file.sighted() == seen
                        )
                finally:
                    quarantine.close()
                    staging.close()

    def _written(
        self,
        writer: Writer,
        run_id: str,
        given: Given,
        staging: Staging,
        quarantine: Quarantine,
        pool: ThreadPoolExecutor,
        is_as_it_was: Callable[[], bool],
    ) -> FeatureWriteReport:
        asked = self._asked
        destinations = Destinations(
            self._config,
            self._set,
            self._naming,
            self._inputs,
            mode=asked.mode,
            staging=staging,
            run_id=run_id,
            pool=pool,
        )
        try:
            taking = Taking(
                self._set,
                self._naming,
                on_bad=asked.on_bad,
                max_bad=asked.max_bad,
                pool=pool,
                quarantine=quarantine,
            )
            total = given.nbytes
            taking.into(destinations, given, lambda done, read: self._tell("read", done, total, read))
            source = given.source() or asked.source
            if not is_as_it_was():
                message = f"{source.name if source else 'the file'} changed while it was read"
                raise LakeError("SOURCE_UNREADABLE", message, where=self._set.label)
            self._tell("merge", total, total, taking.read)
            deliveries = destinations.settled()
            for delivery in deliveries:
                delivery.checks = self._own
            self._tell("commit", total, total, taking.read)
            outcome = Outcome(self._set, taking, list(destinations), deliveries, source, self._code_version())
            report = self._commit(writer, run_id, outcome, quarantine)
            self._tell("done", total, total, taking.read)
            return report
        finally:
            destinations.close()

    def _code_version(self) -> str:
        return self._asked.computed.code_version or git_version()

    def _tell(self, phase: Literal["read", "merge", "commit", "done"], done: int, total: int, rows: int) -> None:
        if self._progress is not None:
            self._progress(Progress(done, total, rows, phase))

    def _commit(self, writer: Writer, run_id: str, outcome: Outcome, quarantine: Quarantine) -> FeatureWriteReport:
        source = outcome.source
        change = Change(
            run_id=run_id,
            operation="write",
            message=self._asked.message or (source.name if source else ""),
            instruments={each.address: Instrument("") for each in outcome.destinations},
            source=source,
            quarantine=quarantine,
            ends_run=True,
        )
        if source is not None and source is not self._asked.source and not self._renews:
            change.ingest_key = self._key(source.sha256)
        made = Made(self._set, run_id, outcome.code_version, (source.sha256,) if source else ())

        def complete() -> None:
            self._refuse_overtaken(outcome)
            change.derivations, change.unmade = self._lineage(outcome, made)
            change.ledger = outcome.ledger()
            change.keeps_content = not outcome.changes
            change.report = asdict(outcome.report("committed", run_id, 0, change.derivations))

        if outcome.changes or outcome.taking.rejected:
            self._refuse_overtaken(outcome)  # before files are made durable
        else:
            complete()
            if not change.derivations:
                writer.end_run(run_id, "unchanged")
                with Manifest.open(self._config) as manifest:
                    return outcome.report("unchanged", run_id, manifest.snapshot(), [])
        try:
            snapshot = writing.commit(self._config, writer, change, outcome.deliveries, complete)
        except AlreadyIngested as same:
            writer.end_run(run_id, "unchanged")
            return repeated(same.ingest)
        return outcome.report("committed", run_id, snapshot, change.derivations)

    def _refuse_overtaken(self, outcome: Outcome) -> None:
        if self._asked.mode == "append":
            for delivery in outcome.deliveries:
                writing.refuse_overtaken(self._config, delivery)

    def _lineage(self, outcome: Outcome, made: Made) -> tuple[list[NewDerivation], list[tuple[Address, str]]]:
        found: list[NewDerivation] = []
        unmade: list[tuple[Address, str]] = []
        with Manifest.open(self._config) as manifest:
            for each, delivery in zip(outcome.destinations, outcome.deliveries, strict=True):
                recorder = Recorder(self._config, manifest, made, each.address)
                found += recorder.record(delivery.settled, each.upstreams)
                unmade += recorder.unmade
        return found, unmade
