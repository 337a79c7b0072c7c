"""What befalls a feature set while its rows are written, at the last moment before they are committed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.features.deleting import FeatureDeleteRequest, delete_features
from lake.features.model import Names
from lake.features.registering import register, set_stage
from lake.features.sets import Sets
from lake.features.writing import WriteRequest, write
from lake.manifest import Manifest, Writer
from lake.write import write as write_table
from schemas.columns import Column
from tests.feature_rows import NAMES, NOON, OF_VOL, VOL, lake_with, series, stored, times, vols

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import Change

TO_BTC, TO_ETH = WriteRequest(NAMES), WriteRequest(Names("BINANCE", "SPOT", "ETHUSDT"))
GROWN = replace(VOL, columns=(*VOL.columns, Column("more", "float64", nullable=True)))
OTHER = replace(VOL, columns=(Column("other", "float64"),))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return lake_with(tmp_path, VOL)


@pytest.fixture
def before_commit(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Return what has something done right before the next commit."""
    waiting: list[Callable[[], object]] = []
    committed = Writer.commit

    def commit(writer: Writer, change: Change) -> int:
        if waiting:
            waiting.pop()()
        return committed(writer, change)

    monkeypatch.setattr(Writer, "commit", commit)
    return waiting.append


def files(config: Config) -> list[Path]:
    return list((config.data / "BINANCE").rglob("*.parquet"))


def is_registered(config: Config) -> bool:
    with Manifest.open(config) as manifest:
        return Sets(manifest).find(VOL.key) is not None


def test_a_deleted_version_takes_no_rows(config: Config, before_commit: Callable[[Callable[[], object]], None]) -> None:
    before_commit(lambda: delete_features(config, VOL, FeatureDeleteRequest()))
    with pytest.raises(LakeError, match=r"vol\.v1 was deleted while its rows were written") as caught:
        write(config, VOL, vols([NOON]), TO_BTC)
    assert caught.value.code == "E_UNKNOWN_FEATURES"
    assert (series(config), files(config)) == ([], [])


def test_nor_those_of_a_plain_table(config: Config, before_commit: Callable[[Callable[[], object]], None]) -> None:
    before_commit(lambda: delete_features(config, VOL, FeatureDeleteRequest()))
    with pytest.raises(LakeError) as caught:
        write_table(config, OF_VOL, vols([NOON], known_at=times([NOON + 1])))
    assert caught.value.code == "E_UNKNOWN_FEATURES"
    assert (series(config), files(config)) == ([], [])


def test_a_version_that_was_registered_with_other_columns_takes_no_rows(
    config: Config, before_commit: Callable[[Callable[[], object]], None]
) -> None:
    def anew() -> None:
        delete_features(config, VOL, FeatureDeleteRequest())
        register(config, OTHER)

    before_commit(anew)
    with pytest.raises(
        LakeError, match="registered anew while its rows were written: the column vol would go"
    ) as caught:
        write(config, VOL, vols([NOON]), TO_BTC)
    assert caught.value.code == "E_FEATURE_CHANGED"
    assert series(config) == []


def test_a_delete_takes_rows_along_that_came_meanwhile(
    config: Config, before_commit: Callable[[Callable[[], object]], None]
) -> None:
    write(config, VOL, vols([NOON]), TO_BTC)
    before_commit(lambda: write(config, VOL, vols([NOON]), TO_ETH))
    report = delete_features(config, VOL, FeatureDeleteRequest())
    assert [each.address.symbol for each in report.series] == ["BTCUSDT", "ETHUSDT"]
    assert (series(config), is_registered(config)) == ([], False)


def test_stages_and_new_columns_are_in_nobodys_way(
    config: Config, before_commit: Callable[[Callable[[], object]], None]
) -> None:
    before_commit(lambda: set_stage(config, "vol.v1", "deprecated"))
    write(config, VOL, vols([NOON], [1.0]), TO_BTC)
    before_commit(lambda: register(config, GROWN))
    write(config, VOL, vols([NOON + 1], [2.0]), TO_BTC)
    assert [(row["vol"], row.get("more")) for row in stored(config)] == [(1.0, None), (2.0, None)]


def test_rows_that_have_the_new_column_already_refuse_those_that_know_nothing_of_it(
    config: Config, before_commit: Callable[[Callable[[], object]], None]
) -> None:
    def grow() -> None:
        grown = register(config, GROWN).set
        write(config, grown, vols([NOON], more=[5.0]), TO_BTC)

    before_commit(grow)
    with pytest.raises(LakeError, match=r"vol\.v1 gained columns meanwhile") as caught:
        write(config, VOL, vols([NOON + 1]), TO_BTC)
    assert (caught.value.code, caught.value.fix) == ("E_FEATURE_CHANGED", ("run it again",))
    assert [row["more"] for row in stored(config)] == [5.0]
