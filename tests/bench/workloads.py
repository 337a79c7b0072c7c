"""The workloads: what runs against what, what must come out of it, and which figure is promised."""

from __future__ import annotations

import datetime as dt
import math
import random
import shutil
import statistics
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.bench import home, process
from tests.bench.race import Contender, Lane, figure, race, ratio, sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST_DAY, DAYS, MINUTES_A_DAY = dt.date(2020, 1, 1), 1827, 1440
READS = 200
SERIES = 548  # of DAYS partitions each: 1 001 196
RSS_LIMIT_MIB = 300
TICKS_LIMIT_MIB = 256
FLAT = 1.1  # three times the rows may cost a tenth more memory, no more

INGEST, INGEST_THRICE, ARCTICDB, PYARROW = "dl ingest", "dl ingest, 3 x the rows", "ArcticDB", "pyarrow streaming parse"
POLARS, DUCKDB, DELTA = "Polars, day sink", "DuckDB native", "delta-rs, by day"
TO_ARROW, TO_PANDAS = "dl_datalake, to Arrow", "dl_datalake, to pandas"
PLAN_FEW, PLAN_MANY = "plan, 1 827 partitions", "plan, 1 001 196 partitions"
HELP, LIST, BARE_HELP, BARE_LIST = "dl --help", "dl list", "bare Typer app --help", "bare Typer app, one command"


@dataclass(frozen=True)
class Options:
    """How to run: how often, whether ours runs at all, and whether also on files three times as long."""

    runs: int = 5
    peers_only: bool = False
    long: bool = False

    def race(self, *contenders: Contender, runs: int | None = None) -> dict[str, Lane]:
        """Race those that are to run."""
        chosen = [contender for contender in contenders if not (contender.ours and self.peers_only)]
        return race(chosen, self.runs if runs is None else runs)


@dataclass(frozen=True)
class Outcome:
    """What a workload measured: lanes, figures, the facts of its inputs, and which lanes are told against which."""

    lanes: dict[str, Lane]
    figures: list[dict[str, Any]]
    inputs: list[dict[str, Any]]
    pairs: tuple[tuple[str, str], ...] = ()


def median(lanes: dict[str, Lane], name: str, measured: str) -> float | None:
    """The median of one contender's runs, if it ran."""
    return lanes[name].median(measured) if name in lanes else None


def worst(lanes: dict[str, Lane], name: str, measured: str) -> float | None:
    """The largest of one contender's runs, if it ran."""
    return lanes[name].worst(measured) if name in lanes else None


def compared(lanes: dict[str, Lane], ours: str, theirs: str, measured: str) -> float | None:
    """The ratio of two medians."""
    return ratio(median(lanes, ours, measured), median(lanes, theirs, measured))


def simply(argv: list[str]) -> None:
    """Run a program that is not measured."""
    process.run(argv, cwd=home.home(), env=process.clean_environment(home.REPOSITORY))


def in_arcticdb(*arguments: str) -> list[str]:
    """The command line of the ArcticDB program."""
    return [home.peer_python("arcticdb"), "-m", "tests.bench.programs.arcticdb_store", *arguments]


