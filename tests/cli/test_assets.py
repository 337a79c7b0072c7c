"""`dl assets` as its user meets it: what is missing, stale or failed is told exactly, and made once."""

from __future__ import annotations

import datetime as dt
import math
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import dl_datalake
from lake.config import locate
from lake.errors import LakeError
from lake.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.runs import Dl, Ran

HEAD = "ts,open,high,low,close,volume\n"
DAYS = ("2023-12-31", "2024-03-30", "2024-03-31", "2024-04-01")
TARGETS = ("bars/5m", "bars/1h", "bars/1d")
OWN = """
import os, signal
from pathlib import Path
import pyarrow.compute as pc
from dl_datalake.assets import Check, asset

def small(table):
    worst = pc.max(table["range"]).as_py()
    return worst < 100 or f"a range of {worst}"

@asset(
    "metrics/cli-range",
    columns={"range": "float64"},
    upstreams={"bars/1m": ["ts", "high", "low"]},
    checks=[Check("small", small, description="no range of 100")],
    tags=["mine"],
    code_version="1",
)
def range_(bars):
    "High less low."
    if Path("die").exists() and str(bars["ts"][0].as_py()).startswith("2024-03-31"):
        os.kill(os.getpid(), signal.SIGKILL)
    return bars.append_column("range", pc.subtract(bars["high"], bars["low"])).select(["ts", "range"])
"""


def bar(day: str, minute: int, *, volume: float = 1.5, high: float = 12.0) -> str:
    return f"{day}T{minute // 60:02}:{minute % 60:02}:00Z,10.5,{high!r},9.25,11.0,{volume!r}\n"


def symbol(root: Path, name: str, lines: Iterable[str]) -> Path:
    path = root / f"{name}.csv"
    path.write_text(HEAD + "".join(lines))
    return path


@pytest.fixture
def root(tmp_path: Path, dl: Dl) -> Path:
    """Return a lake with two symbols' minutes of four days: two years, three months."""
    folder = tmp_path / "lake"
    assert dl("init", folder).status == 0
    for name in ("abc", "xyz"):
        source = symbol(tmp_path, name, [bar(day, minute) for day in DAYS for minute in range(0, 1440, 5)])
        assert ingest(dl, folder, source, name).status == 0
    return folder


def ingest(dl: Dl, root: Path, source: Path, name: str) -> Ran:
    return dl("ingest", "--source", source, "--exchange", "TEST", "--symbol", name, "--period", "1m", "--root", root)


def files(root: Path) -> dict[tuple[str, str], int]:
    """Return the id of the live file of every partition."""
    with Manifest.open(locate(root)) as manifest:
        names = {row.id: str(row.address) for row in manifest.series()}
        return {(names[row.series_id], row.partition): row.id for row in manifest.all_files(live_only=True)}


def stale(dl: Dl, root: Path) -> dict[tuple[str, str], list[str]]:
    """Return why each stale partition is so, as `dl assets status` tells it."""
    data = dl("assets", "status", "--stale", "--partitions", "--root", root, "--json").data
    found = {(s["address"], p["partition"]): p["reasons"] for s in data["series"] for p in s["states"]}
    assert len(found) == data["partitions"]["stale"]
    return found


def make(dl: Dl, root: Path, *words: str) -> Any:  # noqa: ANN401 - a document's data
    return dl("assets", "materialize", *words, "--root", root, "--json").data


def test_missing_is_made_once(dl: Dl, root: Path) -> None:
    plan = make(dl, root, *TARGETS, "--plan")
    assert (plan["status"], plan["built"]) == ("planned", 0)
    expected = {(f"TEST/SPOT/{name}/{key}", label) for name in ("ABC", "XYZ") for key, label in due()}
    assert {(each["address"], each["partition"]) for each in plan["planned"]} == expected
    assert {each["state"] for each in plan["planned"]} == {"missing"}
    done = make(dl, root, *TARGETS)
    assert (done["status"], done["built"], done["failed"]) == ("done", len(expected), [])
    before = files(root)
    again = make(dl, root, *TARGETS)
    assert (again["status"], again["planned"], again["snapshot"]) == ("nothing", [], done["snapshot"])
    assert files(root) == before
    told = dl("assets", "materialize", *TARGETS, "--root", root).out
    assert told == f"nothing to do: nothing selected is missing or stale · snapshot {done['snapshot']}\n"


