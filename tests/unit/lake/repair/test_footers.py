"""With the manifest and its log gone, what the files tell: the present, and of it only what was committed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.check import verify
from lake.config import TierSettings
from lake.delete import DeleteRequest, delete
from lake.errors import LakeError
from lake.features.registering import register
from lake.features.sets import Sets
from lake.features.writing import WriteRequest
from lake.features.writing import write as write_features
from lake.manifest import Manifest
from lake.offload import OffloadRequest, offload
from lake.repair import RepairReport, RepairRequest, repair
from lake.seal import SealRequest, seal
from lake.vacuum import VacuumRequest, vacuum
from lake.write import live_files
from schemas.columns import Column
from tests.feature_rows import NAMES, NOON, VOL, lake_with, vols
from tests.repairing import BTC, DAY, DAY_NS, ETH, bare, lake_of_many_verbs, reads, source, take
from tests.sealing import FAR_NS
from tests.tables import bar, bars

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

LOG = RepairRequest("log")


def lose_all_records(config: Config) -> None:
    config.manifest.unlink()
    shutil.rmtree(config.log.parent)


def present(config: Config) -> dict[str, object]:
    """Return what every series holds now."""
    with Manifest.open(config) as manifest:
        newest = manifest.snapshot()
    return {address: rows for (snapshot, address), rows in reads(config).items() if snapshot == newest}


def naturals(config: Config) -> dict[str, tuple[int, str]]:
    with Manifest.open(config) as manifest:
        return {
            f"{series.address} {label}": (row.rows, row.content_hash)
            for series in manifest.series()
            for label, row in live_files(manifest, series.address).items()
        }


def told(report: RepairReport) -> dict[str, str]:
    return {step.what: f"{step.action}: {step.detail}" for step in report.steps}


@pytest.fixture
def three_days(tmp_path: Path) -> Config:
    return days(bare(tmp_path, tier=False), tmp_path)


def days(config: Config, folder: Path) -> Config:
    """Ingest three days."""
    Manifest.create(config)
    take(config, source(folder / "a.csv", range(3), 1.0))
    return config


def test_the_present_is_what_it_was(tmp_path: Path) -> None:
    config = lake_of_many_verbs(tmp_path)
    before, parts = present(config), naturals(config)
    lose_all_records(config)
    report = repair(config, LOG)
    assert (report.status, report.ok) == ("repaired", True)
    assert (present(config), naturals(config)) == (before, parts)
    found = verify(config)
    assert (found.ok, found.orphans) == (True, [])
    seal(config, SealRequest((str(BTC),)), now_ns=FAR_NS)
    take(config, source(tmp_path / "next.csv", range(50, 51), 9.0))
    assert verify(config).ok


def test_every_byte_says_what_a_new_lake_says_of_it(three_days: Config) -> None:
    with Manifest.open(three_days) as manifest:
        before = {file.path: file for file in manifest.all_files()}
    lose_all_records(three_days)
    repair(three_days, LOG)
    with Manifest.open(three_days) as manifest:
        after = {file.path: file for file in manifest.all_files()}
    for path, file in before.items():
        for fact in ("partition", "rows", "bytes", "first_ns", "last_ns", "sha256", "content_hash", "schema_version"):
            assert getattr(after[path], fact) == getattr(file, fact)


def test_a_plan_changes_nothing(three_days: Config) -> None:
    lose_all_records(three_days)
    before = sorted(three_days.root.rglob("*"))
    report = repair(three_days, RepairRequest("log", plan=True))
    assert (report.status, report.files) == ("plan", 3)
    assert sorted(three_days.root.rglob("*")) == before


def test_a_file_that_no_commit_took_never_becomes_live(three_days: Config) -> None:
    before = present(three_days)
    whole = next((three_days.data / "BINANCE").rglob("*.parquet"))
    ghost = whole.with_name(f"f{whole.name[1:]}")
    shutil.copyfile(whole, ghost)
    ghost.chmod(0o644)
    lose_all_records(three_days)
    report = repair(three_days, LOG)
    path = ghost.relative_to(three_days.data).as_posix()
    assert told(report)[path] == "set_aside: not known to have been committed"
    assert present(three_days) == before
    assert (three_days.data / "_quarantine" / path).read_bytes() == whole.read_bytes()
    vacuum(three_days, VacuumRequest(grace_s=0, force=True))
    assert (three_days.data / "_quarantine" / path).exists()


def test_what_was_replaced_or_deleted_does_not_come_back(three_days: Config, tmp_path: Path) -> None:
    take(three_days, source(tmp_path / "b.csv", range(1, 2), 5.0))
    delete(three_days, DeleteRequest((str(BTC),), (DAY + 2) * DAY_NS, (DAY + 3) * DAY_NS))
    before = present(three_days)
    lose_all_records(three_days)
    assert repair(three_days, LOG).files == 2
    assert present(three_days) == before


def test_of_two_files_of_one_day_the_one_staged_later_is_live_whatever_its_name_says(
    three_days: Config, tmp_path: Path
) -> None:
    # A commit that was killed before what it replaced went out of sight, on a machine whose clock went back.
    take(three_days, source(tmp_path / "b.csv", range(1, 2), 5.0))
    before = present(three_days)
    [old] = (three_days.data / "_replaced").rglob("*.parquet")
    back = three_days.data / old.relative_to(three_days.data / "_replaced")
    old.rename(back)
    back.rename(back.with_name(f"f{back.name[1:]}"))
    lose_all_records(three_days)
    report = repair(three_days, LOG)
    assert [text for text in told(report).values() if "same time" in text] != []
    assert present(three_days) == before


def test_files_that_lie_in_a_tier_only_are_live_in_it_again(tmp_path: Path) -> None:
    three_days = days(bare(tmp_path), tmp_path)
    offload(three_days, OffloadRequest((str(BTC),), to="cold", older_than_ns=0, grace_s=0, force=True))
    take(three_days, source(tmp_path / "b.csv", range(1, 2), 5.0))
    before = present(three_days)
    lose_all_records(three_days)
    report = repair(three_days, LOG)
    assert (report.ok, report.files, report.snapshot) == (True, 3, 2)
    assert present(three_days) == before
    with Manifest.open(three_days) as manifest:
        assert sorted(file.tier for file in manifest.all_files(live_only=True)) == ["cold", "cold", "hot"]
    assert verify(three_days).ok


def test_a_tier_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    three_days = days(bare(tmp_path), tmp_path)
    lose_all_records(three_days)
    report = repair(three_days, LOG)
    assert (report.status, report.files, [each.what for each in report.broken]) == ("repaired", 3, ["tier cold"])


def noted(report: RepairReport) -> str:
    [note] = [note for note in report.notes if note.startswith("tiers looked at: ")]
    return note.removeprefix("tiers looked at: ")


def away_in(config: Config, folder: Path, **asked: Any) -> dict[str, object]:  # noqa: ANN401 -- any field of the request
    """Offload everything to a folder that no dl.toml names, lose manifest and log, and return what there was."""
    offload(config, OffloadRequest((str(BTC),), to=str(folder), older_than_ns=0, grace_s=0, force=True, **asked))
    take(config, source(config.root / "eth.csv", range(1), 1.0), ETH.symbol)
    before = present(config)
    lose_all_records(config)
    return before


@pytest.mark.parametrize("place", ["lake/cold", "lake/tiers/cold", "cold"])
def test_a_tier_that_only_the_manifest_knew_is_found_by_its_marker_near_the_lake(
    three_days: Config, tmp_path: Path, place: str
) -> None:
    before = away_in(three_days, tmp_path / place)
    plan = repair(three_days, RepairRequest("log", plan=True))
    report = repair(three_days, LOG)
    assert (report.ok, report.files) == (True, 4)
    assert noted(plan) == noted(report) == f"cold ({tmp_path / place}, by its marker)"
    assert present(three_days) == before
    with Manifest.open(three_days) as manifest:
        assert sorted(file.tier for file in manifest.all_files(live_only=True)) == ["cold"] * 3 + ["hot"]
    assert verify(three_days).ok


def test_all_of_a_lake_may_lie_in_a_tier_in_its_folder(three_days: Config) -> None:
    offload(three_days, OffloadRequest(to=str(three_days.root / "cold"), older_than_ns=0, grace_s=0, force=True))
    before = present(three_days)
    lose_all_records(three_days)
    assert repair(three_days, LOG).files == 3
    assert present(three_days) == before


def test_only_tiers_of_this_lake_that_are_no_links_are_used(three_days: Config, tmp_path: Path) -> None:
    far = tmp_path / "mnt" / "disk" / "cold"
    away_in(three_days, far)
    (three_days.root / "cold").symlink_to(far)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / ".dl-tier.json").write_text('{"lake": "' + "0" * 64 + '", "tier": "foreign"}')
    report = repair(three_days, LOG)
    assert (report.files, noted(report).partition(":")[0]) == (1, "none")
    assert any("stays out" in note and "dl.toml" in note for note in report.notes)


def test_what_lies_in_a_tier_far_away_comes_back_once_it_is_named_as_the_note_says(
    three_days: Config, tmp_path: Path
) -> None:
    far = tmp_path / "mnt" / "disk" / "cold"
    before = away_in(three_days, far)
    report = repair(three_days, LOG)
    take(three_days, source(tmp_path / "late.csv", range(1, 2), 3.0), ETH.symbol)
    assert any(f"move manifest.db and {three_days.log.parent} away" in note for note in report.notes)
    lose_all_records(three_days)
    named = replace(three_days, tiers={"cold": TierSettings(far)})
    report = repair(named, LOG)
    assert (report.ok, report.files, noted(report)) == (True, 5, f"cold ({far}, by dl.toml)")
    assert present(named)[str(BTC)] == before[str(BTC)]
    assert verify(named).ok


def test_of_two_tiers_with_one_name_none_is_guessed_at(three_days: Config, tmp_path: Path) -> None:
    before = away_in(three_days, tmp_path / "cold")
    shutil.copytree(tmp_path / "cold", tmp_path / "cold copy")
    report = repair(three_days, RepairRequest("log", plan=True))
    assert (report.ok, report.files, [each.what for each in report.broken]) == (False, 1, ["tier cold"])
    named = replace(three_days, tiers={"cold": TierSettings(tmp_path / "cold")})
    assert repair(named, LOG).ok
    assert present(named) == before


def test_a_damaged_file_is_set_aside_and_told_of(three_days: Config) -> None:
    path = min((three_days.data / "BINANCE").rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)
    lose_all_records(three_days)
    report = repair(three_days, LOG)
    assert (report.ok, report.files) == (False, 2)
    [broken] = report.broken
    assert broken.what == path.relative_to(three_days.data).as_posix()
    assert not path.exists()


def test_files_of_others_are_told_of_and_left(three_days: Config) -> None:
    folder = next((three_days.data / "BINANCE").rglob("*.parquet")).parent
    (folder / "notes.txt").write_text("mine")
    pq.write_table(pa.table({"a": [1]}), folder / "a.parquet")
    stranger = folder / "0123-0123456789ab-01234567.parquet"
    pq.write_table(bars(bar(DAY * 1440)), stranger)
    stranger.chmod(0o444)
    lose_all_records(three_days)
    report = repair(three_days, LOG)
    steps = {path.rpartition("/")[2]: text for path, text in told(report).items()}
    assert steps["notes.txt"] == steps["a.parquet"] == "left_out: not a file of the lake"
    assert steps[stranger.name] == "set_aside: its footer does not say what it is"
    assert (folder / "notes.txt").exists()
    assert report.files == 3


def test_a_lake_whose_files_were_never_marked_is_not_guessed_at(three_days: Config) -> None:
    for path in (three_days.data / "BINANCE").rglob("*.parquet"):
        path.chmod(0o644)
    lose_all_records(three_days)
    before = sorted(three_days.data.rglob("*.parquet"))
    with pytest.raises(LakeError) as caught:
        repair(three_days, LOG)
    assert caught.value.code == "E_UNREPAIRABLE"
    assert sorted(three_days.data.rglob("*.parquet")) == before


def test_verify_marks_the_files_it_finds_committed(three_days: Config) -> None:
    for path in (three_days.data / "BINANCE").rglob("*.parquet"):
        path.chmod(0o644)
    assert verify(three_days).ok
    assert {path.stat().st_mode & 0o777 for path in (three_days.data / "BINANCE").rglob("*.parquet")} == {0o444}


def test_a_manifest_that_is_there_is_not_replaced_by_less(three_days: Config) -> None:
    shutil.rmtree(three_days.log.parent)
    with pytest.raises(LakeError) as caught:
        repair(three_days, LOG)
    assert caught.value.code == "E_UNREPAIRABLE"
    assert "dl repair --from manifest" in caught.value.fix


def test_what_is_made_from_the_files_can_be_made_from_its_own_log(three_days: Config) -> None:
    take(three_days, source(three_days.root / "eth.csv", range(2), 1.0), ETH.symbol)
    lose_all_records(three_days)
    repair(three_days, LOG)
    before = present(three_days)
    three_days.manifest.unlink()
    assert repair(three_days, LOG).status == "repaired"
    assert present(three_days) == before


def test_registered_feature_sets_come_back_with_their_files(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    write_features(config, VOL, vols([NOON]), WriteRequest(NAMES))
    more = replace(VOL, columns=(*VOL.columns, Column("skew", "float64", nullable=True)), owner="desk")
    register(config, more)
    with Manifest.open(config) as manifest:
        known = Sets(manifest).named(VOL.label).set
    write_features(config, known, vols([NOON + 1440]), WriteRequest(NAMES))
    before = present(config)
    lose_all_records(config)
    assert repair(config, LOG).status == "repaired"
    assert present(config) == before
    with Manifest.open(config) as manifest:
        [found] = Sets(manifest).all()
    assert (found.set, found.stage, found.set.owner, found.set.revision) == (known, "promoted", "desk", 2)
    assert verify(config).ok
