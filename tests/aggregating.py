"""Lakes to aggregate on: bars in one line, a run in one line, and what came of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from lake.aggregate import AggregateReport, AggregateRequest, aggregate
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.read import Scan
from schemas.keys import Address
from tests.manifests import BTC
from tests.resampling import plain_rows
from tests.tables import bars

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from lake.config import Config
    from tests.resampling import Row

DAY = 1440
SECOND_NS = 10**9
FAR_NS = 4 * 10**18
TRADES = Address.of("GEMINI", "SPOT", "ETH-USD", "ticks", "trade")


def minute(at: str) -> int:
    return int(dt.datetime.fromisoformat(f"{at}+00:00").timestamp()) // 60


def flat(first: str, count: int, price: float = 100.0, step: int = 1) -> pa.Table:
    four = dict.fromkeys(("open", "high", "low", "close"), price)
    minutes = range(minute(first), minute(first) + count, step)
    return bars(*({"ts": at * 60_000_000, "volume": 0.1, **four} for at in minutes))


def run(config: Config, *to: str, address: Address = BTC, **more: Any) -> AggregateReport:  # noqa: ANN401 -- any field of a request
    return aggregate(config, AggregateRequest(address, to, **more))


def read(config: Config, address: Address) -> list[Row]:
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        if series is None or not manifest.current(series.id):
            return []
        return plain_rows(Scan(config, manifest, [address]).to_arrow())


def of(period: str, source: Address = BTC) -> Address:
    return Address.of(source.exchange, source.market, source.symbol, "bars", period)


def opens(config: Config, address: Address) -> list[str]:
    return [row["ts"].strftime("%Y-%m-%dT%H:%M") for row in read(config, address)]


def built(report: AggregateReport) -> dict[str, int]:
    return {target.address.period: target.built for target in report.targets}


def refused(code: str, act: Callable[[], object]) -> LakeError:
    with pytest.raises(LakeError) as caught:
        act()
    assert caught.value.code == f"E_{code}"
    return caught.value
