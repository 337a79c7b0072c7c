"""The workloads of what the lake makes of its own data: coarser bars, sealed months, and the books it keeps of both."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process
from tests.bench.race import Contender, figure, sizes
from tests.bench.workloads import (
    DAYS,
    Options,
    Outcome,
    compared,
    ingest_argv,
    init,
    median,
    rows_read,
    simply,
    worst,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOURCE = "BTCUSDT-1m-5y.csv"
ADDRESS = "BINANCE/SPOT/BTCUSDT/bars/1m"
MADE_A_DAY = {"5m": 288, "15m": 96, "30m": 48, "1h": 24, "4h": 6, "1d": 1}
MONTHS = 60
RSS_LIMIT_MIB = 256
FROM_DAYS, FROM_MONTHS, DUCKDB = "dl aggregate, day files", "dl aggregate, sealed months", "DuckDB, 1h and 1d only"
SEAL = "dl seal"
LOADED = "bars.duckdb"


def lake_of_bars(name: str, *, sealed: bool = False) -> Path:
    """A lake that holds the five years; made anew, so that it is this version's."""
    source, _ = home.generated(SOURCE)
    root = home.fresh(home.home() / "stores" / name)
    init(root)
    simply(ingest_argv(str(source), root, "--period", "1m"))
    if sealed:
        simply([*home.dl(), "seal", "--root", str(root)])
    return root


def copied(lake: Path) -> Callable[[Path], None]:
    """What makes a store a copy of a lake: files of data, which never change, are linked, everything else is copied."""

    def link_or_copy(source: str, target: str) -> str:
        if source.endswith(".parquet"):
            os.link(source, target)
        else:
            shutil.copy2(source, target)
        return target

    def prepare(store: Path) -> None:
        shutil.copytree(lake, store, copy_function=link_or_copy, dirs_exist_ok=True)

    return prepare


def bars_made(usage: process.Usage, store: Path) -> dict[str, float]:
    """Refuse an aggregation that did not make every bar."""
    (series,) = usage.answer()["data"]["series"]
    made = {target["address"].rpartition("/")[2]: target["rows"] for target in series["targets"]}
    wanted = {period: count * DAYS for period, count in MADE_A_DAY.items()}
    if made != wanted:
        raise process.ProcessFailedError(f"made {made} where {wanted} were expected")
    return sizes(store)


def aggregation(name: str, lake: Path) -> Contender:
    """Ours: six periods from one pass, validated, hashed, written and committed."""
    words = ["aggregate", ADDRESS, "--to", ",".join(MADE_A_DAY), "--json"]
    argv = [*home.dl(), *words, "--root"]
    return Contender(name, lambda store: [*argv, str(store)], bars_made, copied(lake), ours=True)


def aggregate(options: Options) -> Outcome:
    """Five years of 1-minute bars to 5m, 15m, 30m, 1h, 4h and 1d, stored; DuckDB makes 1h and 1d and keeps nothing."""
    source, facts = home.generated(SOURCE)
    program = [sys.executable, "-m", "tests.bench.programs.duckdb_bars"]
    database = home.fresh(home.home() / "stores" / "aggregate-duckdb")
    simply([*program, "load", str(database), str(source)])
    home.into_page_cache(database / LOADED)
    ours = []
    if not options.peers_only:
        ours = [
            aggregation(FROM_DAYS, lake_of_bars("aggregate-days")),
            aggregation(FROM_MONTHS, lake_of_bars("aggregate-months", sealed=True)),
        ]
    peer = Contender(
        DUCKDB,
        lambda _: [*program, "aggregate", str(database)],
        rows_read((MADE_A_DAY["1h"] + MADE_A_DAY["1d"]) * DAYS),
    )
    lanes = options.race(*ours, peer)
    figures = [
        figure("wall, from sealed months / DuckDB", compared(lanes, FROM_MONTHS, DUCKDB, "wall_s"), "x", 1.5),
        figure("wall, from day files / DuckDB", compared(lanes, FROM_DAYS, DUCKDB, "wall_s"), "x", 1.5),
        figure("RSS, from sealed months", worst(lanes, FROM_MONTHS, "rss_mib"), "MiB", RSS_LIMIT_MIB),
        figure("RSS, from day files", worst(lanes, FROM_DAYS, "rss_mib"), "MiB", RSS_LIMIT_MIB),
    ]
    return Outcome(lanes, figures, [facts])


