"""`ROOT SNAPSHOTS [make]`: a manifest of so many snapshots with ten files each, without data; and plans from it.

A commit writes ten days of one of a hundred symbols. A symbol has a thousand days, so that with 100,000 snapshots each
day was written ten times: a million files, of which 100,000 are live.
"""

from __future__ import annotations

import dataclasses
import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

from lake.config import Config
from lake.manifest import Change, Manifest, Writer
from lake.manifest import new_run as begun
from schemas.keys import Partition
from tests.bench.graph import DAY_NS, FIRST, address, new_file

SYMBOLS, DAYS, AT_ONCE = 100, 1_000, 10
PLANS, MONTH = 200, 30


def change(number: int) -> Change:
    """The commit of this number, from 0; ids of files are given in order."""
    symbol, turn = number % SYMBOLS, number // SYMBOLS
    block, version = turn % (DAYS // AT_ONCE), turn // (DAYS // AT_ONCE)
    run = begun("write", "dl write")
    files = []
    for place in range(AT_ONCE):
        partition = Partition(FIRST.day + block * AT_ONCE + place, "day")
        before = (number - SYMBOLS * DAYS // AT_ONCE) * AT_ONCE + place + 1
        file = new_file(address(symbol, "bars/1m"), partition, str(version))
        files.append(dataclasses.replace(file, replaces=before if version else None))
    return Change(run.id, "write", files=files, run=run)


def make(config: Config, snapshots: int) -> None:
    """Commit until there are so many."""
    Manifest.create(config)
    with Writer(config) as writer:
        for number in range(writer.newest(), snapshots):
            writer.commit(change(number))


def plans(config: Config, snapshots: int) -> dict[str, Any]:
    """Time plans of a month of one symbol: of now, and as of any snapshot; the first of each warms up."""
    dice = random.Random(5)  # noqa: S311 -- a repeatable choice
    times: dict[str, list[float]] = {"now": [], "as_of": []}
    found = 0
    with Manifest.open(config) as manifest:
        series = {row.address.symbol: row.id for row in manifest.series()}
        for _ in range(PLANS + 1):
            symbol = address(dice.randrange(SYMBOLS), "bars/1m").symbol
            start = (FIRST.day + dice.randrange(DAYS - MONTH)) * DAY_NS
            old = dice.randint(min(snapshots, SYMBOLS * DAYS // AT_ONCE), snapshots)  # every day is there by then
            for name, at in (
                ("now", None),
                ("as_of", old),
            ):
                clock = time.perf_counter()
                snapshot = manifest.snapshot(at)
                found += len(manifest.plan(series[symbol], start, start + MONTH * DAY_NS, snapshot))
                times[name].append((time.perf_counter() - clock) * 1e3)
    return {name: sorted(took[1:]) for name, took in times.items()} | {"rows": found}


def main() -> None:
    """Make what is not there, or plan."""
    root, snapshots = Path(sys.argv[1]), int(sys.argv[2])
    config = Config(root=root, data=root / "data", manifest=root / "manifest.db")
    if sys.argv[3:] == ["make"]:
        make(config, snapshots)
        answer: dict[str, Any] = {}
    else:
        answer = plans(config, snapshots)
    with Manifest.open(config) as manifest:
        answer |= {"snapshots": manifest.snapshot(), "files": manifest.count_files()}
    answer["manifest_mb"] = config.manifest.stat().st_size / 1e6
    answer["rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
