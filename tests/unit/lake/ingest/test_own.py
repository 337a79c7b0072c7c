"""Ingests by the user's words and dialects: kept in provenance, part of what makes an ingest another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lake.check import verify
from lake.errors import LakeError
from lake.ingest import IngestReport, IngestRequest, ingest
from lake.repair import RepairRequest, repair
from tests.manifests import make_lake
from tests.source_files import write

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

TEXT = "wann;preis;menge\n13.03.2024 15:30;1,5;2\n13.03.2024 15:31;1,6;3\n"
WORDS: dict[str, Any] = {"decimal": ",", "map": {"ts": "wann", "price": "preis", "size": "menge"}}


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def take(lake: Config, path: Path, words: dict[str, Any] | None = None, **options: Any) -> IngestReport:  # noqa: ANN401 -- as the request has them
    return ingest(lake, IngestRequest((str(path),), exchange="X", symbol="ABC", words=words or {}, **options))


def spoil_one(lake: Config) -> None:
    path = next(lake.data.glob("X/**/*.parquet"))
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_words_are_kept_and_make_an_ingest_another_one(lake: Config, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", TEXT)
    [first] = take(lake, path, WORDS, tz="UTC").files
    assert (first.rows["new"], first.status) == (2, "committed")
    assert take(lake, path, WORDS, tz="UTC").files[0].status == "unchanged"
    [scaled] = take(lake, path, WORDS | {"price-scale": 10}, tz="UTC").files
    assert (scaled.status, scaled.rows["new"]) == ("committed", 2)
    spoil_one(lake)
    assert repair(lake, RepairRequest("source")).ok
    assert verify(lake).ok


def test_a_dialect_is_saved_once_its_file_is_in_and_used_from_then_on(lake: Config, tmp_path: Path) -> None:
    path = write(tmp_path / "t_ABC_1.csv", TEXT)
    dry = take(lake, path, WORDS, tz="Europe/Berlin", save_dialect="mine", dry_run=True)
    assert (dry.saved, (lake.root / "dialects").exists()) == (None, False)
    report = take(lake, path, WORDS, tz="Europe/Berlin", save_dialect="mine")
    assert report.saved == str(lake.root / "dialects" / "mine.toml")
    again = ingest(lake, IngestRequest((str(write(tmp_path / "t_XYZ_22.csv", TEXT)),)))
    [file] = again.files
    assert (file.dialect, file.addresses, file.rows["new"]) == ("mine", ["X/SPOT/XYZ/ticks/trade"], 2)
    spoil_one(lake)
    assert repair(lake, RepairRequest("source")).ok
    assert verify(lake).ok


def test_a_changed_dialect_makes_an_ingest_another_one(lake: Config, tmp_path: Path) -> None:
    path = write(tmp_path / "t_ABC_1.csv", TEXT)
    own = write(
        lake.root / "dialects" / "mine.toml",
        'type = "ticks/trade"\ndecimal = ","\ntz = "UTC"\n[map]\nts = "wann"\nprice = "preis"\nsize = "menge"\n',
    )
    assert take(lake, path).files[0].rows["new"] == 2
    assert take(lake, path).files[0].status == "unchanged"
    own.write_text(own.read_text("utf-8").replace("UTC", "Europe/Berlin"), "utf-8")
    assert take(lake, path).files[0].rows["new"] == 2


def test_a_broken_dialect_is_warned_of_and_hinders_nothing(lake: Config, tmp_path: Path) -> None:
    write(lake.root / "dialects" / "broken.toml", "columns = [")
    report = take(lake, write(tmp_path / "a.csv", TEXT), WORDS, tz="UTC")
    assert report.files[0].rows["new"] == 2
    assert [("broken.toml" in warning, "left out" in warning) for warning in report.warnings] == [(True, True)]


def test_a_name_that_cannot_be_saved_is_refused_before_anything_is_read(lake: Config, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", TEXT)
    with pytest.raises(LakeError) as refusal:
        take(lake, path, WORDS, tz="UTC", save_dialect="kraken-trades")
    assert refusal.value.code == "E_USAGE"
    assert not list(lake.data.glob("X/**/*.parquet"))


def test_a_dialect_that_cannot_be_saved_is_refused_before_its_file_is_in(lake: Config, tmp_path: Path) -> None:
    rows = "".join(f"2024-01-{day:02d},1,2,0.5,1.5,1.5,100\n" for day in range(2, 20))
    path = write(tmp_path / "k.csv", "Date,Open,High,Low,Close,Adj Close,Volume\n" + rows)
    with pytest.raises(LakeError, match="declared already"):
        take(lake, path, save_dialect="mine")
    assert not list(lake.data.glob("X/**/*.parquet"))
