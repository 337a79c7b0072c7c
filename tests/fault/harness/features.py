"""The lakes that verbs of feature sets are tried on, and what is done to them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from lake.features import deleting
from lake.features.deleting import FeatureDeleteRequest, delete_features
from lake.features.model import Computed, Names
from lake.features.registering import register, set_stage
from lake.features.sets import Sets
from lake.features.writing import WriteRequest, write
from lake.manifest import Manifest
from lake.write import write as write_table
from schemas.columns import Column
from schemas.features import FeatureSet
from tests.fault.harness.acts import DAY_MINUTES, three_days
from tests.fault.harness.lakes import BTC, FIRST_DAY
from tests.tables import MINUTE_US, bar, bars

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.features.registering import Registered

ETH = replace(BTC, symbol="ETHUSDT")
SET = FeatureSet("faults", "1", (Column("x", "float64"),), inputs=("bars/1m",))
GROWN = replace(SET, columns=(*SET.columns, Column("y", "float64", nullable=True)))
OTHER = replace(SET, version="2")
_ASKED = WriteRequest(Names("BINANCE", "SPOT"), computed=Computed(code_version="faults"))
_START = FIRST_DAY * DAY_MINUTES


def registered(config: Config, folder: Path) -> None:
    """Lay out bars of two symbols and a set without rows, and a file of rows of which one is bad."""
    three_days(config, folder)
    write_table(config, ETH, bars(*(bar(_START + day * DAY_MINUTES, 50.0) for day in range(2))))
    register(config, SET)
    lines = [f"{day_of(day)}T00:00:00Z,{symbol},{day}" for day in range(3) for symbol in ("BTCUSDT", "ETHUSDT")]
    (folder / "features.csv").write_text("\n".join(["ts,symbol,x", *lines, "yesterday,BTCUSDT,1", ""]))


def day_of(day: int) -> str:
    return f"2022-01-{8 + day:02}"


def written(config: Config, folder: Path) -> None:
    """Lay out two versions, both with rows of two symbols over three days."""
    registered(config, folder)
    register(config, OTHER)
    for each in (SET, OTHER):
        write(config, each, folder / "features.csv", _ASKED)


def register_set(config: Config, _folder: Path) -> Registered:
    return register(config, SET)


def grow_set(config: Config, _folder: Path) -> Registered:
    return register(config, GROWN)


def deprecate_set(config: Config, _folder: Path) -> Registered:
    return set_stage(config, SET.label, "deprecated")


def write_file(config: Config, folder: Path) -> object:
    return write(config, SET, folder / "features.csv", _ASKED)


def correct_rows(config: Config, _folder: Path) -> object:
    """Write a table that corrects a row, adds one, and has one that is too early."""
    minutes = [_START, _START + DAY_MINUTES + 5, _START + 2 * DAY_MINUTES + 5]
    ts = pa.array([minute * MINUTE_US for minute in minutes]).cast(pa.timestamp("us", tz="UTC"))
    known = pa.array([(minute + at) * MINUTE_US for minute, at in zip(minutes, (1, 1, 0), strict=True)]).cast(ts.type)
    symbols = ["BTCUSDT", "ETHUSDT", "ETHUSDT"]
    table = pa.table({"ts": ts, "known_at": known, "symbol": symbols, "x": [7.0, 8.0, 9.0]})
    return write(config, SET, table, replace(_ASKED, on_bad="quarantine"))


def delete_version(config: Config, _folder: Path) -> object:
    return delete_features(config, OTHER, FeatureDeleteRequest())


def delete_series(config: Config, _folder: Path) -> object:
    """Delete a version in several commits."""
    deleting.COMMIT_FILES = 1
    return delete_features(config, OTHER, FeatureDeleteRequest())


def first_version_is_latest(config: Config, _folder: Path) -> None:
    with Manifest.open(config) as manifest:
        assert Sets(manifest).named("faults").set == SET
        left = [str(row.address) for row in manifest.series(type="features", period=OTHER.label)]
    assert left == []


def all_quarantined(config: Config, _folder: Path) -> None:
    """Find each bad row in quarantine, once for every write that met it."""
    with Manifest.open(config) as manifest:
        found = [reason for run in manifest.quarantine_runs() for reason in run.reasons]
    assert found.count("bad_timestamp") == 1
    # A commit that was not acknowledged is not known to whoever writes the table again.
    assert found.count("look_ahead") in {1, 2}