def months_sealed(usage: process.Usage, store: Path) -> dict[str, float]:
    """Refuse a seal that left a month."""
    sealed = len(usage.answer()["data"]["months"])
    if sealed != MONTHS:
        raise process.ProcessFailedError(f"{sealed} months sealed where {MONTHS} were expected")
    return sizes(store, "*.parquet")


def seal(options: Options) -> Outcome:
    """Five years of day files to one file a month, each read back and compared with its days."""
    _, facts = home.generated(SOURCE)
    if options.peers_only:
        return Outcome({}, [], [facts])
    argv = [*home.dl(), "seal", "--json", "--root"]
    prepare = copied(lake_of_bars("seal-days"))
    lanes = options.race(Contender(SEAL, lambda store: [*argv, str(store)], months_sealed, prepare, ours=True))
    return Outcome(lanes, [figure("RSS", worst(lanes, SEAL, "rss_mib"), "MiB", RSS_LIMIT_MIB)], [facts])


# ---- the graph -------------------------------------------------------------------------------------------------------

SYMBOLS, MANY_SYMBOLS = 100, 548  # of 1 826 days each: 182 600 partitions, and a million
EVENTS = 3_000
ENV = shutil.which("env") or "/usr/bin/env"
LIST_MIB, MANIFEST_MB = 40, 60
OUR_LIST, THEIR_LIST = "dl assets list", "dagster asset list"
OUR_ONE, THEIR_ONE = "dl assets materialize, one partition", "dagster asset materialize, one partition"
OUR_STATE, OUR_MILLION, THEIR_STATE = "state of 182 600 partitions", "state of a million", "Dagster, of 182 600"
PLAIN, BY_GRAPH = "dl aggregate, 305 partitions", "dl assets materialize, the same"
PARTITIONS_MADE = 305  # five periods of 60 months, and five years of days


def dagster_argv(*words: str) -> list[str]:
    """The command line of Dagster's own program, with a home of its own."""
    stores = home.home() / "stores"
    python = home.peer_python("dagster")
    settings = [f"DAGSTER_HOME={stores / 'dagster-home'}", f"BENCH_DATA={stores / 'dagster-data'}"]
    return [ENV, *settings, "DAGSTER_DISABLE_TELEMETRY=1", python, *words]


