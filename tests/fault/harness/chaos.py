"""Writers, readers and a janitor at one lake, each a process of its own; some are killed, and started again."""

from __future__ import annotations

import multiprocessing
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lake.check import verify
from lake.errors import LakeError
from lake.expire import ExpireRequest, expire
from lake.manifest import Manifest, Writer
from lake.read import Scan
from lake.vacuum import VacuumRequest, vacuum
from lake.write import write
from schemas.keys import Address
from tests.tables import bar, bars

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.context import ForkServerProcess
    from pathlib import Path

    from lake.config import Config

SHARED = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
DAY = 1440
FIRST_DAY = 19_000
ROWS = 3
"""Rows a write has; each in another day."""
KEPT = 3
"""Snapshots that the janitor leaves."""
START_S = 15.0
PAUSE_S = (0.05, 0.4)
HARMLESS = {"E_SNAPSHOT_EXPIRED", "E_UNKNOWN_SERIES"}
"""What a reader of old snapshots may be told: that one is forgotten, or held nothing yet."""


def own(number: int) -> Address:
    """Return the series that only one writer writes to."""
    return Address.of("BINANCE", "SPOT", f"OWN{number}", "bars", "1m")


def minutes(number: int, turn: int) -> list[int]:
    """Return the minutes that one write of one writer is about, which no other write ever is."""
    block, minute = divmod(turn * 16 + number, DAY)
    return [(FIRST_DAY + block * ROWS + day) * DAY + minute for day in range(ROWS)]


def writer(config: Config, number: int, begun: int, told: Path) -> None:
    """Write without an end to a series of one's own and to the shared one; write down what was acknowledged."""
    with told.open("a", buffering=1) as stream:
        turn = begun
        while True:
            turn += 1
            rows = bars(*(bar(minute, 100.0 + turn) for minute in minutes(number, turn)))
            for address in (own(number), SHARED):
                asked = time.monotonic()
                try:
                    write(config, address, rows)
                except LakeError as error:
                    waited = time.monotonic() - asked
                    fair = error.code == "E_LOCKED" and waited >= config.wait_s
                    stream.write(f"{'waited' if fair else 'error'} {error.code} {error.message}\n")
                    continue
                stream.write(f"ack {address} {turn}\n")


def reader(config: Config, _number: int, _begun: int, told: Path) -> None:
    """Read now and as of old snapshots without an end; each reads the same twice, and no key is there twice."""
    dice = random.Random(_number)  # noqa: S311 -- any will do
    with told.open("a", buffering=1) as stream:
        while True:
            try:
                with Manifest.open(config) as manifest:
                    if not (newest := manifest.snapshot()):
                        continue
                    at = dice.randint(max(1, newest - KEPT), newest)
                    scan = Scan(config, manifest, [SHARED], as_of=at)
                first, second = scan.to_arrow(), scan.to_arrow()
                if not first.equals(second):
                    stream.write(f"error snapshot {at} changed\n")
                if len(first["ts"].unique()) != len(first):
                    stream.write(f"error a key twice at {at}\n")
                stream.write("read\n")
            except LakeError as error:
                if error.code not in HARMLESS:
                    stream.write(f"error {error.code} {error.message} {error.where}\n")
            except Exception as error:  # noqa: BLE001 -- that is what is looked for
                stream.write(f"error {error!r}\n")


def janitor(config: Config, _number: int, _begun: int, told: Path) -> None:
    """Forget and give back without an end, with no grace at all."""
    with told.open("a", buffering=1) as stream:
        while True:
            try:
                expire(config, ExpireRequest(keep_last=KEPT, force=True))
                report = vacuum(config, VacuumRequest(0, force=True))
                stream.write(f"gave {report.reclaimed.files + report.orphans.files}\n")
            except LakeError as error:
                if error.code != "E_LOCKED":
                    stream.write(f"error {error.code} {error.message} {error.where}\n")


