"""The graph at size: `python -m tests.bench.graph ROOT [--symbols N] [--days N] [--by month]`, figures as JSON.

Two assets of N symbols: minutes, a partition a day, as sources are ingested; and one made of them, by day (a metric) or
by month (hours). The rows of the manifest are written by the writer itself; no data file exists.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lake import lineage
from lake.config import Config
from lake.manifest import Change, Instrument, LedgerRecord, Manifest, NewDerivation, NewFile, SourceRecord, Writer
from lake.manifest import graph as stored
from lake.manifest import new_run as begun
from schemas.assets import AssetSpec, schema_of
from schemas.graph import Registry
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
SYMBOLS, DAYS = 100, 1826
FIRST = Partition.parse("2021-01-01")
DAY_NS, MINUTE_NS = 86_400 * 10**9, 60 * 10**9
MADE = {"day": "metrics/funding", "month": "bars/1h"}
DERIVED_AT_ONCE = 20_000
RUNS = 5


def registry(by: str) -> Registry:
    """The two assets."""
    key = MADE[by]
    made = AssetSpec(key, schema_of(key), upstreams=("bars/1m",), made="derived")
    return Registry([AssetSpec("bars/1m", schema_of("bars/1m")), made])


def address(number: int, key: str) -> Address:
    """The series of the asset for one of the symbols."""
    kind, _, period = key.partition("/")
    return Address("BINANCE", "SPOT", f"SYM{number:03d}USDT", kind, period)


def new_file(of: Address, partition: Partition, tag: str = "") -> NewFile:
    """A file as a day of real minutes makes it, under a name as the lake gives them."""
    sha256 = hashlib.sha256(f"{of}{partition.label}{tag}".encode()).hexdigest()
    name = f"{time.time_ns():x}-{sha256[:12]}-{sha256[-8:]}.parquet"
    return NewFile(
        of, partition.label, partition.start_ns, partition.end_ns, f"{of}/{partition.path}/{name}", 1440, 34_567,
        partition.start_ns, partition.end_ns - MINUTE_NS, sha256, f"rows128:{sha256[:32]}", 1,
    )  # fmt: skip


def ingested(number: int, days: int) -> Change:
    """The change of one source that holds all days of a symbol."""
    of = address(number, "bars/1m")
    run = begun("ingest", "dl ingest --source bars.csv")
    files = [new_file(of, Partition(FIRST.day + day, "day")) for day in range(days)]
    sha256 = hashlib.sha256(str(of).encode()).hexdigest()
    return Change(
        run.id,
        "ingest",
        files=files,
        run=run,
        source=SourceRecord(sha256, f"{of.symbol}.csv", f"/in/{of.symbol}.csv", 157_000_000, "csv"),
        ledger=LedgerRecord(read=1440 * days, new=1440 * days, rows_out=1440 * days),
        ingest_key=sha256,
        touched=[(of, file.partition) for file in files],
        instruments={of: Instrument(of.symbol)},
        report={"source": f"{of.symbol}.csv", "read": 1440 * days},
    )


def derivations(manifest: Manifest, number: int, by: str) -> Iterable[tuple[NewFile, NewDerivation]]:
    """The files of the derived asset of one symbol, with how they were made."""
    of, source = address(number, MADE[by]), address(number, "bars/1m")
    series = manifest.find(source)
    together: dict[Partition, list[stored.PartRow]] = {}
    for part in stored.parts(manifest, series.id, None, None) if series else []:
        together.setdefault(lineage.containing(part.start_ns // DAY_NS, of.grain), []).append(part)
    for partition, parts in together.items():
        inputs = stored.inputs(parts)
        made = NewDerivation(of, partition.label, source, partition.start_ns, partition.end_ns, inputs, "1", 1)
        yield new_file(of, partition), made


def build(config: Config, symbols: int, days: int, by: str) -> dict[str, float]:
    """Fill an empty lake; return the milliseconds that recording a partition took."""
    Manifest.create(config)
    spent, recorded = 0.0, 0
    for number in range(symbols):
        change = ingested(number, days)
        with Writer(config) as writer:
            spent += timed(writer.commit, change)[0]
        recorded += len(change.files)
    cost = {"ingest_ms_a_partition": spent / recorded * 1000}
    spent, recorded = 0.0, 0
    waiting: list[tuple[NewFile, NewDerivation]] = []
    for number in range(symbols):
        with Manifest.open(config) as manifest:
            waiting += derivations(manifest, number, by)
        if len(waiting) < DERIVED_AT_ONCE and number < symbols - 1:
            continue
        run = begun("aggregate", "dl aggregate")
        change = Change(
            run.id, "aggregate", files=[f for f, _ in waiting], derivations=[d for _, d in waiting], run=run
        )
        with Writer(config) as writer:
            spent += timed(writer.commit, change)[0]
        recorded, waiting = recorded + len(waiting), []
    return cost | {"derive_ms_a_partition": spent / recorded * 1000, "derived_partitions": recorded}


def timed(work: Callable[..., T], *arguments: Any) -> tuple[float, T]:  # noqa: ANN401 -- whatever the work takes
    """Return how many seconds a piece of work took, and what it returned."""
    start = time.perf_counter()
    found = work(*arguments)
    return time.perf_counter() - start, found


def forget(path: Path) -> None:
    """Have the kernel drop its copy of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def asked(config: Config, by: str) -> dict[str, Any]:
    """Ask for missing and stale of everything: once with the manifest out of memory, then again and again."""
    graph = registry(by)
    forget(config.manifest)

    def ask() -> list[lineage.SeriesStatus]:
        with Manifest.open(config) as manifest:
            return lineage.status(manifest, graph, now_ns=time.time_ns())

    cold, rows = timed(ask)
    warm = statistics.median(timed(ask)[0] for _ in range(RUNS))
    return {
        "cold_s": cold,
        "warm_s": warm,
        "partitions": sum(row.partitions for row in rows),
        "missing": sum(row.missing for row in rows),
        "stale": sum(row.stale for row in rows),
    }


def restate(config: Config, number: int, day: int) -> float:
    """Replace one day of one symbol; return the milliseconds of the commit."""
    of = address(number, "bars/1m")
    partition = Partition(FIRST.day + day, "day")
    with Manifest.open(config) as manifest:
        series = manifest.find(of)
        live = manifest.current(series.id, [partition.label])[partition.label].id if series else None
    run = begun("ingest", "dl ingest")
    file = dataclasses.replace(new_file(of, partition, "restated"), replaces=live)
    change = Change(run.id, "ingest", files=[file], run=run)
    with Writer(config) as writer:
        return timed(writer.commit, change)[0] * 1000


def main(argv: list[str] | None = None) -> int:
    """Build what is not there, ask, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.graph")
    parser.add_argument("root", type=Path)
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--by", choices=sorted(MADE), default="day", help="how long a partition of the made asset is")
    arguments = parser.parse_args(argv)
    root: Path = arguments.root
    config = Config(root=root, data=root / "data", manifest=root / "manifest.db")
    figures: dict[str, Any] = {"symbols": arguments.symbols, "days": arguments.days, "by": arguments.by}
    if not config.manifest.exists():
        figures |= build(config, arguments.symbols, arguments.days, arguments.by)
    figures["manifest_bytes"] = config.manifest.stat().st_size
    figures["log_bytes"] = config.log.stat().st_size
    figures["clean"] = asked(config, arguments.by)
    figures["restating_a_day_ms"] = restate(config, 0, arguments.days // 2)
    figures["after_one_restated_day"] = asked(config, arguments.by)
    figures["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
