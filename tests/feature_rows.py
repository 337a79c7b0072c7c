"""Feature sets and rows to test with: a lake with minute bars and sets made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lake.features.model import Names
from lake.features.registering import register
from lake.manifest import Manifest, graph
from lake.write import write as write_table
from schemas.columns import Column
from schemas.features import FeatureSet, Serving
from tests.manifests import BTC, make_lake
from tests.sealing import table
from tests.tables import MINUTE_US, bar, bars, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lake.config import Config
    from lake.manifest.graph import DerivationRow
    from schemas.keys import Address
    from tests.tables import Row

UTC_US = pa.timestamp("us", tz="UTC")
DAY = 1440
NOON = 19_787 * DAY + 600
"""2024-03-05 10:00, in minutes since the epoch."""
NAMES = Names("BINANCE", "SPOT", "BTCUSDT")
VOL = FeatureSet("vol", "1", (Column("vol", "float64", nullable=True),), inputs=("bars/1m",))
OF_VOL = VOL.address("BINANCE", "SPOT", "BTCUSDT")
SHARED = FeatureSet("mood", "1", (Column("mood", "float64"),), serving=Serving(keys=()))


def lake_with(root: Path, *sets: FeatureSet) -> Config:
    """Return a lake in which sets are registered."""
    config = make_lake(root)
    for each in sets:
        register(config, each)
    return config


def give_bars(config: Config, minutes: Iterable[int], price: float = 1.0, address: Address = BTC) -> int:
    """Write flat bars; return the snapshot."""
    return write_table(config, address, bars(*(bar(minute, price) for minute in minutes))).snapshot


def times(minutes: Iterable[int]) -> pa.Array:
    """Return minutes since the epoch as a column of times."""
    return pa.array([minute * MINUTE_US for minute in minutes], pa.int64()).cast(UTC_US)


def vols(minutes: Sequence[int], values: Sequence[float] | None = None, **columns: object) -> pa.Table:
    """Return rows of VOL, the values those of their numbers unless given."""
    own = [float(at) for at in range(len(minutes))] if values is None else values
    return pa.table({"ts": times(minutes), "vol": own, **columns})


def stored(config: Config, address: Address = OF_VOL, as_of: int | None = None) -> list[Row]:
    """Return the rows of a series; ts and known_at in microseconds."""
    return plain(table(config, address, as_of))


def series(config: Config, key: str = VOL.key) -> list[str]:
    """Return the addresses of the series of an asset that have rows."""
    type_, _, period = key.partition("/")
    with Manifest.open(config) as manifest:
        return [str(row.address) for row in manifest.series(type=type_, period=period)]


def lineage(config: Config, address: Address = OF_VOL) -> list[DerivationRow]:
    """Return what is known of how the partitions of a series were made."""
    with Manifest.open(config) as manifest:
        row = manifest.find(address)
        return [] if row is None else graph.derivations(manifest, row.id)
