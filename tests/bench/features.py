"""The workloads of feature sets: written, listed, and joined to bars as they were known, beside what else does it."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process, table
from tests.bench.derived import SOURCE, copied, lake_of_bars
from tests.bench.programs.lake_features import BARS_EACH, EXCHANGE, MARKET, SYMBOL, SYMBOLS
from tests.bench.programs.lake_write import ARROW, PARQUET, SET
from tests.bench.race import Contender, Lane, figure, sizes
from tests.bench.workloads import Options, Outcome, compared, init, median, simply, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RSS_LIMIT_MIB = 512
FROM_DAYS, FROM_MONTHS = "dl_datalake, day files", "dl_datalake, sealed months"
DUCKDB_DAYS, DUCKDB_MONTHS = "DuckDB, day files", "DuckDB, sealed months"
DUCKDB_SMALL = "DuckDB, sealed months, memory_limit 512MB"
UNIVERSE, FEAST = "dl_datalake, 1 000 symbols", "Feast, 1 000 symbols"
ROWS, WRITTEN_DAYS = 1_000_000, 695
TABLE, FILE, AGAIN = "dl_datalake, Arrow table", "dl features write, Parquet file", "dl_datalake, the same table again"
PYARROW_TABLE, PYARROW_FILE = "pyarrow, Arrow table", "pyarrow, Parquet file"
PYARROW_THREADS = "pyarrow, Arrow table, two threads"
SETS, SET_SYMBOLS, MANY_SETS = 100, 100, 10_000
SERIES_LIST, SETS_LIST, ASSETS_LIST = "dl features list --series", "dl features list", "dl assets list"
LISTS = (SERIES_LIST, SETS_LIST, ASSETS_LIST)


def program(name: str) -> list[str]:
    """The command line of one of the programs."""
    return [sys.executable, "-m", f"tests.bench.programs.{name}"]


def rows_joined(expected: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """Refuse a join that has not a row a bar; keep what its columns add up to."""

    def facts(usage: process.Usage, _store: Path) -> dict[str, float]:
        answer = usage.answer()
        if answer["rows"] != expected:
            raise process.ProcessFailedError(f"{answer['rows']} rows where {expected} were expected")
        return {"total": answer["total"]}

    return facts


def same_totals(lanes: dict[str, Lane], truth: str) -> None:
    """Refuse the joins whose columns do not add up to what one contender's do."""
    expected = median(lanes, truth, "total")
    for lane in lanes.values():
        total = lane.median("total")
        if expected is not None and total is not None and not math.isclose(total, expected, rel_tol=1e-6):
            lane.error = f"its columns add up to {total!r}, those of {truth} to {expected!r}"
            lane.runs.clear()


def join(options: Options) -> Outcome:
    """Five years of 1-minute bars with three sets of twenty doubles, a row a minute each, read batch by batch.

    DuckDB joins the same files by three ASOF joins on known_at, with two threads and `memory_limit` 2GB.
    """
    _, facts = home.generated(SOURCE)
    days = lake_of_bars("join-days")
    simply([*program("lake_features"), "series", str(days), str(facts["rows"])])
    months = home.fresh(home.home() / "stores" / "join-months")
    copied(days)(months)
    simply([*home.dl(), "seal", "--root", str(months)])
    checked = rows_joined(facts["rows"])

    def ours(name: str, root: Path) -> Contender:
        return Contender(name, lambda _: [*program("lake_join"), "series", str(root)], checked, ours=True)

    def theirs(name: str, root: Path, memory: str = "2GB") -> Contender:
        return Contender(name, lambda _: [*program("duckdb_asof"), str(root / "data"), memory], checked)

    lanes = options.race(
        ours(FROM_DAYS, days),
        theirs(DUCKDB_DAYS, days),
        ours(FROM_MONTHS, months),
        theirs(DUCKDB_MONTHS, months),
        theirs(DUCKDB_SMALL, months, "512MB"),
    )
    same_totals(lanes, DUCKDB_MONTHS)
    figures = [
        figure("wall, day files / DuckDB", compared(lanes, FROM_DAYS, DUCKDB_DAYS, "wall_s"), "x", 1.3),
        figure("wall, sealed months / DuckDB", compared(lanes, FROM_MONTHS, DUCKDB_MONTHS, "wall_s"), "x", 1.3),
        figure("CPU, day files / DuckDB", compared(lanes, FROM_DAYS, DUCKDB_DAYS, "cpu_s"), "x"),
        figure("CPU, sealed months / DuckDB", compared(lanes, FROM_MONTHS, DUCKDB_MONTHS, "cpu_s"), "x"),
        figure("RSS, day files", worst(lanes, FROM_DAYS, "rss_mib"), "MiB", RSS_LIMIT_MIB),
        figure("RSS, sealed months", worst(lanes, FROM_MONTHS, "rss_mib"), "MiB", RSS_LIMIT_MIB),
        figure("RSS of DuckDB, sealed months", worst(lanes, DUCKDB_MONTHS, "rss_mib"), "MiB"),
    ]
    return Outcome(lanes, figures, [facts])


