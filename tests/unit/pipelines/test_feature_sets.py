"""Registered feature sets as assets of the graph."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.config import locate
from lake.errors import LakeError
from lake.features import registering
from pipelines.assets import load
from pipelines.feature_sets import declared, refuse_unfit, register
from schemas.columns import Column
from schemas.features import FeatureSet
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

VOL = FeatureSet("pipes-vol", "1", (Column("vol", "float64"),), inputs=("bars/1m",), owner="desk")
MODULE = """
from dl_datalake.assets import AssetSpec
OWN = AssetSpec.of("features/pipes-own.v1", columns={"x": "float64"}, upstreams=["bars/1m"], ttl="2h", keys=["symbol"])
FEAR = AssetSpec.of("metrics/pipes-fear", columns={"x": "float64"})
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "my_sets.py").write_text(MODULE)
    (tmp_path / "dl.toml").write_text('[assets]\nmodules = ["my_sets"]\n')
    make_lake(tmp_path)
    return locate(tmp_path)


def test_registered_sets_stand_in_the_graph(config: Config) -> None:
    registering.register(config, VOL)
    registry = load(config)
    spec = registry.get("features/pipes-vol.v1")
    assert (spec.made, spec.upstreams, spec.owner, spec.feature_set) == ("external", ("bars/1m",), "desk", VOL)
    assert "features/pipes-vol.v1" in registry.downstreams("bars/1m")
    assert "features/pipes-vol.v1" not in load(config, registered=False)


def test_code_declares_sets_with_how_they_are_served(config: Config) -> None:
    registering.register(config, VOL)
    [own] = declared(config)
    assert (own.label, own.inputs, own.serving.ttl_us, own.serving.keys) == (
        "pipes-own.v1",
        ("bars/1m",),
        7_200_000_000,
        ("symbol",),
    )


def test_an_input_that_went_is_left_out_with_a_warning(config: Config) -> None:
    registering.register(config, replace(VOL, inputs=("bars/1m", "metrics/pipes-gone")))
    said: list[str] = []
    assert load(config, said.append).get("features/pipes-vol.v1").upstreams == ("bars/1m",)
    assert said == ["features/pipes-vol.v1 is made from metrics/pipes-gone, which nothing declares any more"]


def test_an_input_that_this_process_knows_of_another_lake_is_left_out_too(config: Config) -> None:
    assert "metrics/pipes-fear" in load(config)
    registering.register(config, replace(VOL, inputs=("bars/7m", "metrics/pipes-fear")))
    said: list[str] = []
    registry = load(replace(config, modules=()), said.append)
    assert registry.get("features/pipes-vol.v1").upstreams == ("bars/7m",)
    assert said == ["features/pipes-vol.v1 is made from metrics/pipes-fear, which nothing declares any more"]


def test_a_set_is_not_both_registered_and_declared(config: Config) -> None:
    registering.register(config, replace(VOL, name="pipes-own"))
    with pytest.raises(LakeError, match=r"features/pipes-own\.v1 is declared twice") as caught:
        load(config)
    assert caught.value.code == "E_ASSETS"


def test_inputs_are_assets_and_go_in_no_circle(config: Config) -> None:
    first = replace(VOL, name="pipes-first")
    registering.register(config, first)
    registry = load(config)
    refuse_unfit(registry, replace(VOL, inputs=("features/pipes-first.v1", "metrics/pipes-fear", "bars/7m")))
    with pytest.raises(LakeError) as caught:
        refuse_unfit(registry, replace(VOL, inputs=("metrics/pipes-none",)))
    assert caught.value.code == "E_UNKNOWN_ASSET"
    with pytest.raises(LakeError) as caught:
        refuse_unfit(registry, replace(first, inputs=("features/pipes-first.v1",)))
    assert caught.value.code == "E_ASSETS"


def test_a_set_that_others_are_made_from_is_registered_again(config: Config) -> None:
    register(config, load(config), "pipes-first", {"columns": {"x": "float64"}})
    inputs = ["features/pipes-first.v1"]
    register(config, load(config), "pipes-second", {"columns": {"x": "float64"}, "inputs": inputs})
    assert register(config, load(config), "pipes-first", {"columns": {"x": "float64"}}).status == "unchanged"
    with pytest.raises(LakeError, match="made from itself"):
        refuse_unfit(load(config), replace(VOL, name="pipes-first", inputs=("features/pipes-second.v1",)))


def test_words_go_before_those_of_a_file(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "vol.toml"
    path.write_text('inputs = ["bars/1m"]\nttl = "2h"\nowner = "desk"\n[columns]\nvol = "float64"\n')
    told = register(config, load(config), "pipes-words", {"ttl": "3h"}, schema=path)
    assert (told.set.label, told.set.serving.ttl_us, told.set.owner) == ("pipes-words.v1", 10_800_000_000, "desk")
    register(config, load(config), "pipes-words.v4", {}, schema=path)
    assert register(config, load(config), "pipes-words", {}, schema=path).status == "unchanged"
    with pytest.raises(LakeError, match="cannot be read") as caught:
        register(config, load(config), "pipes-words", {}, schema=tmp_path / "none.toml")
    assert caught.value.why == "It is to declare a feature set, as docs/features.md shows."
