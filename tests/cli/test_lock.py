"""`dl lock` and `dl read --lock`: pinning what a study read, and reading it again."""

from __future__ import annotations

from pathlib import Path

import pytest

import dl_datalake
from lake.errors import LakeError
from tests.cli.test_diff import corrected
from tests.runs import BTCUSDT, Dl


@pytest.fixture
def lock(dl: Dl, lake: Path, tmp_path: Path) -> Path:
    """Return the lock of the lake's only series."""
    path = tmp_path / "study.lock"
    assert dl("lock", path, BTCUSDT, "--root", lake).status == 0
    return path


def closes(dl: Dl, lake: Path, *words: str | Path) -> list[str]:
    ran = dl("read", BTCUSDT, "--columns", "close", "--format", "csv", "--root", lake, *words)
    assert ran.status == 0, ran.err
    return ran.out.splitlines()[1:]


def test_a_lock_says_what_it_pins(dl: Dl, lake: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.lock"
    ran = dl("lock", path, "BINANCE/*/*/bars/1m", "--start", "2016-10-07T12:00Z", "--root", lake, "--json")
    data = ran.data
    assert (data["status"], data["snapshot"], data["path"]) == ("written", 1, str(path))
    [series] = data["series"]
    assert (series["address"], series["start"], series["end"]) == (BTCUSDT, "2016-10-07T12:00:00.000000000Z", None)
    assert (series["partitions"], series["read_from"]) == (1, None)
    text = path.read_text()
    assert f'address = "{BTCUSDT}"' in text
    assert series["sha256"].removeprefix("sha256:") in text
    assert dl("lock", tmp_path / "other.lock", BTCUSDT, "--start", "2016-10-07T12:00Z", "--root", lake).status == 0
    assert (tmp_path / "other.lock").read_text() == text


def test_rows_are_read_by_the_lock_after_a_correction(dl: Dl, lake: Path, lock: Path) -> None:
    before = closes(dl, lake)
    corrected(dl, lake)
    assert closes(dl, lake) != before
    assert closes(dl, lake, "--lock", lock) == before
    checked = dl("lock", lock, "--check", "--root", lake, "--json")
    assert (checked.status, checked.data["status"]) == (0, "same")
    assert [series["read_from"] for series in checked.data["series"]] == ["snapshot"]
    assert "the same rows in 1 series, read at snapshot 1" in dl("lock", lock, "--check", "--root", lake).out


def test_python_reads_by_it_too(dl: Dl, lake: Path, lock: Path) -> None:
    corrected(dl, lake)
    with dl_datalake.open(lake) as opened:
        whole = opened.read(BTCUSDT, lock=lock).to_arrow()
        assert whole.num_rows == 1419
        results = opened.study(lock)
        assert list(results) == [BTCUSDT]
        assert results[BTCUSDT].to_arrow().equals(whole)
        with pytest.raises(LakeError, match="a lock goes with neither"):
            opened.read(BTCUSDT, lock=lock, as_of=1)


def test_the_lock_of_one_series_says_itself_which(dl: Dl, lake: Path, lock: Path) -> None:
    before = closes(dl, lake)
    corrected(dl, lake)
    ran = dl("read", "--lock", lock, "--columns", "close", "--format", "csv", "--root", lake)
    assert (ran.status, ran.out.splitlines()[1:]) == (0, before)
    with dl_datalake.open(lake) as opened:
        assert str(opened.read(lock=lock).address) == BTCUSDT


def test_of_a_lock_of_several_series_one_is_named(dl: Dl, lake: Path, tmp_path: Path) -> None:
    hourly = BTCUSDT.replace("1m", "1h")
    assert dl("aggregate", BTCUSDT, "--to", "1h", "--root", lake).status == 0
    path = tmp_path / "both.lock"
    assert dl("lock", path, BTCUSDT, hourly, "--root", lake).status == 0
    error = dl("read", "--lock", path, "--root", lake, "--json").error
    assert (error["code"], error["message"]) == ("E_AMBIGUOUS", "the lock pins 2 series")
    assert sorted(error["where"].split(", ")) == [hourly, BTCUSDT]
    assert dl("read", hourly, "--lock", path, "--root", lake, "--json").data["address"] == hourly


def test_without_a_lock_a_series_is_named(dl: Dl, lake: Path) -> None:
    ran = dl("read", "--root", lake, "--json")
    assert (ran.status, ran.error["code"], ran.error["message"]) == (2, "E_USAGE", "no series was named")


def test_a_lock_of_a_snapshot_this_lake_has_not_is_read_from_the_present(dl: Dl, lake: Path, lock: Path) -> None:
    """As it is after a restore of a backup that is older than the lock."""
    lock.write_text(lock.read_text().replace("snapshot = 1\n", "snapshot = 77\n"))
    [series] = dl("lock", lock, "--check", "--root", lake, "--json").data["series"]
    assert series["read_from"] == "present"
    corrected(dl, lake)
    ran = dl("read", BTCUSDT, "--lock", lock, "--root", lake, "--json")
    assert (ran.status, ran.error["code"], ran.error["where"]) == (4, "E_STUDY_CHANGED", f"{BTCUSDT} 2016-10-07")


def test_words_that_do_not_go_together_are_refused(dl: Dl, lake: Path, lock: Path) -> None:
    again = dl("lock", lock, BTCUSDT, "--root", lake, "--json")
    assert (again.error["code"], "is there already" in again.error["message"]) == ("E_USAGE", True)
    assert dl("lock", lock, BTCUSDT, "--replace", "--root", lake).status == 0
    for words in (
        ("lock", lock, BTCUSDT, "--check"),
        ("lock", lock.with_name("none")),
        ("lock", lake / "data" / "study.lock", BTCUSDT),
        ("read", BTCUSDT, "--lock", lock, "--start", "2016"),
    ):
        assert dl(*words, "--root", lake, "--json").error["code"] == "E_USAGE", words
    assert dl("lock", Path("nowhere.lock"), "--check", "--root", lake, "--json").error["code"] == "E_SOURCE_NOT_FOUND"