def feast(options: Options) -> Outcome:
    """A hundred closes of each of a thousand symbols with three sets of twenty doubles, as many rows each.

    Feast joins by its offline file store. That pairs every row asked for with every row of the same symbol: with five
    years of one symbol it asks for terabytes, so that there are many symbols here, and few rows of each; one run.
    """
    try:
        python = home.peer_python("feast")
    except subprocess.CalledProcessError as error:
        shutil.rmtree(home.home() / "venv-feast", ignore_errors=True)
        raise process.ProcessFailedError(f"Feast cannot be installed: {error}") from error
    rows = SYMBOLS * BARS_EACH
    root, store = (home.fresh(home.home() / "stores" / name) for name in ("feast-lake", "feast"))
    init(root)
    simply([*program("lake_features"), "universe", str(root)])
    theirs = [python, "-m", "tests.bench.programs.feast_join"]
    simply([*theirs, "prepare", str(store), str(root / "data")])
    lanes = options.race(
        Contender(UNIVERSE, lambda _: [*program("lake_join"), "universe", str(root)], rows_joined(rows), ours=True),
        Contender(FEAST, lambda _: [*theirs, "join", str(store)], rows_joined(rows)),
        runs=1,
    )
    same_totals(lanes, FEAST)
    figures = [
        figure("wall, ours / Feast", compared(lanes, UNIVERSE, FEAST, "wall_s"), "x", 0.2),
        figure("CPU, ours / Feast", compared(lanes, UNIVERSE, FEAST, "cpu_s"), "x"),
        figure("RSS", worst(lanes, UNIVERSE, "rss_mib"), "MiB", RSS_LIMIT_MIB),
        figure("RSS of Feast", worst(lanes, FEAST, "rss_mib"), "MiB"),
    ]
    stored = sum(path.stat().st_size for path in (root / "data").rglob("*.parquet"))
    return Outcome(lanes, figures, [{"rows": rows, "bytes": stored}])


def rows_written(fate: str) -> Callable[[process.Usage, Path], dict[str, float]]:
    """Refuse a write that did not take every row as it should, or did not come to a file a day."""

    def facts(usage: process.Usage, store: Path) -> dict[str, float]:
        answer = usage.answer()
        rows = answer["data"]["rows"] if "data" in answer else answer
        if rows[fate] != ROWS:
            raise process.ProcessFailedError(f"{rows} where {ROWS} {fate} ones were expected")
        kept = [path for path in store.rglob(f"{SET}.v1") if path.is_dir()]
        found = sizes(kept[0] if kept else store, "*.parquet")
        if found["files"] != WRITTEN_DAYS:
            raise process.ProcessFailedError(f"{found['files']} files where {WRITTEN_DAYS} were expected")
        return found

    return facts


