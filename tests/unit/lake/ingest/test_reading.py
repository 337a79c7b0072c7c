"""Records that make many rows: what of a source is bad, and when that is too much."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from tests.manifests import make_lake
from tests.source_files import write

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

START_MS = 1_723_075_200_000


def update(number: int, *, price: str = "1.5") -> str:
    """Return a captured change of fifty levels of a book."""
    levels = [[price, "1"], *([f"1.{level}", "2"] for level in range(10, 59))]
    body = {"e": "depthUpdate", "E": START_MS + number, "s": "ETHUSDT", "U": number, "u": number, "b": levels, "a": []}
    return f"{(START_MS + number) * 1_000_000} {json.dumps({'stream': 'a', 'data': body})}\n"


def trade(number: int) -> str:
    at = START_MS + number
    body = {"e": "trade", "E": at, "s": "ETHUSDT", "t": number, "p": "1", "q": "2", "T": at, "m": True, "M": True}
    return f"{at * 1_000_000} {json.dumps({'stream': 'a', 'data': body})}\n"


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def test_bad_messages_are_counted_against_messages_not_rows(lake: Config, tmp_path: Path) -> None:
    text = "".join(update(number, price="x" if 10 <= number < 40 else "1.5") for number in range(200))
    with pytest.raises(LakeError, match="30 of 200 records read are bad"):
        ingest(lake, IngestRequest((str(write(tmp_path / "a.json", text)),)))
    with Manifest.open(lake) as manifest:
        assert manifest.series() == []


def test_a_few_bad_messages_are_kept_aside(lake: Config, tmp_path: Path) -> None:
    text = "".join(update(number, price="x" if 10 <= number < 20 else "1.5") for number in range(200))
    [report] = ingest(lake, IngestRequest((str(write(tmp_path / "a.json", text)),))).files
    assert (report.records, report.rows["new"], report.rows["quarantined"]) == (200, 190 * 50, 10)


def test_what_was_left_out_by_type_comes_in_when_it_is_asked_for(lake: Config, tmp_path: Path) -> None:
    path = str(write(tmp_path / "a.json", "".join([trade(0), trade(1), update(2), update(3)])))
    [first] = ingest(lake, IngestRequest((path,), type="ticks/trade")).files
    [whole] = ingest(lake, IngestRequest((path,))).files
    assert (first.rows["new"], first.skipped) == (2, {"other_message": 2})
    assert (whole.status, whole.rows["new"], whole.rows["identical"]) == ("committed", 100, 2)
    assert ingest(lake, IngestRequest((path,))).files[0].status == "unchanged"
