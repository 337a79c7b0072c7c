"""Whatever is done to a lake, in whatever order, it holds what a dictionary holds: now, and as of every snapshot."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lake import files
from lake.check import verify
from lake.delete import DeleteRequest, delete
from lake.errors import LakeError
from lake.expire import ExpireRequest, expire
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest, Writer
from lake.offload import OffloadRequest, RestoreRequest, offload, restore
from lake.read import Scan
from lake.rollback import RollbackRequest, rollback
from lake.snapshots import create, drop
from lake.vacuum import VacuumRequest, vacuum
from lake.write import Mode, write
from schemas.keys import Address, Partition
from tests.manifests import make_lake
from tests.sealing import seal_all
from tests.tables import MINUTE_US, bar, bars

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
if TYPE_CHECKING:
    from collections.abc import Callable

JANUARY, FEBRUARY = (Partition.parse(f"2024-0{month}").day for month in (1, 2))
DAY = 1440
"""Minutes."""
MINUTE_NS = 60 * 10**9
MINUTES = st.builds(
    lambda day, minute: day * DAY + minute,
    st.sampled_from([JANUARY, JANUARY + 1, JANUARY + 30, FEBRUARY, FEBRUARY + 1]),
    st.sampled_from([0, 1, 2, DAY - 1]),
)
ROWS = st.dictionaries(MINUTES, st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=6)
Held = dict[int, float]


CHILD_S = 30


def die(*_: object) -> None:
    """End as a process that is killed does: nothing is cleaned up."""
    os._exit(9)


def die_before(owner: Any, name: str) -> None:  # noqa: ANN401 -- a class or a module
    """Have this process end where something is about to be done."""
    setattr(owner, name, die)


def die_behind(owner: Any, name: str) -> None:  # noqa: ANN401 -- as above
    """Have this process end where something has just been done."""
    done = getattr(owner, name)

    def last(*arguments: object) -> None:
        done(*arguments)
        die()

    setattr(owner, name, last)


CRASHES: dict[str, Callable[[], None]] = {
    "staged": lambda: die_before(files, "publish"),
    "published": lambda: die_before(Writer, "commit"),
    "logged": lambda: die_before(Writer, "_finish"),
    "committed": lambda: die_behind(Writer, "commit"),
}
"""The moments between the steps of a commit."""


class LakeModel(RuleBasedStateMachine):
    """A lake of one series beside what it should hold, snapshot by snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="model"))
        self.config = make_lake(self.folder / "lake")
        self.now: Held = {}
        self.then: dict[int, Held] = {0: {}}
        self.names: dict[str, int] = {}
        self.gone: set[int] = set()
        """Snapshots that are forgotten."""
        self.crashed = False
        """Whether files may lie about that no snapshot has."""
        self.sources = 0

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    def note(self) -> None:
        """Write down what every snapshot that came since holds: an operation changes the rows in its last commit."""
        with Manifest.open(self.config) as manifest:
            newest = manifest.snapshot()
        for snapshot in range(max(self.then) + 1, newest + 1):
            self.then[snapshot] = dict(self.now)

    def held(self, as_of: int | str | None = None) -> Held:
        with Manifest.open(self.config) as manifest:
            if manifest.find(BTC) is None:
                return {}
            table = Scan(self.config, manifest, [BTC], as_of=as_of).to_arrow()
        times = table["ts"].cast("int64").to_pylist()
        assert times == sorted(set(times))
        return dict(zip((ts // MINUTE_US for ts in times), table["close"].to_pylist(), strict=True))

    @rule(rows=ROWS, mode=st.sampled_from(["upsert", "upsert", "replace"]))
    def write(self, rows: Held, mode: Mode) -> None:
        write(self.config, BTC, bars(*(bar(minute, price) for minute, price in sorted(rows.items()))), mode=mode)
        if mode == "replace":
            self.now = {m: p for m, p in self.now.items() if not min(rows) <= m <= max(rows)}
        self.now |= rows
        self.note()

    @rule(rows=ROWS)
    def ingest(self, rows: Held) -> None:
        self.sources += 1
        path = self.folder / f"{self.sources}.csv"
        lines = [f"{m * 60_000},{p},{p},{p},{p},1.0\n" for m, p in sorted(rows.items())]
        path.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
        request = IngestRequest((str(path),), exchange="BINANCE", symbol="BTCUSDT", period="1m")
        ingest(self.config, request)
        [again] = ingest(self.config, request).files
        assert again.status == "unchanged"
        self.now |= rows
        self.note()

    @precondition(lambda self: self.now)
    @rule(start=MINUTES, length=st.sampled_from([1, 2, DAY, 3 * DAY, 60 * DAY]))
    def delete(self, start: int, length: int) -> None:
        end = start + length
        gone = [minute for minute in self.now if start <= minute < end]
        report = delete(self.config, DeleteRequest((str(BTC),), start * MINUTE_NS, end * MINUTE_NS))
        assert sum(series.rows for series in report.series) == len(gone)
        assert report.status == ("committed" if gone else "unchanged")
        for minute in gone:
            del self.now[minute]
        self.note()

    @precondition(lambda self: any(self.then.values()))
    @rule(data=st.data(), named=st.booleans())
    def rollback(self, data: st.DataObject, named: bool) -> None:  # noqa: FBT001 -- drawn
        filled = [snapshot for snapshot, held in self.then.items() if held or self.now]
        target: int | str = data.draw(st.sampled_from([s for s in filled if s] or [max(self.then)]))
        names = [name for name, snapshot in self.names.items() if self.then[snapshot] or self.now]
        if named and names:
            name = data.draw(st.sampled_from(names))
            self.now, target = dict(self.then[self.names[name]]), name
        else:
            self.now = dict(self.then[int(target)])
        if self.now or self.held():
            rollback(self.config, RollbackRequest((str(BTC),), target))
        self.note()

    @rule()
    def seal(self) -> None:
        seal_all(self.config)
        self.note()

    @precondition(lambda self: self.now)
    @rule()
    def offload(self) -> None:
        request = OffloadRequest(to=str(self.folder / "cold"), older_than_ns=0, grace_s=0, force=True)
        assert offload(self.config, request).findings == []
        self.note()

    @precondition(lambda self: self.now)
    @rule()
    def restore(self) -> None:
        assert restore(self.config, RestoreRequest((str(BTC),))).findings == []
        self.note()

    @precondition(lambda self: max(self.then) > 0)
    @rule(data=st.data(), name=st.sampled_from(["a", "b", "c"]))
    def rename(self, data: st.DataObject, name: str) -> None:
        if name in self.names:
            drop(self.config, name)
            del self.names[name]
        else:
            target = data.draw(st.sampled_from([snapshot for snapshot in self.then if snapshot]))
            assert create(self.config, name, target) == target
            self.names[name] = target
        self.note()

    @precondition(lambda self: max(self.then) > 1)
    @rule(keep=st.integers(1, 6))
    def expire(self, keep: int) -> None:
        newest, named = max(self.then), set(self.names.values())
        old = {s for s in self.then if 0 < s <= newest - keep} - named
        report = expire(self.config, ExpireRequest(keep_last=keep, force=True))
        assert {s for first, last in report.spans for s in range(first, last + 1)} == old
        for snapshot in old:
            del self.then[snapshot]
        self.gone |= old
        self.note()

    @rule()
    def vacuum(self) -> None:
        report = vacuum(self.config, VacuumRequest(0, force=True))
        assert report.young.files == report.leased.files == 0
        self.note()
        with Manifest.open(self.config) as manifest:
            known = {file.path.rpartition("/")[2] for file in manifest.all_files()}
        unsettled = report.busy.files
        lying = {path.name for path in self.folder.rglob("*.parquet")}
        assert known <= lying
        assert len(lying - known) == unsettled
        self.crashed = self.crashed and unsettled > 0

    @rule(rows=ROWS, point=st.sampled_from([*CRASHES]))
    def crash(self, rows: Held, point: str) -> None:
        child = os.fork()
        if child == 0:
            signal.alarm(CHILD_S)  # killed by the clock is killed, too
            CRASHES[point]()
            with suppress(BaseException):
                write(self.config, BTC, bars(*(bar(minute, price) for minute, price in sorted(rows.items()))))
            os._exit(0)
        os.waitpid(child, 0)
        self.crashed = True
        after = self.now | rows
        found = self.held()
        assert found in (self.now, after)
        if point == "committed":
            assert found == after
        self.now = found
        self.note()

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        snapshot = data.draw(st.sampled_from(sorted(self.then)))
        assert self.held(snapshot) == self.then[snapshot]
        for name, target in self.names.items():
            assert self.held(name) == self.then[target]
        for gone in data.draw(st.sets(st.sampled_from(sorted(self.gone)), max_size=2)) if self.gone else ():
            with pytest.raises(LakeError, match=f"snapshot {gone} is forgotten"):
                self.held(gone)

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        assert self.held() == self.now

    @rule()
    def prove(self) -> None:
        report = verify(self.config)
        assert report.ok, (report.chain, report.damaged, report.missing)
        assert bool(report.orphans) <= self.crashed


class LongModel(LakeModel):
    """The same, for longer."""


TestLakeModel = LakeModel.TestCase
TestLakeModel.settings = settings(max_examples=60, stateful_step_count=10, deadline=None)
TestLongModel = pytest.mark.nightly(LongModel.TestCase)
TestLongModel.settings = settings(max_examples=600, stateful_step_count=30, deadline=None)
