"""`python -m tests.bench [NAME …] [--all] [--runs N] [--json FILE] [--write-docs]`: measure, print, and write the page.

Without names it is the workloads that are measured against peers on a lake's daily work, in some twenty minutes; with
`--all` it is every one. What is measured is printed and written as each workload ends.
"""

from __future__ import annotations

import argparse
import datetime as dt
import inspect
import json
import sys
from pathlib import Path
from typing import Any

from tests.bench import (
    books,
    changes,
    derived,
    features,
    home,
    machine,
    process,
    reads,
    table,
    trust,
    vendors,
    workloads,
)

RESULTS = home.REPOSITORY / "tests" / "bench" / "results.json"
PAGE = home.REPOSITORY / "docs" / "benchmarks.md"
DAILY = workloads.WORKLOADS | reads.WORKLOADS | changes.WORKLOADS | books.WORKLOADS
WORKLOADS = DAILY | derived.WORKLOADS | features.WORKLOADS | trust.WORKLOADS | vendors.WORKLOADS


def measured(name: str, options: workloads.Options) -> dict[str, Any]:
    """Run one workload and return its document."""
    workload = WORKLOADS[name]
    outcome = workload(options)
    return {
        "says": inspect.cleandoc(workload.__doc__ or ""),
        "measured_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "inputs": outcome.inputs,
        "lanes": [lane.document() for lane in outcome.lanes.values()],
        "figures": outcome.figures,
        "pairs": outcome.pairs,
    }


def write_docs(results: dict[str, Any]) -> None:
    """Put what was measured beside what was measured before, and make the page of all of it."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    both = known | results
    ordered = {name: both[name] for name in WORKLOADS if name in both}
    RESULTS.write_text(json.dumps(ordered, indent=1) + "\n")
    PAGE.write_text(table.page(ordered, PAGE.read_text() if PAGE.exists() else ""))


def main() -> int:
    """Measure what is named; 1 when a contender failed, never because a clock was missed."""
    names = ", ".join(WORKLOADS)
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=f"Workloads: {names}.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"workloads to run (default: {', '.join(DAILY)})")
    parser.add_argument("--all", action="store_true", help="run every workload, and also on longer files")
    parser.add_argument("--runs", type=int, default=5, help="runs of each contender (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured to FILE")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--peers-only", action="store_true", help="leave out our side")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(WORKLOADS):
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {names}")
    if arguments.write_docs and arguments.peers_only:
        parser.error("--write-docs needs our side; drop --peers-only")

    options = workloads.Options(runs=arguments.runs, peers_only=arguments.peers_only, long=arguments.all)
    results: dict[str, Any] = {}
    failed = False
    for name in arguments.names or (WORKLOADS if arguments.all else DAILY):
        try:
            found = measured(name, options)
        except process.ProcessFailedError as error:
            sys.stderr.write(f"{name}: {error}\n")
            failed = True
            continue
        results[name] = json.loads(json.dumps(found))
        failed |= any(lane["error"] for lane in found["lanes"])
        sys.stdout.write(table.report({name: results[name]}) + "\n")
        sys.stdout.flush()
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1) + "\n")
        if arguments.write_docs:
            write_docs(results)
    sys.stdout.write(table.text(table.RATIO_HEAD, table.ratio_rows(results)) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
