"""An ingest killed at any moment: what was acknowledged is there, what was not is not, and the next run finishes it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pytest

from lake import layout
from lake.check import verify
from lake.config import Config
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.read import Scan
from schemas.keys import Address
from tests.manifests import make_lake

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    import pyarrow as pa

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
POINTS = 20
AIMED = 5
DAYS, BASE_DAYS, A_DAY = 160, 40, 12
CHILDREN = multiprocessing.get_context("forkserver")
"""Processes that start with everything imported: what is killed is an ingest, not an import."""
CHILDREN.set_forkserver_preload(["lake.ingest", "sqlite_utils", "pandera", "pandas", "schemas.models"])


def run_ingest(config: Config, source: str, told: Connection) -> None:
    """Run in the child: say when it begins, and acknowledge when the ingest returned."""
    told.send("begun")
    ingest(config, request(source))
    told.send("acknowledged")


def request(source: str) -> IngestRequest:
    return IngestRequest(sources=(source,), exchange="BINANCE", symbol="BTCUSDT", period="1m")


def write_source(path: Path, days: range, close: float) -> str:
    with path.open("w") as stream:
        stream.write("ts,open,high,low,close,volume\n")
        for day in days:
            for minute in range(A_DAY):
                ms = (19_000 + day) * 86_400_000 + minute * 60_000
                stream.write(f"{ms},100.5,{120 + day},99.25,{close + day + minute / 100},0.1\n")
    return str(path)


@dataclass
class Trial:
    """A lake with one acknowledged ingest, and what a second one would make of it."""

    template: Path
    source: str
    before: pa.Table
    after: pa.Table
    hashes: list[str]
    seconds: float

    def lake(self, folder: Path) -> Config:
        shutil.copytree(self.template, folder, copy_function=shutil.copyfile)
        return at(folder)


def at(root: Path) -> Config:
    return Config(root=root, data=root / "data", manifest=root / "manifest.db", wait_s=5.0)


def content(config: Config) -> pa.Table:
    with Manifest.open(config) as manifest:
        return Scan(config, manifest, [BTC]).to_arrow()


def hashes(config: Config) -> list[str]:
    with Manifest.open(config) as manifest:
        return [f"{file.partition} {file.content_hash}" for file in manifest.all_files(live_only=True)]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """Measure an ingest that nobody interrupts."""
    folder = tmp_path_factory.mktemp("kill")
    base = write_source(folder / "base.csv", range(BASE_DAYS), 100.0)
    source = write_source(folder / "more.csv", range(BASE_DAYS // 2, DAYS), 101.0)
    config = make_lake(folder / "template")
    ingest(config, request(base))
    trial = Trial(folder / "template", source, content(config), content(config), [], 0.0)
    for name in ("a", "b"):  # the first one warms the disk's cache
        whole = trial.lake(folder / name)
        with Child(whole, source) as child:
            child.wait()
            trial.seconds = child.seconds
    trial.after, trial.hashes = content(whole), hashes(whole)
    return trial


class Child:
    """A process that ingests."""

    def __init__(self, config: Config, source: str) -> None:
        self._told, theirs = multiprocessing.Pipe(duplex=False)
        self.process = CHILDREN.Process(target=run_ingest, args=(config, source, theirs))
        self.process.start()
        theirs.close()
        assert self._told.recv() == "begun"
        self._begun = time.monotonic()
        self.seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._told.close()

    def wait(self) -> None:
        assert self._told.recv() == "acknowledged"
        self.seconds = time.monotonic() - self._begun
        self.process.join()

    def kill_after(self, seconds: float) -> None:
        time.sleep(max(0.0, self._begun + seconds - time.monotonic()))
        self.kill()

    def kill_at_first_staged_file(self, config: Config, then: float = 0.0) -> None:
        staging = config.data / layout.STAGING
        while self.process.is_alive() and not any(staging.glob("*/*.tmp")):
            time.sleep(0.001)
        time.sleep(then)
        self.kill()

    def kill(self) -> None:
        if self.process.exitcode is None and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    @property
    def acknowledged(self) -> bool:
        try:
            return self._told.poll() and self._told.recv() == "acknowledged"
        except EOFError:
            return False


def staged(config: Config) -> int:
    """Count the files that are staged, or in place without being in the manifest."""
    with Manifest.open(config) as manifest:
        known = {file.path for file in manifest.all_files()}
    found = {path.relative_to(config.data).as_posix() for path in config.data.rglob("*.parquet*")}
    return len({path.removeprefix(f"{layout.REPLACED}/") for path in found} - known)


def check_and_finish(trial: Trial, config: Config, *, acknowledged: bool) -> bool:
    """Check a lake whose ingest was killed, and run it again; return whether it fell between staging and COMMIT."""
    report = verify(config)
    assert report.ok, (report.chain, report.damaged, report.missing)
    with Manifest.open(config) as manifest:
        snapshot = manifest.snapshot()
    assert snapshot == 2 or not acknowledged
    found = content(config)
    assert found.equals(trial.after if snapshot == 2 else trial.before)
    in_between = snapshot == 1 and staged(config) > 0

    [again] = ingest(config, request(trial.source)).files
    assert again.status == ("unchanged" if snapshot == 2 else "committed")
    assert again.rows["read"] == trial.after.num_rows - BASE_DAYS // 2 * A_DAY
    assert content(config).equals(trial.after)
    assert hashes(config) == trial.hashes
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []
        statuses = {run.id: run.status for run in manifest.runs()}
        assert "running" not in statuses.values() or snapshot == 2
    if snapshot == 1:
        left = [path for path in (config.data / layout.STAGING).iterdir() if path.is_dir()]
        assert left == []
    return in_between


def test_a_kill_at_any_moment_loses_nothing_and_invents_nothing(trial: Trial, tmp_path: Path) -> None:
    in_between = 0
    for point in range(POINTS):
        config = trial.lake(tmp_path / f"{point}")
        with Child(config, trial.source) as child:
            child.kill_after(trial.seconds * (point + 0.5) / POINTS)
            in_between += check_and_finish(trial, config, acknowledged=child.acknowledged)
        shutil.rmtree(config.root)
    while in_between < AIMED:  # a machine that is busier or idler than when it was measured
        config = trial.lake(tmp_path / "aimed")
        with Child(config, trial.source) as child:
            child.kill_at_first_staged_file(config)
            in_between += check_and_finish(trial, config, acknowledged=child.acknowledged)
        shutil.rmtree(config.root)


@pytest.mark.nightly
def test_a_hundred_kills_between_the_first_staged_file_and_the_commit(trial: Trial, tmp_path: Path) -> None:
    in_between = 0
    for point in range(100):
        config = trial.lake(tmp_path / f"{point}")
        with Child(config, trial.source) as child:
            child.kill_at_first_staged_file(config, then=trial.seconds * 0.8 * point / 100)
            in_between += check_and_finish(trial, config, acknowledged=child.acknowledged)
        shutil.rmtree(config.root)
    assert in_between >= 50
