"""Shares of nulls against counts by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import files
from lake.features import nulls
from lake.manifest import Manifest, graph
from tests.sealing import seal_all
from tests.written import DAY, RETURNS, bars_lake, features, minute, of

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import PartRow

DAY_NS = 86_400 * 10**9
TENTH = range(minute("10:00"), minute("10:10"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Ten rows on each of four days: all of the first day are null, half of the second, none of the others."""
    found = bars_lake(tmp_path, [], RETURNS)
    for day, empty in enumerate((10, 5, 0, 0)):
        at = [each + 1440 * day for each in TENTH]
        for minutes, value in ((at[:empty], None), (at[empty:], 0.5)):
            if minutes:
                features(found, RETURNS, minutes, value=value, lineage=False)
    return found


def parts(config: Config) -> list[PartRow]:
    with Manifest.open(config) as manifest:
        series = manifest.find(of(RETURNS))
        assert series is not None
        return graph.parts(manifest, series.id, None, None)


def share(config: Config, *days: int) -> tuple[int, float] | None:
    """Return how many values of ret are null, on days counted from the first one."""
    chosen = {(DAY + day) * DAY_NS for day in days}
    return nulls.shares(config, RETURNS.schema, parts(config), chosen).get("ret")


def test_only_the_days_that_count_are_counted_and_by_footers(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "read_group", lambda *_: pytest.fail("no value is to be read"))
    assert share(config, 0, 1, 2, 3) == (15, 15 / 40)
    assert share(config, 1) == (5, 0.5)
    assert share(config, 2, 3) == (0, 0.0)
    assert share(config, 9) is None


def test_of_a_sealed_month_the_days_that_count_are_told_from_the_others(config: Config) -> None:
    assert seal_all(config).months
    assert len({part.file.id for part in parts(config)}) == 1
    assert share(config, 0, 1, 2, 3) == (15, 15 / 40)
    # Its one row group tells of all four days together.
    assert share(config, 1) == (5, 0.5)
    assert share(config, 0, 2, 3) == (10, 10 / 30)
