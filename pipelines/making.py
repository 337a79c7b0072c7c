"""Making partitions by a function of the user's: read what it is made from, call it, check, stage, commit."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from lake import files, merge, rows, validate
from lake import write as writing
from lake.errors import Exit, LakeError
from lake.manifest import Manifest, Writer, graph
from lake.manifest.rows import Change, Conflict, Instrument, NewDerivation
from lake.outcome import hold
from lake.read import Scan
from lake.staging import Staging
from schemas.arrow import arrow_schema
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lake.config import Config
    from lake.files import StagedFile
    from lake.manifest.rows import CheckRecord, FileRow, SeriesRow
    from schemas.assets import AssetSpec

_COMMIT_PARTITIONS = 200
_COMMIT_SECONDS = 20.0


@dataclass(slots=True)
class Made:
    """What became of one partition."""

    partition: str
    rows: int = 0
    same: bool = False
    """Whether it is as it was stored."""
    failure: LakeError | None = None


@dataclass(slots=True)
class _Work:
    """One partition to be made, with what it is made from and what is stored now."""

    partition: Partition
    inputs: list[str]
    """Content of each upstream, in the spec's order."""
    live: FileRow | None
    content: str | None
    made: Made
    staged: StagedFile | None = None
    checks: list[CheckRecord] = field(default_factory=list)


