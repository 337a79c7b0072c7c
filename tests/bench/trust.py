"""The workloads of trust: what it costs to verify, to commit so that it is on disk, and to keep every snapshot."""

from __future__ import annotations

import statistics
import sys
from typing import TYPE_CHECKING

from tests.bench import home, process
from tests.bench.derived import SOURCE
from tests.bench.race import Contender, figure
from tests.bench.workloads import DAYS, Options, Outcome, compared, init, median, simply, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SYMBOLS = 8
FILES = DAYS * SYMBOLS
VERIFY, SHA256SUM = "dl verify", "sha256sum"
COMMIT = "commit of 1 827 new day files"
SNAPSHOTS = 100_000
MANY = "plan of a month, 100 000 snapshots"


def verified(usage: process.Usage, _store: Path) -> dict[str, float]:
    """Refuse a verification that left something out."""
    data = usage.answer()["data"]
    if data["files_ok"] != FILES:
        raise process.ProcessFailedError(f"{data['files_ok']} files verified where {FILES} were expected")
    return {}


def verify(options: Options) -> Outcome:
    """Every byte of eight symbols' five years in day files; plain sha256sum reads the same files, on one core."""
    source, facts = home.generated(SOURCE)
    root = home.fresh(home.home() / "stores" / "verify-lake")
    init(root)
    for number in range(SYMBOLS):
        place = ["--exchange", "BINANCE", "--symbol", f"SYM{number}USDT", "--period", "1m", "--root", str(root)]
        simply([*home.dl(), "ingest", "--source", str(source), *place])
    plain = f"find {root / 'data'} -name '*.parquet' -print0 | xargs -0 sha256sum | wc -l"
    lanes = options.race(
        Contender(VERIFY, lambda _: [*home.dl(), "verify", "--json", "--root", str(root)], verified, ours=True),
        Contender(SHA256SUM, lambda _: ["/bin/sh", "-c", plain]),
    )
    figures = [
        figure("wall, ours / sha256sum", compared(lanes, VERIFY, SHA256SUM, "wall_s"), "x", 1.25),
        figure("CPU, ours / sha256sum", compared(lanes, VERIFY, SHA256SUM, "cpu_s"), "x"),
        figure("RSS of dl verify", worst(lanes, VERIFY, "rss_mib"), "MiB"),
    ]
    return Outcome(lanes, figures, [facts])


def committed(usage: process.Usage, _store: Path) -> dict[str, float]:
    """Refuse a commit of other files than those that are compared."""
    answer = usage.answer()
    if (answer["files"], answer["commits"]) != (DAYS, 1):
        raise process.ProcessFailedError(f"{answer['commits']} commits of {answer['files']} files")
    return {
        "commit_s": answer["commit_s"],
        "plain_s": answer["plain_s"],
        "ratio": answer["commit_s"] / answer["plain_s"],
    }


def commit(options: Options) -> Outcome:
    """A commit of five years of new day files, beside writing and syncing the same bytes in the same process."""
    source, facts = home.generated(SOURCE)
    program = [sys.executable, "-m", "tests.bench.programs.lake_commit"]
    lanes = options.race(
        Contender(COMMIT, lambda store: [*program, str(store), str(source)], committed, ours=True),
    )
    figures = [
        figure("seconds, commit / writing and syncing", median(lanes, COMMIT, "ratio"), "x", 1.3),
        figure("the commit", median(lanes, COMMIT, "commit_s"), "s"),
    ]
    return Outcome(lanes, figures, [facts])


def planned(usage: process.Usage, _store: Path) -> dict[str, float]:
    """What plans took, if the manifest is what it should be."""
    answer = usage.answer()
    if (answer["snapshots"], answer["files"]) != (SNAPSHOTS, SNAPSHOTS * 10):
        raise process.ProcessFailedError(f"{answer['snapshots']} snapshots, {answer['files']} files")
    medians = {name: statistics.median(answer[name]) for name in ("now", "as_of")}
    return {"now_ms": medians["now"], "as_of_ms": medians["as_of"], "manifest_mb": answer["manifest_mb"]}


def history(options: Options) -> Outcome:
    """The books of 100 000 snapshots and a million files: planning a month of one symbol, now and as of any of them."""
    program = [sys.executable, "-m", "tests.bench.programs.lake_many"]
    root = home.home() / "stores" / "many"
    if not options.peers_only:
        simply([*program, str(root), str(SNAPSHOTS), "make"])
    lanes = options.race(Contender(MANY, lambda _: [*program, str(root), str(SNAPSHOTS)], planned, ours=True))
    now, as_of = median(lanes, MANY, "now_ms"), median(lanes, MANY, "as_of_ms")
    figures = [
        figure("p50 of a plan, now", now, "ms", 5.0),
        figure("p50 of a plan, as of any snapshot", as_of, "ms", 5.0),
        figure("as of any snapshot / now", as_of / now if as_of and now else None, "x"),
        figure("manifest", median(lanes, MANY, "manifest_mb"), "MB", 400),
    ]
    return Outcome(lanes, figures, [])


WORKLOADS: dict[str, Callable[[Options], Outcome]] = {"verify": verify, "commit": commit, "history": history}
