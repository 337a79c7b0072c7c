"""Rows that are appended come behind the last stored one: by ts, and features of one ts by when they were known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import files
from lake.errors import LakeError
from lake.seal import SealRequest, seal
from lake.write import write
from schemas.assets import declare
from schemas.keys import Address
from tests.manifests import make_lake
from tests.sealing import table
from tests.tables import FEATURES, Row, feature, features, plain

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

TABLED = Address.of("X", "SPOT", "A", "features", "tabled.v1")
DAY = 1440
FIRST = [feature(0, 1), feature(DAY, 1), feature(DAY, 4)]


@pytest.fixture(params=["as written", "sealed", "in many row groups"])
def lake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    declare(TABLED.key, FEATURES, "tables")
    if request.param == "in many row groups":
        monkeypatch.setattr(files, "ROW_GROUP", 1)
    config = make_lake(tmp_path)
    write(config, TABLED, features(*FIRST))
    if request.param == "sealed":
        assert seal(config, SealRequest((str(TABLED),))).months
    return config


def read(lake: Config) -> list[Row]:
    return plain(table(lake, TABLED))


@pytest.mark.parametrize(
    "rows",
    [
        [feature(DAY, 5)],
        [feature(DAY, 9), feature(DAY + 1, 0), feature(DAY, 5)],
        [feature(DAY + 1, 0)],
        [feature(2 * DAY, 0)],
    ],
)
def test_what_became_known_later_is_appended(lake: Config, rows: list[Row]) -> None:
    assert write(lake, TABLED, features(*rows), mode="append").rows["new"] == len(rows)
    assert read(lake) == [*FIRST, *sorted(rows, key=lambda row: (row["ts"], row["known_at"]))]


@pytest.mark.parametrize(
    "rows",
    [
        [feature(DAY, 4)],
        [feature(DAY, 3)],
        [feature(DAY, 5), feature(DAY, 2)],
        [feature(2 * DAY, 0), feature(DAY, 4, 2.0)],
        [feature(0, 9)],
    ],
)
def test_what_was_known_before_is_refused(lake: Config, rows: list[Row]) -> None:
    with pytest.raises(LakeError, match="not behind those stored") as caught:
        write(lake, TABLED, features(*rows), mode="append")
    assert caught.value.code == "E_CONFLICT"
    assert read(lake) == FIRST
