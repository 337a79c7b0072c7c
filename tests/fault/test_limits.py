"""Limits of the machine: descriptors, file sizes, memory, a disk that may only be read, a clock that jumps."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lake.check import verify
from lake.expire import ExpireRequest, expire
from lake.manifest import Manifest
from lake.staging import Staging
from lake.vacuum import VacuumRequest, vacuum
from tests.tiers import content, live, old_lake, take_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.config import Config

DAY_NS = 86_400 * 10**9
YEAR_NS = 365 * DAY_NS
BARS = "BINANCE/SPOT/BTCUSDT/bars/1m"
CGROUPS = Path("/sys/fs/cgroup/memory")
MB = 1_000_000
SMALL_ROWS, LARGE_ROWS = 400_000, 4_000_000
"""About 21 and 215 MB of trades as text."""


def dl(config: Config, *words: str, limit: Callable[[], None] = lambda: None) -> subprocess.CompletedProcess[str]:
    """Run `dl` in a process of its own, under a limit."""
    return subprocess.run(
        [sys.executable, "-m", "dl_datalake.cli", *words, "--root", str(config.root), "--json"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        cwd=config.root,
    )


def refused(done: subprocess.CompletedProcess[str], *codes: str) -> bool:
    """Whether a command failed, in one clean document with one of the codes; else it must have been done."""
    assert "Traceback" not in done.stderr, done.stderr
    document = json.loads(done.stdout)
    if done.returncode == 0:
        return False
    assert document["error"]["code"] in codes, document
    return True


def source(config: Config, days: range, close: float) -> str:
    path = config.root / f"next-{close:g}.csv"
    lines = [
        f"{(18_993 + day) * 86_400_000 + minute * 60_000},100.5,{1000 + day},1.25,{close + minute},0.1\n"
        for day in days
        for minute in range(300)
    ]
    path.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
    return str(path)


VERBS: dict[str, Callable[[Config], tuple[str, ...]]] = {
    "ingest": lambda config: (
        "ingest",
        "--source",
        source(config, range(4, 9), 300.0),
        "--exchange",
        "BINANCE",
        "--symbol",
        "BTCUSDT",
    ),
    "aggregate": lambda _config: ("aggregate", BARS, "--to", "5m,1d"),
    "seal": lambda _config: ("seal",),
    "offload": lambda config: ("offload", "--to", str(config.root / "cold"), "--older-than", "0d"),
    "delete": lambda _config: ("delete", BARS, "--end", "2022-01-02", "--yes"),
    "read": lambda _config: ("read", BARS),
}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return old_lake(tmp_path / "lake")


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("count", [16, 20, 32])
def test_too_few_descriptors_are_an_error_and_nothing_worse(config: Config, verb: str, count: int) -> None:
    before = content(config)
    words = VERBS[verb](config)
    done = dl(config, *words, limit=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count)))
    if done.stdout:
        was_refused = refused(done, "E_STORAGE")
    else:  # not even Python could start
        assert done.returncode != 0
        was_refused = True
    assert verify(config).ok
    if was_refused:
        assert content(config).equals(before)
        assert not refused(dl(config, *words))
    assert verify(config).ok


@pytest.mark.parametrize("verb", ["ingest", "aggregate", "seal", "offload", "delete"])
@pytest.mark.parametrize("size", [600, 3_000, 120_000])
def test_files_that_must_not_grow_are_an_error_and_nothing_worse(config: Config, verb: str, size: int) -> None:
    before = content(config)
    words = VERBS[verb](config)
    done = dl(config, *words, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    was_refused = refused(done, "E_STORAGE", "E_DISK_FULL")
    assert verify(config).ok
    if was_refused:
        assert content(config).equals(before)
        assert not refused(dl(config, *words))
    assert verify(config).ok


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Have a folder be a file system that may only be read; skip, loudly, where this machine cannot."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: a disk that may only be read needs root")
    bind = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(bind, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: nothing can be mounted here")
    try:
        again = ["mount", "-o", "remount,bind,ro", str(folder)]
        subprocess.run(again, check=True, capture_output=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)  # noqa: S607 -- a fixed program


def test_a_lake_that_may_only_be_read_is_read_and_verified_and_refuses_the_rest(config: Config) -> None:
    words = {verb: make(config) for verb, make in VERBS.items()}
    rows = content(config).num_rows
    with read_only(config.root):
        assert json.loads(dl(config, "show", BARS, "--stats").stdout)["data"]["stats"]["rows"] == rows
        assert json.loads(dl(config, "list").stdout)["data"][0]["rows"] == rows
        assert json.loads(dl(config, "verify").stdout)["data"]["clean"]
        for verb in ("ingest", "aggregate", "delete", "offload"):
            assert refused(dl(config, *words[verb]), "E_STORAGE"), verb
        assert refused(dl(config, "snapshot", "create", "clean"), "E_STORAGE")
        for verb in ("ingest", "aggregate", "delete", "offload", "seal"):
            assert not refused(dl(config, *words[verb], "--dry-run")), verb
        assert not refused(dl(config, "vacuum", "--dry-run"))
    assert verify(config).ok
    assert not refused(dl(config, *words["ingest"]))


@pytest.mark.skipif(os.geteuid() == 0, reason="NOT TESTED: root may write anywhere")
def test_a_folder_that_may_not_be_written_is_an_error_and_nothing_worse(config: Config) -> None:
    words = VERBS["ingest"](config)
    folders = [path for path in config.data.rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert refused(dl(config, *words), "E_STORAGE")
        assert verify(config).ok
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert not refused(dl(config, *words))


# ---- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump_ns", [-YEAR_NS, 30 * DAY_NS], ids=["a year back", "thirty days ahead"])
def test_a_clock_that_jumps_loses_nothing(config: Config, jump_ns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.time_ns
    old = content(config)
    staging = Staging(config.data, "a run under way")
    half = staging.path()
    half.write_bytes(b"half")
    monkeypatch.setattr(time, "time_ns", lambda: clock() + jump_ns)
    take_in(config, range(3), 200.0)
    # An hour of grace is over by this clock, or was not there yet: what is needed stays all the same.
    report = vacuum(config, VacuumRequest())
    assert report.reclaimed.files == 0
    assert half.exists()
    assert content(config, 1).equals(old)
    expired = expire(config, ExpireRequest(older_than_s=86_400))
    assert expired.before == 2
    monkeypatch.setattr(time, "time_ns", clock)
    take_in(config, range(2), 400.0)
    with Manifest.open(config) as manifest:
        times = [row.at_ns for row in manifest.history()]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == len(times)
    staging.close()
    assert verify(config).ok
    assert {label: file.rows for label, file in live(config).items()} == {f"2022-01-0{day}": 5 for day in range(1, 7)}


# ---- memory ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cage(tmp_path: Path) -> Iterator[Callable[[int], Callable[[], None]]]:
    """Give what puts a process under a cap of memory, the kernel's cache of its files counted in."""
    group = CGROUPS / f"dl-{os.getpid()}-{tmp_path.name}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("NOT TESTED: no memory controller (cgroup v1) that may be used here")

    def capped(size: int) -> Callable[[], None]:
        (group / "memory.limit_in_bytes").write_text(str(size))

        def enter() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        return enter

    yield capped
    for _ in range(50):
        with suppress(OSError):
            group.rmdir()
            return
        time.sleep(0.1)


