"""The workloads of what the lake makes of its own data: coarser bars and sealed months."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process
from tests.bench.race import Contender, figure, sizes
from tests.bench.workloads import DAYS, Options, Outcome, compared, ingest_argv, init, rows_read, simply, worst

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


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"aggregate": aggregate, "seal": seal}
