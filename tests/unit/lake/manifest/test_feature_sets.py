"""What the manifest says is stored of feature sets, at each snapshot, and how it finds that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.manifest import Manifest, feature_sets
from lake.manifest.feature_sets import Held, held, held_by_series, holders
from schemas.keys import Address
from tests.manifests import BTC, commit, live_ids, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

VOL_BTC = Address("BINANCE", "SPOT", "BTCUSDT", "features", "vol.v1")
VOL_ETH = Address("BINANCE", "SPOT", "ETHUSDT", "features", "vol.v1")
MOOD = Address("BINANCE", "_ALL", "_ALL", "features", "mood.v2")
MINUTE_NS = 60 * 10**9
DAY_NS = 1440 * MINUTE_NS
# 2024-03-01T00:00Z, as `date -u -d 2024-03-01 +%s` prints it.
MARCH_NS = 1_709_251_200 * 10**9


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a lake of bars and of three series of two sets, of which one file is replaced and one removed later."""
    config = make_lake(tmp_path)
    commit(config, *(new_file(f"2024-03-0{day}") for day in range(1, 10)))
    days = [new_file(f"2024-03-0{day}", address=VOL_BTC) for day in (1, 2)]
    commit(config, *days, new_file("2024-03-02", address=VOL_ETH), new_file("2024-03-01", address=MOOD, rows=5))
    old = live_ids(config, VOL_BTC)["2024-03-02"]
    more = new_file("2024-03-02", address=VOL_BTC, tag="b", replaces=old, rows=1000, bytes=20_000)
    commit(config, more, removed=[live_ids(config, VOL_ETH)["2024-03-02"]])
    return config


def test_what_is_held_is_told_by_set_and_by_series_at_each_snapshot(config: Config) -> None:
    first, last = MARCH_NS, MARCH_NS + 2 * DAY_NS - MINUTE_NS
    mood = Held(1, 1, 5, 34_000, MARCH_NS, MARCH_NS + DAY_NS - MINUTE_NS)
    with Manifest.open(config) as manifest:
        assert held(manifest, 1) == held_by_series(manifest, 1) == {}
        assert held(manifest, 2) == {
            "features/mood.v2": mood,
            "features/vol.v1": Held(2, 3, 3 * 1440, 3 * 34_000, first, last),
        }
        assert list(held_by_series(manifest, 2).items()) == [
            ("BINANCE/SPOT/BTCUSDT/features/vol.v1", Held(1, 2, 2 * 1440, 2 * 34_000, first, last)),
            ("BINANCE/SPOT/ETHUSDT/features/vol.v1", Held(1, 1, 1440, 34_000, MARCH_NS + DAY_NS, last)),
            ("BINANCE/_ALL/_ALL/features/mood.v2", mood),
        ]
        now = Held(1, 2, 2440, 54_000, first, last)
        assert held(manifest) == {"features/mood.v2": mood, "features/vol.v1": now}
        assert held_by_series(manifest)[str(VOL_BTC)] == now


def test_holders_are_the_series_with_rows_then(config: Config) -> None:
    with Manifest.open(config) as manifest:
        assert holders(manifest, "features/vol.v1", 1) == set()
        assert holders(manifest, "features/vol.v1", 2) == {VOL_BTC, VOL_ETH}
        assert holders(manifest, "features/vol.v1") == {VOL_BTC}
        assert holders(manifest, "features/vol.v1", 2, symbol="ETHUSDT", market="SPOT") == {VOL_ETH}
        assert holders(manifest, "features/vol.v1", 2, exchange="KRAKEN") == set()
        assert holders(manifest, BTC.key) == holders(manifest, "features/vol.v2") == set()


@pytest.mark.parametrize("name", ["_HELD", "_HELD_BY_SERIES", "_HOLDERS"])
def test_files_are_found_by_their_series_and_not_looked_through(config: Config, name: str) -> None:
    parameters = {"at": 3, "period": "vol.v1", "exchange": None, "market": None, "symbol": "BTCUSDT"}
    with Manifest.open(config) as manifest:
        steps = manifest._rows(f"EXPLAIN QUERY PLAN {getattr(feature_sets, name)}", **parameters)
    of_files = {step[-1] for step in steps if "files" in step[-1]}
    assert len(of_files) == 2
    for detail in of_files:
        assert "(series_id=?" in detail