ROLES: dict[str, Callable[[Config, int, int, Path], None]] = {"writer": writer, "reader": reader, "janitor": janitor}


@dataclass
class Cast:
    """One process and the file it tells of itself in."""

    role: str
    number: int
    told: Path
    process: ForkServerProcess | None = None


@dataclass
class Outcome:
    """What came of it."""

    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    waited: int = 0
    reads: int = 0
    given_back: int = 0
    kills: int = 0
    findings: list[str] = field(default_factory=list)


class Chaos:
    """A lake that many use at once."""

    def __init__(self, config: Config, folder: Path, *, writers: int, readers: int) -> None:
        """Take an empty lake, and a folder for what each process tells."""
        self._config, self._folder = config, folder
        roles = ["writer"] * writers + ["reader"] * readers + ["janitor"]
        self._cast = [Cast(role, i, folder / f"{role}-{i}.txt") for i, role in enumerate(roles)]
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._dice = random.Random(5)  # noqa: S311 -- the same every time, as far as processes can be
        self._outcome = Outcome()

    def _start(self, each: Cast) -> None:
        turns = [int(words[2]) for words in _lines(each.told) if words[0] == "ack"]
        process = self._context.Process(
            target=ROLES[each.role], args=(self._config, each.number, max(turns, default=0), each.told), daemon=True
        )
        process.start()
        each.process = process

    def run(self, seconds: float, *, kills: bool) -> Outcome:
        """Let them work for a time, kill them all, and look at what is there."""
        for each in self._cast:
            self._start(each)
        patience = time.monotonic() + START_S
        while time.monotonic() < patience and not all(_lines(each.told) for each in self._cast):
            time.sleep(0.05)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self._dice.uniform(*PAUSE_S))
            if kills:
                each = self._dice.choice([each for each in self._cast if each.role != "reader"])
                self._kill(each)
                self._outcome.kills += 1
                self._start(each)
        for each in self._cast:
            if each.process is not None and not each.process.is_alive():
                self._outcome.errors.append(f"{each.role} {each.number} ended")
            self._kill(each)
        self._look()
        return self._outcome

    def _kill(self, each: Cast) -> None:
        if each.process is not None:
            each.process.kill()
            each.process.join()

    def _look(self) -> None:
        outcome, config = self._outcome, self._config
        held: dict[str, dict[int, float]] = {}
        with Manifest.open(config) as manifest:
            for series in manifest.series():
                table = Scan(config, manifest, [series.address]).to_arrow()
                stamps = [int(ts.timestamp()) // 60 for ts in table["ts"].to_pylist()]
                if len(set(stamps)) != len(stamps):
                    outcome.findings.append(f"{series.address} has a key twice")
                held[str(series.address)] = dict(zip(stamps, table["close"].to_pylist(), strict=True))
        for each in self._cast:
            for words in _lines(each.told):
                if words[0] == "ack":
                    outcome.acknowledged += 1
                    rows = held.get(words[1], {})
                    wanted = minutes(each.number, int(words[2]))
                    if any(rows.get(minute) != 100.0 + int(words[2]) for minute in wanted):
                        outcome.lost.append(f"{each.number}: {' '.join(words)}")
                elif words[0] == "error":
                    outcome.errors.append(f"{each.role} {each.number}: {' '.join(words[1:])}")
                elif words[0] == "gave":
                    outcome.given_back += int(words[1])
                outcome.waited += words[0] == "waited"
                outcome.reads += words[0] == "read"
        with Writer(config) as ours:
            ours.end_run(ours.start_run("check", "look"), "ok")
        report = verify(config)
        outcome.findings += [*report.chain, *report.missing, *(f"{each.path}: {each.found}" for each in report.damaged)]


def _lines(path: Path) -> list[list[str]]:
    """Return what a process told, in words; a line that was cut short is none."""
    if not path.exists():
        return []
    return [line.split() for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
