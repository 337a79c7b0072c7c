"""Deleting feature rows, and versions with their registration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.features import deleting
from lake.features.deleting import FeatureDeleteRequest, delete_features
from lake.features.model import Names
from lake.features.registering import register
from lake.features.sets import Sets
from lake.features.writing import WriteRequest, write
from lake.manifest import Manifest
from lake.rollback import RollbackRequest, rollback
from schemas.columns import Column
from tests.feature_rows import (
    DAY,
    NAMES,
    NOON,
    OF_VOL,
    VOL,
    give_bars,
    lake_with,
    lineage,
    series,
    stored,
    vols,
)
from tests.manifests import newest
from tests.tables import MINUTE_US

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

OLD, NEW = replace(VOL, version="1.0.0"), replace(VOL, version="1.0.1")


def latest(config: Config) -> str:
    with Manifest.open(config) as manifest:
        return Sets(manifest).named("vol").set.version


def test_deleting_a_version_falls_back_to_the_one_before_in_one_snapshot(tmp_path: Path) -> None:
    config = lake_with(tmp_path, OLD, NEW)
    for each in (OLD, NEW):
        for symbol in ("A", "B"):
            write(config, each, vols([NOON, NOON + DAY]), WriteRequest(Names("X", "SPOT", symbol)))
    before = newest(config)
    assert latest(config) == "1.0.1"
    report = delete_features(config, NEW, FeatureDeleteRequest())
    assert (report.status, report.before, report.snapshot, report.ended) == ("committed", before, before + 1, True)
    assert [(str(each.address), each.rows, each.removed) for each in report.series] == [
        (f"X/SPOT/{symbol}/features/vol.v1.0.1", 2, 2) for symbol in ("A", "B")
    ]
    assert (latest(config), series(config, NEW.key), len(series(config, OLD.key))) == ("1.0.0", [], 2)
    with Manifest.open(config) as manifest:
        assert Sets(manifest, snapshot=before).named("vol").set == NEW
    assert len(stored(config, NEW.address("X", "SPOT", "A"), as_of=before)) == 2


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    write(config, VOL, vols([NOON]), WriteRequest(NAMES))
    report = delete_features(config, VOL, FeatureDeleteRequest(dry_run=True))
    assert (report.status, report.ended, [each.rows for each in report.series]) == ("dry_run", True, [1])
    assert (newest(config), latest(config)) == (2, "1")


def test_many_series_go_in_several_commits_the_last_of_which_ends_the_registration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = lake_with(tmp_path, VOL)
    symbols = ["A", "B", "C"]
    write(config, VOL, vols([NOON] * 3, symbol=symbols), WriteRequest(Names("X", "SPOT")))
    monkeypatch.setattr(deleting, "COMMIT_FILES", 1)
    left: list[tuple[int, bool]] = []

    def progress(*_told: object) -> None:
        with Manifest.open(config) as manifest:
            left.append((len(series(config)), Sets(manifest).find(VOL.key) is not None))

    report = delete_features(config, VOL, FeatureDeleteRequest(), progress=progress)
    assert left == [(2, True), (1, True), (0, False)]
    assert [each.snapshot for each in report.series] == [3, 4, 5]
    assert delete_features(config, VOL, FeatureDeleteRequest()).status == "unchanged"


def test_a_version_without_rows_is_only_registered_no_longer(tmp_path: Path) -> None:
    config = lake_with(tmp_path, OLD, NEW)
    report = delete_features(config, NEW, FeatureDeleteRequest())
    assert (report.status, report.ended, report.series, latest(config)) == ("committed", True, [], "1.0.0")
    assert register(config, NEW).status == "registered"


def test_rows_of_a_range_go_and_the_rest_keeps_what_it_was_made_from(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    give_bars(config, range(NOON, NOON + 4))
    write(config, VOL, vols(range(NOON, NOON + 4)), WriteRequest(NAMES))
    made = lineage(config)
    request = FeatureDeleteRequest(
        (OF_VOL,), start_ns=(NOON + 1) * MINUTE_US * 1000, end_ns=(NOON + 3) * MINUTE_US * 1000
    )
    report = delete_features(config, VOL, request)
    assert (report.status, report.ended, report.series[0].rows) == ("committed", False, 2)
    assert [row["vol"] for row in stored(config)] == [0.0, 3.0]
    assert (lineage(config), latest(config)) == (made, "1")


def test_nothing_to_delete_is_unchanged(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    assert delete_features(config, VOL, FeatureDeleteRequest(start_ns=0)).status == "unchanged"
    with pytest.raises(LakeError) as caught:
        delete_features(config, VOL, FeatureDeleteRequest((OF_VOL,)))
    assert caught.value.code == "E_UNKNOWN_SERIES"


def test_a_rollback_brings_back_rows_with_what_they_were_made_from(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    give_bars(config, [NOON], 1.0)
    first = write(config, VOL, vols([NOON], [1.0]), WriteRequest(NAMES)).snapshot
    made = lineage(config)
    give_bars(config, [NOON], 2.0)
    write(config, VOL, vols([NOON], [2.0]), WriteRequest(NAMES))
    assert lineage(config)[0].inputs != made[0].inputs
    rollback(config, RollbackRequest((str(OF_VOL),), first))
    assert [row["vol"] for row in stored(config)] == [1.0]
    [again] = lineage(config)
    assert (again.inputs, again.recipe, again.suspect) == (made[0].inputs, made[0].recipe, True)


def test_a_rollback_to_rows_of_unknown_making_forgets_how_those_since_were_made(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    first = write(config, VOL, vols([NOON], [1.0]), WriteRequest(NAMES)).snapshot
    give_bars(config, [NOON])
    write(config, VOL, vols([NOON], [2.0]), WriteRequest(NAMES))
    assert len(lineage(config)) == 1
    rollback(config, RollbackRequest((str(OF_VOL),), first))
    assert ([row["vol"] for row in stored(config)], lineage(config)) == ([1.0], [])


def test_a_rollback_registers_a_deleted_version_again(tmp_path: Path) -> None:
    config = lake_with(tmp_path, replace(VOL, owner="me"))
    write(config, VOL, vols([NOON] * 2, symbol=["A", "B"]), WriteRequest(Names("X", "SPOT")))
    before = newest(config)
    delete_features(config, VOL, FeatureDeleteRequest())
    report = rollback(config, RollbackRequest(("*/*/*/features/vol.v1",), before))
    assert [each.rows for each in report.series] == [1, 1]
    with Manifest.open(config) as manifest:
        known = Sets(manifest).find(VOL.key)
    assert known is not None
    assert (known.set.owner, known.stage, known.snapshot) == ("me", "promoted", before + 2)
    assert [row["vol"] for row in stored(config, VOL.address("X", "SPOT", "B"))] == [1.0]


def test_rows_of_other_columns_do_not_come_back(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    before = write(config, VOL, vols([NOON]), WriteRequest(NAMES)).snapshot
    delete_features(config, VOL, FeatureDeleteRequest())
    register(config, replace(VOL, columns=(Column("other", "float64"),)))
    with pytest.raises(LakeError, match=r"registered otherwise than at snapshot 2: the column vol would go") as caught:
        rollback(config, RollbackRequest((str(OF_VOL),), before))
    assert caught.value.code == "E_FEATURE_CHANGED"
    assert [row["vol"] for row in stored(config, as_of=before)] == [0.0]


def test_rows_from_before_a_column_come_back_without_it(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    before = write(config, VOL, vols([NOON]), WriteRequest(NAMES)).snapshot
    grown = register(config, replace(VOL, columns=(*VOL.columns, Column("more", "float64", nullable=True)))).set
    write(config, grown, vols([NOON], [5.0], more=[6.0]), WriteRequest(NAMES))
    rollback(config, RollbackRequest((str(OF_VOL),), before))
    assert [(row["vol"], row.get("more")) for row in stored(config)] == [(0.0, None)]
    assert lineage(config) == []


def test_a_version_that_is_registered_again_at_once_stays(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    write(config, VOL, vols([NOON], [1.0]), WriteRequest(NAMES))

    def again(*_told: object) -> None:
        register(config, VOL)
        write(config, VOL, vols([NOON], [2.0]), WriteRequest(NAMES))

    report = delete_features(config, VOL, FeatureDeleteRequest(), progress=again)
    assert [each.rows for each in report.series] == [1]
    assert ([row["vol"] for row in stored(config)], latest(config)) == ([2.0], "1")


def test_what_others_are_made_from_is_not_deleted(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    other = replace(VOL, name="rank", inputs=(VOL.key,))
    register(config, other)
    with pytest.raises(LakeError, match=r"rank\.v1 is made from vol\.v1") as caught:
        delete_features(config, VOL, FeatureDeleteRequest())
    assert (caught.value.code, caught.value.fix[0]) == ("E_USAGE", "dl features delete rank.v1")
    assert delete_features(config, other, FeatureDeleteRequest()).ended
    assert delete_features(config, VOL, FeatureDeleteRequest()).ended
