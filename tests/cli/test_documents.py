"""With --json every command prints one document, and it is as docs/json says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dl_datalake.cli import app
from tests.rotten import flip
from tests.runs import BTCUSDT, REPO, Dl, only_file, validator

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"


def test_every_command_has_its_schema() -> None:
    names = {command.name for command in app.registered_commands}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        names |= {f"{group.name}.{command.name}" for command in group.typer_instance.registered_commands}
    published = {path.name.removesuffix(".schema.json") for path in (REPO / "docs" / "json").glob("*.json")}
    assert published == names | {"error"}
    for name in published:
        validator(f"dl.{name}/1")


def test_init_tells_whether_it_made_one(dl: Dl, tmp_path: Path) -> None:
    first, second = dl("init", tmp_path, "--json"), dl("init", tmp_path, "--json")
    assert first.status == second.status == 0
    assert (first.data["created"], second.data["created"]) == (True, False)
    assert first.document["root"] == str(tmp_path)


def test_ingest_accounts_for_every_record(dl: Dl, lake: Path, with_bad_bar: Path) -> None:
    ran = dl("ingest", "--source", with_bad_bar, "--exchange", "TEST", "--symbol", "abc", "--root", lake, "--json")
    assert ran.status == 3
    [file] = ran.data["files"]
    rows = file["rows"]
    assert rows["read"] == 11 == sum(count for name, count in rows.items() if name != "read")
    assert (rows["new"], rows["quarantined"]) == (10, 1)
    assert file["rejected"] == {"ohlc_inconsistent": 1}
    assert file["addresses"] == ["TEST/SPOT/ABC/bars/1m"]
    assert (file["first"], file["last"]) == ("2024-03-01T00:00:00.000000000Z", "2024-03-01T00:09:00.000000000Z")


def test_same_file_again_adds_nothing_and_says_so(dl: Dl, lake: Path, bars: Path) -> None:
    words = ("ingest", "--source", bars, "--exchange", "TEST", "--symbol", "abc", "--root", lake)
    first, second = dl(*words, "--json"), dl(*words, "--json")
    [file] = second.data["files"]
    assert (file["status"], file["rows"]["new"], file["files_written"]) == ("unchanged", 0, 0)
    assert second.data["snapshot"] == first.data["snapshot"]
    assert f"0 new rows: this file is already in the lake (snapshot {first.data['snapshot']})" in dl(*words).out


def test_dry_run_writes_nothing(dl: Dl, lake: Path, bars: Path) -> None:
    before = sorted((lake / "data").rglob("*"))
    ran = dl("ingest", "--source", bars, "--exchange", "T", "--symbol", "A", "--root", lake, "--json", "--dry-run")
    assert ran.data["files"][0]["status"] == "dry_run"
    assert ran.data["files"][0]["rows"]["new"] == 10
    assert [path for path in sorted((lake / "data").rglob("*.parquet")) if path not in before] == []
    assert [row["address"] for row in dl("list", "--root", lake, "--json").data] == [BTCUSDT]


def test_list_gives_what_the_manifest_knows(dl: Dl, lake: Path) -> None:
    [row] = dl("list", "--symbol", "btcusdt", "--root", lake, "--json").data
    assert row == {
        "address": BTCUSDT,
        "first": "2016-10-07T00:00:00.000000000Z",
        "last": "2016-10-07T23:59:00.000000000Z",
        "rows": 1419,
        "bytes": only_file(lake).stat().st_size,
        "files": 1,
        "gaps": 0,
        "tier": "hot",
        "snapshot": 1,
        "verified_at": None,
    }
    assert dl("list", "--symbol", "ETH*", "--root", lake, "--json").data == []
    assert dl("list", "*/*/BTC*/bars/?m", "--root", lake, "--json").data == [row]


def test_show_computes_its_figures_from_the_files(dl: Dl, lake: Path) -> None:
    data = dl("show", BTCUSDT, "--stats", "--root", lake, "--json").data
    prices = data["stats"].pop("prices")
    assert (len(prices), prices[-1]) == (48, 617.98)
    assert data["coverage"] == {"cell": "day", "rows": {"2016-10-07": 1419}}
    assert data["stats"] == {
        "rows": 1419,
        "first": "2016-10-07T00:00:00.000000000Z",
        "last": "2016-10-07T23:59:00.000000000Z",
        "first_recv": None,
        "last_recv": None,
        "sum_volume": "5119.98889954",
        "min_low": "609.89",
        "max_high": "618.7",
        "exact_duplicate_rows": None,
    }
    assert data["instrument"]["vendor_symbol"] == "BTCUSDT"
    assert "stats" not in dl("show", BTCUSDT, "--root", lake, "--json").data


def test_read_holds_rows_up_to_a_limit(dl: Dl, lake: Path) -> None:
    data = dl("read", BTCUSDT, "--limit", "2", "--columns", "ts,close", "--root", lake, "--json").data
    assert data["rows"] == [
        {"ts": "2016-10-07T00:00:00.000000000Z", "close": 611.9},
        {"ts": "2016-10-07T00:01:00.000000000Z", "close": 611.88},
    ]
    assert data["complete"] is False
    whole = dl("read", BTCUSDT, "--limit", "5000", "--root", lake, "--json").data
    assert (len(whole["rows"]), whole["complete"]) == (1419, True)


def test_history_names_source_and_counts(dl: Dl, lake: Path) -> None:
    [row] = dl("history", BTCUSDT, "--root", lake, "--json").data
    assert (row["snapshot"], row["address"], row["source"]) == (1, BTCUSDT, "btcusd-1m.csv")
    assert row["rows"] == {"new": 1419, "corrected": 0, "quarantined": 0}


def test_quarantine_keeps_reason_line_and_raw_text(dl: Dl, lake: Path, with_bad_bar: Path) -> None:
    dl("ingest", "--source", with_bad_bar, "--exchange", "TEST", "--symbol", "abc", "--root", lake)
    [run] = dl("quarantine", "list", "--root", lake, "--json").data
    assert (run["rows"], run["reasons"], run["source"]) == (1, {"ohlc_inconsistent": 1}, "with-bad-bar.csv")
    shown = dl("quarantine", "show", run["run"], "--root", lake, "--json").data
    [row] = shown["sample"]
    assert (row["line"], row["reason"], row["raw"]) == (12, "ohlc_inconsistent", "2024-03-01T00:10:00Z,100,1,99,101,5")


def test_verify_names_the_damaged_file(dl: Dl, lake: Path) -> None:
    clean = dl("verify", "--root", lake, "--json")
    assert (clean.status, clean.data["clean"], clean.data["files_ok"]) == (0, True, 1)
    victim = only_file(lake)
    flip(victim)
    ran = dl("verify", "--root", lake, "--json")
    assert (ran.status, ran.data["clean"]) == (4, False)
    assert [damage["path"] for damage in ran.data["damaged"]] == [victim.relative_to(lake / "data").as_posix()]
    assert f"damaged   {victim.relative_to(lake / 'data').as_posix()}" in dl("verify", "--root", lake).out


def test_seal_leaves_a_month_of_one_day_as_it_is(dl: Dl, lake: Path) -> None:
    data = dl("seal", BTCUSDT, "--root", lake, "--json").data
    assert data == {
        "status": "unchanged",
        "snapshot": 1,
        "run": None,
        "months": [],
        "files": {"before": 0, "after": 0},
        "bytes": {"before": 0, "after": 0},
        "left": {},
        "refused": [],
    }


def test_assets_are_listed_with_and_without_a_lake(
    dl: Dl, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {row["key"]: row for row in dl("assets", "list", "--root", lake, "--json").data}
    assert rows["bars/1m"]["series"] == 1
    assert rows["bars/1h"]["upstreams"] == ["bars/1m"]
    shown = dl("assets", "show", "bars/1m", "--root", lake, "--json").data
    assert shown["addresses"] == [BTCUSDT]
    monkeypatch.chdir(tmp_path)
    assert [row["series"] for row in dl("assets", "list", "--json").data if row["key"] == "bars/1m"] == [0]


def test_doctor_and_version_answer(dl: Dl, lake: Path) -> None:
    ran = dl("doctor", "--root", lake, "--json")
    assert {"packages", "memory", "time zones", "disk", "sqlite", "clock"} < {check["name"] for check in ran.data}
    assert (ran.status, [check for check in ran.data if not check["ok"]]) == (0, [])
    assert all(check["ok"] == (check["level"] != "finding") for check in ran.data)
    assert dl("version", "--json").data["pyarrow"]


def test_doctor_finds_what_is_bad(dl: Dl, tmp_path: Path) -> None:
    ran = dl("doctor", "--root", tmp_path, "--json")
    assert ran.status == 4
    assert [check["fix"] for check in ran.data if not check["ok"]] == ["dl init"]


def test_global_options_work_before_and_after_the_command(dl: Dl, lake: Path) -> None:
    before = dl("--root", lake, "--json", "quarantine", "list")
    between = dl("quarantine", "--root", lake, "--json", "list")
    after = dl("quarantine", "list", "--root", lake, "--json")
    assert before.data == between.data == after.data == []


def test_warnings_stand_in_the_document(dl: Dl, lake: Path, bars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lake.ingest as engine

    whole = engine.ingest

    def with_warning(*given: object, **named: object) -> engine.IngestReport:
        report: engine.IngestReport = whole(*given, **named)  # type: ignore[arg-type]  # handed on as they come
        report.files[0].warnings.append("mind this")
        return report

    monkeypatch.setattr(engine, "ingest", with_warning)
    words = ("ingest", "--source", bars, "--exchange", "TEST", "--symbol", "abc", "--root", lake)
    ran = dl(*words, "--json")
    assert "mind this" in ran.document["warnings"]
    assert ran.err == ""
    assert "warning: mind this" in dl(*words).err


def test_published_schemas_are_written_as_json_writes_them() -> None:
    for path in (REPO / "docs" / "json").glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n" == text


def test_aggregate_says_what_became_of_each_target(dl: Dl, lake: Path) -> None:
    words = ("aggregate", BTCUSDT, "--to", "1h,1d", "--root", lake)
    planned = dl(*words, "--dry-run", "--json").data["series"][0]
    assert (planned["status"], planned["run"]) == ("dry_run", None)
    [made] = dl(*words, "--json").data["series"]
    assert (made["source"], made["status"]) == (BTCUSDT, "committed")
    assert [target["built"] for target in made["targets"]] == [target["built"] for target in planned["targets"]]
    assert [target["address"].rpartition("/")[2] for target in made["targets"]] == ["1h", "1d"]
    [again] = dl(*words, "--json").data["series"]
    assert (again["status"], again["rows_read"]) == ("unchanged", 0)
    assert [target["current"] for target in again["targets"]] == [target["built"] for target in made["targets"]]
    assert "nothing to do: every target is up to date" in dl(*words).out


def test_aggregate_takes_a_pattern_and_goes_on_after_a_refusal(dl: Dl, lake: Path) -> None:
    assert dl("aggregate", BTCUSDT, "--to", "1h", "--root", lake).status == 0
    ran = dl("aggregate", "BINANCE/*/BTCUSDT/bars/*", "--to", "30m", "--root", lake, "--json")
    assert ran.status == 3
    assert [series["source"] for series in ran.data["series"]] == [BTCUSDT]
    assert [error["code"] for error in ran.data["refused"]] == ["E_PERIOD"]
    alone = dl("aggregate", "BINANCE/SPOT/BTCUSDT/bars/1h", "--to", "30m", "--root", lake, "--json")
    assert (alone.status, alone.error["message"]) == (2, "cannot make 30m from 1h")
