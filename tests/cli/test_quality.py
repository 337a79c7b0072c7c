"""`dl quality` on small lakes: what is told, what is kept, and that nothing else changes."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import dl_datalake
from dl_datalake.cli import run
from lake.quality import RULES
from tests.runs import BTCUSDT, REPO, Dl

if TYPE_CHECKING:
    from pathlib import Path

ABC = "LSE/SPOT/ABC/bars/1d"
HEAD = "ts,open,high,low,close,volume\n"
PENCE = [14.5, 14.6, 1460, 1461, 14.6, 14.7]


def csv(path: Path, closes: dict[int, float], volume: int = 10) -> Path:
    """Write a bar for each of these days of January 2024."""
    rows = [f"2024-01-{day:02},{at},{at * 1.01:g},{at * 0.99:g},{at},{volume}\n" for day, at in closes.items()]
    path.write_text(HEAD + "".join(rows))
    return path


def ingest(dl: Dl, root: Path, file: Path) -> None:
    assert dl("ingest", "--source", file, "--exchange", "LSE", "--symbol", "ABC", "--root", root).status == 0


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wrong")
    root = folder / "lake"
    file = csv(folder / "a.csv", dict(enumerate(PENCE, 1)))
    assert run(["init", str(root), "--quiet"]) == 0
    words = ["--exchange", "LSE", "--symbol", "ABC", "--root", str(root), "--quiet"]
    assert run(["ingest", "--source", str(file), *words]) == 0
    return root


@pytest.fixture
def wrong(_made: Path, tmp_path: Path) -> Path:
    """Return a lake of six bars, two of them in pence."""
    root = tmp_path / "lake"
    shutil.copytree(_made, root)
    return root


def correct(dl: Dl, root: Path, tmp_path: Path) -> None:
    ingest(dl, root, csv(tmp_path / "b.csv", {3: 14.6, 4: 14.61}))


def series(dl: Dl, root: Path, *words: str) -> dict[str, Any]:
    [found] = dl("quality", *words, "--root", root, "--json").data["series"]
    return dict(found)


def failed(dl: Dl, root: Path) -> int:
    [found] = dl("assets", "status", "--root", root, "--json").data["series"]
    return int(found["failed_checks"])


def test_findings_are_told_with_their_rows(dl: Dl, wrong: Path) -> None:
    found = series(dl, wrong, ABC)
    assert [(each["rule"], each["first"][:10], each["last"][:10], each["rows"]) for each in found["findings"]] == [
        ("unit_error", "2024-01-01", "2024-01-02", 2),
        ("unit_error", "2024-01-03", "2024-01-04", 2),
        ("unit_error", "2024-01-05", "2024-01-06", 2),
    ]
    assert (found["rows"], found["failing"], found["failing_partitions"], found["complete"]) == (6, True, 1, True)
    shown = dl("quality", ABC, "--limit", "1", "--root", wrong).out
    assert "… and 2 more: --limit, --rule" in shown
    assert "pence for pounds" in shown


def test_the_outcome_is_kept_and_no_row_changed(dl: Dl, wrong: Path, tmp_path: Path) -> None:
    before = sorted((wrong / "data").rglob("*.parquet"))
    ran = dl("quality", "--root", wrong, "--json")
    assert (ran.data["snapshot"], ran.data["recorded"]) == (1, 2)
    assert failed(dl, wrong) == 1
    assert "check quality.unit_error failed" in dl("assets", "status", "--partitions", "--root", wrong).out
    assert sorted((wrong / "data").rglob("*.parquet")) == before
    assert "no difference" in dl("diff", f"{ABC}@1", f"{ABC}@2", "--root", wrong).out
    assert dl("verify", "--root", wrong).status == 0
    correct(dl, wrong, tmp_path)
    assert failed(dl, wrong) == 1  # nobody looked again
    found = series(dl, wrong)
    assert [(each["rule"], each["severity"], each["rows"]) for each in found["findings"]] == [("restated", "note", 2)]
    assert failed(dl, wrong) == 0


def test_what_was_not_looked_at_keeps_its_failure(dl: Dl, wrong: Path, tmp_path: Path) -> None:
    dl("quality", "--root", wrong)
    correct(dl, wrong, tmp_path)
    assert dl("quality", "--rule", "price_jump", "--root", wrong).status == 0
    assert dl("quality", "--start", "2024-01-05", "--root", wrong).status == 0
    assert failed(dl, wrong) == 1
    assert dl("quality", "--rule", "unit_error", "--root", wrong).status == 0
    assert failed(dl, wrong) == 0


def test_nothing_is_kept_of_the_past_or_when_not_asked_for(dl: Dl, wrong: Path, tmp_path: Path) -> None:
    correct(dl, wrong, tmp_path)
    for words in (("--as-of", "1"), ("--no-record",)):
        assert dl("quality", *words, "--root", wrong, "--json").data["recorded"] is None
    assert [row["snapshot"] for row in dl("history", "--root", wrong, "--json").data] == [2, 1]
    assert len(series(dl, wrong, "--as-of", "1")["findings"]) == 3


def test_errors_and_warnings_exit_with_4_when_asked_and_notes_do_not(dl: Dl, wrong: Path, tmp_path: Path) -> None:
    assert dl("quality", "--root", wrong).status == 0
    assert dl("quality", "--fail", "--root", wrong).status == 4
    correct(dl, wrong, tmp_path)
    ran = dl("quality", "--fail", "--root", wrong)
    assert (ran.status, "restated 1" in ran.out) == (0, True)


def test_own_thresholds_are_those_of_the_last_pattern_that_fits(dl: Dl, wrong: Path) -> None:
    (wrong / "dl.toml").write_text(
        '[quality]\nunit_error = false\nprice_jump = 80\n[quality."LSE/*/*/*/*"]\nprice_jump = 90\n'
    )
    found = series(dl, wrong)
    assert {each["rule"]: each["threshold"] for each in found["rules"] if each["rule"] == "price_jump"} == {
        "price_jump": 90
    }
    assert "unit_error" not in {each["rule"] for each in found["rules"]}
    # What is no error of unit any more is a price that went a hundredfold and came back.
    assert [(each["rule"], each["rows"]) for each in found["findings"]] == [("price_jump", 2)]
    (wrong / "dl.toml").write_text('[quality."KRAKEN/*/*/*/*"]\nunit_error = false\n')
    assert series(dl, wrong)["failing"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[quality]\nprice_jmp = 80", "did you mean price_jump?"),
        ("[quality]\nprice_jump = true", "price_jump is True"),
        ("[quality]\nprice_jump = 0", "price_jump is 0"),
        ('[quality."LSE/ABC"]\nprice_jump = 80', "no pattern"),
        ("quality = 1", "not a table"),
    ],
)
def test_settings_that_cannot_be_are_refused(dl: Dl, wrong: Path, settings: str, said: str) -> None:
    (wrong / "dl.toml").write_text(settings)
    ran = dl("quality", "--root", wrong)
    assert ran.status == 2
    assert said in ran.err


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [(("--rule", "nothing"), 2, "nothing"), (("NO/SUCH/SERIES/bars/1m",), 15, "NO/SUCH/SERIES")],
)
def test_what_there_is_not_is_said(dl: Dl, lake: Path, words: tuple[str, ...], status: int, said: str) -> None:
    ran = dl("quality", *words, "--root", lake)
    assert ran.status == status
    assert said in ran.err


def test_rows_out_of_hours_are_told_where_a_calendar_is_known(dl: Dl, wrong: Path, tmp_path: Path) -> None:
    # 2024-03-01 is a Friday: the market of FX closes at 22:00 UTC.
    hours = ("19:00", "20:00", "21:00", "22:00", "23:00")
    rows = [f"2024-03-01T{at}:00Z,1.08,1.09,1.07,1.08,{volume}\n" for volume, at in enumerate(hours, 1)]
    (tmp_path / "fx.csv").write_text(HEAD + "".join(rows))
    words = ("--exchange", "X", "--symbol", "EURUSD", "--market", "FX", "--root", wrong)
    assert dl("ingest", "--source", tmp_path / "fx.csv", *words).status == 0
    found = series(dl, wrong, "X/FX/EURUSD/bars/1h")
    assert [(each["rule"], each["first"][11:16], each["rows"]) for each in found["findings"]] == [
        ("out_of_hours", "22:00", 2)
    ]
    assert found["failing"] is False
    assert "out_of_hours" not in {each["rule"] for each in series(dl, wrong, ABC)["rules"]}
    (wrong / "dl.toml").write_text('[gaps.calendars]\n"X/*/*/*/*" = "24/7"\n')
    assert series(dl, wrong, "X/FX/EURUSD/bars/1h")["findings"] == []
    (wrong / "dl.toml").unlink()
    assert len(series(dl, wrong, "X/FX/EURUSD/bars/1h")["findings"]) == 1
    (tmp_path / "i.csv").write_text("exchange,market,symbol,calendar\nX,FX,EURUSD,24/7\n")
    assert dl("instruments", "import", tmp_path / "i.csv", "--root", wrong).status == 0
    assert series(dl, wrong, "X/FX/EURUSD/bars/1h")["findings"] == []


def test_of_what_has_no_prices_only_restatements_are_told(dl: Dl, wrong: Path) -> None:
    times = pa.array([0, 8 * 3600 * 10**6], pa.timestamp("us", "UTC"))
    with dl_datalake.open(wrong) as lake:
        for address, rate in (("X/SPOT/ABC/metrics/funding", 0.1), ("Y/SPOT/ABC/metrics/funding", 0.2)):
            lake.write(address, pa.table({"ts": times, "funding_rate": [0.3, 0.1]}))
            lake.write(address, pa.table({"ts": times, "funding_rate": [0.3, rate]}))
        compared = lake.reconcile("X/SPOT/ABC/metrics/funding", "Y/SPOT/ABC/metrics/funding")
    assert (compared.times, compared.agreeing, compared.columns["funding_rate"].largest) == (2, 1, 0.1)
    found = series(dl, wrong, "Y/SPOT/ABC/metrics/funding")
    assert [each["rule"] for each in found["rules"]] == ["restated"]
    assert [(each["rule"], each["rows"]) for each in found["findings"]] == [("restated", 1)]
    assert "its rows are not looked at" in dl("quality", "X/*/*/*/*", "--root", wrong).out


def test_clean_bars_have_no_finding_and_a_summary_no_list(dl: Dl, lake: Path) -> None:
    found = series(dl, lake, BTCUSDT, "--summary")
    assert (found["rows"], found["failing"], found["findings"], found["complete"]) == (1419, False, [], True)
    assert f"{BTCUSDT}  1,419 rows: no finding" in dl("quality", "--root", lake).out


def test_the_schema_and_the_page_name_every_rule() -> None:
    schema = json.loads((REPO / "docs" / "json" / "quality.schema.json").read_text())
    assert schema["$defs"]["rule"]["enum"] == [rule.name for rule in RULES]
    page = (REPO / "docs" / "quality.md").read_text()
    assert all(f"`{rule.name}`" in page for rule in RULES)
