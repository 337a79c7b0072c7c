"""A lake of minute bars, and features that were computed of them elsewhere and written with their lineage."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lake.features.registering import register
from lake.manifest import Manifest, NewDerivation, graph
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.columns import Column
from schemas.features import FeatureSet
from schemas.keys import Address, Partition
from tests.feature_rows import give_bars
from tests.manifests import BTC, ETH, commit, make_lake
from tests.tables import DAY_US, MINUTE_US

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lake.config import Config

DAY = Partition.parse("2024-01-05").day
RETURNS = FeatureSet("returns", "1", (Column("ret", "float64", nullable=True),), inputs=("bars/1m",))


def of(feature_set: FeatureSet, bars_of: Address = BTC) -> Address:
    """Return the series of a set for the instrument of some bars."""
    return feature_set.address(bars_of.exchange, bars_of.market, bars_of.symbol)


def minute(clock: str, day: int = DAY) -> int:
    """Return a time of a day, 2024-01-05 unless another is given, as minutes since 1970."""
    hours, minutes = map(int, clock.split(":"))
    return day * 1440 + hours * 60 + minutes


def bars_lake(root: Path, minutes: Iterable[int], *sets: FeatureSet) -> Config:
    """Return a lake with flat bars at these minutes since 1970, and with sets registered."""
    config = make_lake(root)
    if minutes := list(minutes):
        give_bars(config, minutes)
    for each in sets:
        register(config, each)
    return config


def two_symbols(root: Path, days: int) -> None:
    """Lay out a lake with a set of features of the bars of BTC and ETH, both written on so many days."""
    minutes = [minute("10:00", DAY + day) + at for day in range(days) for at in range(5)]
    config = bars_lake(root, minutes, RETURNS)
    give_bars(config, minutes, address=ETH)
    for each in (BTC, ETH):
        features(config, RETURNS, minutes, bars_of=each)


def features(
    config: Config,
    feature_set: FeatureSet,
    minutes: Iterable[int],
    *,
    known_after: int | dict[int, int] = 1,
    value: float | None = 0.5,
    snapshot: int | None = None,
    lineage: bool = True,
    bars_of: Address = BTC,
) -> int:
    """Write a row at each of some minutes since 1970, and which bars each day of them was made from.

    Args:
        config: The lake.
        feature_set: The set, registered; made of minute bars.
        minutes: When the rows are of.
        known_after: By how many minutes each row is known later; of some minutes otherwise than one.
        value: What stands in each of the set's columns.
        snapshot: The one whose bars they were made from; the newest unless given.
        lineage: Whether it is said what they were made from.
        bars_of: The bars of the instrument.

    Returns:
        The snapshot that says what they were made from.
    """
    address, minutes = of(feature_set, bars_of), list(minutes)
    late = known_after if isinstance(known_after, dict) else dict.fromkeys(minutes, known_after)
    with Manifest.open(config) as manifest:
        made_from = manifest.snapshot() if snapshot is None else snapshot
    rows: list[dict[str, Any]] = [
        {"ts": at * MINUTE_US, "known_at": (at + late.get(at, 1)) * MINUTE_US} | dict.fromkeys(feature_set.names, value)
        for at in minutes
    ]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(feature_set.schema, identity=False))
    written = write(config, address, table).snapshot
    if not lineage:
        return written
    made = [
        _derivation(config, address, bars_of, day, max(at for at in minutes if at // 1440 == day) + 1, made_from)
        for day in sorted({at // 1440 for at in minutes})
    ]
    return commit(config, derivations=made)


def _derivation(
    config: Config, address: Address, upstream: Address, day: int, end: int, snapshot: int
) -> NewDerivation:
    start_ns, end_ns = day * DAY_US * 1000, end * MINUTE_US * 1000
    with Manifest.open(config) as manifest:
        series = manifest.find(upstream)
        parts = [] if series is None else graph.parts(manifest, series.id, start_ns, end_ns, snapshot)
    said = {"code": "abc", "end": end_ns, "run": "", "snapshot": snapshot, "sources": []}
    return NewDerivation(
        address,
        Partition(day, "day").label,
        upstream,
        start_ns,
        end_ns,
        graph.inputs(parts),
        "abc",
        1,
        json.dumps({"written": said}, sort_keys=True, separators=(",", ":")),
    )