def rows_read(expected: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """Refuse a peer that did not see every row."""

    def facts(usage: process.Usage, store: Path) -> dict[str, float]:
        rows = usage.answer()["rows"]
        if rows != expected:
            raise process.ProcessFailedError(f"{rows} rows where {expected} were expected")
        return sizes(store)

    return facts


def init(store: Path) -> None:
    """An empty lake."""
    simply([*home.dl(), "init", "--root", str(store)])


def ingest_argv(source: str, root: Path, *more: str) -> list[str]:
    """The command line of an ingest."""
    place = ["--exchange", "BINANCE", "--symbol", "BTCUSDT", "--root", str(root), "--json"]
    return [*home.dl(), "ingest", "--source", source, *place, *more]


def rows_ingested(expected: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """Refuse an ingest that did not store every row as a new one."""

    def facts(usage: process.Usage, store: Path) -> dict[str, float]:
        new = sum(file["rows"]["new"] for file in usage.answer()["data"]["files"])
        if new != expected:
            raise process.ProcessFailedError(f"{new} new rows where {expected} were expected")
        return sizes(store)

    return facts


def ingest(name: str, source: Path, rows: int) -> Contender:
    """Our side of an ingest workload: hash of the source, validation, ledger and durable commit are all on."""
    return Contender(
        name,
        argv=lambda store: ingest_argv(str(source), store),
        facts=rows_ingested(rows),
        prepare=init,
        ours=True,
    )


def memory_figures(lanes: dict[str, Lane], limit: float = RSS_LIMIT_MIB) -> list[dict[str, Any]]:
    """Peak memory, and that it does not grow with the file."""
    once, thrice = worst(lanes, INGEST, "rss_mib"), worst(lanes, INGEST_THRICE, "rss_mib")
    if thrice is None:
        return [figure("RSS", once, "MiB", limit)]
    return [
        figure("RSS", once, "MiB", limit),
        figure("RSS, three times the rows", thrice, "MiB", limit),
        figure("RSS, three times the rows / once", ratio(thrice, once), "x", FLAT),
    ]


def thrice(options: Options, name: str, lanes: dict[str, Lane]) -> list[dict[str, Any]]:
    """Race ours once over a file of three times the rows, if that is wanted; the facts of that file."""
    if not options.long:
        return []
    source, facts = home.generated(name)
    lanes |= options.race(ingest(INGEST_THRICE, source, facts["rows"]), runs=1)
    return [facts]


def bars(options: Options) -> Outcome:
    """Five years of 1-minute bars in one CSV."""
    source, facts = home.generated("BTCUSDT-1m-5y.csv")
    peer = Contender(
        ARCTICDB,
        argv=lambda store: in_arcticdb("write", str(store), str(source)),
        facts=rows_read(facts["rows"]),
    )
    home.into_page_cache(source)
    lanes = options.race(ingest(INGEST, source, facts["rows"]), peer)
    inputs = [facts, *thrice(options, "BTCUSDT-1m-15y.csv", lanes)]
    figures = [
        figure("wall, ours / ArcticDB", compared(lanes, INGEST, ARCTICDB, "wall_s"), "x", 1.0, 0.8),
        figure("CPU, ours / ArcticDB", compared(lanes, INGEST, ARCTICDB, "cpu_s"), "x"),
        *memory_figures(lanes),
    ]
    return Outcome(lanes, figures, inputs, ((INGEST, ARCTICDB),))


def ticks(options: Options) -> Outcome:
    """Twenty million aggregate trades in one CSV.

    The peers parse and store; ours also hashes the source, validates, keeps a ledger, and commits what is on disk.
    """
    source, facts = home.generated("BTCUSDT-aggTrades-10d.csv")
    parse = Contender(
        PYARROW,
        argv=lambda _: [sys.executable, "-m", "tests.bench.programs.pyarrow_parse", str(source)],
        facts=rows_read(facts["rows"]),
    )

    def peer(name: str, python: str, engine: str) -> Contender:
        program = [python, "-m", "tests.bench.programs.ticks_peers", engine]
        return Contender(name, lambda store: [*program, str(store), str(source)], rows_read(facts["rows"]))

    peers = [
        peer(POLARS, sys.executable, "polars"),
        peer(DUCKDB, sys.executable, "duckdb"),
        peer(DELTA, home.peer_python("deltalake"), "deltalake"),
    ]
    home.into_page_cache(source)
    lanes = options.race(ingest(INGEST, source, facts["rows"]), *peers, parse)
    inputs = [facts, *thrice(options, "BTCUSDT-aggTrades-30d.csv", lanes)]
    figures = [
        figure("wall, ours / Polars day sink", compared(lanes, INGEST, POLARS, "wall_s"), "x", 1.4, 1.0),
        figure("CPU, ours / Polars day sink", compared(lanes, INGEST, POLARS, "cpu_s"), "x", 1.0),
        figure("disk, ours / DuckDB native", compared(lanes, INGEST, DUCKDB, "disk_mb"), "x", 0.6),
        figure("wall, ours / pyarrow", compared(lanes, INGEST, PYARROW, "wall_s"), "x"),
        *memory_figures(lanes, TICKS_LIMIT_MIB),
    ]
    return Outcome(lanes, figures, inputs, tuple((INGEST, name) for name in (POLARS, DUCKDB, DELTA)))


def disk(options: Options) -> Outcome:
    """Two real months of 1-minute futures bars: bytes on disk."""
    folder = home.vendor_data() / "binance_um_klines_header"
    sources = sorted(folder.glob("FILUSDT-1m-*.csv"))
    if not sources:
        raise process.ProcessFailedError(f"no FILUSDT-1m-*.csv in {folder.name} of DL_VENDOR_DATA")
    rows = sum(source.read_bytes().count(b"\n") - 1 for source in sources)

    def data_files(usage: process.Usage, store: Path) -> dict[str, float]:
        whole = rows_ingested(rows)(usage, store)
        return sizes(store, "*.parquet") | {"root_mb": whole["disk_mb"]}

    ours = Contender(
        INGEST,
        argv=lambda store: ingest_argv(str(folder / "FILUSDT-1m-*.csv"), store, "--market", "FUTURES-UM"),
        facts=data_files,
        prepare=init,
        ours=True,
    )
    peer = Contender(
        ARCTICDB,
        argv=lambda store: in_arcticdb("write", str(store), *map(str, sources)),
        facts=rows_read(rows),
    )
    lanes = options.race(ours, peer, runs=1)
    whole_root = ratio(median(lanes, INGEST, "root_mb"), median(lanes, ARCTICDB, "disk_mb"))
    figures = [
        figure("bytes of the data files, ours / ArcticDB", compared(lanes, INGEST, ARCTICDB, "files_mb"), "x", 0.55),
        figure("disk blocks of the data files, ours / ArcticDB", compared(lanes, INGEST, ARCTICDB, "disk_mb"), "x"),
        figure("disk blocks with the manifest, ours / ArcticDB", whole_root, "x"),
    ]
    inputs = [{"rows": rows, "bytes": sum(source.stat().st_size for source in sources)}]
    return Outcome(lanes, figures, inputs)


def random_days() -> str:
    """The days that are read: one that warms up, then two hundred; every contender gets the same."""
    pick = random.Random(5)  # noqa: S311 - a repeatable choice of days, nothing secret
    return ",".join(str(FIRST_DAY + dt.timedelta(pick.randrange(DAYS))) for _ in range(READS + 1))


def latency(rows_a_day: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """Percentiles of the timed calls after the first one, if every day had so many rows."""

    def facts(usage: process.Usage, _store: Path) -> dict[str, float]:
        answer = usage.answer()
        if answer["rows"] != (READS + 1) * rows_a_day:
            raise process.ProcessFailedError(f"{answer['rows']} rows where {READS + 1} full days were expected")
        first, times = answer["times_ms"][0], sorted(answer["times_ms"][1:])
        return {
            "first_ms": round(first, 3),
            "p50_ms": round(statistics.median(times), 3),
            "p99_ms": round(times[math.ceil(len(times) * 0.99) - 1], 3),
            "total": answer.get("total", 0.0),
        }

    return facts


def same_totals(lanes: dict[str, Lane]) -> None:
    """Refuse the read of a contender whose volumes do not add up to what the peer read."""
    truth = median(lanes, ARCTICDB, "total")
    for lane in lanes.values():
        total = lane.median("total")
        if truth is not None and total is not None and not math.isclose(total, truth, rel_tol=1e-9):
            lane.error = f"its volumes add up to {total!r}, those of {ARCTICDB} to {truth!r}"
            lane.runs.clear()


def read(options: Options) -> Outcome:
    """One random day out of five years, in a process that has the lake open."""
    source, facts = home.generated("BTCUSDT-1m-5y.csv")
    days, stores = random_days(), home.home() / "stores"
    root, store = home.fresh(stores / "read-lake"), home.fresh(stores / "read-arcticdb")
    simply(in_arcticdb("write", str(store), str(source)))
    if not options.peers_only:
        init(root)
        simply(ingest_argv(str(source), root, "--period", "1m"))
    program, in_a_day = [sys.executable, "-m", "tests.bench.programs.lake_read"], latency(MINUTES_A_DAY)
    lanes = options.race(
        Contender(TO_ARROW, lambda _: [*program, "arrow", str(root), days], in_a_day, ours=True),
        Contender(TO_PANDAS, lambda _: [*program, "pandas", str(root), days], in_a_day, ours=True),
        Contender(ARCTICDB, lambda _: in_arcticdb("read", str(store), days), in_a_day),
    )
    same_totals(lanes)
    figures = [
        figure("p50 of one day, to Arrow", median(lanes, TO_ARROW, "p50_ms"), "ms", 2.0),
        figure("p50, ours to Arrow / ArcticDB", compared(lanes, TO_ARROW, ARCTICDB, "p50_ms"), "x", 0.25, 0.15),
        figure("p50, ours to pandas / ArcticDB", compared(lanes, TO_PANDAS, ARCTICDB, "p50_ms"), "x"),
    ]
    return Outcome(lanes, figures, [facts])


def plan(options: Options) -> Outcome:
    """What a read of one day asks of the manifest, with 1 827 and with a million partitions: it may not grow."""
    source, facts = home.generated("BTCUSDT-1m-sparse.csv")
    if options.peers_only:
        return Outcome({}, [], [facts])
    stores, days = home.home() / "stores", random_days()
    few, many = home.fresh(stores / "plan-few"), stores / "plan-many"
    init(few)
    simply(ingest_argv(str(source), few, "--period", "1m"))
    shutil.rmtree(many, ignore_errors=True)
    shutil.copytree(few, many, ignore=shutil.ignore_patterns("*.parquet"))
    simply([sys.executable, "-m", "tests.bench.programs.lake_widen", str(many), str(SERIES)])
    program, one_file = [sys.executable, "-m", "tests.bench.programs.lake_plan"], latency(1)
    lanes = options.race(
        Contender(PLAN_FEW, lambda _: [*program, str(few), days], one_file, ours=True),
        Contender(PLAN_MANY, lambda _: [*program, str(many), days], one_file, ours=True),
    )
    figures = [
        figure("p50 of a plan, a million partitions", median(lanes, PLAN_MANY, "p50_ms"), "ms", 5.0, 3.0),
        figure("p99 of a plan, a million partitions", median(lanes, PLAN_MANY, "p99_ms"), "ms"),
        figure("p50, a million partitions / 1 827", compared(lanes, PLAN_MANY, PLAN_FEW, "p50_ms"), "x"),
    ]
    return Outcome(lanes, figures, [facts])


def start(options: Options) -> Outcome:
    """The start of the command line, on a lake of one series with five years of partitions."""
    source, facts = home.generated("BTCUSDT-1m-sparse.csv")
    root = home.fresh(home.home() / "stores" / "start-lake")
    if not options.peers_only:
        init(root)
        simply(ingest_argv(str(source), root, "--period", "1m"))
    bare = [sys.executable, str(home.REPOSITORY / "tests" / "bench" / "programs" / "typer_bare.py")]
    lanes = options.race(
        Contender(HELP, lambda _: [*home.dl(), "--help"], ours=True),
        Contender(BARE_HELP, lambda _: [*bare, "--help"]),
        Contender(LIST, lambda _: [*home.dl(), "list", "--root", str(root)], ours=True),
        Contender(BARE_LIST, lambda _: [*bare, "list"]),
        runs=options.runs * 4,
    )
    figures = [
        figure("wall, dl --help / bare Typer app --help", compared(lanes, HELP, BARE_HELP, "wall_s"), "x", 2.0),
        figure("wall, dl list / bare Typer app", compared(lanes, LIST, BARE_LIST, "wall_s"), "x", 2.0),
        figure("RSS of dl --help", worst(lanes, HELP, "rss_mib"), "MiB", 30),
        figure("RSS of dl list", worst(lanes, LIST, "rss_mib"), "MiB", 30),
    ]
    return Outcome(lanes, figures, [facts])


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {
    "bars": bars,
    "ticks": ticks,
    "disk": disk,
    "read": read,
    "plan": plan,
    "start": start,
}
