"""Rows in any order and any number of batches come to the same partitions, whatever memory there is."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from lake import files, rows
from lake.config import Config
from lake.errors import LakeError
from lake.intake import Intake, Memory, stored_rows
from lake.manifest.rows import FileRow
from lake.places import Places
from lake.rows import ContentHash
from lake.staging import Staging
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.keys import Address, Partition
from schemas.ticks import QUOTES, TRADES
from tests.tables import DAY_NS, FEATURES, Row, bar, feature, merged, plain, quote, table, trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lake.intake import Settled
    from lake.merge import OnConflict

KINDS = {
    "bars": (BARS, Address.of("X", "SPOT", "Y", "bars", "1m")),
    "hours": (BARS, Address.of("X", "SPOT", "Y", "bars", "1h")),
    "features": (FEATURES, Address.of("X", "SPOT", "Y", "features", "tabled.v1")),
    "trades": (TRADES, Address.of("X", "SPOT", "Y", "ticks", "trade")),
    "idless": (TRADES, Address.of("X", "SPOT", "Y", "ticks", "trade")),
    "quotes": (QUOTES, Address.of("X", "SPOT", "Y", "ticks", "quote")),
}
DAYS = 3


def source_of(kind: str) -> list[Row]:
    """Return rows of several partitions, with repeats and conflicts, in order of time."""
    if kind == "bars":
        rows = [bar(day * 1440 + i, 1.0 + i) for day in range(DAYS) for i in range(12)]
        return [*rows[:20], bar(1440 + 7, 9.0), *rows[20:30], rows[29], *rows[30:]]
    if kind == "hours":
        return [bar(day * 1440, 1.0 + day) for day in range(0, 120, 5)]
    if kind == "features":
        rows = [feature(day * 1440 + i // 3, i % 3, float(i)) for day in range(DAYS) for i in range(12)]
        return [*rows[:20], feature(1440 + 2, 1, 9.0), *rows[20:30], rows[29], *rows[30:]]
    at = [day * DAY_NS + i // 4 for day in range(DAYS) for i in range(12)]
    if kind == "quotes":
        return [quote(ts, 1.0 + i % 2) for i, ts in enumerate(at)]
    if kind == "idless":
        return [trade(ts, 1.0 + i % 2, side=("buy", None)[i % 2]) for i, ts in enumerate(at)]
    rows = [trade(ts, 1.0, str(100 + i), side=("buy", "sell")[i % 2]) for i, ts in enumerate(at)]
    return [*rows[:20], rows[19] | {"price": 2.0}, *rows[20:]]


def by_partition(address: Address, rows: list[Row]) -> dict[str, list[Row]]:
    parts: dict[str, list[Row]] = {}
    per_day = DAY_NS if address.type == "ticks" else DAY_NS // 1000
    for row in rows:
        day = row["ts"] // per_day
        label = Partition(day, "day").label
        parts.setdefault(label if address.grain == "day" else label[:7], []).append(row)
    return parts


@dataclass
class Bench:
    """What an intake needs, and the partitions it left so far."""

    folder: Path
    pool: ThreadPoolExecutor
    runs: int = 0
    live: dict[str, FileRow] = field(default_factory=dict)

    def intake(self, kind: str, *, budget: int = 10**9, on_conflict: OnConflict = "newest") -> Intake:
        schema, address = KINDS[kind]
        self.runs += 1
        return Intake(
            staging=Staging(self.folder, f"run-{self.runs}"),
            places=Places(Config(self.folder, self.folder, self.folder / "manifest.db")),
            address=address,
            schema=schema,
            run_id="run",
            live=self.live,
            on_conflict=on_conflict,
            pool=self.pool,
            memory=Memory(budget),
        )

    def store(self, settled: list[Settled]) -> None:
        """Make settled partitions the stored ones."""
        files.publish(self.folder, [s.staged for s in settled if s.staged])
        for s in settled:
            if s.staged:
                self.live[s.partition.label] = live_row(s)


def live_row(settled: Settled) -> FileRow:
    staged = settled.staged
    assert staged is not None
    same = {
        name: getattr(staged, name)
        for name in ("path", "rows", "bytes", "first_ns", "last_ns", "sha256", "content_hash")
    }
    rest: dict[str, Any] = dict.fromkeys(FileRow.__slots__)
    part = settled.partition
    return FileRow(
        **rest | same | {"partition": part.label, "start_ns": part.start_ns, "end_ns": part.end_ns, "unproven": ()}
    )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ThreadPoolExecutor(2) as pool:
        yield Bench(tmp_path, pool)


def told(settled: list[Settled]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for s in settled:
        counts.update({name: getattr(s.counts, name) for name in ("new", "identical", "corrected", "superseded")})
    return +counts


def check(bench: Bench, kind: str, settled: list[Settled], stored: list[Row], source: list[Row]) -> None:
    """Compare settled partitions with what the rules say of the source as it came."""
    schema, address = KINDS[kind]
    before, brought = by_partition(address, stored), by_partition(address, source)
    assert [s.partition.label for s in settled] == sorted(brought)
    counts: Counter[str] = Counter()
    for s in settled:
        label = s.partition.label
        expected, part_counts = merged(schema, before.get(label, []), brought[label])
        counts += part_counts
        if s.staged is None:
            assert expected == before[label]
            continue
        found = [row for part in stored_rows(_path(bench, s), schema) for row in plain(part)]
        content = ContentHash(schema)
        content.update(table(schema, expected))
        assert found == expected
        assert s.staged.content_hash == content.hexdigest()
        assert s.staged.rows == len(expected)
        assert s.replaces is bench.live.get(label)
    assert told(settled) == counts
    assert counts.total() == len(source)


def _path(bench: Bench, settled: Settled) -> Path:
    assert settled.staged is not None
    staged = settled.staged
    return staged.temporary if staged.temporary.exists() else bench.folder / staged.path


def shuffled(rows: list[Row]) -> list[Row]:
    return random.Random(7).sample(rows, len(rows))  # noqa: S311 -- repeatable, not secret


ARRANGEMENTS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "sorted": list,
    "reversed": lambda rows: rows[::-1],
    "shuffled": shuffled,
    "partitions in turn": lambda rows: [row for i in range(6) for row in rows[i::6]],
    "second half first": lambda rows: rows[len(rows) // 2 :] + rows[: len(rows) // 2],
    "one late row": lambda rows: [*rows[1:], rows[0]],
    "one early row": lambda rows: [rows[-1], *rows[:-1]],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
@pytest.mark.parametrize(
    ("step", "budget", "group"),
    [(1000, 10**9, 10**6), (3, 10**9, 5), (7, 0, 4), pytest.param(1, 600, 10**6, marks=pytest.mark.nightly)],
)
def test_any_arrangement_comes_to_the_same(
    bench: Bench, kind: str, arrangement: str, step: int, budget: int, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of batches large and small, memory plenty and none, and row groups smaller than a partition."""
    monkeypatch.setattr(files, "ROW_GROUP", group)
    schema, _ = KINDS[kind]
    source = ARRANGEMENTS[arrangement](source_of(kind))
    stored: list[Row] = []
    for again in range(2):
        intake = bench.intake(kind, budget=budget)
        for batch in table(schema, source).to_batches(max_chunksize=step):
            intake.add(batch, None if schema is TRADES else rows.row_hashes(batch))
        settled = intake.settle()
        check(bench, kind, settled, stored, source)
        if again:
            assert all(s.staged is None for s in settled)
        assert (intake.first, intake.last) == (min(r["ts"] for r in source), max(r["ts"] for r in source))
        bench.store(settled)
        intake.close()
        stored = [row for rows in by_partition(KINDS[kind][1], source).values() for row in merged(schema, [], rows)[0]]