def due() -> list[tuple[str, str]]:
    months = [(key, label) for key in ("bars/5m", "bars/1h") for label in ("2023-12", "2024-03", "2024-04")]
    return [*months, ("bars/1d", "2023"), ("bars/1d", "2024")]


def test_three_restated_bars_make_stale_what_hangs_on_them_and_nothing_else(dl: Dl, root: Path, tmp_path: Path) -> None:
    make(dl, root, *TARGETS)
    before = files(root)
    lines = [bar("2024-03-31", minute, high=99.0) for minute in (60, 65, 70)]
    assert ingest(dl, root, symbol(tmp_path, "restated", lines), "abc").status == 0
    reason = ["bars/1m 2024-03-31 changed"]
    concerned = {("TEST/SPOT/ABC/bars/5m", "2024-03"), ("TEST/SPOT/ABC/bars/1h", "2024-03")}
    concerned.add(("TEST/SPOT/ABC/bars/1d", "2024"))
    assert stale(dl, root) == dict.fromkeys(concerned, reason)
    done = make(dl, root, *TARGETS, "--stale")
    assert (done["status"], done["built"], done["unchanged"]) == ("done", 3, 0)
    after = files(root)
    changed = {place for place in after if after[place] != before.get(place)}
    assert changed == concerned | {("TEST/SPOT/ABC/bars/1m", "2024-03-31")}
    assert stale(dl, root) == {}
    with dl_datalake.open(root) as lake:
        highs = lake.bars("ABC", period="1h", start="2024-03-31", end="2024-04-01").to_arrow()["high"].to_pylist()
    assert highs == [12.0, 99.0, *[12.0] * 22]
    again = make(dl, root, *TARGETS, "--stale")
    assert (again["status"], again["snapshot"]) == ("nothing", done["snapshot"])
    assert files(root) == after


def test_the_same_rows_again_change_nothing(dl: Dl, root: Path, tmp_path: Path) -> None:
    make(dl, root, *TARGETS)
    before = files(root)
    same = [bar(day, minute) for day in DAYS for minute in range(0, 1440, 5)]
    assert ingest(dl, root, symbol(tmp_path, "again", same[:300]), "abc").status == 0
    assert (stale(dl, root), files(root)) == ({}, before)


@pytest.mark.parametrize("minute", [0, 715, 1435])
def test_the_smallest_change_shows(dl: Dl, root: Path, tmp_path: Path, minute: int) -> None:
    make(dl, root, *TARGETS)
    line = bar("2024-04-01", minute, volume=math.nextafter(1.5, 2))
    assert ingest(dl, root, symbol(tmp_path, "least", [line]), "abc").status == 0
    assert set(stale(dl, root)) == {
        ("TEST/SPOT/ABC/bars/5m", "2024-04"),
        ("TEST/SPOT/ABC/bars/1h", "2024-04"),
        ("TEST/SPOT/ABC/bars/1d", "2024"),
    }


def own(root: Path, text: str = OWN) -> None:
    (root / "dl.toml").write_text('[assets]\nmodules = ["my_assets"]\n')
    (root / "my_assets.py").write_text(text)


