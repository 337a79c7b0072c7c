"""Which version of a feature set a name means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.features.registering import register, set_stage
from lake.features.sets import Sets
from lake.manifest import Manifest
from schemas.columns import Column
from schemas.features import FeatureSet
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config


def a_set(version: str, name: str = "vol") -> FeatureSet:
    return FeatureSet(name, version, (Column("vol", "float64"),), inputs=("bars/1m",))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = make_lake(tmp_path)
    for version in ("1.0.0", "9", "10", "1.0.1"):
        register(made, a_set(version))
    register(made, a_set("11"), promote=False)
    return made


def test_ten_comes_after_nine_and_a_staged_one_is_not_the_latest(config: Config) -> None:
    with Manifest.open(config) as manifest:
        sets = Sets(manifest)
    assert [known.version for known in sets.versions("vol")] == ["1.0.0", "1.0.1", "9", "10", "11"]
    assert sets.named("vol").label == sets.named("vol", "latest").label == "vol.v10"
    assert sets.named("vol.v9").label == sets.named("vol", "9").label == "vol.v9"
    assert sets.named("VOL.V11").stage == "staged"


def test_the_latest_is_the_highest_that_holds_rows(config: Config) -> None:
    with Manifest.open(config) as manifest:
        sets = Sets(manifest)
    assert sets.named("vol", holds=lambda known: known.version in {"1.0.0", "1.0.1"}).version == "1.0.1"
    assert sets.named("vol", holds=lambda known: known.version in {"1.0.0", "11"}).version == "1.0.0"
    assert sets.named("vol", holds=lambda _: False).version == "10"


def test_a_deprecated_version_is_read_by_its_name_only(config: Config) -> None:
    set_stage(config, "vol.v10", "deprecated")
    with Manifest.open(config) as manifest:
        assert Sets(manifest).named("vol").version == "9"
        assert Sets(manifest).named("vol.v10").stage == "deprecated"
    for version in ("9", "1.0.1", "1.0.0"):
        set_stage(config, f"vol.v{version}", "deprecated")
    with Manifest.open(config) as manifest:
        assert Sets(manifest).named("vol").version == "11"


def test_what_was_registered_is_read_as_of_a_snapshot(config: Config) -> None:
    with Manifest.open(config) as manifest:
        assert [known.version for known in Sets(manifest, snapshot=2).all()] == ["1.0.0", "9"]
        assert Sets(manifest, snapshot=2).named("vol").version == "9"
        assert Sets(manifest, snapshot=0).all() == []


def test_sets_declared_in_code_are_known_too(config: Config) -> None:
    with Manifest.open(config) as manifest:
        sets = Sets(manifest, [a_set("12"), a_set("1", "mom")])
    assert (sets.named("vol").version, sets.named("vol").registration) == ("12", None)
    assert [known.label for known in sets.all()][:2] == ["mom.v1", "vol.v1.0.0"]


def test_a_name_that_is_not_there_says_what_is(config: Config) -> None:
    with Manifest.open(config) as manifest:
        sets = Sets(manifest)
    with pytest.raises(LakeError, match='no feature set "vola" is registered') as caught:
        sets.named("vola")
    assert (caught.value.code, caught.value.why) == ("E_UNKNOWN_FEATURES", "Near it: vol.")
    with pytest.raises(LakeError, match="vol has no version 3") as caught:
        sets.named("vol.v3")
    assert caught.value.why == "It has 1.0.0, 1.0.1, 9, 10, 11."
    for text, version in (("a b", None), ("vol.v9", "10")):
        with pytest.raises(LakeError) as caught:
            sets.named(text, version)
        assert caught.value.code == "E_USAGE"