def test_a_sorted_source_writes_each_partition_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way most files take: rows are encoded once, straight into the final file."""
    made: list[object] = []
    real = files.FileWriter

    def make(*args: Any, **named: Any) -> files.FileWriter:  # noqa: ANN401 -- passed through
        made.append(args)
        return real(*args, **named)

    monkeypatch.setattr(files, "FileWriter", make)
    intake = bench.intake("idless")
    for batch in table(TRADES, source_of("idless")).to_batches(max_chunksize=7):
        intake.add(batch)
    settled = intake.settle()
    assert len(made) == len(settled) == DAYS
    assert all(s.staged is not None and s.staged.temporary.exists() for s in settled)


def test_rows_that_do_not_fit_wait_on_disk(bench: Bench) -> None:
    """Reversed rows with no memory: every batch becomes a run in a staged file, and nothing is held."""
    intake = bench.intake("bars", budget=0)
    for batch in table(BARS, source_of("bars")[::-1]).to_batches(max_chunksize=5):
        intake.add(batch)
    for parts in intake._closed.values():
        for part in parts:
            assert part.pending is not None
            part.pending.result()
    runs = [run for parts in intake._closed.values() for part in parts for run in part.runs]
    assert len(runs) > DAYS
    assert all(run.table is None for run in runs)
    check(bench, "bars", intake.settle(), [], source_of("bars")[::-1])


STORED = {"bars": [bar(i, 1.0 + i) for i in range(4)], "features": [feature(i, i % 2, float(i)) for i in range(4)]}


def brought(bench: Bench, kind: str, given: list[Row]) -> tuple[Intake, list[Settled]]:
    """Settle rows that come in one batch, with their hashes."""
    intake = bench.intake(kind)
    batch = table(KINDS[kind][0], given).to_batches()[0]
    intake.add(batch, rows.row_hashes(batch))
    return intake, intake.settle()


@pytest.mark.parametrize("kind", STORED)
def test_what_is_stored_already_is_told_by_its_content_alone(bench: Bench, kind: str) -> None:
    bench.store(brought(bench, kind, STORED[kind])[1])
    [label] = bench.live
    path = bench.folder / bench.live[label].path
    path.rename(bench.folder / "away")
    intake, [same] = brought(bench, kind, STORED[kind])
    assert told([same]) == {"identical": 4}
    assert (same.staged, same.replaces, same.runs[0].table) == (None, bench.live[label], None)
    intake.close()
    (bench.folder / "away").rename(path)
    assert told(brought(bench, kind, STORED[kind][1:])[1]) == {"identical": 3}
    moved = STORED[kind][-1] | {"ts": STORED[kind][-1]["ts"] + 1}
    assert told(brought(bench, kind, [*STORED[kind][:-1], moved])[1]) == {"identical": 3, "new": 1}


@pytest.mark.parametrize("kind", STORED)
def test_rows_that_were_stored_already_are_merged_when_others_took_their_place(bench: Bench, kind: str) -> None:
    bench.store(brought(bench, kind, STORED[kind])[1])
    intake, [same] = brought(bench, kind, STORED[kind])
    column = "close" if kind == "bars" else "value"
    other = [STORED[kind][0], STORED[kind][1] | {column: STORED[kind][1][column] + 0.5}, *STORED[kind][2:]]
    bench.store(brought(bench, kind, other)[1])
    [live] = bench.live.values()
    again = intake.merge(same.partition, same.runs, same.own, live)
    assert told([again]) == {"identical": 3, "corrected": 1}
    assert again.staged is not None
    assert [row for part in stored_rows(_path(bench, again), KINDS[kind][0]) for row in plain(part)] == STORED[kind]


def test_keep_and_fail_reach_the_merge(bench: Bench) -> None:
    first = bench.intake("bars")
    first.add(table(BARS, [bar(0), bar(1)]).to_batches()[0])
    bench.store(first.settle())
    changed = table(BARS, [bar(1, 2.0), bar(2, 2.0)]).to_batches()[0]
    keep = bench.intake("bars", on_conflict="keep")
    keep.add(changed)
    [settled] = keep.settle()
    assert told([settled]) == {"new": 1, "superseded": 1}
    fail = bench.intake("bars", on_conflict="fail")
    fail.add(changed)
    with pytest.raises(LakeError) as caught:
        fail.settle()
    assert caught.value.code == "E_CONFLICT"
    fail.close()


def test_a_worker_that_fails_fails_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LakeError("DISK_FULL", "no room")

    monkeypatch.setattr(files.FileWriter, "write", fail)
    intake = bench.intake("bars")
    intake.add(table(BARS, source_of("bars")).to_batches()[0])
    with pytest.raises(LakeError) as caught:
        intake.settle()
    assert caught.value.code == "E_DISK_FULL"
    intake.close()


def test_closing_lets_go_of_everything_at_any_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 4)
    for stop in range(0, 36, 7):
        intake = bench.intake("idless")
        for batch in table(TRADES, source_of("idless")[:stop]).to_batches(max_chunksize=5):
            intake.add(batch)
        intake.close()
        intake._staging.close()
        assert list(bench.folder.glob("_staging/*/*")) == []


def test_after_a_merge_that_fails_no_worker_is_left(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker still did after the folder was removed would leave files that nobody sweeps."""
    begun, ended = threading.Event(), threading.Event()

    def slow(*args: Any, **_: Any) -> Settled:  # noqa: ANN401 -- whatever it is given
        if args[0].label == "1970-01-01":
            begun.wait(5)
            raise LakeError("CONFLICT", "the first partition fails")
        begun.set()
        time.sleep(0.2)
        ended.set()
        raise LakeError("CONFLICT", "so do the others")

    batch = table(BARS, source_of("bars")).to_batches()[0]
    first = bench.intake("bars")
    first.add(batch)
    bench.store(first.settle())
    first.close()
    intake = bench.intake("bars")  # what is stored already is merged partition by partition
    intake.add(batch)
    monkeypatch.setattr(intake, "merge", slow)
    with pytest.raises(LakeError, match="first"):
        intake.settle()
    intake.close()
    assert ended.is_set()