def test_ones_own_asset_is_listed_made_and_stale_by_its_code(dl: Dl, root: Path) -> None:
    own(root)
    [row] = [row for row in dl("assets", "list", "--root", root, "--json").data if row["tags"] == ["mine"]]
    assert (row["key"], row["partitions"]["missing"], row["description"]) == ("metrics/cli-range", 8, "High less low.")
    done = make(dl, root, "tag:mine")
    assert (done["built"], done["failed"]) == (8, [])
    assert make(dl, root, "tag:mine")["status"] == "nothing"
    read = dl("read", "TEST/SPOT/XYZ/metrics/cli-range", "--limit", "1", "--root", root, "--json").data
    assert read["rows"][0]["range"] == 2.75
    own(root, OWN.replace('code_version="1"', 'code_version="2"'))
    why = stale(dl, root)
    assert len(why) == 8
    assert set(map(tuple, why.values())) == {("code 1 -> 2",)}
    again = make(dl, root, "tag:mine")
    assert (again["built"], again["unchanged"], stale(dl, root)) == (0, 8, {})


def test_what_fails_is_recorded_and_does_not_stop_the_rest(dl: Dl, root: Path, tmp_path: Path) -> None:
    own(root)
    huge = symbol(tmp_path, "huge", [bar("2024-03-30", 0, high=500.0)])
    assert ingest(dl, root, huge, "abc").status == 0
    ran = dl("assets", "materialize", "bars/1h", "tag:mine", "--root", root, "--json")
    assert ran.status == 3
    [failed] = ran.data["failed"]
    place = ("TEST/SPOT/ABC/metrics/cli-range", "2024-03-30", "E_CHECK")
    assert (failed["address"], failed["partition"], failed["code"]) == place
    assert "a range of 490.75" in failed["message"]
    assert ran.data["built"] == 6 + 7
    told = dl("assets", "status", "--failed", "--partitions", "--fail", "--root", root, "--json")
    assert told.status == 4
    [series] = told.data["series"]
    assert [(each["partition"], each["state"]) for each in series["states"]] == [("2024-03-30", "failed")]
    assert ingest(dl, root, symbol(tmp_path, "mended", [bar("2024-03-30", 0)]), "abc").status == 0
    assert make(dl, root, "tag:mine")["built"] == 1
    assert dl("assets", "status", "--failed", "--fail", "--root", root).status == 0


def test_a_function_that_breaks_is_told_with_its_line(dl: Dl, root: Path) -> None:
    own(root, OWN.replace('"High less low."', "1 / 0"))
    ran = dl("assets", "materialize", "tag:mine", "--root", root, "--json")
    assert ran.status == 12
    assert {each["code"] for each in ran.data["failed"]} == {"E_MAKE"}
    assert ran.data["failed"][0]["message"] == "ZeroDivisionError: division by zero"
    line = OWN.split("\n").index('    "High less low."') + 1
    assert ran.data["failed"][0]["where"].endswith(f"my_assets.py:{line}")


