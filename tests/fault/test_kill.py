"""A command killed at any moment: what was acknowledged is there, what was not is not, and the next run finishes it.

A further command is one more line in VERBS.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pytest

from lake import layout
from lake.aggregate import AggregateReport, AggregateRequest, aggregate
from lake.aggregate import run as aggregation
from lake.check import verify
from lake.delete import DeleteReport, DeleteRequest, delete
from lake.manifest import Manifest
from lake.offload import MoveReport, OffloadRequest, RestoreRequest, model, offload, restore
from lake.rollback import RollbackReport, RollbackRequest, rollback
from lake.seal import SealReport, SealRequest, seal
from lake.snapshots import create
from tests.fault.harness.lakes import BTC, DAY_NS, FAR_NS, FIRST_DAY, State, at, state, take, write_source
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from pathlib import Path

    from lake.config import Config
    from lake.ingest import IngestReport

TARGETS = ("5m", "15m", "1h", "4h", "1d", "1w")
POINTS = 4
AIMED = 2
"""Few: `test_kill_points` kills at every operation, if only small lakes and one thread; the night kills a hundred."""
CHILDREN = multiprocessing.get_context("forkserver")
"""Processes that start with everything imported: what is killed is a command, not an import."""
CHILDREN.set_forkserver_preload(
    [
        "lake.ingest",
        "lake.aggregate",
        "lake.seal",
        "lake.delete",
        "lake.rollback",
        "lake.offload",
        "sqlite_utils",
        "pandera",
        "pandas",
        "schemas.models",
    ]
)


# ---- commands --------------------------------------------------------------------------------------------------------


def seal_all(config: Config) -> SealReport:
    return seal(config, SealRequest(), now_ns=FAR_NS)


def forty_days(config: Config, folder: Path) -> None:
    write_source(folder / "base.csv", range(40), 100.0)
    take(config, folder / "base.csv")
    write_source(folder / "more.csv", range(20, 160), 101.0)


def thirty_months(config: Config, folder: Path) -> None:
    write_source(folder / "base.csv", range(0, 900, 9), 100.0)
    take(config, folder / "base.csv")


def sealed_months(config: Config, folder: Path) -> None:
    thirty_months(config, folder)
    seal_all(config)
    write_source(folder / "late.csv", range(200, 400, 27), 102.0)


def offload_all(config: Config, folder: Path) -> MoveReport:
    """Move everything, in several commits, and remove the hot copies at once."""
    model.BATCH_FILES = 30
    report = offload(config, OffloadRequest(to=str(folder / "cold"), older_than_ns=0, grace_s=0, force=True))
    assert report.findings == []
    assert not list(config.data.glob("[A-Z]*/**/*.parquet"))
    with Manifest.open(config) as manifest:
        paths = {file.path for file in manifest.all_files(live_only=True)}
    cold = folder / "cold"
    assert {
        path.relative_to(cold).as_posix() for path in cold.rglob("*") if path.suffix in {".parquet", ".tmp"}
    } == paths
    return report


def restore_all(config: Config, _: Path) -> MoveReport:
    model.BATCH_FILES = 30
    report = restore(config, RestoreRequest(("*/*/*/bars/1m",)))
    assert report.findings == []
    return report


def offloaded(config: Config, folder: Path) -> None:
    thirty_months(config, folder)
    offload_all(config, folder)


def hundred_days(config: Config, folder: Path) -> None:
    forty_days(config, folder)
    take(config, folder / "more.csv")
    aggregate(config, AggregateRequest(BTC, TARGETS, end_ns=FIRST_DAY * DAY_NS + 60 * DAY_NS))
    write_source(folder / "late.csv", range(5, 50), 103.0)
    take(config, folder / "late.csv")


def sealed_and_named(config: Config, folder: Path) -> None:
    """Leave a sealed lake, its snapshot named, with late rows that opened some of its months."""
    sealed_months(config, folder)
    create(config, "clean")
    take(config, folder / "late.csv")


def delete_some(config: Config, _: Path) -> DeleteReport:
    start = (FIRST_DAY + 198) * DAY_NS + 5 * 60 * 10**9
    request = DeleteRequest(("BINANCE/SPOT/BTCUSDT/bars/1m",), start, start + 198 * DAY_NS)
    return delete(config, request)


def roll_back(config: Config, _: Path) -> RollbackReport:
    return rollback(config, RollbackRequest(("BINANCE/SPOT/BTCUSDT/bars/1m",), "clean"))


def aggregate_all(config: Config, _: Path) -> AggregateReport:
    """Make what is missing and what is stale, in several commits."""
    aggregation.COMMIT_PARTITIONS = 6
    return aggregate(config, AggregateRequest(BTC, TARGETS))


@dataclass(frozen=True)
class Verb:
    """A command: what the lake is before it, and how it is run; both are given a folder for sources and the like."""

    prepare: Callable[[Config, Path], object]
    act: Callable[[Config, Path], Any]
    at_once: bool = False
    """Whether all of it is one commit."""
    again: Callable[[Any, bool], object] = lambda _report, _finished: None
    """Looks at what the run after the kill reports; told whether the killed one had done everything."""
    begun: Callable[[Config, Path], bool] = lambda config, _: any((config.data / layout.STAGING).glob("*/*.tmp"))
    """Whether the command has begun to write."""


def ingested_again(report: IngestReport, finished: bool) -> None:  # noqa: FBT001 -- as Verb says
    [file] = report.files
    assert file.status == ("unchanged" if finished else "committed")


def sealed_again(report: SealReport, finished: bool) -> None:  # noqa: FBT001 -- as Verb says
    assert report.status == ("unchanged" if finished else "committed")


def aggregated_again(report: AggregateReport, finished: bool) -> None:  # noqa: FBT001 -- as Verb says
    assert report.status == ("unchanged" if finished else "committed")


def deleted_again(report: DeleteReport, finished: bool) -> None:  # noqa: FBT001 -- as Verb says
    assert report.status == ("unchanged" if finished else "committed")


def rolled_back_again(report: RollbackReport, finished: bool) -> None:  # noqa: FBT001 -- as Verb says
    assert report.status == ("unchanged" if finished else "committed")


def moved_again(report: MoveReport, finished: bool) -> None:  # noqa: FBT001 -- as Verb says
    assert report.status == ("unchanged" if finished else "committed")


VERBS = {
    "ingest": Verb(forty_days, lambda c, f: take(c, f / "more.csv"), at_once=True, again=ingested_again),
    "seal": Verb(thirty_months, lambda c, _: seal_all(c), again=sealed_again),
    "offload": Verb(
        thirty_months, offload_all, again=moved_again, begun=lambda _, f: any((f / "cold").rglob("*.parquet"))
    ),
    "restore": Verb(offloaded, restore_all, again=moved_again, begun=lambda c, _: any(c.data.rglob("*.parquet*"))),
    "aggregate": Verb(hundred_days, aggregate_all, again=aggregated_again),
    "delete": Verb(sealed_months, delete_some, at_once=True, again=deleted_again),
    "rollback": Verb(sealed_and_named, roll_back, at_once=True, again=rolled_back_again),
    "late rows": Verb(sealed_months, lambda c, f: take(c, f / "late.csv"), at_once=True, again=ingested_again),
}


# ---- the lake before, after, and in between --------------------------------------------------------------------------


@dataclass
class Trial:
    """A lake, and what a command that nobody interrupts makes of it."""

    name: str
    folder: Path
    before: State
    after: State
    seconds: float = 0.0
    writing: float = 0.0
    """Seconds from its first write to its end."""

    @property
    def verb(self) -> Verb:
        return VERBS[self.name]

    def lake(self, name: str) -> tuple[Config, Path]:
        """Return a copy of the lake, and of the folder beside it."""
        home = self.folder / name
        shutil.copytree(self.folder / "template", home, copy_function=shutil.copyfile)
        return at(home), home / "files"


@pytest.fixture(scope="module", params=VERBS)
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Measure a command that nobody interrupts."""
    folder = tmp_path_factory.mktemp("kill")
    (folder / "template" / "files").mkdir(parents=True)
    config = make_lake(folder / "template" / "lake")
    VERBS[request.param].prepare(config, folder / "template" / "files")
    trial = Trial(request.param, folder, state(config), state(config))
    for name in ("a", "b"):  # the first one warms the disk's cache
        with Child(trial, name) as child:
            child.wait()
            trial.seconds, trial.writing = child.seconds, child.writing
            trial.after = state(child.config)
    assert trial.after != trial.before
    return trial


