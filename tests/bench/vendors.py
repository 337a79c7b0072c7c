"""Workloads of vendors' files: seeing what a file is, files that are compressed, out of order, or in no format."""

from __future__ import annotations

import shlex
import shutil
import statistics
import sys
from typing import TYPE_CHECKING, Any

from tests.bench import home, process
from tests.bench.race import Contender, Lane, figure
from tests.bench.recast import UNPACK, recast
from tests.bench.workloads import (
    RSS_LIMIT_MIB,
    Options,
    Outcome,
    compared,
    ingest,
    ingest_argv,
    init,
    median,
    rows_ingested,
    worst,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALLS = 21
DETECT_MS = 200
SHUFFLED_LIMIT_MIB = 512
PIPED = 1 / 0.8
SAME = 1.1
BARS_FILE, TICKS_FILE = "BTCUSDT-1m-5y.csv", "BTCUSDT-aggTrades-10d.csv"
LARGE, SMALL = "detect, the whole file", "detect, its first 2 MB"
SORTED, SHUFFLED = "dl ingest, in order", "dl ingest, shuffled"
NAMED, GENERAL = "dl ingest, the vendor's format", "dl ingest, columns by their names"


def detection_times(usage: process.Usage, _store: Path) -> dict[str, float]:
    """The first call, and the median of those after it."""
    first, *others = usage.answer()["times_ms"]
    return {"first_ms": round(first, 3), "p50_ms": round(statistics.median(others), 3)}


def detect(options: Options) -> Outcome:
    """Seeing what a file is, beyond start-up: one of about 2 GB, and its first 2 MB."""
    source, facts = home.generated(TICKS_FILE)
    small, small_facts = recast("start", source, facts)
    program = [sys.executable, "-m", "tests.bench.programs.lake_detect"]
    lanes = options.race(
        Contender(LARGE, lambda _: [*program, str(source), str(CALLS)], detection_times, ours=True),
        Contender(SMALL, lambda _: [*program, str(small), str(CALLS)], detection_times, ours=True),
    )
    figures = [
        figure("first call, the whole file", median(lanes, LARGE, "first_ms"), "ms", DETECT_MS),
        figure("p50, the whole file / its first 2 MB", compared(lanes, LARGE, SMALL, "p50_ms"), "x", SAME),
    ]
    return Outcome(lanes, figures, [facts, small_facts])


def beside_unpacking(name: str, kind: str, packed: Path, plain: Path, rows: int) -> Contender:
    """The ingest of the plain file while the packed one is unpacked to nowhere: the best a pipe could do.

    A pipe would cost a little more than this, since it has to be filled and emptied, and its end is waited for.
    """

    def argv(store: Path) -> list[str]:
        unpack = shlex.join([*UNPACK[kind], str(packed)])
        return ["/bin/sh", "-c", f"{unpack} > /dev/null & {shlex.join(ingest_argv(str(plain), store))}; wait"]

    return Contender(name, argv, rows_ingested(rows), init)


def compressed(options: Options) -> Outcome:
    """Five years of bars as .gz, .xz, .zst and .bz2, beside unpacking them and ingesting the plain file at once."""
    plain, facts = home.generated(BARS_FILE)
    lanes: dict[str, Lane] = {}
    figures: list[dict[str, Any]] = []
    inputs = [facts]
    for kind, (program, *_) in UNPACK.items():
        packed, packed_facts = recast(kind, plain, facts)
        inputs.append(packed_facts)
        ours, theirs = f"dl ingest, .{kind}", f"{program} and dl ingest at once"
        contenders = [ingest(ours, packed, facts["rows"])]
        if shutil.which(program):
            contenders.append(beside_unpacking(theirs, kind, packed, plain, facts["rows"]))
        home.into_page_cache(packed)
        home.into_page_cache(plain)
        lanes |= options.race(*contenders)
        figures.append(figure(f"wall, .{kind} / unpacked beside", compared(lanes, ours, theirs, "wall_s"), "x", PIPED))
    return Outcome(lanes, figures, inputs)


def memory(options: Options) -> Outcome:
    """Peak memory of twenty million trades, in order and in no order at all."""
    source, facts = home.generated(TICKS_FILE)
    mixed, mixed_facts = recast("shuffled", source, facts)
    lanes = options.race(
        ingest(SORTED, source, facts["rows"]),
        ingest(SHUFFLED, mixed, facts["rows"]),
        runs=1,
    )
    figures = [
        figure("RSS, in order", worst(lanes, SORTED, "rss_mib"), "MiB", RSS_LIMIT_MIB),
        figure("RSS, shuffled", worst(lanes, SHUFFLED, "rss_mib"), "MiB", SHUFFLED_LIMIT_MIB),
        figure("wall, shuffled / in order", compared(lanes, SHUFFLED, SORTED, "wall_s"), "x"),
    ]
    return Outcome(lanes, figures, [facts, mixed_facts])


def general(options: Options) -> Outcome:
    """The same bars in the vendor's format and as a table of named columns that no vendor writes."""
    source, facts = home.generated(BARS_FILE)
    headed, headed_facts = recast("headed", source, facts)
    home.into_page_cache(source)
    home.into_page_cache(headed)
    by_names = Contender(
        GENERAL,
        argv=lambda store: ingest_argv(str(headed), store, "--format", "csv"),
        facts=rows_ingested(facts["rows"]),
        prepare=init,
        ours=True,
    )
    lanes = options.race(ingest(NAMED, source, facts["rows"]), by_names)
    figures = [
        figure("wall, by names / the vendor's format", compared(lanes, GENERAL, NAMED, "wall_s"), "x", SAME),
        figure("CPU, by names / the vendor's format", compared(lanes, GENERAL, NAMED, "cpu_s"), "x", SAME),
    ]
    return Outcome(lanes, figures, [facts, headed_facts])


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {
    "detect": detect,
    "compressed": compressed,
    "memory": memory,
    "general": general,
}
