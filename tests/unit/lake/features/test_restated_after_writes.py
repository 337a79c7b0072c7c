"""What was restated since feature rows were written: what was there then is compared with now, and growth let be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.expire import ExpireRequest, expire
from lake.features.model import Computed, Input
from lake.features.restated import Comparison
from lake.features.writing import WriteRequest, write
from lake.manifest import Manifest
from schemas.features import Serving
from tests.feature_rows import DAY, NAMES, NOON, OF_VOL, VOL, give_bars, lake_with, lineage, times, vols
from tests.manifests import BTC
from tests.tables import MINUTE_US

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from schemas.keys import Address


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return lake_with(tmp_path, VOL)


def restated(config: Config, address: Address = OF_VOL) -> list[bool]:
    with Manifest.open(config) as manifest:
        return [bool(Comparison(config, manifest).of(row)) for row in lineage(config, address)]


def make(config: Config, minutes: list[int], *inputs: Input) -> None:
    write(config, VOL, vols(minutes), WriteRequest(NAMES, computed=Computed(inputs, "one")))


def test_nothing_happened(config: Config) -> None:
    give_bars(config, [NOON, NOON + DAY])
    make(config, [NOON, NOON + DAY])
    assert restated(config) == [False, False]


def test_bars_behind_are_growth(config: Config) -> None:
    give_bars(config, [NOON])
    make(config, [NOON])
    give_bars(config, [NOON + 1])
    assert lineage(config)[0].suspect
    assert restated(config) == [False]


def test_bars_behind_that_were_there_already_may_be_others(config: Config) -> None:
    give_bars(config, [NOON, NOON + 5])
    make(config, [NOON])
    give_bars(config, [NOON + 5, NOON + 6], 7.0)
    assert restated(config) == [False]


@pytest.mark.parametrize("minute", [NOON, NOON - 1])
def test_a_bar_within_that_is_another_or_new_is_a_restatement(config: Config, minute: int) -> None:
    give_bars(config, [NOON, NOON + 5])
    make(config, [NOON])
    give_bars(config, [minute], 7.0)
    assert restated(config) == [True]


def test_what_was_restated_and_put_back_is_what_it_was(config: Config) -> None:
    give_bars(config, [NOON, NOON + 5])
    make(config, [NOON])
    give_bars(config, [NOON], 7.0)
    give_bars(config, [NOON, NOON + 6])
    assert restated(config) == [False]


def test_only_the_day_that_was_touched_is(config: Config) -> None:
    give_bars(config, [NOON, NOON + DAY])
    make(config, [NOON, NOON + DAY])
    give_bars(config, [NOON + DAY], 7.0)
    assert restated(config) == [False, True]


def test_a_lookback_makes_the_day_before_count(tmp_path: Path) -> None:
    back = replace(VOL, serving=Serving(lookback_us=10 * MINUTE_US))
    config = lake_with(tmp_path, back)
    midnight = NOON - 600
    give_bars(config, [midnight - 20, midnight - 5, midnight])
    write(config, back, vols([midnight]), WriteRequest(NAMES))
    give_bars(config, [midnight - 20], 7.0)
    assert restated(config) == [False]
    give_bars(config, [midnight - 5], 7.0)
    assert restated(config) == [True]


def test_rows_made_from_an_older_snapshot_are_held_to_that(config: Config) -> None:
    old = give_bars(config, [NOON], 1.0)
    give_bars(config, [NOON], 2.0)
    make(config, [NOON], Input((BTC,), old))
    assert restated(config) == [True]


def test_what_is_forgotten_counts_as_another(config: Config) -> None:
    give_bars(config, [NOON, NOON + 5])
    make(config, [NOON])
    give_bars(config, [NOON + 5], 7.0)
    assert restated(config) == [False]
    expire(config, ExpireRequest(keep_last=1, force=True))
    assert restated(config) == [True]


def test_of_a_set_made_from_another_the_row_of_the_same_ts_counts_and_those_behind_are_growth(tmp_path: Path) -> None:
    above = replace(VOL, name="above", inputs=(VOL.key,))
    config = lake_with(tmp_path, VOL, above)
    write(config, VOL, vols([NOON, NOON + 1]), WriteRequest(NAMES))
    known = times([NOON + 1, NOON + 2])
    write(config, above, vols([NOON, NOON + 1], known_at=known), WriteRequest(NAMES))
    [row] = lineage(config, of_above := above.address("BINANCE", "SPOT", "BTCUSDT"))
    assert row.end_ns == (NOON + 1) * MINUTE_US * 1000 + 1
    write(config, VOL, vols([NOON + 2]), WriteRequest(NAMES))
    assert restated(config, of_above) == [False]
    write(config, VOL, vols([NOON + 1], [7.0]), WriteRequest(NAMES))
    assert restated(config, of_above) == [True]
