"""The workloads of feature sets: joined to bars as they were known, beside an ASOF join and a feature store."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process
from tests.bench.derived import SOURCE, copied, lake_of_bars
from tests.bench.programs.lake_features import BARS_EACH, SYMBOLS
from tests.bench.race import Contender, Lane, figure
from tests.bench.workloads import Options, Outcome, compared, init, median, simply, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RSS_LIMIT_MIB = 512
FROM_DAYS, FROM_MONTHS = "dl_datalake, day files", "dl_datalake, sealed months"
DUCKDB_DAYS, DUCKDB_MONTHS = "DuckDB, day files", "DuckDB, sealed months"
DUCKDB_SMALL = "DuckDB, sealed months, memory_limit 512MB"
UNIVERSE, FEAST = "dl_datalake, 1 000 symbols", "Feast, 1 000 symbols"


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


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"join": join, "feast": feast}
