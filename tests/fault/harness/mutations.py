"""The classic mistakes of a commit protocol, put into a forked child on purpose: a harness is worth what it finds."""

from __future__ import annotations

import importlib
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from lake import files
from lake.manifest import Manifest, Writer, connection
from lake.manifest.current import covering
from lake.manifest.record import Recording
from lake.write import write
from tests.fault.harness.invariants import ACKNOWLEDGED, AS_OF, LOST_RACE, READS, VERIFY, Finding
from tests.fault.harness.lakes import BTC, DAY_NS, FIRST_DAY, state
from tests.tables import bar, bars

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from lake.config import Config
    from lake.files import StagedFile
    from lake.manifest import Change

committing: Any = importlib.import_module("lake.write.commit")  # the package has a function of that name
Method = Literal["kill", "error", "power", "race"]


@dataclass(frozen=True)
class Mutation:
    """A mistake, what is to find it, and which rules may be found broken."""

    put_in: Callable[[], None]
    found_by: Method
    rules: tuple[str, ...]
    verb: str = "ingest"
    every_push: bool = False


def apply(name: str) -> None:
    """Put a mistake into this process; none when the name is empty."""
    if name:
        MUTATIONS[name].put_in()


def _holds_files(folder: Path) -> bool:
    return any(path.suffix == ".parquet" for path in folder.iterdir())


def _skip_syncs(skipped: Callable[[Path], bool]) -> None:
    sync = files._sync
    files._sync = lambda path: None if skipped(path) else sync(path)


def no_sync_of_files() -> None:
    _skip_syncs(lambda path: path.is_file())


def no_sync_of_the_folder() -> None:
    _skip_syncs(lambda path: path.is_dir() and _holds_files(path))


def no_sync_of_its_parents() -> None:
    _skip_syncs(lambda path: path.is_dir() and not _holds_files(path))


def no_sync_of_the_manifest() -> None:
    open_writer = connection.open_writer

    def open_careless(path: Path, wait_s: float, *, create: bool = False) -> sqlite3.Connection:
        opened = open_writer(path, wait_s, create=create)
        opened.execute("PRAGMA synchronous = OFF")
        return opened

    connection.open_writer = open_careless


def commit_before_publishing() -> None:
    publish, commit = files.publish, Writer.commit
    waiting: list[tuple[Path, Sequence[StagedFile]]] = []

    def commit_first(self: Writer, change: Change) -> int:
        snapshot = commit(self, change)
        while waiting:
            publish(*waiting.pop())
        return snapshot

    files.publish = lambda data, staged: waiting.append((data, staged))
    Writer.commit = commit_first  # type: ignore[method-assign]  # that is the mistake


def tombstones_in_their_own_transaction() -> None:
    swap = Recording._swap_files

    def swap_in_two(self: Recording) -> None:
        gone = [file.replaces for file in self._change.files if file.replaces is not None]
        self._connection.executemany(
            "UPDATE files SET to_snapshot = ? WHERE id = ?", ((self.snapshot, each) for each in gone)
        )
        self._connection.execute("COMMIT")
        self._connection.execute("BEGIN IMMEDIATE")
        swap(self)

    Recording._swap_files = swap_in_two  # type: ignore[method-assign]  # that is the mistake


def remove_before_the_commit() -> None:
    record = committing._record

    def remove_first(config: Config, writer: Writer, change: Change, written: Sequence[StagedFile]) -> int:
        gone = {*change.removed, *(file.replaces for file in change.files)}
        with Manifest.open(config) as manifest:
            paths = [file.path for file in manifest.all_files() if file.id in gone]
        for path in paths:
            (config.data / path).unlink()
        return int(record(config, writer, change, written))

    committing._record = remove_first


def discard_after_an_unknown_outcome() -> None:
    committing._NOTHING_WRITTEN |= {"E_STORAGE", "E_DISK_FULL"}


def no_comparison() -> None:
    def take_the_place(self: Recording) -> None:
        """Replace whatever is there by now, instead of what the rows were merged with."""
        for i, file in enumerate(self._change.files):
            series = self._known_series(file.address)
            self._change.files[i] = replace(file, replaces=covering(self._connection, series, file.partition))

    Recording._compare = take_the_place  # type: ignore[method-assign]  # that is the mistake


MUTATIONS = {
    "no sync of files": Mutation(no_sync_of_files, "power", (VERIFY, READS)),
    "no sync of the folder": Mutation(no_sync_of_the_folder, "power", (VERIFY, READS), every_push=True),
    "no sync of its parents": Mutation(no_sync_of_its_parents, "power", (VERIFY, READS)),
    "no sync of the manifest": Mutation(no_sync_of_the_manifest, "power", (VERIFY, ACKNOWLEDGED)),
    "commit before publishing": Mutation(
        commit_before_publishing, "kill", (VERIFY, READS), verb="write", every_push=True
    ),
    "tombstones in their own transaction": Mutation(
        tombstones_in_their_own_transaction, "kill", (VERIFY,), verb="write"
    ),
    "remove before the commit": Mutation(remove_before_the_commit, "kill", (VERIFY, READS, AS_OF), verb="write"),
    "discard after an unknown outcome": Mutation(
        discard_after_an_unknown_outcome, "error", (VERIFY, READS), verb="write"
    ),
    "no comparison": Mutation(no_comparison, "race", (LOST_RACE,), verb="write", every_push=True),
}


def race(told: Connection, mutation: str, config: Config) -> None:
    """Let another process commit while this one is about to, and tell whether the rows of both are there."""
    apply(mutation)
    record = committing._record
    minute = FIRST_DAY * DAY_NS // 60 // 10**9
    turns: list[int] = []

    def outrun(*arguments: Any) -> int:  # noqa: ANN401 -- as `_record` has them
        if not turns:
            turns.append(pid := os.fork())
            if pid == 0:
                with suppress(BaseException):
                    write(config, BTC, bars(bar(minute + 700, 7.0)))
                os._exit(0)
            os.waitpid(pid, 0)
        return int(record(*arguments))

    committing._record = outrun
    write(config, BTC, bars(bar(minute + 800, 8.0)))
    committing._record = record
    found = _minutes(config, minute)
    state(config)
    told.send([] if found == {700, 800} else [Finding(LOST_RACE, f"only minutes {sorted(found)} are left")])


def _minutes(config: Config, first: int) -> set[int]:
    from lake.read import Scan

    start, end = ((first + at) * 60 * 10**9 for at in (700, 801))
    with Manifest.open(config) as manifest:
        table = Scan(config, manifest, [BTC], start_ns=start, end_ns=end, columns=["ts"]).to_arrow()
    return {int(ts.timestamp()) // 60 - first for ts in table["ts"].to_pylist()}
