"""What must hold of a lake after a fault: each rule has a name, under which what breaks it is reported."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lake import layout
from lake.check import VerifyReport, verify, verify_manifest
from lake.manifest import Manifest
from lake.read import Scan
from tests.fault.harness.lakes import State, as_of, newest, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.config import Config
    from tests.fault.harness.server import Home
    from tests.fault.harness.verbs import Verb

VERIFY = "verify is clean right after reopening"
ACKNOWLEDGED = "what was acknowledged is there"
ALLOWED = "each partition is as before or as after"
WHOLE = "a commit is there whole or not at all"
READS = "reading gives what the manifest says"
KEYS = "one live file a partition, and no key twice"
AS_OF = "old snapshots read as they did"
AGAIN = "the verb can be run again"
SAME_END = "run again, it ends where the uninterrupted run does"
RUNS = "no run stays running"
STAGING = "nothing stays staged"
CLEAN_ERROR = "a failing disk is a LakeError, or nothing at all"
HANG = "nothing hangs"
CRASH = "nothing crashes"
BESIDE = "what lies beside the lake is whole, too"
LOST_RACE = "of two writers at once, both are kept"


class Finding(NamedTuple):
    """A rule that is broken, and how."""

    rule: str
    detail: str


class _Broken(Exception):  # noqa: N818 -- what was found, not what went wrong
    def __init__(self, rule: str, detail: object) -> None:
        super().__init__(f"{rule}: {detail}")
        self.finding = Finding(rule, str(detail)[:2000])


@dataclass
class Plan:
    """What a verb makes of its lake when nothing comes in between."""

    states: list[State] = field(default_factory=list)
    """Before the first act, and after each."""
    marks: list[dict[int, dict[str, str]]] = field(default_factory=list)
    """After as many acts: what some snapshots hold, by series."""
    ops: int = 0
    """How many operations it takes."""

    def note(self, config: Config, verb: Verb) -> None:
        """Look at the lake after one more act."""
        self.states.append(state(config, read=verb.read))
        marks = dict(self.marks[-1]) if self.marks else {}
        snapshot = newest(config)
        for each in {snapshot, max(snapshot - 1, 1)} if snapshot and not self.marks else {snapshot} - {0}:
            marks[each] = as_of(config, each, read=verb.read)
        self.marks.append(marks)


def broken_rules(verb: Verb, plan: Plan, home: Home, done: int, first: int | None = None) -> list[Finding]:
    """Check a lake that a fault left, run the verb to its end, and check once more; return what is broken first.

    Args:
        verb: What was done.
        plan: What it makes when nothing comes in between.
        home: The lake.
        done: How many acts were acknowledged.
        first: How many of them by the first attempt, if there was another one: an act of several commits that is done
            over gives its snapshots other numbers than the plan does.
    """
    config = home.config
    numbered = done if verb.at_once or first is None else first
    try:
        if config.manifest.exists() and not verb.mends:
            _verify(verb, config)
        found = _state(verb, config)
        _compare(verb, plan, found, done)
        if config.manifest.exists():
            _look_closer(verb, config)
        with _naming(BESIDE):
            verb.left(config, home.folder)
        if not verb.forgets:
            _old_snapshots(verb, plan, config, numbered)
        _run_again(verb, plan, home, done, found)
        _verify(verb, config)
        _look_closer(verb, config)
        _leftovers(config)
    except _Broken as broken:
        return [broken.finding]
    return []


@contextmanager
def _naming(rule: str) -> Iterator[None]:
    """Let any error of the block break the rule."""
    try:
        yield
    except _Broken:
        raise
    except Exception as error:
        raise _Broken(rule, f"{type(error).__name__}: {error}") from error


def _verify(verb: Verb, config: Config) -> None:
    with _naming(VERIFY):
        if verb.read:
            report = verify(config)
        else:
            report = VerifyReport()
            with Manifest.open(config) as manifest:
                verify_manifest(manifest, report)
        if not report.ok:
            raise _Broken(VERIFY, (report.chain, report.damaged, report.missing, report.unavailable))


def _state(verb: Verb, config: Config) -> State:
    with _naming(READS):
        return state(config, read=verb.read)


def _compare(verb: Verb, plan: Plan, found: State, done: int) -> None:
    before, after = plan.states[done], plan.states[min(done + 1, len(verb.acts))]
    for part in sorted({*found.parts, *before.parts}):
        was, shall = before.parts.get(part), after.parts.get(part)
        if found.parts.get(part) not in {was, shall}:
            rule = ACKNOWLEDGED if was == shall or found.parts.get(part) is None else ALLOWED
            raise _Broken(rule, f"{part} is {found.parts.get(part)}, it was {was}, it is to be {shall}")
    strange = {*found.files} - {*before.files, *after.files}
    if strange:
        raise _Broken(ALLOWED, f"files of partitions that should not be there: {sorted(strange)}")
    if verb.at_once and found not in (before, after):
        raise _Broken(WHOLE, f"{_difference(found, before)}; or {_difference(found, after)}")


def _difference(found: State, wanted: State) -> str:
    items = set(found.parts.items()) ^ set(wanted.parts.items())
    return f"{sorted(items)} {sorted({*found.files} ^ {*wanted.files})} {sorted({*found.told} ^ {*wanted.told})}"


def _look_closer(verb: Verb, config: Config) -> None:
    """Look for two files of one partition, and for two rows of one key."""
    with _naming(KEYS), Manifest.open(config) as manifest:
        files = Counter((file.series_id, file.partition) for file in manifest.all_files(live_only=True))
        if any(count > 1 for count in files.values()):
            raise _Broken(KEYS, [place for place, count in files.items() if count > 1])
        for series in manifest.series() if verb.read else ():
            times = Scan(config, manifest, [series.address], columns=["ts"]).to_arrow()["ts"]
            if len(times.unique()) != len(times):
                raise _Broken(KEYS, f"{series.address} has a ts twice")


def _old_snapshots(verb: Verb, plan: Plan, config: Config, numbered: int) -> None:
    with _naming(AS_OF):
        for snapshot, wanted in plan.marks[numbered].items():
            found = as_of(config, snapshot, read=verb.read)
            if found != wanted:
                raise _Broken(AS_OF, f"snapshot {snapshot} holds {found}, it held {wanted}")


def _run_again(verb: Verb, plan: Plan, home: Home, done: int, found: State) -> None:
    with _naming(AGAIN):
        for number, act in enumerate(verb.acts[done:], done + 1):
            finished = verb.changes and found == plan.states[number] != plan.states[number - 1]
            report = act(home.config, home.folder)
            if verb.changes and plan.states[number] != plan.states[number - 1]:
                verb.again(report, finished)
    end = _state(verb, home.config)
    if end != plan.states[-1]:
        raise _Broken(SAME_END, _difference(end, plan.states[-1]))
    with _naming(SAME_END):
        verb.settled(home.config, home.folder)


def _leftovers(config: Config) -> None:
    """Look for runs and staged files nobody takes care of any more; the next run does, whatever it is."""
    from lake.manifest import Writer

    with _naming(RUNS):
        with Writer(config) as writer:
            writer.end_run(writer.start_run("check", "look"), "ok")
        with Manifest.open(config) as manifest:
            running = [run.id for run in manifest.runs() if run.status == "running"]
        if running:
            raise _Broken(RUNS, running)
    with _naming(STAGING):
        base = config.data / layout.STAGING
        left = [path for path in base.iterdir() if path.is_dir()] if base.exists() else []
        if left:
            from lake.staging import sweep

            sweep(base)
            left = [path for path in base.iterdir() if path.is_dir()]
        if left:
            raise _Broken(STAGING, left)
