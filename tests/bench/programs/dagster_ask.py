"""`EVENTS`: have so many materializations in DAGSTER_HOME, recording those that are lacking, then time what is asked.

For Dagster's own environment. Prints milliseconds to record one event, seconds for all missing partitions of 182,600,
and milliseconds to tell whether one materialized partition is stale.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from typing import Any

import dagster
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from dagster_project import DAYS, PLACES, SYMBOLS, definitions  # type: ignore[import-not-found]  # beside this file

ASKED = 100


def ask(events: int) -> dict[str, Any]:
    """Answer with the figures."""
    instance = dagster.DagsterInstance.get()
    key = dagster.AssetKey("bars_1m")
    there = len(instance.get_materialized_partitions(key))
    order = itertools.product(DAYS.get_partition_keys(), SYMBOLS)
    places = itertools.islice(order, events)
    wanted = [dagster.MultiPartitionKey({"day": day, "symbol": symbol}) for day, symbol in places]
    start = time.perf_counter()
    for place in wanted[there:]:
        instance.report_runless_asset_event(dagster.AssetMaterialization(asset_key=key, partition=place))
    recorded = time.perf_counter() - start
    start = time.perf_counter()
    missing = set(PLACES.get_partition_keys()) - instance.get_materialized_partitions(key)
    listed = time.perf_counter() - start
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    resolver.get_status(key, str(wanted[0]))  # the first one also loads what the others share
    start = time.perf_counter()
    for place in wanted[1 : ASKED + 1]:
        resolver.get_status(key, str(place))
    asked = time.perf_counter() - start
    answer = {"rows": len(missing), "missing_s": listed, "stale_ms": asked * 1e3 / ASKED}
    return answer | ({"record_ms": recorded * 1e3 / (events - there)} if events > there else {})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(ask(int(sys.argv[1]))) + "\n")
