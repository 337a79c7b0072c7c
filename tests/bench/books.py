"""The workload of order books: the book at any time of a day of a million changes."""

from __future__ import annotations

import math
import statistics
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process
from tests.bench.derived import copied
from tests.bench.race import Contender, Lane, figure
from tests.bench.workloads import Options, Outcome, init, median, simply, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MESSAGES = 100_000
READS = 1_000
WARM, COLD, PLAIN = "book at t", "book at t, nothing held in memory", "replay in dictionaries"
REAL = "book at t, a real capture"
CAPTURE = home.vendor_data() / "raw_ws_gz" / "ethusdt_20240808.gz"
AT_MS, RSS_LIMIT_MIB = 10, 512


def answered(rows: int | None) -> Callable[[process.Usage, Path], dict[str, float]]:
    """The first call, which makes the checkpoints, and percentiles of the others."""

    def facts(usage: process.Usage, _store: Path) -> dict[str, float]:
        answer = usage.answer()
        if rows is not None and answer["rows"] != rows:
            raise process.ProcessFailedError(f"{answer['rows']} rows where {rows} were expected")
        if "times_ms" not in answer:
            return {"total": answer["total"]}
        first, times = answer["times_ms"][0], sorted(answer["times_ms"][1:])
        p50, p99 = statistics.median(times), times[math.ceil(len(times) * 0.99) - 1]
        measured = {"first_ms": round(first, 3), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)}
        return measured | {"total": answer["total"]}

    return facts


def refuse_other_books(lanes: dict[str, Lane]) -> None:
    """Refuse books that are not those of the plain replay."""
    truth = median(lanes, PLAIN, "total")
    for lane in (lane for name, lane in lanes.items() if name != REAL):
        total = lane.median("total")
        if truth is not None and total is not None and not math.isclose(total, truth, rel_tol=1e-12):
            lane.error = f"its books are worth {total!r}, those of the plain replay {truth!r}"
            lane.runs.clear()


def lake_of(name: str, source: Path, form: str) -> Path:
    """A lake that holds one file, without checkpoints."""
    root = home.fresh(home.home() / "stores" / name)
    init(root)
    simply([*home.dl(), "ingest", "--source", str(source), "--root", str(root), "--format", form])
    return root


def asking(name: str, form: str, root: Path, rows: int | None) -> Contender:
    """Ours, on a copy of a lake."""
    argv = [sys.executable, "-m", "tests.bench.programs.lake_book", form]
    return Contender(name, lambda store: [*argv, str(store), str(READS)], answered(rows), copied(root), ours=True)


def book(options: Options) -> Outcome:
    """Twenty levels of each side at 1 000 random times of a day of a million changes; the first call makes checkpoints.

    A book of 10 000 levels. Each call is `lake.book(…).at(t, 20)`: it finds the series, plans, and reads. The plain
    replay holds the day's rows in memory, goes through them once, and is what the answers are compared with. The real
    capture is Binance's stream of ETHUSDT: 108 814 changes of six minutes.
    """
    source = home.fresh(home.home() / "stores" / "book-source") / "book.csv"
    made = [sys.executable, "-m", "tests.bench.programs.book_day", str(source), str(MESSAGES)]
    facts = process.run(made, cwd=home.home(), env=process.clean_environment(home.REPOSITORY)).answer()
    contenders = []
    if not options.peers_only:
        root = lake_of("book-lake", source, "binance-t-depth")
        contenders = [asking(WARM, "warm", root, facts["rows"]), asking(COLD, "cold", root, facts["rows"])]
        if CAPTURE.is_file():
            contenders.append(asking(REAL, "warm", lake_of("book-real", CAPTURE, "binance-spot-capture"), None))
    plain = [sys.executable, "-m", "tests.bench.programs.plain_book", str(source), str(READS)]
    lanes = options.race(*contenders, Contender(PLAIN, lambda _: plain, answered(facts["rows"])))
    refuse_other_books(lanes)
    figures = [
        figure("p99 of book at t, 1 M deltas", median(lanes, WARM, "p99_ms"), "ms", AT_MS),
        figure("p50 of book at t, 1 M deltas", median(lanes, WARM, "p50_ms"), "ms"),
        figure("p99, nothing held in memory", median(lanes, COLD, "p99_ms"), "ms"),
        figure("p99 on a real capture", median(lanes, REAL, "p99_ms"), "ms", AT_MS),
        figure("the first call, which makes the checkpoints", median(lanes, WARM, "first_ms"), "ms"),
        figure("RSS", worst(lanes, WARM, "rss_mib"), "MiB", RSS_LIMIT_MIB),
    ]
    return Outcome(lanes, figures, [facts])


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"book": book}
