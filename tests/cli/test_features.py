"""`dl features` and `dl upload-feature`: from a file of features to rows that are served, compared and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

import dl_datalake

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl, Ran

SCHEMA = """
inputs = ["bars/1m"]
ttl = "5m"
owner = "research"

[columns]
change = { type = "float64", unit = "price", nullable = true }
regime = { type = "text", isin = ["up", "down"] }
"""
MINUTE = pa.scalar(60_000_000, pa.duration("us"))


@pytest.fixture
def features(lake: Path) -> pa.Table:
    """Return a row a bar of the lake's: the change within the bar, and its sign."""
    with dl_datalake.open(lake) as opened:
        bars = opened.bars("BTCUSDT").to_arrow()
    change = pc.subtract(bars["close"], bars["open"])
    regime = pc.if_else(pc.greater_equal(change, 0), "up", "down")
    return pa.table({"ts": bars["ts"], "change": change, "regime": regime})


@pytest.fixture
def registered(dl: Dl, lake: Path, tmp_path: Path) -> Path:
    """Return the lake with a set of that kind registered."""
    (tmp_path / "move.toml").write_text(SCHEMA)
    assert dl("features", "register", "move", "--schema", tmp_path / "move.toml", "--root", lake).status == 0
    return lake


def stored(table: pa.Table, path: Path) -> Path:
    pq.write_table(table, path)
    return path


def write(dl: Dl, lake: Path, path: Path, *words: str | Path) -> Ran:
    return dl("features", "write", "move", path, "--symbol", "btcusdt", "--root", lake, *words)


def test_rows_are_written_with_what_they_were_made_from(
    dl: Dl, registered: Path, features: pa.Table, tmp_path: Path
) -> None:
    path = stored(features, tmp_path / "move.parquet")
    ran = write(dl, registered, path, "--json", "--code-version", "abc1")
    assert ran.status == 0, ran.err
    rows = ran.data["rows"]
    assert (rows["read"], rows["new"], ran.data["lineage"], ran.data["code_version"]) == (1419, 1419, 1, "abc1")
    assert [each["address"] for each in ran.data["series"]] == ["BINANCE/SPOT/BTCUSDT/features/move.v1"]
    again = write(dl, registered, path, "--json", "--code-version", "abc1")
    assert (again.data["status"], again.data["snapshot"]) == ("unchanged", ran.data["snapshot"])
    told = dl("assets", "lineage", "BINANCE/SPOT/BTCUSDT/features/move.v1@2016-10-07", "--root", registered).out
    assert "BINANCE/SPOT/BTCUSDT/bars/1m@2016-10-07" in told
    read = dl("features", "read", "move", "--limit", "1", "--json", "--root", registered)
    [first] = read.data["rows"]
    assert (first["ts"][:19], first["known_at"][:19]) == ("2016-10-07T00:00:00", "2016-10-07T00:01:00")


def test_a_look_ahead_is_refused_whole(dl: Dl, registered: Path, features: pa.Table, tmp_path: Path) -> None:
    early = features.append_column("known_at", features["ts"])
    path = stored(early, tmp_path / "early.parquet")
    ran = write(dl, registered, path, "--json")
    assert (ran.status, ran.error["code"]) == (12, "E_LOOKAHEAD")
    assert "first 2016-10-07 00:00 needs bars/1m to 00:01" in ran.error["where"]
    assert dl("features", "list", "--json", "--root", registered).data["sets"][0]["rows"] == 0
    late = pc.add(early["known_at"], MINUTE)
    some = late.combine_chunks()
    mixed = pa.concat_arrays([early["known_at"].combine_chunks()[:3], some[3:]])
    path = stored(early.set_column(3, "known_at", mixed), tmp_path / "mixed.parquet")
    ran = write(dl, registered, path, "--json", "--on-bad", "quarantine")
    assert (ran.status, ran.data["rejected"], ran.data["rows"]["new"]) == (3, {"look_ahead": 3}, 1416)
    kept = dl("quarantine", "show", ran.data["run"], "--root", registered, "--json").data
    assert [row["line"] for row in kept["sample"]] == [1, 2, 3]


