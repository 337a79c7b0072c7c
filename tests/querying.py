"""A small lake to ask statements of: bars of two periods and three series, trades with nanoseconds, a feature set."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lake.places import Places
from lake.sql import Query
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import DAY_NS, MINUTE_US, bar, bars, trade, trades

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from lake.config import Config
    from lake.manifest import Manifest
    from tests.tables import Row

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
OTHER = Address.of("KRAKEN", "SPOT", "BTCUSDT", "bars", "1m")
HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
TRADES = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
MINUTES = (BTC, ETH, OTHER)
DAYS = 4
DAY = 1440


def minute_bars(place: int) -> list[Row]:
    """Return bars of every tenth minute of four days; each series has prices of its own."""
    return [
        bar(day * DAY + minute, 100.0 * (place + 1) + day + minute / 1000, vwap=None if minute % 20 else 1.5)
        for day in range(DAYS)
        for minute in range(0, DAY, 10)
    ]


def hour_bars() -> list[Row]:
    """Return a bar an hour of four days."""
    return [bar(hour * 60, 50.0 + hour) for hour in range(DAYS * 24)]


def ticks() -> list[Row]:
    """Return trades of which two share each microsecond, and that reach over two days."""
    return [trade(DAY_NS - 4_000 + 500 * i, 1.0 + i, str(i), side="buy" if i % 3 else "sell") for i in range(16)]


def small_lake(root: Path) -> Config:
    """Make the lake."""
    config = make_lake(root)
    for place, address in enumerate(MINUTES):
        write(config, address, bars(*minute_bars(place)))
    write(config, HOURS, bars(*hour_bars()))
    write(config, TRADES, trades(*ticks()))
    return config


def ask(config: Config, manifest: Manifest, statement: str, **values: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 -- whatever a parameter is
    """Return the rows of a statement."""
    query = Query(config, manifest, statement, values)
    return rows_of(pa.Table.from_batches(query.batches(), query.schema))


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """Return a table as tuples."""
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Lend the partitions whose files are opened meanwhile, each as `SYMBOL/period/partition`."""
    seen: list[str] = []
    whole = Places.parquet

    def counted(self: Places, file: Any, schema: Any) -> Any:  # noqa: ANN401 -- as the method
        parts = file.path.split("/")
        seen.append(f"{parts[0]}/{parts[2]}/{parts[4]}/{file.partition}")
        return whole(self, file, schema)

    with monkeypatch.context() as patch:
        patch.setattr(Places, "parquet", counted)
        yield seen


MINUTE_NS = MINUTE_US * 1000
