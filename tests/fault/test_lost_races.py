"""Another writer is first, at the worst moment: what the loser then says of the lake is true all the same."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.ingest import FileReport, IngestRequest, ingest
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import DAY_US, MINUTE_US, bar, bars, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
DAY = DAY_US // MINUTE_US
START = 19_783 * DAY
"""2024-03-01, in minutes since the epoch."""


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return a lake of six bars in two days."""
    config = make_lake(tmp_path / "lake")
    write(config, BTC, bars(*(bar(START + DAY - 3 + i, 1.0) for i in range(6))))
    return config


def source(folder: Path, minutes: range, price: float = 1.0) -> Path:
    """Make a CSV of flat bars, the minutes counted from the last three of 2024-03-01."""
    path = folder / "bars.csv"
    lines = [f"{(START + DAY - 3 + m) * 60_000},{price},{price},{price},{price},1.0\n" for m in minutes]
    path.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
    return path


def take(config: Config, path: Path, **options: Any) -> FileReport:  # noqa: ANN401 -- any field of a request
    request = IngestRequest((str(path),), exchange="BINANCE", symbol="BTCUSDT", period="1m", **options)
    return ingest(config, request).files[0]


def rows(report: FileReport) -> dict[str, int]:
    return {name: count for name, count in report.rows.items() if count}


def closes(config: Config) -> list[object]:
    with Manifest.open(config) as manifest:
        return [row["close"] for row in plain(Scan(config, manifest, [BTC]).to_arrow())]


def before_commit(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Have another writer act once, after the merge and before the commit."""
    module = sys.modules["lake.write.commit"]
    real, waiting = module._fill, [meanwhile]

    def fill(*args: object) -> None:
        real(*args)
        if waiting:
            waiting.pop()()

    monkeypatch.setattr(module, "_fill", fill)


def test_rows_found_identical_and_corrected_before_the_commit_are_merged_again(
    lake: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(tmp_path, range(6))
    before_commit(monkeypatch, lambda: write(lake, BTC, bars(bar(START + DAY - 3, 5.0))))
    report = take(lake, path)
    assert report.status == "committed"
    assert rows(report) == {"read": 6, "identical": 5, "corrected": 1}
    assert closes(lake) == [1.0] * 6
    assert take(lake, path).status == "unchanged"
    checked = verify(lake)
    assert (checked.ok, checked.orphans) == (True, [])


def test_one_of_two_partitions_found_identical_is_merged_again_beside_one_that_changes(
    lake: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(tmp_path, range(8))  # the second day gets two bars more
    before_commit(monkeypatch, lambda: write(lake, BTC, bars(bar(START + DAY - 3, 5.0))))
    assert rows(take(lake, path)) == {"read": 8, "new": 2, "identical": 5, "corrected": 1}
    assert closes(lake) == [1.0] * 8
    assert verify(lake).orphans == []


def test_a_correction_that_came_first_is_a_conflict_where_those_are_refused(
    lake: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(tmp_path, range(6))
    before_commit(monkeypatch, lambda: write(lake, BTC, bars(bar(START + DAY - 3, 5.0))))
    with pytest.raises(LakeError) as caught:
        take(lake, path, on_conflict="fail")
    assert caught.value.code == "E_CONFLICT"
    assert closes(lake) == [5.0] + [1.0] * 5
    assert verify(lake).orphans == []


def test_an_ingest_that_lost_a_race_and_kept_the_correction_is_current(
    lake: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(tmp_path, range(6))
    before_commit(monkeypatch, lambda: write(lake, BTC, bars(bar(START + DAY - 3, 5.0))))
    assert rows(take(lake, path, on_conflict="keep")) == {"read": 6, "identical": 5, "superseded": 1}
    assert closes(lake) == [5.0] + [1.0] * 5
    assert take(lake, path, on_conflict="keep").status == "unchanged"
