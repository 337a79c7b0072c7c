from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import lineage
from lake.manifest import Manifest
from schemas.keys import Address, Partition
from tests.manifests import BTC, HOURLY, commit, derived, ingest, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

DAILY = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1d")
SHA_MARCH = "fa75b5c25fc089798cf96479474da0ebe84c6cb743a1f1010bb05fd8756275b7"  # printf march | sha256sum


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Two days of minutes from one source, their hours, and the days made of these."""
    config = make_lake(tmp_path)
    ingest(config, "march", new_file("2024-03-01"), new_file("2024-03-02"))
    commit(config, new_file("2024-03", address=HOURLY), derivations=[derived(config, "2024-03", code_version="7")])
    row = derived(config, "2024", address=DAILY, upstream=HOURLY)
    commit(config, new_file("2024", address=DAILY), derivations=[row])
    return config


def test_up_goes_to_the_vendors_file(config: Config) -> None:
    with Manifest.open(config) as manifest:
        day = lineage.up(manifest, DAILY, "2024")
    assert day is not None
    assert (day.address, day.snapshot, day.sources) == (DAILY, 3, ())
    [hours] = day.nodes
    assert (hours.address, hours.partition, hours.code_version) == (HOURLY, "2024-03", "7")
    assert [(node.address, node.partition) for node in hours.nodes] == [(BTC, "2024-03-01"), (BTC, "2024-03-02")]
    for minutes in hours.nodes:
        assert [(source.name, source.sha256, source.snapshot) for source in minutes.sources] == [
            ("march.csv", SHA_MARCH, 1)
        ]


def test_down_goes_to_all_that_was_made_of_it(config: Config) -> None:
    with Manifest.open(config) as manifest:
        minutes = lineage.down(manifest, BTC, "2024-03-01")
        assert lineage.down(manifest, BTC, "2024-03-09") is None
        assert lineage.up(manifest, Address("X", "SPOT", "Y", "bars", "1m"), "2024-03-01") is None
    assert minutes is not None
    [hours] = minutes.nodes
    assert (hours.address, hours.partition) == (HOURLY, "2024-03")
    assert [(node.address, node.partition, node.nodes) for node in hours.nodes] == [(DAILY, "2024", ())]


def test_a_partition_made_of_nothing_stands_in_the_graph(config: Config) -> None:
    april = Partition.parse("2024-04")
    commit(config, derivations=[derived(config, april.label)])
    with Manifest.open(config) as manifest:
        node = lineage.up(manifest, HOURLY, "2024-04")
    assert node is not None
    assert (node.rows, node.content_hash, node.nodes, node.snapshot) == (0, None, (), 4)
