"""The process that has everything imported, no threads, and the shim: each fault strikes a child forked from it.

Its arguments are the descriptor to answer on, and the folder to work in; the shim is in its LD_PRELOAD. It keeps
no lake open: an open manifest is refused in another process; and has no threads: they do not come along into it.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lake import files, validate
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.write import write
from tests.fault.harness import invariants, mutations
from tests.fault.harness.acts import declare_assets
from tests.fault.harness.invariants import Finding, Plan, broken_rules
from tests.fault.harness.lakes import BTC, at, state
from tests.fault.harness.shim import Fault, Shim
from tests.fault.harness.verbs import VERBS
from tests.tables import bar, bars

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config

PATIENCE_S = 60.0
"""After this time a child hangs."""


@dataclass(frozen=True)
class Home:
    """A folder with a lake in it, and another one beside that."""

    path: Path

    @property
    def config(self) -> Config:
        """The lake, worked on by one thread."""
        return at(self.path, threads=1)

    @property
    def folder(self) -> Path:
        """The folder of sources and of the tier."""
        return self.path / "files"


@dataclass(frozen=True)
class Case:
    """One verb, and what strikes it: a fault for each attempt to finish it."""

    verb: str
    faults: tuple[Fault, ...]
    mutation: str = ""
    home: Path | None = None
    """Where the lake is already; else a copy of the verb's own is made."""
    check: bool = True


@dataclass
class Outcome:
    """What came of a case."""

    done: int = 0
    """How many acts were acknowledged."""
    fired: int = 0
    """How many of the faults came."""
    ops: int = 0
    """How many operations the last attempt did, if it lived to tell."""
    refusals: list[str] = field(default_factory=list)
    """Codes of the errors that acts ended with."""
    findings: list[Finding] = field(default_factory=list)


@dataclass
class _Ended:
    """How a child ended, and what it sent before."""

    sent: list[Any]
    signal: int
    hung: bool


def in_child(work: Callable[[Connection], None], patience_s: float = PATIENCE_S) -> _Ended:
    """Fork, do the work there, and return what it sent."""
    ours, theirs = Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            ours.close()
            work(theirs)
            status = 0
        except BaseException:  # noqa: BLE001 -- nothing may run on in here
            with suppress(OSError):
                theirs.send(("broke", traceback.format_exc()))
        finally:
            os._exit(status)
    theirs.close()
    sent: list[Any] = []
    deadline = time.monotonic() + patience_s
    hung = False
    with suppress(EOFError, OSError):
        while True:
            if not ours.poll(max(0.0, deadline - time.monotonic())):
                hung = True
                os.kill(pid, signal.SIGKILL)
                break
            sent.append(ours.recv())
    ours.close()
    status = os.waitpid(pid, 0)[1]
    return _Ended(sent, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, hung)