def test_a_restatement_is_found_and_as_of_serves_what_was(
    dl: Dl, registered: Path, features: pa.Table, tmp_path: Path
) -> None:
    path = stored(features, tmp_path / "move.parquet")
    snapshot = write(dl, registered, path, "--json").data["snapshot"]
    twice = features.set_column(1, "change", pc.multiply(features["change"], 2))
    changed = features.filter(pc.not_equal(features["change"], 0)).num_rows
    again = write(dl, registered, stored(twice, tmp_path / "twice.parquet"), "--json").data["rows"]
    assert (again["corrected"], again["identical"]) == (changed, len(features) - changed)
    told = dl("features", "diff", f"move@{snapshot}", "move", "--json", "--root", registered).data
    assert (told["declared"], told["rows"]["columns"]) == ([], {"change": changed})
    assert (told["old"], told["new"]) == (f"move.v1@{snapshot}", f"move.v1@{snapshot + 1}")
    with dl_datalake.open(registered) as opened:
        before = opened.training_set(opened.bars("BTCUSDT", as_of=snapshot), ["move"]).to_arrow()
        then = opened.training_set(opened.bars("BTCUSDT"), ["move"], as_of=snapshot).to_arrow()
        now = opened.training_set(opened.bars("BTCUSDT"), ["move"]).to_arrow()
    assert before["move__change"].equals(features["change"])
    assert then.equals(before)
    assert now["move__change"].equals(twice["change"])


def test_versions_are_listed_shown_promoted_and_deprecated(dl: Dl, registered: Path, tmp_path: Path) -> None:
    schema = tmp_path / "move.toml"
    words = ("--schema", schema, "--root", registered, "--json")
    for version in ("9", "10"):
        ran = dl("features", "register", f"move.v{version}", *words, "--no-promote")
        assert (ran.data["status"], ran.data["stage"]) == ("registered", "staged")
    assert dl("features", "register", "move.v9", *words).data["status"] == "unchanged"
    assert dl("features", "promote", "move.v10", "--root", registered, "--json").data["stage"] == "promoted"
    listed = dl("features", "list", "--root", registered, "--json").data["sets"]
    assert [(each["version"], each["stage"], each["latest"]) for each in listed] == [
        ("1", "promoted", False),
        ("9", "staged", False),
        ("10", "promoted", True),
    ]
    assert dl("features", "deprecate", "move.v10", "--root", registered, "--json").data["stage"] == "deprecated"
    shown = dl("features", "show", "move", "--root", registered, "--json").data
    assert (shown["version"], shown["versions"], shown["ttl"], shown["owner"]) == (
        "1",
        ["1", "9", "10"],
        "5m",
        "research",
    )
    assert "closes" in dl("features", "show", "move", "--root", registered).out
    schema.write_text(SCHEMA.replace("float64", "float32"))
    ran = dl("features", "register", "move.v9", *words)
    assert (ran.status, ran.error["code"]) == (12, "E_FEATURE_CHANGED")
    assert ran.error["fix"][0] == "dl features register move.v11"


@pytest.fixture
def uploads(features: pa.Table, tmp_path: Path) -> list[Path]:
    """Return two files of one name, with other rows."""
    paths = []
    for number, folder in enumerate(("btc", "eth"), 1):
        (tmp_path / folder).mkdir()
        table = features.set_column(1, "change", pc.multiply(features["change"], number))
        paths.append(stored(table, tmp_path / folder / "rsi.parquet"))
    return paths


def upload(dl: Dl, lake: Path, path: Path, symbol: str, version: str) -> Ran:
    return dl(
        "upload-feature", path, "BINANCE", "SPOT", symbol, "RSI_14", "--version", version, "--root", lake, "--json"
    )


