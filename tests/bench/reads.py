"""The workloads of reading: everything of a series, a day in a new process, many symbols at once, real files."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process
from tests.bench.derived import SOURCE, lake_of_bars
from tests.bench.programs import universe
from tests.bench.race import Contender, figure, sizes
from tests.bench.workloads import (
    ARCTICDB,
    DUCKDB,
    INGEST,
    MINUTES_A_DAY,
    POLARS,
    Options,
    Outcome,
    compared,
    in_arcticdb,
    ingest_argv,
    init,
    rows_ingested,
    rows_read,
    simply,
    worst,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEALED_PANDAS, SEALED_ARROW = "dl_datalake, sealed, to pandas", "dl_datalake, sealed, to Arrow"
DAYS_PANDAS, DAYS_ARROW = "dl_datalake, day files, to pandas", "dl_datalake, day files, to Arrow"
COLD, ONE_DAY = "dl_datalake", "2023-06-15"
SYMBOLS = "dl_datalake"
REAL_READ, REAL_READ_PEER = "dl_datalake, to pandas", "ArcticDB, to pandas"
TICKS = "bitcoincharts_csv/bitstampUSD.csv"


def arcticdb_of(name: str, *sources: Path) -> Path:
    """A store of ArcticDB that holds kline files."""
    store = home.fresh(home.home() / "stores" / name)
    simply(in_arcticdb("write", str(store), *map(str, sources)))
    return store


def whole(name: str, form: str, lake: Path, rows: int, *day: str) -> Contender:
    """Ours: one read of everything, or of a day, in a new process."""
    argv = [sys.executable, "-m", "tests.bench.programs.lake_whole", form, str(lake), *day]
    return Contender(name, lambda _: argv, rows_read(rows), ours=True)


def five(options: Options) -> Outcome:
    """Five years of 1-minute bars, read whole by a new process: from 60 sealed months, and from 1 827 day files.

    Processes end as soon as they have the rows: what they do while shutting down is measured of none but DuckDB's.
    """
    source, facts = home.generated(SOURCE)
    rows = facts["rows"]
    arctic = arcticdb_of("five-arcticdb", source)
    duckdb = [sys.executable, "-m", "tests.bench.programs.duckdb_bars"]
    database = home.fresh(home.home() / "stores" / "five-duckdb")
    simply([*duckdb, "load", str(database), str(source)])
    ours = []
    if not options.peers_only:
        days, months = lake_of_bars("five-days"), lake_of_bars("five-months", sealed=True)
        ours = [
            whole(SEALED_PANDAS, "pandas", months, rows),
            whole(DAYS_PANDAS, "pandas", days, rows),
            whole(SEALED_ARROW, "arrow", months, rows),
            whole(DAYS_ARROW, "arrow", days, rows),
        ]
    lanes = options.race(
        *ours,
        Contender(ARCTICDB, lambda _: in_arcticdb("whole", str(arctic)), rows_read(rows)),
        Contender(DUCKDB, lambda _: [*duckdb, "arrow", str(database)], rows_read(rows)),
    )

    def memory(name: str) -> float | None:
        ours, theirs = worst(lanes, name, "rss_mib"), worst(lanes, ARCTICDB, "rss_mib")
        return ours / theirs if ours and theirs else None

    figures = [
        figure("wall, sealed to pandas / ArcticDB", compared(lanes, SEALED_PANDAS, ARCTICDB, "wall_s"), "x", 1.0, 0.8),
        figure("wall, day files to pandas / ArcticDB", compared(lanes, DAYS_PANDAS, ARCTICDB, "wall_s"), "x", 2.2, 1.6),
        figure("RSS, sealed to pandas / ArcticDB", memory(SEALED_PANDAS), "x", 0.8),
        figure("RSS, day files to pandas / ArcticDB", memory(DAYS_PANDAS), "x", 0.8),
        figure("wall, sealed to Arrow / DuckDB", compared(lanes, SEALED_ARROW, DUCKDB, "wall_s"), "x", 1.0, 0.7),
        figure("wall, day files to Arrow / DuckDB", compared(lanes, DAYS_ARROW, DUCKDB, "wall_s"), "x"),
    ]
    pairs = (
        (SEALED_PANDAS, ARCTICDB),
        (DAYS_PANDAS, ARCTICDB),
        (SEALED_ARROW, DUCKDB),
        (DAYS_ARROW, DUCKDB),
    )
    return Outcome(lanes, figures, [facts], pairs)


def cold(options: Options) -> Outcome:
    """One day out of five years, read by a new process: interpreter, imports and all."""
    source, facts = home.generated(SOURCE)
    arctic = arcticdb_of("cold-arcticdb", source)
    ours = []
    if not options.peers_only:
        ours = [whole(COLD, "arrow", lake_of_bars("cold-days"), MINUTES_A_DAY, ONE_DAY)]
    peer = Contender(ARCTICDB, lambda _: in_arcticdb("whole", str(arctic), ONE_DAY), rows_read(MINUTES_A_DAY))
    lanes = options.race(*ours, peer, runs=options.runs * 2)
    figures = [figure("wall, ours to Arrow / ArcticDB", compared(lanes, COLD, ARCTICDB, "wall_s"), "x", 0.6)]
    return Outcome(lanes, figures, [facts], ((COLD, ARCTICDB),))


def asked(usage: process.Usage, _store: Path) -> dict[str, float]:
    """What the two questions took, if each was answered as it should be."""
    answer = usage.answer()
    closes = universe.SYMBOLS * 30_000.0  # where each of the generated paths ends
    if answer["rows"] != universe.HOUR_ROWS or not math.isclose(answer["total"], closes, rel_tol=1e-6):
        raise process.ProcessFailedError(f"{answer['rows']} rows, closes of {answer['total']}")
    return {name: answer[name] for name in ("last_first_ms", "last_ms", "hour_first_ms", "hour_ms")}


def asking(made: Callable[[str], list[str]]) -> Callable[[Path], list[str]]:
    """The command line that asks, wherever it may write."""
    return lambda _: made("ask")


def symbols(options: Options) -> Outcome:
    """The last close of each of a hundred symbols, and one hour of all of them, of thirty days of minutes each.

    Each is asked twenty times by a process that has the store open, after a first time.
    """
    stores = home.home() / "stores"
    arctic, duckdb, root = (home.fresh(stores / f"symbols-{name}") for name in ("arcticdb", "duckdb", "lake"))

    def program(python: str, module: str, store: Path) -> Callable[[str], list[str]]:
        return lambda verb: [python, "-m", f"tests.bench.programs.{module}", verb, str(store)]

    programs = {
        ARCTICDB: program(home.peer_python("arcticdb"), "arcticdb_universe", arctic),
        DUCKDB: program(sys.executable, "duckdb_universe", duckdb),
    }
    if not options.peers_only:
        init(root)
        programs[SYMBOLS] = program(sys.executable, "lake_universe", root)
    for made in programs.values():
        simply(made("write"))
    lanes = options.race(
        *(Contender(name, asking(made), asked, ours=name == SYMBOLS) for name, made in programs.items())
    )
    figures = [
        figure("last close of 100, ours / ArcticDB", compared(lanes, SYMBOLS, ARCTICDB, "last_ms"), "x", 0.3, 0.2),
        figure("one hour of 100, ours / DuckDB", compared(lanes, SYMBOLS, DUCKDB, "hour_ms"), "x", 1.0, 0.7),
        figure("last close of 100, ours / DuckDB", compared(lanes, SYMBOLS, DUCKDB, "last_ms"), "x"),
        figure("one hour of 100, ours / ArcticDB", compared(lanes, SYMBOLS, ARCTICDB, "hour_ms"), "x"),
    ]
    return Outcome(lanes, figures, [], ((SYMBOLS, ARCTICDB), (SYMBOLS, DUCKDB)))


def real(options: Options) -> Outcome:
    """Real files: two months of 1-minute futures bars, stored and read whole, and ten thousand trades, stored.

    They are small, so that starting up is most of it.
    """
    sources = sorted((home.vendor_data() / "binance_um_klines_header").glob("FILUSDT-1m-*.csv"))
    trades = home.vendor_data() / TICKS
    if not sources or not trades.exists():
        raise process.ProcessFailedError("no real files in DL_VENDOR_DATA")
    rows, ticks = sum(s.read_bytes().count(b"\n") - 1 for s in sources), trades.read_bytes().count(b"\n")
    pattern = str(sources[0].parent / "FILUSDT-1m-*.csv")
    lake, arctic = home.fresh(home.home() / "stores" / "real-lake"), arcticdb_of("real-arcticdb", *sources)
    bars, futures = [f"{INGEST}, bars", f"{ARCTICDB}, bars"], ["--market", "FUTURES-UM"]
    if not options.peers_only:
        init(lake)
        simply(ingest_argv(pattern, lake, *futures))
    place = ["--exchange", "BITSTAMP", "--symbol", "BTCUSD", "--json"]
    lanes = options.race(
        Contender(bars[0], lambda s: ingest_argv(pattern, s, *futures), rows_ingested(rows), init, ours=True),
        Contender(bars[1], lambda s: in_arcticdb("write", str(s), *map(str, sources)), rows_read(rows)),
        whole(REAL_READ, "pandas", lake, rows),
        Contender(REAL_READ_PEER, lambda _: in_arcticdb("whole", str(arctic)), rows_read(rows)),
        Contender(
            f"{INGEST}, trades",
            lambda s: [*home.dl(), "ingest", "--source", str(trades), *place, "--root", str(s)],
            lambda _, store: sizes(store),
            init,
            ours=True,
        ),
        Contender(
            f"{POLARS}, trades",
            lambda s: [sys.executable, "-m", "tests.bench.programs.ticks_peers", "plain", str(s), str(trades)],
            rows_read(ticks),
        ),
    )
    pairs = ((bars[0], bars[1]), (REAL_READ, REAL_READ_PEER), (f"{INGEST}, trades", f"{POLARS}, trades"))
    figures = [figure(f"wall, {ours} / {peer}", compared(lanes, ours, peer, "wall_s"), "x") for ours, peer in pairs]
    inputs = [
        {"rows": rows, "bytes": sum(source.stat().st_size for source in sources)},
        {"rows": ticks, "bytes": trades.stat().st_size},
    ]
    return Outcome(lanes, figures, inputs, pairs)


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"five": five, "cold": cold, "symbols": symbols, "real": real}