def feature_write(options: Options) -> Outcome:
    """A million rows of twenty doubles, a row a minute, into one series: 695 day files, each on disk at the end.

    They come as an Arrow table mapped from a file, and as one Parquet file. Ours are validated, hashed, recorded with
    the bars that they were made from, and committed whole. pyarrow writes the same columns with the same encodings and
    compression, a file a day, and syncs each file and folder: one after the other, or with two threads. It checks and
    records nothing.
    """
    bars = lake_of_bars("feature-write-bars")
    folder = home.fresh(home.home() / "stores" / "feature-write-rows")
    simply([*program("lake_write"), "source", str(bars), str(folder), str(ROWS)])
    arrow, parquet = str(folder / ARROW), str(folder / PARQUET)
    home.into_page_cache(folder / ARROW)
    home.into_page_cache(folder / PARQUET)
    once = home.fresh(home.home() / "stores" / "feature-write-once")
    copied(bars)(once)
    simply([*program("lake_write"), "table", str(once), arrow])
    words = ["--exchange", EXCHANGE, "--market", MARKET, "--symbol", SYMBOL, "--json", "--root"]

    def ours(name: str, lake: Path, fate: str) -> Contender:
        argv = [*program("lake_write"), "table"]
        return Contender(name, lambda root: [*argv, str(root), arrow], rows_written(fate), copied(lake), ours=True)

    def theirs(name: str, file: str, *threads: str) -> Contender:
        argv = program("pyarrow_write")
        return Contender(name, lambda root: [*argv, str(root), file, *threads], rows_written("new"))

    lanes = options.race(
        ours(TABLE, bars, "new"),
        theirs(PYARROW_TABLE, arrow),
        theirs(PYARROW_THREADS, arrow, "2"),
        Contender(
            FILE,
            lambda root: [*home.dl(), "features", "write", SET, parquet, *words, str(root)],
            rows_written("new"),
            copied(bars),
            ours=True,
        ),
        theirs(PYARROW_FILE, parquet),
        ours(AGAIN, once, "identical"),
    )
    figures = [
        figure("wall, Arrow table / pyarrow", compared(lanes, TABLE, PYARROW_TABLE, "wall_s"), "x", 2.0),
        figure("wall, Parquet file / pyarrow", compared(lanes, FILE, PYARROW_FILE, "wall_s"), "x", 2.0),
        figure("wall, Arrow table / pyarrow, two threads", compared(lanes, TABLE, PYARROW_THREADS, "wall_s"), "x"),
        figure("CPU, Arrow table / pyarrow", compared(lanes, TABLE, PYARROW_TABLE, "cpu_s"), "x"),
        figure("wall, the same again / once", compared(lanes, AGAIN, TABLE, "wall_s"), "x"),
        figure("RSS, Arrow table", worst(lanes, TABLE, "rss_mib"), "MiB", RSS_LIMIT_MIB),
        figure("RSS, Parquet file", worst(lanes, FILE, "rss_mib"), "MiB", RSS_LIMIT_MIB),
        figure("RSS of pyarrow, Parquet file", worst(lanes, PYARROW_FILE, "rss_mib"), "MiB"),
    ]
    return Outcome(lanes, figures, [{"rows": ROWS, "bytes": (folder / ARROW).stat().st_size}])


def feature_list(options: Options) -> Outcome:
    """Listings of ten thousand series of features: a hundred sets of a hundred symbols, and as many sets of one."""
    if options.peers_only:
        return Outcome({}, [], [])
    contenders = []
    for sets, symbols in ((SETS, SET_SYMBOLS), (MANY_SETS, 1)):
        root = home.fresh(home.home() / "stores" / f"feature-list-{sets}")
        simply([*program("lake_sets"), str(root), str(sets), str(symbols)])
        contenders += [listing(name, sets, root) for name in LISTS]
    lanes = options.race(*contenders)
    figures = []
    for sets, limits in ((SETS, (0.3, RSS_LIMIT_MIB)), (MANY_SETS, (None, None))):
        for name in (of_sets(each, sets) for each in LISTS):
            figures.append(figure(f"wall, {name}", median(lanes, name, "wall_s"), "s", limits[0]))
            figures.append(figure(f"RSS, {name}", worst(lanes, name, "rss_mib"), "MiB", limits[1]))
    return Outcome(lanes, figures, [])


def of_sets(command: str, sets: int) -> str:
    """What a listing of so many sets is called."""
    return f"{command}, {table.number(sets, 0)} sets"


def listing(command: str, sets: int, root: Path) -> Contender:
    """One of the commands, on a lake of so many sets."""
    argv = [*home.dl(), *command.split()[1:], "--root", str(root)]
    return Contender(of_sets(command, sets), lambda _: argv, ours=True)


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {
    "join": join,
    "feast": feast,
    "feature-write": feature_write,
    "feature-list": feature_list,
}