def test_no_rows_settle_to_nothing(bench: Bench) -> None:
    intake = bench.intake("bars")
    intake.add(pa.RecordBatch.from_pylist([], schema=arrow_schema(BARS, identity=False)))
    assert intake.settle() == []
    assert (intake.first, intake.last) == (None, None)


def test_only_the_partitions_of_the_source_are_looked_at(bench: Bench) -> None:
    first = bench.intake("bars")
    first.add(table(BARS, source_of("bars")).to_batches()[0])
    bench.store(first.settle())
    second = bench.intake("bars")
    second.add(table(BARS, [bar(1440, 5.0)]).to_batches()[0])
    [settled] = second.settle()
    assert settled.partition.label == "1970-01-02"
    assert settled.replaces is bench.live["1970-01-02"]
    assert told([settled]) == {"corrected": 1}


def test_small_partitions_share_a_job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job for each day of a long file would cost as much as its work."""
    intake = bench.intake("bars")
    submitted: list[object] = []
    submit = bench.pool.submit

    def counted(*job: Any) -> Any:  # noqa: ANN401 -- passed through
        submitted.append(job)
        return submit(*job)

    monkeypatch.setattr(bench.pool, "submit", counted)
    intake.add(table(BARS, source_of("bars")).to_batches()[0])
    settled = intake.settle()
    assert len(submitted) <= len(settled) == DAYS  # each is both written and settled
    intake.close()
