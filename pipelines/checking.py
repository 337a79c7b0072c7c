"""Running checks on stored partitions: what every row must satisfy, and the checks of the asset's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from lake import validate
from lake import write as writing
from lake.amounts import plural
from lake.manifest import Manifest, Writer, graph
from lake.manifest.rows import Change, CheckRecord
from lake.outcome import outcome
from lake.read import Scan
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.manifest import SeriesRow
    from lake.manifest.graph import PartRow
    from pipelines.selection import Selection
    from schemas.assets import AssetSpec
    from schemas.graph import Registry
    from schemas.keys import Address

ROWS = "schema"
"""Name of the check that stands for all the demands on single rows."""
_COMMIT_RECORDS = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that failed on a partition."""

    address: Address
    partition: str
    check: str
    blocking: bool
    detail: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was looked at, and what was found."""

    series: int
    partitions: int
    rows: int
    passed: int
    findings: tuple[Finding, ...]
    snapshot: int


def check(
    config: Config,
    registry: Registry,
    selection: Selection,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> CheckReport:
    """Hold stored partitions to their schema and to their asset's checks; the outcome is kept in the manifest.

    Args:
        config: The lake.
        registry: The declared assets.
        selection: Which partitions.
        progress: Told how many of how many are done.

    Raises:
        LakeError: FILE_MISSING, FILE_DAMAGED; LOCKED, STORAGE.
    """
    with Manifest.open(config) as manifest:
        snapshot = manifest.snapshot()
        works = [
            (series, part)
            for series in manifest.series()
            if selection.fits(series.address)
            for part in graph.parts(manifest, series.id, None, None, snapshot)
            if selection.covers(series.address, part.start_ns, part.end_ns)
        ]
        job = _Checking(config, manifest, registry, snapshot)
        records: list[CheckRecord] = []
        with Writer(config) as writer, writing.run(writer, "check", f"assets check {selection.text}") as run_id:
            for done, (series, part) in enumerate(works, 1):
                records += job.partition(series, part)
                progress(done, len(works))
                if len(records) >= _COMMIT_RECORDS or (done == len(works) and records):
                    snapshot = writer.commit(Change(run_id, "check", selection.text, checks=records))
                    records = []
            writer.end_run(run_id, "ok")
    return CheckReport(
        len({series.id for series, _ in works}), len(works), job.rows, job.passed, tuple(job.findings), snapshot
    )


class _Checking:
    """Checks partition after partition, and counts."""

    def __init__(self, config: Config, manifest: Manifest, registry: Registry, snapshot: int) -> None:
        self._config, self._manifest, self._registry, self._snapshot = config, manifest, registry, snapshot
        self.rows = self.passed = 0
        self.findings: list[Finding] = []

    def partition(self, series: SeriesRow, part: PartRow) -> Iterator[CheckRecord]:
        """Run every check on one partition."""
        spec, address = self._registry.resolve(series.address.key), series.address
        scan = Scan(
            self._config,
            self._manifest,
            [address],
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            columns=[column.name for column in spec.schema.columns if column not in IDENTITY],
            as_of=self._snapshot,
        )
        held: list[pa.RecordBatch] = []
        broken = ""
        for batch in scan.batches():
            self.rows += batch.num_rows
            broken = broken or _broken(batch, spec, waive=series.price_may_be_negative)
            if spec.checks:
                held.append(batch)
        yield self._record(address, part.partition, ROWS, blocking=True, detail=broken)
        if spec.checks:
            table = pa.Table.from_batches(held, scan.schema)
            for each in spec.checks:
                passed, detail = outcome(each, table)
                said = "" if passed else detail
                yield self._record(address, part.partition, each.name, blocking=each.blocking, detail=said)

    def _record(self, address: Address, label: str, name: str, *, blocking: bool, detail: str) -> CheckRecord:
        if detail:
            self.findings.append(Finding(address, label, name, blocking, detail))
        else:
            self.passed += 1
        return CheckRecord(address, label, name, passed=not detail, detail=detail)


def _broken(batch: pa.RecordBatch, spec: AssetSpec, *, waive: bool) -> str:
    """Return what is wrong with the rows of a batch, empty when nothing is."""
    _, rejected = validate.split(batch, spec.schema, grid_us=spec.grid_us, waive=waive)
    if not rejected:
        return ""
    return f"{plural(len(rejected), 'row')}: {rejected[0].reason}: {rejected[0].detail}"


def names(spec: AssetSpec) -> Sequence[str]:
    """Return the names of the checks that are kept of a partition."""
    return (ROWS, *(check.name for check in spec.checks))
