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
AT_MS, RSS_LIMIT_MIB = 10, 512


def answered(rows: int) -> Callable[[process.Usage, Path], dict[str, float]]:
    """The first call, which makes the checkpoints, and percentiles of the others."""

    def facts(usage: process.Usage, _store: Path) -> dict[str, float]:
        answer = usage.answer()
        if answer["rows"] != rows:
            raise process.ProcessFailedError(f"{answer['rows']} rows where {rows} were expected")
        if "times_ms" not in answer:
            return {"total": answer["total"]}
        first, times = answer["times_ms"][0], sorted(answer["times_ms"][1:])
        p50, p99 = statistics.median(times), times[math.ceil(len(times) * 0.99) - 1]
        return {"first_ms": round(first, 3), "p50_ms": round(p50, 3), "p99_ms": round(p99, 3)} | {
            "total": answer["total"]
        }

    return facts


def refuse_other_books(lanes: dict[str, Lane]) -> None:
    """Refuse books that are not those of the plain replay."""
    truth = median(lanes, PLAIN, "total")
    for lane in lanes.values():
        total = lane.median("total")
        if truth is not None and total is not None and not math.isclose(total, truth, rel_tol=1e-12):
            lane.error = f"its books are worth {total!r}, those of the plain replay {truth!r}"
            lane.runs.clear()


def book(options: Options) -> Outcome:
    """Twenty levels of each side at 1 000 random times of a day of a million changes; the first call makes checkpoints.

    A book of 10 000 levels. Each call is `lake.book(…).at(t, 20)`: it finds the series, plans, and reads. The plain
    replay holds the day's rows in memory, goes through them once, and is what the answers are compared with.
    """
    stores = home.home() / "stores"
    source, root = home.fresh(stores / "book-source") / "book.csv", home.fresh(stores / "book-lake")
    made = [sys.executable, "-m", "tests.bench.programs.book_day", str(source), str(MESSAGES)]
    answer = process.run(made, cwd=home.home(), env=process.clean_environment(home.REPOSITORY)).answer()
    if not options.peers_only:
        init(root)
        simply([*home.dl(), "ingest", "--source", str(source), "--root", str(root), "--format", "binance-t-depth"])
    rows, ours = answer["rows"], [sys.executable, "-m", "tests.bench.programs.lake_book"]
    plain = [sys.executable, "-m", "tests.bench.programs.plain_book", str(source), str(READS)]
    lanes = options.race(
        Contender(WARM, lambda s: [*ours, "warm", str(s), str(READS)], answered(rows), copied(root), ours=True),
        Contender(COLD, lambda s: [*ours, "cold", str(s), str(READS)], answered(rows), copied(root), ours=True),
        Contender(PLAIN, lambda _: plain, answered(rows)),
    )
    refuse_other_books(lanes)
    figures = [
        figure("p99 of book at t, 1 M deltas", median(lanes, WARM, "p99_ms"), "ms", AT_MS, AT_MS / 2),
        figure("p50 of book at t, 1 M deltas", median(lanes, WARM, "p50_ms"), "ms"),
        figure("p99, nothing held in memory", median(lanes, COLD, "p99_ms"), "ms"),
        figure("the first call, which makes the checkpoints", median(lanes, WARM, "first_ms"), "ms"),
        figure("RSS", worst(lanes, WARM, "rss_mib"), "MiB", RSS_LIMIT_MIB),
    ]
    return Outcome(lanes, figures, [answer])


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"book": book}