class Server:
    """Lays out lakes, lets faults strike, and checks what is left."""

    def __init__(self, scratch: Path) -> None:
        """Take the folder to work in."""
        self._scratch = scratch
        self._shim = Shim()
        self._plans: dict[str, Plan] = {}
        files._SYNC_THREADS = 1
        declare_assets()

    # ---- what a client calls

    def plan(self, verb: str) -> Plan:
        """Return what a verb makes of its lake; the first time, find out."""
        if verb not in self._plans:
            template = self._template(verb)
            template.folder.mkdir(parents=True)
            if verb != "ingest":
                template.config.data.mkdir(parents=True)
            _only(in_child(lambda told: told.send(VERBS[verb].prepare(template.config, template.folder) and None)))
            self._plans[verb] = _only(in_child(lambda told: told.send(self._measure(verb))))
        return self._plans[verb]

    def run(self, case: Case) -> Outcome:
        """Let the faults of a case strike, one attempt after the other, and check what is left."""
        plan = self.plan(case.verb)
        home = Home(case.home) if case.home else self._copy(case.verb, "case")
        outcome, first = Outcome(), None
        for fault in case.faults:
            ended = in_child(lambda told, fault=fault: self._attempt(told, case, home, fault, outcome.done))  # type: ignore[misc]  # called at once
            _understand(ended, outcome)
            first = outcome.done if first is None else first
            if outcome.done == len(VERBS[case.verb].acts):
                break
        if not outcome.findings and case.check:
            outcome.findings = self._check(case.verb, plan, home, outcome.done, first)
        if case.home is None:
            shutil.rmtree(home.path)
        return outcome

    def check(self, verb: str, home: Path, done: int) -> list[Finding]:
        """Check a lake that came about in another way."""
        return self._check(verb, self.plan(verb), Home(home), done)

    def record(self, verb: str, mutation: str, path: Path) -> tuple[Path, Path]:
        """Record an uninterrupted run; return where the lake lay, and what it was before."""
        self.plan(verb)
        home = self._copy(verb, "recorded")

        def recorded(told: Connection) -> None:
            self._shim.record(path)
            self._attempt(told, Case(verb, (), mutation), home, Fault(), 0)
            self._shim.record(None)

        _understand(in_child(recorded), outcome := Outcome())
        shutil.rmtree(home.path)
        assert outcome.findings == []
        assert outcome.done == len(VERBS[verb].acts)
        return home.path, self._template(verb).path

    def race(self, mutation: str) -> list[Finding]:
        """Let one writer commit while another is about to, and check that both are kept."""
        self.plan("write")
        home = self._copy("write", "race")
        ended = in_child(lambda told: mutations.race(told, mutation, home.config))
        shutil.rmtree(home.path)
        return (
            ended.sent[-1]
            if ended.sent and isinstance(ended.sent[-1], list)
            else [Finding(invariants.CRASH, str(ended.sent))]
        )

    def template(self, verb: str) -> Path:
        """Return where the lake of a verb lies, as it is before it."""
        self.plan(verb)
        return self._template(verb).path

    def threads(self) -> int:
        """Return how many threads this process has."""
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 -- names are all that is counted

    # ---- what happens in children

    def _measure(self, verb: str) -> Plan:
        plan = Plan()
        home = self._copy(verb, "measured")
        plan.note(home.config, VERBS[verb])
        shutil.rmtree(home.path)
        home = self._copy(verb, "measured")
        self._shim.watch(home.path)
        for act in VERBS[verb].acts:
            self._shim.arm(Fault())
            act(home.config, home.folder)
            self._shim.disarm()
            plan.ops += self._shim.count
            plan.note(home.config, VERBS[verb])
        VERBS[verb].settled(home.config, home.folder)
        shutil.rmtree(home.path)
        return plan

    def _attempt(self, told: Connection, case: Case, home: Home, fault: Fault, done: int) -> None:
        mutations.apply(case.mutation)
        verb, config, folder = VERBS[case.verb], home.config, home.folder
        self._shim.watch(home.path)
        self._shim.arm(fault)
        for number, act in enumerate(verb.acts[done:], done + 1):
            try:
                act(config, folder)
            except LakeError as error:
                self._shim.disarm()
                told.send(("refused", f"{error.code}: {error.message}"))
                break
            except BaseException:  # noqa: BLE001 -- that is what is looked for
                self._shim.disarm()
                told.send(("broke", traceback.format_exc()))
                break
            self._shim.note(f"{number}")
            told.send(("acknowledged", number))
        self._shim.disarm()
        told.send(("ended", self._shim.fired, self._shim.count))

    def _check(self, verb: str, plan: Plan, home: Home, done: int, first: int | None = None) -> list[Finding]:
        ended = in_child(lambda told: told.send(broken_rules(VERBS[verb], plan, home, done, first)))
        if ended.hung:
            return [Finding(invariants.HANG, "the check of what was left")]
        if ended.signal or len(ended.sent) != 1 or not isinstance(ended.sent[0], list):
            return [Finding(invariants.CRASH, f"the check ended by signal {ended.signal}: {ended.sent}")]
        return list(ended.sent[0])

    # ---- folders

    def _template(self, verb: str) -> Home:
        return Home(self._scratch / "templates" / verb.replace(" ", "-"))

    def _copy(self, verb: str, name: str) -> Home:
        home = Home(self._scratch / name)
        shutil.copytree(self._template(verb).path, home.path, copy_function=shutil.copy)
        return home


def _only(ended: _Ended) -> Any:  # noqa: ANN401 -- whatever the child sent
    assert len(ended.sent) == 1, ended.sent
    if isinstance(ended.sent[0], tuple) and ended.sent[0][0] == "broke":
        raise AssertionError(ended.sent[0][1])
    return ended.sent[0]


def _understand(ended: _Ended, outcome: Outcome) -> None:
    """Add what a child told to the outcome."""
    for kind, *more in ended.sent:
        if kind == "acknowledged":
            outcome.done = more[0]
        elif kind == "refused":
            outcome.refusals.append(more[0])
        elif kind == "broke":
            outcome.findings.append(Finding(invariants.CLEAN_ERROR, more[0]))
        elif kind == "ended":
            outcome.fired += more[0]
            outcome.ops = more[1]
    if ended.hung:
        outcome.findings.append(Finding(invariants.HANG, str(ended.sent)))
    elif ended.signal == signal.SIGKILL:
        outcome.fired += 1
    elif ended.signal:
        outcome.findings.append(Finding(invariants.CRASH, f"signal {ended.signal}"))


def main() -> None:
    """Answer requests until the client is gone."""
    connection, scratch = Connection(int(sys.argv[1])), Path(sys.argv[2])
    os.set_inheritable(connection.fileno(), False)  # noqa: FBT003 -- its only argument
    server = Server(scratch)
    _warm_up(scratch)
    gc.collect()
    gc.freeze()  # so that children copy no page only to count references
    while True:
        try:
            name, arguments = connection.recv()
        except EOFError:
            return
        try:
            answer: Any = getattr(server, name)(*arguments)
        except Exception:  # noqa: BLE001 -- for the client to raise
            answer = Failed(traceback.format_exc())
        connection.send(answer)


@dataclass(frozen=True)
class Failed:
    """A request that could not be answered."""

    trace: str


def _warm_up(scratch: Path) -> None:
    """Import and compile whatever children would else each do anew, without what starts a thread."""
    import pyarrow as pa

    # What Pandera says of a sample has nothing to do with faults, and takes a third of a small ingest's time.
    validate.check_sample = lambda *_, **__: None
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    home = Home(scratch / "warm")
    home.folder.mkdir(parents=True)
    Manifest.create(home.config)
    write(home.config, BTC, bars(*(bar(minute) for minute in range(20))))
    state(home.config)
    shutil.rmtree(home.path)
