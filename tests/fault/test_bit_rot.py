"""A flipped bit and a lost end, in data files, the manifest and its log: found, and never read as what was stored."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.rot import Rot, lay_out
from tests.fault.harness.shim import fast_folder
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES, FOOTERS, FILES_CUT = 110, 100, 30
TABLES, TABLES_CUT = 150, 10
RECORDS, RECORDS_CUT = 80, 20
"""500 in all, at every push."""
AT_NIGHT = 40
"""Times as many, at night: 20,000."""


@pytest.fixture(params=[pytest.param(1, id="push"), pytest.param(AT_NIGHT, marks=pytest.mark.nightly, id="night")])
def times(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def rot(times: int, tmp_path: Path) -> Iterator[Rot]:
    folder = Path(tempfile.mkdtemp(prefix="dl-rot-", dir=fast_folder(tmp_path)))
    config = make_lake(folder)
    lay_out(config, folder / "source.csv")
    yield Rot(config, seed=times)
    shutil.rmtree(folder)


@pytest.mark.timeout(3600)
def test_every_flipped_bit_of_a_data_file_is_found_and_none_is_read(rot: Rot, times: int) -> None:
    rot.files(FILES * times, cut=False).settle("flips in data files", FILES)


@pytest.mark.timeout(3600)
def test_every_flipped_bit_of_a_footer_is_found_and_none_is_read(rot: Rot, times: int) -> None:
    rot.files(FOOTERS * times, cut=False, footers=True).settle("flips in footers", FOOTERS)


@pytest.mark.timeout(3600)
def test_every_data_file_that_was_cut_short_is_found_and_none_is_read(rot: Rot, times: int) -> None:
    rot.files(FILES_CUT * times, cut=True).settle("data files cut short", FILES_CUT)


@pytest.mark.timeout(3600)
def test_a_flipped_bit_of_the_manifest_is_found_or_changes_nothing(rot: Rot, times: int) -> None:
    rot.tables(TABLES * times, cut=False).settle("flips in the manifest", TABLES)


@pytest.mark.timeout(3600)
def test_a_manifest_that_was_cut_short_is_found(rot: Rot, times: int) -> None:
    rot.tables(TABLES_CUT * times, cut=True).settle("manifests cut short", TABLES_CUT)


@pytest.mark.timeout(3600)
def test_every_flipped_bit_of_the_commit_log_is_found_and_reading_goes_on(rot: Rot, times: int) -> None:
    rot.records(RECORDS * times, cut=False).settle("flips in the commit log", RECORDS)


@pytest.mark.timeout(3600)
def test_a_commit_log_that_was_cut_short_is_found_and_reading_goes_on(rot: Rot, times: int) -> None:
    rot.records(RECORDS_CUT * times, cut=True).settle("commit logs cut short", RECORDS_CUT)