def dagster_home() -> None:
    """An empty home for Dagster with telemetry off."""
    stores = home.home() / "stores"
    home.fresh(stores / "dagster-data")
    (home.fresh(stores / "dagster-home") / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")


def answered(usage: process.Usage, _store: Path) -> dict[str, float]:
    """What Dagster says it took."""
    answer = usage.answer()
    return {name: answer[name] for name in ("record_ms", "missing_s", "stale_ms") if name in answer}


def states(partitions: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """What we say it took, if every partition was accounted for."""

    def facts(usage: process.Usage, _store: Path) -> dict[str, float]:
        answer = usage.answer()
        if answer["clean"]["partitions"] < partitions:
            raise process.ProcessFailedError(f"{answer['clean']['partitions']} partitions of {partitions}")
        asked = answer["after_one_restated_day"]
        return {"cold_s": asked["cold_s"], "warm_s": asked["warm_s"]}

    return facts


def recorded(symbols: int, name: str) -> tuple[Path, dict[str, float]]:
    """A manifest of so many symbols with 1 826 days each, hours made of them; and what recording took."""
    root = home.fresh(home.home() / "stores" / name)
    argv = [sys.executable, "-m", "tests.bench.graph", str(root), "--by", "month", "--symbols", str(symbols)]
    usage = process.run(argv, cwd=home.home(), env=process.clean_environment(home.REPOSITORY))
    answer = usage.answer()
    return root, {
        "record_ms": answer["ingest_ms_a_partition"],
        "manifest_mb": (root / "manifest.db").stat().st_size / 1e6,
    }


def materialize(name: str, selection: str, lake: Path) -> Contender:
    """Ours: plan, make, validate, hash, write, commit."""
    argv = [*home.dl(), "assets", "materialize", selection, "--json", "--root"]
    return Contender(name, lambda store: [*argv, str(store)], prepare=copied(lake), ours=True)


def peers_of_the_graph() -> list[Contender]:
    """Dagster, on a graph of the same shape."""
    project = str(home.REPOSITORY / "tests" / "bench" / "programs" / "dagster_project.py")
    ask = str(home.REPOSITORY / "tests" / "bench" / "programs" / "dagster_ask.py")
    dagster_home()
    one = ["-m", "dagster", "asset", "materialize", "-f", project, "--partition", "2021-01-01|SYM000", "--select"]
    simply(dagster_argv(*one, "bars_1m"))
    return [
        Contender(THEIR_LIST, lambda _: dagster_argv("-m", "dagster", "asset", "list", "-f", project)),
        Contender(THEIR_ONE, lambda _: dagster_argv(*one, "bars_1h")),
        Contender(THEIR_STATE, lambda _: dagster_argv(ask, str(EVENTS)), answered),
    ]


def ours_of_the_graph(root: Path, million: Path) -> list[Contender]:
    """Our side of the same questions."""
    ask = [sys.executable, "-m", "tests.bench.graph"]
    bars = lake_of_bars("graph-bars", sealed=True)
    symbol = ADDRESS.rpartition("/")[0]
    every = ",".join(f"{symbol}/{period}" for period in MADE_A_DAY)
    return [
        Contender(OUR_LIST, lambda _: [*home.dl(), "assets", "list", "--root", str(root)], ours=True),
        materialize(OUR_ONE, f"{symbol}/1h@2022-03", bars),
        Contender(OUR_STATE, lambda _: [*ask, str(root), "--by", "month"], states(SYMBOLS * 1826), ours=True),
        Contender(
            OUR_MILLION,
            lambda _: [*ask, str(million), "--by", "month", "--symbols", str(MANY_SYMBOLS)],
            states(10**6),
            ours=True,
        ),
        aggregation(PLAIN, bars),
        materialize(BY_GRAPH, every, bars),
    ]


def graph(options: Options) -> Outcome:
    """The books of 100 symbols, 1 826 days of minutes and the hours made of them: list, state, one partition made."""
    contenders = peers_of_the_graph()
    costs: dict[str, float] = {}
    if not options.peers_only:
        root, costs = recorded(SYMBOLS, "graph")
        million, _ = recorded(MANY_SYMBOLS, "graph-million")
        contenders += ours_of_the_graph(root, million)
    lanes = options.race(*contenders)
    with_graph, without = median(lanes, BY_GRAPH, "wall_s"), median(lanes, PLAIN, "wall_s")
    overhead = None if with_graph is None or without is None else (with_graph - without) * 1000 / PARTITIONS_MADE
    figures = [
        figure("wall, assets list", median(lanes, OUR_LIST, "wall_s"), "s", 0.3),
        figure("RSS, assets list", worst(lanes, OUR_LIST, "rss_mib"), "MiB", LIST_MIB),
        figure("wall, assets list, ours / Dagster", compared(lanes, OUR_LIST, THEIR_LIST, "wall_s"), "x"),
        figure("missing and stale of 182 600, warm", median(lanes, OUR_STATE, "warm_s"), "s", 0.3),
        figure("missing and stale of 182 600, cold", median(lanes, OUR_STATE, "cold_s"), "s", 1),
        figure("missing of 182 600, Dagster", median(lanes, THEIR_STATE, "missing_s"), "s"),
        figure("stale, a partition, Dagster", median(lanes, THEIR_STATE, "stale_ms"), "ms"),
        figure("missing and stale of a million, warm", median(lanes, OUR_MILLION, "warm_s"), "s", 2),
        figure("manifest", costs.get("manifest_mb"), "MB", MANIFEST_MB),
        figure("recording, a partition", costs.get("record_ms"), "ms", 0.1),
        figure("one partition from the command line", median(lanes, OUR_ONE, "wall_s"), "s", 1.5),
        figure("the same, ours / Dagster", compared(lanes, OUR_ONE, THEIR_ONE, "wall_s"), "x"),
        figure("the graph's part of making a partition", overhead, "ms", 2),
    ]
    return Outcome(lanes, figures, [])


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"aggregate": aggregate, "seal": seal, "graph": graph}
