"""`dl seal`, as its user sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rotten import flip

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl

SERIES = "TEST/SPOT/ABC/bars/1m"


@pytest.fixture
def months(dl: Dl, lake: Path, tmp_path: Path) -> Path:
    """Return a lake that has also three days of each of two months of ABC, and one day of the third."""
    days = [f"2024-{month}-{day}" for month in ("01", "02") for day in ("03", "04", "29")] + ["2024-03-01"]
    path = tmp_path / "abc.csv"
    lines = [f"{day}T00:0{minute}:00Z,10,12,9,11,{minute}.5\n" for day in days for minute in range(4)]
    path.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
    assert dl("ingest", "--source", path, "--exchange", "TEST", "--symbol", "abc", "--root", lake).status == 0
    return lake


def files(root: Path) -> list[str]:
    folder = root / "data" / SERIES
    return sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.parquet"))


def test_seal_tells_files_and_bytes_before_and_after(dl: Dl, months: Path) -> None:
    data = dl("seal", "--root", months, "--json").data
    assert (data["status"], data["snapshot"], data["left"], data["refused"]) == ("committed", 3, {}, [])
    assert [(m["address"], m["partition"], m["rows"], m["files_before"]) for m in data["months"]] == [
        (SERIES, "2024-01", 12, 3),
        (SERIES, "2024-02", 12, 3),
    ]
    assert data["files"] == {"before": 6, "after": 2}
    assert data["bytes"]["before"] == sum(month["bytes_before"] for month in data["months"])
    assert data["bytes"]["after"] == sum(month["bytes_after"] for month in data["months"]) > 0
    assert files(months) == ["2024/01", "2024/02", "2024/03/01"]
    assert dl("verify", "--root", months).status == 0


def test_seal_says_in_words_what_it_did(dl: Dl, months: Path) -> None:
    ran = dl("seal", "test/*/abc/bars/1m", "--root", months)
    assert (ran.status, ran.err) == (0, "")
    head, january, _, told = ran.out.splitlines()
    assert head.split() == ["series", "month", "rows", "files", "size", "sealed"]
    assert january.split()[:4] == [SERIES, "2024-01", "12", "3"]
    assert told.startswith("6 files, ")
    assert " → 2 files, " in told
    assert " · snapshot 3 · run " in told
    assert dl("seal", "--root", months).out == "nothing to seal · snapshot 3\n"
    assert dl("seal", "--root", months, "--quiet").out == ""


def test_dry_run_only_says_what_would_be_done(dl: Dl, months: Path) -> None:
    data = dl("seal", "--dry-run", "--root", months, "--json").data
    assert (data["status"], data["run"], data["bytes"]["after"]) == ("dry_run", None, None)
    assert data["files"] == {"before": 6, "after": 2}
    assert "would make 2 files of 6 (" in dl("seal", "--dry-run", "--root", months).out
    assert len(files(months)) == 7


def test_how_old_and_how_large_months_must_be(dl: Dl, months: Path) -> None:
    assert dl("seal", "--older-than", "520w", "--root", months, "--json").data["status"] == "unchanged"
    path = months / "trades.csv"
    path.write_text("ts,price,size,side\n" + "".join(f"2024-01-0{day}T00:00:00Z,1,1,buy\n" for day in (1, 2)))
    ran = dl("ingest", "--source", path, "--exchange", "T", "--symbol", "A", "--type", "ticks/trade", "--root", months)
    assert ran.status == 0, ran.err
    ran = dl("seal", "T/*/*/*/*", "--max-size", "1kB", "--root", months)
    assert ran.out.splitlines()[1] == "left 1 month above --max-size, large enough as day files"
    assert dl("seal", "T/*/*/*/*", "--max-size", "1MB", "--root", months, "--json").data["files"]["before"] == 2


def test_a_damaged_month_is_refused_and_the_others_are_sealed(dl: Dl, months: Path) -> None:
    [victim] = (months / "data" / SERIES / "2024/02/04").glob("*.parquet")
    flip(victim)
    ran = dl("seal", "--root", months, "--json")
    assert ran.status == 3
    assert [month["partition"] for month in ran.data["months"]] == ["2024-01"]
    [error] = ran.data["refused"]
    assert (error["code"], error["where"]) == ("E_FILE_DAMAGED", f"{SERIES}/2024/02/04/{victim.name}")
    last = dl("seal", "--root", months, "--json")
    assert (last.status, last.error["code"]) == (4, "E_FILE_DAMAGED")
    assert files(months)[:2] == ["2024/01", "2024/02/03"]


@pytest.mark.parametrize(
    ("words", "status", "code", "told"),
    [
        (["ABC"], 2, "E_USAGE", "is not an address"),
        (["TEST/SPOT/ABD/bars/1m"], 15, "E_UNKNOWN_SERIES", "TEST/SPOT/ABD/bars/1m"),
        (["--older-than", "soon"], 2, "E_USAGE", "not a length of time"),
        (["--max-size", "512"], 2, "E_USAGE", "not a size"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    dl: Dl, months: Path, words: list[str], status: int, code: str, told: str
) -> None:
    ran = dl("seal", *words, "--root", months, "--json")
    assert (ran.status, ran.error["code"]) == (status, code)
    assert told in ran.error["message"]