def test_a_killed_run_is_found_dead_and_goes_on_where_it_was(dl: Dl, root: Path) -> None:
    own(root)
    (root / "die").touch()
    words = ["-m", "dl_datalake.cli", "assets", "materialize", "tag:mine", "--root", str(root)]
    killed = subprocess.run([sys.executable, *words], cwd=root, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    (root / "die").unlink()
    states = dl("assets", "status", "tag:mine", "--root", root, "--json").data["partitions"]
    assert states["materialized"] + states["missing"] == 8
    assert states["stale"] == states["failed"] == 0
    with Manifest.open(locate(root)) as manifest:
        assert [run.status for run in manifest.runs() if run.kind == "materialize"] == ["interrupted"]
    done = make(dl, root, "tag:mine")
    assert (done["status"], done["built"]) == ("done", states["missing"])
    assert not [path for path in (root / "data").rglob("*.tmp") if path.is_file()]


def test_a_backfill_keeps_to_its_dates(dl: Dl, root: Path) -> None:
    own(root)
    words = ("assets", "backfill", "tag:mine,bars/1h", "--start", "2024-03-31", "--end", "2024-04", "--root", root)
    assert {each["partition"] for each in dl(*words, "--plan", "--json").data["planned"]} == {"2024-03-31", "2024-03"}
    assert dl(*words, "--json").data["built"] == 4
    assert dl(*words, "--json").data["status"] == "nothing"
    forced = dl(*words, "--force", "--json").data
    assert (forced["built"], forced["unchanged"]) == (0, 4)


def name(planned: Any) -> str:  # noqa: ANN401 - a part of a document
    key: str = planned["address"].partition("ABC/")[2]
    return key


def test_a_plan_tells_what_follows(dl: Dl, root: Path, tmp_path: Path) -> None:
    own(root, OWN.replace("bars/1m", "bars/5m"))
    plan = make(dl, root, "bars/5m+", "--plan")["planned"]
    states = {(name(each), each["partition"]): each for each in plan if "ABC" in each["address"]}
    follower = states["metrics/cli-range", "2024-03-31"]
    assert (follower["state"], follower["reasons"]) == ("follows", ["bars/5m 2024-03 is made anew"])
    assert make(dl, root, "bars/5m+")["failed"] == []
    lines = [bar("2024-03-31", 60, high=13.0)]
    assert ingest(dl, root, symbol(tmp_path, "restated", lines), "abc").status == 0
    done = make(dl, root, "bars/5m+")
    assert done["failed"] == []
    # A month's bars tell of which days they are by the first and the last.
    assert [(name(each), each["partition"]) for each in done["planned"]] == [
        ("bars/5m", "2024-03"),
        ("metrics/cli-range", "2024-03-30"),
        ("metrics/cli-range", "2024-03-31"),
    ]
    assert (done["built"], done["unchanged"]) == (2, 1)


def test_check_finds_what_a_check_of_today_says_of_rows_of_yesterday(dl: Dl, root: Path) -> None:
    own(root)
    make(dl, root, "tag:mine")
    assert dl("assets", "check", "tag:mine", "--root", root, "--json").data["clean"] is True
    own(root, OWN.replace("worst < 100", "worst < 2"))
    ran = dl("assets", "check", "tag:mine@2024-03", "--root", root, "--json")
    assert (ran.status, ran.data["partitions"], ran.data["clean"]) == (4, 4, False)
    assert {(each["check"], each["detail"]) for each in ran.data["findings"]} == {("small", "a range of 2.75")}
    assert dl("assets", "status", "--failed", "--root", root, "--json").data["failed_checks"] == 4


def test_lineage_reaches_from_the_vendors_file_to_the_last_bar(dl: Dl, root: Path) -> None:
    make(dl, root, *TARGETS)
    data = dl("assets", "lineage", "TEST/SPOT/ABC/bars/1h@2024-03-31", "--root", root, "--json").data
    assert data["partition"] == "2024-03"
    leaves = data["up"]["nodes"]
    assert [leaf["partition"] for leaf in leaves] == ["2024-03-30", "2024-03-31"]
    assert {source["name"] for leaf in leaves for source in leaf["sources"]} == {"abc.csv"}
    below = dl("assets", "lineage", "TEST/SPOT/ABC/bars/1m@2024-03-31", "--down", "--root", root, "--json").data
    assert below["up"] is None
    found = {(name(each), each["partition"]) for each in below["down"]["nodes"]}
    assert found == {("bars/5m", "2024-03"), ("bars/1h", "2024-03"), ("bars/1d", "2024")}
    unknown = dl("assets", "lineage", "TEST/SPOT/ABC/bars/1h@2020", "--root", root, "--json")
    assert (unknown.error["code"], unknown.status) == ("E_UNKNOWN_PARTITION", 15)


def test_the_graph_in_every_form(dl: Dl, root: Path) -> None:
    make(dl, root, "bars/1h")
    words = ("assets", "graph", "+bars/1h", "--root", root)
    assert dl(*words).out.splitlines() == [
        "ticks/trade",
        "└─ bars/1m  8 materialized",
        "   └─ bars/1h  6 materialized",
    ]
    assert dl(*words, "--format", "mermaid").out.startswith("flowchart LR\n")
    assert dl(*words, "--format", "svg").out.startswith("<svg ")
    assert dl(*words, "--format", "json").data == dl(*words, "--json").data


def test_a_broken_module_is_an_error_where_it_is_needed_and_nowhere_else(dl: Dl, root: Path) -> None:
    own(root, "x = 1 / 0")
    assert dl("list", "--root", root).status == 0
    assert dl("read", "TEST/SPOT/ABC/bars/1m", "--limit", "1", "--root", root).status == 0
    ran = dl("assets", "list", "--root", root, "--json")
    assert (ran.status, ran.error["code"]) == (2, "E_ASSETS")
    assert ran.error["where"] == f"{root / 'my_assets.py'}:1"


def test_late_is_told_by_the_calendar_of_the_series(dl: Dl, root: Path) -> None:
    (root / "dl.toml").write_text('[assets.freshness]\n"bars/1m" = "1d"\n"TEST/*/XYZ/bars/1m" = "900w"\n')
    data = dl("assets", "status", "--late", "--root", root, "--json").data
    assert [series["address"] for series in data["series"]] == ["TEST/SPOT/ABC/bars/1m"]
    assert data["series"][0]["late_s"] > 86_400
    (root / "dl.toml").write_text('[assets.freshness]\n"bars/1m" = { within = "1d", calendar = "MOON" }\n')
    assert dl("assets", "status", "--root", root, "--json").error["code"] == "E_USAGE"


def test_the_client_answers_as_the_commands_do(root: Path) -> None:
    with dl_datalake.open(root) as lake:
        assert lake.materialize("bars/1d", plan=True).status == "planned"
        assert lake.materialize("bars/1d").built == 4
        assert lake.materialize("bars/1d").status == "nothing"
        [abc, _] = lake.asset_status("bars/1d")
        assert (str(abc.address), abc.partitions, abc.missing, abc.stale) == ("TEST/SPOT/ABC/bars/1d", 2, 0, 0)
        assert [state.partition for state in lake.partition_states("TEST/SPOT/ABC/bars/1d")] == ["2023", "2024"]
        up = lake.lineage("TEST/SPOT/ABC/bars/1d", "2023")
        assert up is not None
        assert [node.partition for node in up.nodes] == ["2023-12-31"]
        assert lake.check("bars/1d").findings == ()


HELD = """
import pyarrow.compute as pc
from dl_datalake.assets import AssetSpec, Check

SPREAD = AssetSpec.of(
    "metrics/cli-spread",
    columns={"spread": "float64"},
    checks=[Check("no_gap", lambda rows: pc.max(rows["spread"]).as_py() < 10 or "a spread of 10 or more")],
)
"""


def test_what_is_written_is_held_to_the_lakes_own_checks(
    dl: Dl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dl.toml").write_text('[assets]\nmodules = ["own_spreads"]\n')
    (tmp_path / "own_spreads.py").write_text(HELD)
    assert dl("init").status == 0
    address = "TEST/SPOT/ABC/metrics/cli-spread"
    moments = [dt.datetime(2024, 3, 30, 0, minute, tzinfo=dt.UTC) for minute in range(3)]
    with dl_datalake.open() as lake:
        assert lake.write(address, pa.table({"ts": moments[:1], "spread": [1.5]})).rows["new"] == 1
        with pytest.raises(LakeError, match=r"no_gap.*: a spread of 10 or more") as caught:
            lake.write(address, pa.table({"ts": moments[1:], "spread": [2.5, 12.5]}))
        assert caught.value.code == "E_CHECK"
        assert lake.read(address).to_arrow()["spread"].to_pylist() == [1.5]
    assert dl("assets", "check", address).status == 0