def test_two_symbols_with_one_file_name_keep_their_rows(dl: Dl, lake: Path, uploads: list[Path]) -> None:
    for symbol, path in zip(("BTCUSDT", "ETHUSDT"), uploads, strict=True):
        assert upload(dl, lake, path, symbol, "1.0.0").status == 0
    with dl_datalake.open(lake) as opened:
        read = {name: opened.features.read("rsi_14", name).to_arrow()["change"] for name in ("BTCUSDT", "ETHUSDT")}
        assert read == {
            name: pq.read_table(path)["change"] for name, path in zip(("BTCUSDT", "ETHUSDT"), uploads, strict=True)
        }
        both = opened.features.read("rsi_14", ["BTCUSDT", "ETHUSDT"])
        assert [address.symbol for address in both.addresses] == ["BTCUSDT", "ETHUSDT"]


def test_a_text_is_uploaded_with_the_columns_it_has_and_shown(dl: Dl, lake: Path, tmp_path: Path) -> None:
    path = tmp_path / "rsi.csv"
    path.write_text("\ufeffDatetime,rsi,calm,word\n2016-10-07 00:00,1.5,true,x\n2016-10-07 00:01,,false,\n")
    assert upload(dl, lake, path, "BTCUSDT", "1.0.0").data["rows"]["new"] == 2
    shown = dl("show", "BINANCE/SPOT/BTCUSDT/features/rsi_14.v1.0.0", "--stats", "--root", lake, "--json").data
    types = {column["name"]: column["type"] for column in shown["schema"]["columns"]}
    assert (shown["rows"], types["rsi"], types["calm"], types["word"]) == (2, "float64", "bool", "text")


def test_ten_comes_after_nine_and_a_deleted_version_falls_back(dl: Dl, lake: Path, uploads: list[Path]) -> None:
    def latest() -> str:
        return str(dl("features", "show", "rsi_14", "--root", lake, "--json").data["version"])

    for version in ("1.0.0", "1.0.1"):
        assert upload(dl, lake, uploads[0], "BTCUSDT", version).status == 0
    assert latest() == "1.0.1"
    refused = dl("features", "delete", "rsi_14", "--yes", "--root", lake, "--json")
    assert (refused.status, refused.error["code"]) == (2, "E_AMBIGUOUS")
    plan = dl("features", "delete", "rsi_14.v1.0.1", "--dry-run", "--root", lake, "--json").data
    assert (plan["status"], plan["rows"], plan["ended"], latest()) == ("dry_run", 1419, True, "1.0.1")
    asked = dl("features", "delete", "rsi_14.v1.0.1", "--root", lake, "--json")
    assert asked.error["code"] == "E_CONFIRM"
    gone = dl("features", "delete", "rsi_14.v1.0.1", "--yes", "--root", lake, "--json").data
    assert (gone["status"], gone["ended"], latest()) == ("committed", True, "1.0.0")
    with dl_datalake.open(lake) as opened:
        assert opened.features.read("rsi_14", as_of=gone["before"]).address.period == "rsi_14.v1.0.1"
        assert opened.features.read("rsi_14").address.period == "rsi_14.v1.0.0"
    for version in ("9", "10"):
        assert upload(dl, lake, uploads[0], "BTCUSDT", version).status == 0
    assert latest() == "10"


def test_text_is_uploaded_with_the_types_it_shows(dl: Dl, lake: Path, features: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "rsi.csv"
    pa_csv.write_csv(features.rename_columns(["time", "change", "regime"]), path)
    words = ("upload-feature", path, "BINANCE", "SPOT", "btcusdt", "rsi.v2", "--root", lake)
    ran = dl(*words, "--json")
    assert (ran.status, ran.data["set"], ran.data["ts_from"], ran.data["rows"]["new"]) == (0, "rsi.v2", "time", 1419)
    shown = dl("features", "show", "rsi.v2", "--root", lake, "--json").data["columns"]
    assert [(each["name"], each["type"], each["nullable"]) for each in shown[2:4]] == [
        ("change", "float64", True),
        ("regime", "text", True),
    ]
    with dl_datalake.open(lake) as opened:
        read = opened.features.read("rsi").to_arrow()
    assert read["change"].equals(features["change"])
    assert read["regime"].equals(features["regime"])
    again = dl(*words, "--version", "2").out
    assert "nothing new: it is in the lake already" in again
    twice = dl(*words, "--version", "3", "--json")
    assert (twice.status, twice.error["message"]) == (2, "rsi.v2 names version 2, and version 3 was asked for")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (",ts,x\n0,2016-10-07T00:01:00Z,1.5\n", "E_SCHEMA"),
        ("when,x\n2016-10-07T00:01:00Z,1.5\n", "E_COLUMN_MISSING"),
        ("when;x\n2016-10-07 00:00;1.5\n", "E_COLUMN_MISSING"),
    ],
)
def test_what_cannot_be_uploaded_registers_nothing(dl: Dl, lake: Path, tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "f.csv").write_text(text)
    ran = upload(dl, lake, tmp_path / "f.csv", "BTCUSDT", "1")
    assert (ran.status, ran.error["code"]) == (12, code)
    assert dl("features", "list", "--root", lake, "--json").data["sets"] == []


