"""Selecting series by patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.manifest import Manifest
from lake.selection import select
from schemas.keys import Address
from tests.manifests import BTC, ETH, commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

TICKS = Address("KRAKEN", "SPOT", "BTCUSDT", "ticks", "trade")


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    config = make_lake(tmp_path)
    commit(config, *(new_file("2024-03-05", address=each) for each in (BTC, ETH, TICKS)))
    return config


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), [BTC, ETH, TICKS]),
        (("BINANCE/SPOT/BTCUSDT/bars/1m",), [BTC]),
        (("*/*/btc*/*/*",), [BTC, TICKS]),
        (("BINANCE/*/*/bars/1m", "*/*/BTCUSDT/*/*"), [BTC, ETH, TICKS]),
    ],
)
def test_every_series_that_fits_comes_once(lake: Config, patterns: tuple[str, ...], expected: list[Address]) -> None:
    with Manifest.open(lake) as manifest:
        assert [row.address for row in select(manifest, patterns)] == expected


@pytest.mark.parametrize(
    ("pattern", "code", "told"),
    [
        ("BTCUSDT", "E_USAGE", "is not an address"),
        ("BINANCE/SPOT/BTCUSD/bars/1m", "E_UNKNOWN_SERIES", "Near it: BINANCE/SPOT/BTCUSDT/bars/1m"),
    ],
)
def test_what_fits_nothing_is_refused(lake: Config, pattern: str, code: str, told: str) -> None:
    with Manifest.open(lake) as manifest, pytest.raises(LakeError) as caught:
        select(manifest, ["BINANCE/SPOT/BTCUSDT/bars/1m", pattern])
    assert caught.value.code == code
    assert told in f"{caught.value.message} {caught.value.why}"