def make(
    config: Config,
    spec: AssetSpec,
    address: Address,
    labels: Iterable[str],
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> list[Made]:
    """Make partitions of a series by the function of its asset, and commit them some at a time.

    What fails is recorded and left out; the others are stored.

    Args:
        config: The lake.
        spec: The asset, with its function.
        address: The series.
        labels: The partitions.
        progress: Told how many are done.

    Raises:
        LakeError: UNKNOWN_SERIES when an upstream has no series of this symbol; DERIVED when rows of the series came
            in another way; LOCKED, DISK_FULL, STORAGE, FILE_DAMAGED.
    """
    with Writer(config) as writer, writing.run(writer, "materialize", f"materialize {address}") as run_id:
        staging = Staging(config.data, run_id)
        try:
            job = _Run(config, spec, address, writer, run_id, staging)
            made = job.finish(labels, progress)
        finally:
            staging.close()
        writer.end_run(run_id, "ok" if any(each.failure is None for each in made) or not made else "failed")
    return made


class _Run:
    """One run over the partitions of a series."""

    def __init__(
        self, config: Config, spec: AssetSpec, address: Address, writer: Writer, run_id: str, staging: Staging
    ) -> None:
        self.config, self.spec, self.address = config, spec, address
        self.writer, self.run_id, self.staging = writer, run_id, staging
        place = address.exchange, address.market, address.symbol
        self.upstreams = [Address.of(*place, *key.split("/")) for key in spec.upstreams]
        self.columns = dict(spec.reads)

    def finish(self, labels: Iterable[str], progress: Callable[[int], None]) -> list[Made]:
        """Make partition after partition; what another writer changed meanwhile is made again."""
        made: dict[str, Made] = {}
        waiting = set(labels)
        deadline = time.monotonic() + self.config.wait_s
        while waiting:
            lost = False
            with Manifest.open(self.config) as manifest:
                plan = _Plan(self, manifest)
                for batch in plan.batches(waiting):
                    if not self._commit(batch, plan):
                        lost = True
                        break
                    made |= {work.made.partition: work.made for work in batch}
                    waiting -= made.keys()
                    progress(len(made))
            if lost and time.monotonic() > deadline:
                raise LakeError("LOCKED", "other writers kept changing the same partitions", where=str(self.address))
        return [made[label] for label in sorted(made)]

    def stage(self, work: _Work, tables: list[pa.Table], *, waive: bool) -> None:
        """Call the function, hold what it gives to schema and checks, and stage it; LakeError when it cannot be."""
        table = self._rows(work, tables, waive=waive)
        if table is None:
            work.made.same = work.content is None
            return
        work.made.rows = table.num_rows
        work.checks += hold(self.spec.checks, table, self.address, work.partition.label)
        writer = files.FileWriter(self.staging, self.address, work.partition, self.spec.schema, self.run_id)
        try:
            writer.write(table)
            work.staged = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        work.made.same = work.staged is not None and work.staged.content_hash == work.content

    def _rows(self, work: _Work, tables: list[pa.Table], *, waive: bool) -> pa.Table | None:
        """Return the rows that the function gives, typed and in order; None for none."""
        where = f"{self.address} {work.partition.label}"
        try:
            given = self.spec.make(*tables) if self.spec.make else None
        except Exception as error:
            raise LakeError("MAKE", f"{type(error).__name__}: {error}", where=f"{where}, {_line(error)}") from error
        if given is None:
            return None
        schema = self.spec.schema
        batches = [writing.conform(batch, schema, self.address) for batch in writing.slices(given, self.address)]
        table = pa.Table.from_batches(batches, arrow_schema(schema, identity=False))
        if not table.num_rows:
            return None
        table = merge.sort_by_time(table, merge.clocks(schema))
        (batch,) = table.combine_chunks().to_batches()
        _, rejected = validate.split(batch, schema, grid_us=self.spec.grid_us, waive=waive)
        if rejected:
            first = rejected[0]
            message = f"{len(rejected):,} rows break their schema: {first.reason}: {first.detail}"
            raise LakeError("CHECK", message, where=where)
        scale = 1000 if rows.unit(schema) == "us" else 1
        ts = rows.times(table)
        if int(ts[0]) * scale < work.partition.start_ns or int(ts[-1]) * scale >= work.partition.end_ns:
            raise LakeError("MAKE", f"the function gave rows outside of {work.partition.label}", where=where)
        if merge.keyed_by_time(schema) and not merge.in_order(table, schema):
            raise LakeError("MAKE", f"the function gave two rows of one {', '.join(schema.key)}", where=where)
        return pa.Table.from_batches([batch])

    def _commit(self, batch: list[_Work], plan: _Plan) -> bool:
        """Commit what was made, and record what failed; False when another writer was first."""
        spoilt = {work.live.id for work in batch if work.made.failure is not None and work.live is not None}
        for work in batch:
            live = work.live
            if live is None or live.partition == work.partition.label or live.id not in spoilt:
                continue
            work.made.failure = work.made.failure or LakeError(
                "CHECK", "another day of the same sealed file failed", where=live.path
            )
        failed = [work for work in batch if work.made.failure is not None]
        files.discard(self.config.data, [work.staged for work in failed if work.staged is not None])
        good = [work for work in batch if work.made.failure is None]
        if good:
            change, staged, gone = plan.change(good)
            files.discard(self.config.data, [w.staged for w in good if w.staged is not None and w.staged not in staged])
            try:
                writing.swap(self.config, self.writer, change, staged, gone)
            except Conflict:
                return False
        found = [
            (self.address, work.made.partition, work.made.failure.code, work.made.failure.message)
            for work in failed
            if work.made.failure is not None
        ]
        if found:
            self.writer.record_failures(self.run_id, found)
        return True


class _Plan:
    """What is stored now, of the series and of its upstreams, at one snapshot."""

    def __init__(self, run: _Run, manifest: Manifest) -> None:
        self._run, self._manifest = run, manifest
        self._snapshot = manifest.snapshot()
        self._series = [_series(manifest, address) for address in run.upstreams]
        own = manifest.find(run.address)
        held = [] if own is None else graph.parts(manifest, own.id, None, None, self._snapshot)
        made = [] if own is None else graph.derivations(manifest, own.id)
        self._held = {part.partition: part for part in held}
        self._waive = any(series.price_may_be_negative for series in self._series)
        others = self._held.keys() - {row.partition for row in made if row.written is None}
        if others:
            raise LakeError(
                "DERIVED", f"{run.address} was ingested or written; it cannot be made by a function", where=min(others)
            )

    def batches(self, labels: Iterable[str]) -> Iterator[list[_Work]]:
        """Yield partitions as they are made, some at a time; those of one sealed file stay together."""
        batch: list[_Work] = []
        begun = time.monotonic()
        for group in self._groups(labels):
            batch += [self._made(label) for label in group]
            if len(batch) >= _COMMIT_PARTITIONS or time.monotonic() - begun > _COMMIT_SECONDS:
                yield batch
                batch, begun = [], time.monotonic()
        if batch:
            yield batch

    def _groups(self, labels: Iterable[str]) -> list[list[str]]:
        sealed: dict[int, list[str]] = {}
        for label, held in self._held.items():
            if held.file.partition != label:
                sealed.setdefault(held.file.id, []).append(label)
        groups: dict[str, list[str]] = {}
        for label in sorted(labels):
            part = self._held.get(label)
            group = sealed.get(part.file.id, [label]) if part is not None else [label]
            groups[group[0]] = group
        return list(groups.values())

    def _made(self, label: str) -> _Work:
        partition, part = Partition.parse(label), self._held.get(label)
        inputs, tables = [], []
        for series, address in zip(self._series, self._run.upstreams, strict=True):
            start, end = partition.start_ns, partition.end_ns
            inputs.append(graph.inputs(graph.parts(self._manifest, series.id, start, end, self._snapshot)))
            columns = self._run.columns.get(address.key)
            scan = Scan(
                self._run.config, self._manifest, [address], start_ns=start, end_ns=end, columns=columns,
                as_of=self._snapshot,
            )  # fmt: skip
            tables.append(scan.to_arrow())
        work = _Work(
            partition,
            inputs,
            None if part is None else part.file,
            None if part is None else part.content_hash,
            Made(label),
        )
        try:
            self._run.stage(work, tables, waive=self._waive)
        except LakeError as error:
            if error.exit not in {Exit.REFUSED, Exit.USAGE}:
                raise
            work.made.failure = error
        return work

    def change(self, works: Sequence[_Work]) -> tuple[Change, list[StagedFile], list[FileRow]]:
        """Return what the manifest is to be told, the files that come, and those that go."""
        run, version = self._run, self._run.spec.schema.version
        change = Change(run.run_id, "materialize", message=f"{run.address.key} by its function")
        changed = {work.live.id for work in works if work.live is not None and not work.made.same}
        gone: dict[int, FileRow] = {}
        staged: list[StagedFile] = []
        for work in works:
            label, live = work.partition.label, work.live
            change.expected.append((run.address, label, None if live is None else live.id))
            change.checks += work.checks
            change.derivations += [
                NewDerivation(
                    run.address, label, upstream, work.partition.start_ns, work.partition.end_ns, inputs,
                    run.spec.code_version, version,
                )
                for upstream, inputs in zip(run.upstreams, work.inputs, strict=True)
            ]  # fmt: skip
            if live is not None and live.id in changed:
                gone[live.id] = live
            if work.staged is not None and (live is None or live.id in changed):
                change.files.append(writing.new_file(work.staged, version, replaces=live))
                staged.append(work.staged)
        change.instruments[run.address] = Instrument(
            self._series[0].vendor_symbol, self._series[0].tick_size, self._waive, "UTC"
        )
        followed = {file.replaces for file in change.files}
        change.removed = [number for number in gone if number not in followed]
        return change, staged, list(gone.values())


def _series(manifest: Manifest, address: Address) -> SeriesRow:
    series = manifest.find(address)
    if series is None:
        raise LakeError("UNKNOWN_SERIES", f"{address} is not in the lake, and it is what this is made from")
    return series


def _line(error: Exception) -> str:
    """Return file and line that an error of the user's comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((frame for frame in reversed(frames) if "site-packages" not in frame.filename), frames[-1])
    return f"{last.filename}:{last.lineno}"