def test_a_registration_that_outlives_its_upload_is_told(dl: Dl, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("ts,known_at,x\n2016-10-07T00:01:00Z,2016-10-07T00:00:00Z,1.5\n")
    ran = dl("upload-feature", tmp_path / "f.csv", "BINANCE", "SPOT", "BTCUSDT", "rsi", "--root", lake)
    assert ran.status == 12
    assert "rsi.v1 stays registered; to take it back: dl features delete rsi.v1" in ran.err
    assert dl("features", "delete", "rsi.v1", "--yes", "--root", lake).status == 0
    assert dl("features", "list", "--root", lake, "--json").data["sets"] == []


def test_a_text_that_is_called_parquet_is_refused(dl: Dl, lake: Path, tmp_path: Path) -> None:
    path = tmp_path / "feature.parquet"
    path.write_text("DUMMY PARQUET CONTENT")
    ran = upload(dl, lake, path, "BTCUSDT", "1.0.0")
    assert (ran.status, ran.error["code"]) == (12, "E_SOURCE_UNREADABLE")
    assert dl("features", "list", "--root", lake, "--json").data["sets"] == []
    missing = upload(dl, lake, tmp_path / "none.parquet", "BTCUSDT", "1.0.0")
    assert (missing.status, missing.error["code"]) == (15, "E_SOURCE_NOT_FOUND")


def test_names_that_are_not_there_are_told_with_near_ones(dl: Dl, registered: Path) -> None:
    ran = dl("features", "read", "mov", "--root", registered, "--json")
    assert (ran.status, ran.error["code"], ran.error["why"]) == (15, "E_UNKNOWN_FEATURES", "Near it: move.")
    ran = dl("features", "read", "move", "--symbol", "ETHUSDT", "--root", registered, "--json")
    assert (ran.status, ran.error["code"], ran.error["why"]) == (15, "E_UNKNOWN_SERIES", "It has no rows.")


def test_what_the_client_warns_of_is_said_once(dl: Dl, lake: Path, features: pa.Table, tmp_path: Path) -> None:
    (lake / "moods.py").write_text(
        'from dl_datalake.assets import AssetSpec\nMOOD = AssetSpec.of("metrics/mood", columns={"mood": "float64"})\n'
    )
    (lake / "dl.toml").write_text('[assets]\nmodules = ["moods"]\n')
    (tmp_path / "move.toml").write_text(SCHEMA.replace("bars/1m", "metrics/mood"))
    assert dl("features", "register", "move", "--schema", tmp_path / "move.toml", "--root", lake).status == 0
    (lake / "dl.toml").write_text("")
    said = ["features/move.v1 is made from metrics/mood, which nothing declares any more"]
    path = stored(features.select(["ts", "change"]), tmp_path / "change.parquet")
    uploaded = dl("upload-feature", path, "BINANCE", "SPOT", "BTCUSDT", "own", "--root", lake, "--json")
    assert uploaded.status == 0, uploaded.out
    assert [text for text in uploaded.document["warnings"] if "mood" in text] == said
    deleted = dl("features", "delete", "move", "--yes", "--root", lake, "--json")
    assert deleted.document["warnings"] == said
