"""Registering feature sets: what writes a snapshot, what writes nothing, and what is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.features.registering import register, set_stage
from lake.features.sets import Sets
from lake.manifest import Manifest
from lake.repair import RepairRequest, repair
from schemas.columns import Column
from schemas.features import FeatureSet
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

VOL = FeatureSet("vol", "1", (Column("vol", "float64"),), inputs=("bars/1m",))
MORE = replace(VOL, columns=(*VOL.columns, Column("skew", "float64", nullable=True)))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def known(config: Config) -> list[tuple[str, str, int]]:
    with Manifest.open(config) as manifest:
        return [(each.label, each.stage, each.set.revision) for each in Sets(manifest).all()]


def test_the_same_again_writes_nothing(config: Config) -> None:
    first = register(config, VOL, message="for the paper")
    again = register(config, VOL)
    assert (first.status, again.status, first.snapshot, again.snapshot) == ("registered", "unchanged", 1, 1)
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 1
        [row] = manifest.history(None, None)
    assert (row.operation, row.message) == ("register", "for the paper")


def test_a_nullable_column_may_be_added(config: Config) -> None:
    register(config, VOL)
    told = register(config, MORE)
    assert (told.status, told.set.revision, told.snapshot) == ("changed", 2, 2)
    assert register(config, MORE).status == "unchanged"
    with pytest.raises(LakeError, match=r"vol\.v1: the column skew would go") as caught:
        register(config, VOL)
    assert caught.value.code == "E_FEATURE_CHANGED"
    assert caught.value.fix[0] == "dl features register vol.v2"
    assert known(config) == [("vol.v1", "promoted", 2)]
    with Manifest.open(config) as manifest:
        assert Sets(manifest, snapshot=1).named("vol").set == VOL


def test_a_new_version_may_be_staged_and_promoted(config: Config) -> None:
    register(config, VOL)
    assert register(config, replace(MORE, version="2"), promote=False).stage == "staged"
    assert set_stage(config, "vol.v2", "promoted").snapshot == 3
    assert set_stage(config, "vol.v2", "promoted").status == "unchanged"
    assert register(config, replace(MORE, version="2", owner="desk")).stage == "promoted"
    with pytest.raises(LakeError) as caught:
        set_stage(config, "vol", "deprecated")
    assert caught.value.code == "E_AMBIGUOUS"
    with pytest.raises(LakeError) as caught:
        set_stage(config, "mom", "deprecated")
    assert caught.value.code == "E_UNKNOWN_FEATURES"


def test_what_code_declares_is_not_registered(config: Config) -> None:
    with pytest.raises(LakeError, match="is declared in code"):
        register(config, VOL, declared=[VOL])
    with pytest.raises(LakeError, match="is declared in code"):
        set_stage(config, "vol", "deprecated", declared=[VOL])
    assert known(config) == []


def test_writers_side_by_side_register_one_after_the_other(config: Config) -> None:
    names = [f"set{number}" for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: register(config, replace(VOL, name=name)), names))
        list(pool.map(lambda _: register(config, replace(MORE, name="set0")), names))
    assert [label for label, _, _ in known(config)] == [f"{name}.v1" for name in names]
    assert known(config)[0] == ("set0.v1", "promoted", 2)
    with Manifest.open(config) as manifest:
        assert manifest.snapshot() == 9


def test_the_log_tells_of_registrations(config: Config) -> None:
    register(config, VOL)
    register(config, MORE)
    register(config, replace(VOL, name="mom"), promote=False)
    before = known(config)
    config.manifest.unlink()
    repair(config, RepairRequest("log"))
    assert known(config) == before
    with Manifest.open(config) as manifest:
        assert Sets(manifest, snapshot=1).named("vol").set == VOL
        assert manifest.check_chain() == []
