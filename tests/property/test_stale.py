"""Whatever bars change: stale is what was made from their days, nothing else; and one materialization mends it."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake import lineage
from lake.config import Config, locate
from lake.manifest import Manifest
from lake.write import write
from pipelines.assets import ASSETS
from pipelines.materialize import MaterializeRequest, materialize
from pipelines.selection import select
from schemas.keys import Address

FIRST = dt.datetime(2023, 12, 30, tzinfo=dt.UTC)
BARS = Address.of("TEST", "SPOT", "ABC", "bars", "1m")
LABELS = {"bars/15m": "%Y-%m", "bars/6h": "%Y-%m", "bars/1d": "%Y"}
MINUTES = st.integers(0, 40 * 1440 - 1)


def table(prices: dict[int, float]) -> pa.Table:
    ts = pa.array([FIRST + dt.timedelta(minutes=minute) for minute in sorted(prices)], pa.timestamp("us", "UTC"))
    price = pa.array([prices[minute] for minute in sorted(prices)], pa.float64())
    return pa.table({"ts": ts, "open": price, "high": price, "low": price, "close": price, "volume": price})


def stale(config: Config) -> set[tuple[str, str]]:
    found = set()
    with Manifest.open(config) as manifest:
        for key in LABELS:
            address = Address.of("TEST", "SPOT", "ABC", *key.split("/"))
            states = lineage.partition_states(manifest, ASSETS, address)
            found |= {(key, each.partition) for each in states if each.state != "materialized"}
    return found


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(MINUTES, min_size=1, max_size=60), st.data())
def test_stale_is_what_was_made_from_the_days_that_changed(minutes: set[int], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = locate(Path(folder), must_exist=False)
        Manifest.create(config)
        stored = dict.fromkeys(minutes, 10.0)
        write(config, BARS, table(stored))
        request = MaterializeRequest(select(list(LABELS), ASSETS, [BARS]))
        assert materialize(config, ASSETS, request).failures == []
        assert stale(config) == set()
        given_again = data.draw(st.sets(st.sampled_from(sorted(minutes)), max_size=20))
        changed = data.draw(st.sets(st.sampled_from(sorted(minutes)), max_size=5))
        rows = dict.fromkeys(given_again, 10.0) | dict.fromkeys(changed, 11.0)
        if rows:
            write(config, BARS, table(rows))
        dates = [FIRST + dt.timedelta(minutes=minute) for minute in changed]
        assert stale(config) == {(key, date.strftime(label)) for date in dates for key, label in LABELS.items()}
        report = materialize(config, ASSETS, request)
        assert {(each.address.key, each.partition) for each in report.planned} == {
            (key, date.strftime(label)) for date in dates for key, label in LABELS.items()
        }
        assert stale(config) == set()
        assert materialize(config, ASSETS, request).status == "nothing"
