"""The workloads of changing what is stored: bars that come again, and one bar more."""

from __future__ import annotations

import shutil
import statistics
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process
from tests.bench.derived import SOURCE, copied, lake_of_bars
from tests.bench.race import Contender, figure, sizes
from tests.bench.reads import arcticdb_of
from tests.bench.recast import recast
from tests.bench.workloads import (
    ARCTICDB,
    INGEST,
    Options,
    Outcome,
    compared,
    in_arcticdb,
    ingest_argv,
    rows_read,
    simply,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEYED = "DuckDB with a primary key"
APPEND = "dl_datalake"
NEW_DAYS, AGAIN = 10 * 1440, 10
"""Bars behind the stored ones, and which part of these comes again."""


def of(store: Path) -> Callable[[Path], None]:
    """What makes a peer's store a copy of another."""

    def prepare(target: Path) -> None:
        shutil.copytree(store, target, dirs_exist_ok=True)

    return prepare


def upserted(stored: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """Refuse an ingest that did not tell new bars, corrected ones and the rest apart."""
    again = stored // AGAIN
    corrected = len(range(0, again, 100))
    wanted = {"new": NEW_DAYS, "corrected": corrected, "identical": again - corrected}

    def facts(usage: process.Usage, store: Path) -> dict[str, float]:
        (file,) = usage.answer()["data"]["files"]
        found = {name: file["rows"][name] for name in wanted}
        if found != wanted:
            raise process.ProcessFailedError(f"{found} where {wanted} were expected")
        return sizes(store)

    return facts


def upsert(options: Options) -> Outcome:
    """The last tenth of five years of bars once more, a hundredth of them corrected, and ten days behind them.

    Ours keeps what was there before as a snapshot, and on disk; the peer overwrites it.
    """
    source, facts = home.generated(SOURCE)
    changed, changed_facts = recast("overlap", source, facts)
    program = [sys.executable, "-m", "tests.bench.programs.duckdb_bars"]
    keyed = home.fresh(home.home() / "stores" / "upsert-duckdb")
    simply([*program, "keyed", str(keyed), str(source)])
    ours = []
    if not options.peers_only:
        prepare = copied(lake_of_bars("upsert-days"))
        argv = ["--period", "1m"]
        ours = [
            Contender(
                INGEST,
                lambda store: ingest_argv(str(changed), store, *argv),
                upserted(facts["rows"]),
                prepare,
                ours=True,
            )
        ]
    peer = Contender(
        KEYED,
        lambda store: [*program, "upsert", str(store), str(changed)],
        rows_read(facts["rows"] + NEW_DAYS),
        of(keyed),
    )
    lanes = options.race(*ours, peer)
    figures = [
        figure("wall, ours / DuckDB with a primary key", compared(lanes, INGEST, KEYED, "wall_s"), "x", 1.2, 0.9)
    ]
    return Outcome(lanes, figures, [facts, changed_facts], ((INGEST, KEYED),))


def appended(rows: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """Milliseconds of each bar, if every one is there."""

    def facts(usage: process.Usage, _store: Path) -> dict[str, float]:
        answer = usage.answer()
        if answer["rows"] != rows:
            raise process.ProcessFailedError(f"{answer['rows']} rows where {rows} were expected")
        first, *others = answer["times_ms"]
        return {"first_ms": round(first, 3), "p50_ms": round(statistics.median(others), 3)}

    return facts


def append(options: Options) -> Outcome:
    """One bar behind five years of them, twenty times, by a process that has the store open; ours is on disk then."""
    source, facts = home.generated(SOURCE)
    more, more_facts = recast("following", source, facts)
    rows = facts["rows"] + more_facts["rows"]
    ours = []
    if not options.peers_only:
        program = [sys.executable, "-m", "tests.bench.programs.lake_append"]
        prepare = copied(lake_of_bars("append-days"))
        ours = [Contender(APPEND, lambda s: [*program, str(s), str(more)], appended(rows), prepare, ours=True)]
    store = arcticdb_of("append-arcticdb", source)
    peer = Contender(ARCTICDB, lambda s: in_arcticdb("append", str(s), str(more)), appended(rows), of(store))
    lanes = options.race(*ours, peer)
    figures = [
        figure("p50 of one bar, ours / ArcticDB update", compared(lanes, APPEND, ARCTICDB, "p50_ms"), "x", 0.5),
        figure("first bar, ours / ArcticDB update", compared(lanes, APPEND, ARCTICDB, "first_ms"), "x"),
    ]
    return Outcome(lanes, figures, [facts, more_facts], ((APPEND, ARCTICDB),))


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"upsert": upsert, "append": append}
