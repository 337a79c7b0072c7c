"""What a message advises is true, and fits what went wrong."""

from __future__ import annotations

import ast
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from dl_datalake.demo import samples
from lake.errors import CODES
from tests.rotten import flip, overwrite
from tests.runs import BAD_LINE, BARS, BTCUSDT, REPO, Dl, only_file

if TYPE_CHECKING:
    from pathlib import Path

FEATURES = "USA/EQUITY/SPY/features/mom.v1"
LEFT_BEHIND = ["manifest.db", "manifest.db-journal", "raw_data.csv", "corrected.csv", "mine.csv", "bars.parquet"]
LEFT_BEHIND += ["demo-lake/manifest.db", "data/_log/commits.jsonl", "data/BINANCE/SPOT/BTCUSDT/bars/1m/1.parquet"]


def test_every_usage_error_says_why() -> None:
    silent = [
        f"{path.relative_to(REPO)}:{node.lineno}"
        for package in ("dl_datalake", "lake")
        for path in (REPO / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("LakeError")
        and node.args
        and ast.unparse(node.args[0]) == "'USAGE'"
        and not any(keyword.arg == "why" for keyword in node.keywords)
    ]
    assert silent == []


@pytest.mark.parametrize("words", [("seal",), ("offload", "--to", "cold"), ("restore",), ("aggregate", "--to", "1h")])
def test_an_asset_in_place_of_an_address_is_written_as_the_pattern_that_names_its_series(
    dl: Dl, lake: Path, words: tuple[str, ...]
) -> None:
    (lake / "dl.toml").write_text('[tiers.cold]\npath = "cold"\n')
    ran = dl(*words, "bars/1m", "--root", lake, "--json")
    assert (ran.status, ran.error["code"], ran.error["fix"][0]) == (2, "E_USAGE", "'*/*/*/bars/1m'")
    pattern = ran.error["fix"][0].strip("'")
    assert dl(*words, pattern, "--dry-run", "--root", lake).status == 0


@pytest.mark.parametrize("words", [("read",), ("seal",), ("assets", "lineage"), ("assets", "materialize")])
def test_a_slash_in_a_symbol_is_written_encoded(dl: Dl, lake: Path, words: tuple[str, ...]) -> None:
    error = dl(*words, "FXCM/FX/GBP/USD/bars/1m", "--root", lake, "--json").error
    assert (error["code"], error["fix"][0]) == ("E_USAGE", "FXCM/FX/GBP%2FUSD/bars/1m")


def test_source_of_a_damaged_file_is_no_cure_and_not_called_one(dl: Dl, lake: Path) -> None:
    flip(only_file(lake))
    source = samples.folder() / samples.PLAIN
    words = ("ingest", "--source", source, "--exchange", "BINANCE", "--symbol", "BTCUSDT", "--root", lake, "--json")
    assert dl(*words).data["files"][0]["status"] == "unchanged"
    verified = dl("verify", "--root", lake)
    assert (verified.status, verified.err) == (
        4,
        "dl repair --from cold, or --from source: ingesting their sources again does not replace the named files\n",
    )


def test_a_repair_that_is_advised_says_from_what() -> None:
    sources = [path for package in ("dl_datalake", "lake") for path in (REPO / package).rglob("*.py")]
    texts = [text for entry in CODES.values() for text in entry.fix]
    texts += [
        node.value
        for path in sources
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not node.value[0:1].isspace()
    ]
    texts += [path.read_text(encoding="utf-8") for path in (*(REPO / "docs").glob("*.md"), *REPO.glob("*.md"))]
    advised = [found for text in texts for found in re.findall(r"dl repair (--\S+)", text)]
    assert set(advised) == {"--from"}


def test_damage_is_told_on_one_line(dl: Dl, lake: Path) -> None:
    victim = only_file(lake)
    whole = victim.read_bytes()
    words = ("read", BTCUSDT, "--limit", "5000", "--root", lake)
    for damaged in (whole[:20], b"", whole[:4] + bytes(2000) + whole[2004:], whole[:-300] + bytes(292) + whole[-8:]):
        overwrite(victim, damaged)
        error = dl(*words, "--json").error
        assert error["code"] == "E_FILE_DAMAGED"
        assert error["message"].splitlines() == [error["message"].strip()]
        lines = dl(*words).err.splitlines()
        assert [lines[1][:6], lines[2][:7]] == ["  --> ", "  why: "]


def test_asset_without_a_schema_is_said_to_be_unknown(dl: Dl, lake: Path, bars: Path) -> None:
    error = dl("read", FEATURES, "--root", lake, "--json").error
    assert (error["code"], error["message"]) == ("E_UNKNOWN_ASSET", 'no asset "features/mom.v1" is declared')
    into = ("--source", bars, "--exchange", "USA", "--symbol", "SPY", "--type", "features/mom.v1")
    error = dl("ingest", *into, "--root", lake, "--json").error
    assert (error["code"], error["fix"]) == ("E_USAGE", ["dl features write NAME FILE"])
    assert dl("show", FEATURES, "--root", lake, "--json").error["code"] == "E_UNKNOWN_SERIES"


def test_types_that_are_offered_are_taken(dl: Dl, lake: Path, bars: Path) -> None:
    shown = dl("ingest", "--help").out
    words = ("ingest", "--source", bars, "--exchange", "T", "--symbol", "A", "--root", lake, "--dry-run", "--json")
    assert dl(*words, "--type", "bars").status == 0
    for offered in ("ticks/trade", "ticks/quote", "orderbook/l2"):
        assert offered in shown
        assert dl(*words, "--type", offered).error["code"] == "E_COLUMN_MISSING"
    refused = dl(*words, "--type", "metrics/funding").error
    assert refused["why"] == "Metrics are read from the declared formats that hold them."


def test_year_given_as_a_snapshot_is_answered_with_the_date(dl: Dl, lake: Path) -> None:
    for words in (("list",), ("show", BTCUSDT), ("read", BTCUSDT)):
        error = dl(*words, "--as-of", "2016", "--root", lake, "--json").error
        assert error["message"] == "there is no snapshot 2016: the newest is 1"
        assert error["fix"] == ["2016-01-01, if the year was meant", "dl history"]
        assert "digits alone" in " ".join(dl(words[0], "--help").out.split())
    assert dl("list", "--as-of", "99", "--root", lake, "--json").error["fix"] == ["dl history"]


def test_strictness_that_refused_a_file_is_what_is_to_be_dropped(dl: Dl, lake: Path, with_bad_bar: Path) -> None:
    words = ("ingest", "--source", with_bad_bar, "--exchange", "T", "--symbol", "A", "--root", lake, "--json")
    error = dl(*words, "--on-bad", "fail").error
    assert error["fix"] == ["correct the record named above", "or drop --on-bad fail: bad rows are then kept aside"]
    assert "--on-bad fail" in error["why"]
    assert "--max-bad" not in str(error)
    assert dl(*words).status == 3


def test_many_bad_rows_are_still_answered_with_the_limit(dl: Dl, lake: Path, tmp_path: Path) -> None:
    source = tmp_path / "bad.csv"
    source.write_text(BARS + BAD_LINE * 30)
    error = dl("ingest", "--source", source, "--exchange", "T", "--symbol", "A", "--root", lake, "--json").error
    assert any("--max-bad" in fix for fix in error["fix"])


def test_columns_without_a_header_are_named_in_order(dl: Dl, lake: Path, tmp_path: Path) -> None:
    source = tmp_path / "bare.csv"
    source.write_text(BARS.split("\n", 1)[1])
    words = ("ingest", "--source", source, "--exchange", "T", "--symbol", "A", "--root", lake, "--json")
    advice = dl(*words).error["fix"][0]
    assert advice == "name the columns in order: --columns ts,open,high,low,close,volume --type bars"
    assert dl(*words, *advice.split(": ")[1].split()).data["files"][0]["rows"]["new"] == 10
    source.write_text("1704448800,10.5,3\n1704448801,10.6,2\n")
    advice = dl(*words).error["fix"][0]
    assert dl(*words, *advice.split(": ")[1].split()).data["files"][0]["rows"]["new"] == 2


@pytest.mark.parametrize("header", ["ts;open;high;low;close;volume\n", ""])
def test_decimal_commas_are_named_with_what_can_be_done(dl: Dl, lake: Path, tmp_path: Path, header: str) -> None:
    source = tmp_path / "commas.csv"
    source.write_text(header + "2024-03-01T00:00:00Z;1,5;2,5;1,5;2,5;3\n2024-03-01T00:01:00Z;1,5;2,5;1,5;2,5;3\n")
    words = ("ingest", "--source", source, "--exchange", "T", "--symbol", "A", "--root", lake, "--json")
    error = dl(*words).error
    assert error["code"] == "E_FORMAT_UNKNOWN"
    assert error["why"] == "Its numbers are written with commas, as in 1,5, which has to be said."
    assert error["fix"][0] == "--decimal ,"
    columns = [] if header else ["--columns", "ts,open,high,low,close,volume", "--type", "bars"]
    [file] = dl(*words, "--decimal", ",", *columns).data["files"]
    assert file["rows"]["new"] == 2


def test_series_that_is_not_there_is_answered_with_what_there_is_of_the_symbol(dl: Dl, lake: Path) -> None:
    for command in ("read", "show", "history"):
        error = dl(command, "BINANCE/SPOT/BTCUSDT/bars/1h", "--root", lake, "--json").error
        assert (error["code"], error["why"]) == ("E_UNKNOWN_SERIES", f"Of BTCUSDT the lake has {BTCUSDT}.")


def test_file_that_says_too_little_is_told_what_is_missing(dl: Dl, lake: Path, bars: Path) -> None:
    for given, missing in (("--symbol", "exchange"), ("--exchange", "symbol")):
        error = dl("ingest", "--source", bars, given, "A", "--root", lake, "--json").error
        assert error["message"] == f"the file does not say its {missing}"
        assert f"has its {missing} in its address" in error["why"]
        assert error["fix"] == [f"--{missing} NAME"]


@pytest.mark.skipif(not (REPO / ".git").exists(), reason="not a clone")
def test_what_the_readme_leaves_in_a_clone_is_ignored() -> None:
    words = ["git", "check-ignore", "--no-index", *LEFT_BEHIND]
    shown = subprocess.run(words, cwd=REPO, capture_output=True, text=True, check=False)
    assert shown.stdout.split() == LEFT_BEHIND