def run_verb(name: str, config: Config, folder: Path, told: Connection) -> None:
    """Run in the child: say when it begins, and acknowledge when the command returned."""
    told.send("begun")
    VERBS[name].act(config, folder)
    told.send("acknowledged")


class Child:
    """A process that runs the command on a lake of its own."""

    def __init__(self, trial: Trial, name: str) -> None:
        self.trial = trial
        self.config, self.folder = trial.lake(name)
        self._told, theirs = multiprocessing.Pipe(duplex=False)
        self.process = CHILDREN.Process(target=run_verb, args=(trial.name, self.config, self.folder, theirs))
        self.process.start()
        theirs.close()
        assert self._told.recv() == "begun"
        self._begun = time.monotonic()
        self.seconds = self.writing = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._told.close()
        shutil.rmtree(self.config.root.parent)

    def wait(self) -> None:
        while self.process.is_alive() and not self.trial.verb.begun(self.config, self.folder):
            time.sleep(0.001)
        self.writing = time.monotonic()
        assert self._told.recv() == "acknowledged"
        self.writing, self.seconds = time.monotonic() - self.writing, time.monotonic() - self._begun
        self.process.join()

    def kill_after(self, seconds: float) -> None:
        time.sleep(max(0.0, self._begun + seconds - time.monotonic()))
        self.kill()

    def kill_once_begun(self, then: float = 0.0) -> None:
        while self.process.is_alive() and not self.trial.verb.begun(self.config, self.folder):
            time.sleep(0.001)
        time.sleep(then)
        self.kill()

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it has just ended by itself
            if self.process.exitcode is None and self.process.pid is not None:
                os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    @property
    def acknowledged(self) -> bool:
        try:
            return self._told.poll() and self._told.recv() == "acknowledged"
        except EOFError:
            return False

    def check_and_finish(self) -> bool:
        """Check the lake that was left, and run the command again; return whether it was killed while it wrote."""
        trial, config = self.trial, self.config
        wrote = trial.verb.begun(config, self.folder)
        report = verify(config)
        assert report.ok, (report.chain, report.damaged, report.missing)
        found = state(config)
        finished = found == trial.after
        assert finished or not self.acknowledged
        assert finished or found == trial.before or not trial.verb.at_once
        for part in {*found.parts, *trial.before.parts}:
            assert found.parts.get(part) in {trial.before.parts.get(part), trial.after.parts.get(part)}

        trial.verb.again(trial.verb.act(config, self.folder), finished)
        assert state(config) == trial.after
        report = verify(config)
        assert report.ok, (report.chain, report.damaged, report.missing)
        with Manifest.open(config) as manifest:
            assert "running" not in {run.status for run in manifest.runs()}
        if not finished:
            assert [path for path in (config.data / layout.STAGING).iterdir() if path.is_dir()] == []
        return wrote and not finished


def test_a_kill_at_any_moment_loses_nothing_and_invents_nothing(trial: Trial) -> None:
    in_between = 0
    for point in range(POINTS):
        with Child(trial, f"{point}") as child:
            child.kill_after(trial.seconds * (point + 0.5) / POINTS)
            in_between += child.check_and_finish()
    while in_between < AIMED:  # a machine that is busier or idler than when it was measured
        with Child(trial, "aimed") as child:
            child.kill_once_begun()
            in_between += child.check_and_finish()


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_hundred_kills_between_the_first_write_and_the_commit(trial: Trial) -> None:
    in_between = 0
    for point in itertools.count():
        with Child(trial, f"{point}") as child:
            child.kill_once_begun(then=trial.writing * (point % 20) / 20)
            in_between += child.check_and_finish()
        if in_between >= 100:
            break