def ticks(path: Path, rows: int) -> list[str]:
    """Write trades of two days as text; return the words that ingest them."""
    step = 2 * 86_400_000 // rows
    with path.open("w") as stream:
        stream.write("ts,price,size,side,trade_id\n")
        for at in range(rows):
            stream.write(
                f"{1_640_995_200_000 + at * step},{46_000 + at % 9973 / 100:.2f},0.{at % 997 + 1:03},buy,{at}\n"
            )
    return ["ingest", "--source", str(path), "--exchange", "BINANCE", "--symbol", "BTCUSDT", "--type", "ticks"]


def killed(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode in {-signal.SIGKILL, 128 + signal.SIGKILL}


@pytest.mark.timeout(300)
def test_an_ingest_stays_below_its_promise(config: Config, cage: Callable[[int], Callable[[], None]]) -> None:
    words = ticks(config.root / "ticks.csv", SMALL_ROWS)
    done = dl(config, *words, limit=cage(300 * MB))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["files"][0]["rows"]["new"] == SMALL_ROWS
    assert verify(config).ok


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("size", [512 * MB, 256 * MB])
def test_a_large_ingest_stays_below_a_cap_or_dies_without_harm(
    config: Config, cage: Callable[[int], Callable[[], None]], size: int
) -> None:
    before = content(config)
    words = ticks(config.root / "ticks.csv", LARGE_ROWS)
    done = dl(config, *words, limit=cage(size))
    assert verify(config).ok
    if size < 512 * MB and killed(done):
        assert content(config).equals(before)
        done = dl(config, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["data"]["files"][0]["rows"]["new"] == LARGE_ROWS
    assert verify(config).ok


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_an_ingest_killed_for_want_of_memory_does_no_harm(
    config: Config, cage: Callable[[int], Callable[[], None]]
) -> None:
    before = content(config)
    words = ticks(config.root / "ticks.csv", SMALL_ROWS)
    deaths = 0
    for size in range(60, 200, 10):
        done = dl(config, *words, limit=cage(size * MB))
        deaths += killed(done)
        assert verify(config).ok
        if done.returncode == 0:
            break
        assert content(config).equals(before)
    assert deaths > 0
    shutil.rmtree(config.root / "cold", ignore_errors=True)
    assert dl(config, *words).returncode == 0
