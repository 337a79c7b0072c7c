"""`--via prefect`, `dl deploy` and `dl up` where no server answers, and what is loaded where none is asked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.runs import REPO

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
    monkeypatch.setenv("PREFECT_API_URL", url)
    return url


def ingest(lake: Path, source: Path) -> list[str | Path]:
    return ["ingest", "--source", source, "--exchange", "TEST", "--symbol", "abc", "--root", lake]


def test_no_server_is_said_with_two_ways_on(dl: Dl, lake: Path, bars: Path, nobody: str) -> None:
    ran = dl(*ingest(lake, bars), "--via", "prefect", "--json")
    assert ran.status == 13
    assert ran.error["code"] == "E_PREFECT_DOWN"
    assert nobody in ran.error["message"]
    assert ran.error["fix"] == [
        "prefect server start --host 127.0.0.1, in another terminal",
        "or drop --via prefect: the same is done here, without a server",
    ]
    assert dl("list", "--root", lake, "--json").data[0]["snapshot"] == 1


def test_variable_asks_for_it_too_and_the_option_has_the_last_word(
    dl: Dl, lake: Path, bars: Path, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DL_VIA", "prefect")
    assert nobody in dl(*ingest(lake, bars)).err
    assert dl(*ingest(lake, bars), "--via", "here").status == 0
    monkeypatch.setenv("DL_VIA", "pigeon")
    assert "DL_VIA pigeon" in dl(*ingest(lake, bars), "--json").error["message"]


@pytest.mark.usefixtures("nobody")
def test_deploy_needs_a_server(dl: Dl, lake: Path) -> None:
    assert dl("deploy", "--root", lake, "--json").error["code"] == "E_PREFECT_DOWN"


def test_up_starts_no_server_for_another_machine(dl: Dl, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.invalid:4200/api")
    error = dl("up", "--root", lake, "--json").error
    assert error["code"] == "E_PREFECT_DOWN"
    assert "not this machine" in error["message"]


def test_inbox_tells_what_became_of_each_file(dl: Dl, lake: Path, bars: Path) -> None:
    inbox = lake / "inbox"
    (inbox / "TEST" / "SPOT" / "ABC").mkdir(parents=True)
    (inbox / "TEST" / "SPOT" / "ABC" / "bars.csv").write_bytes(bars.read_bytes())
    (inbox / "page.html").write_text("<html></html>\n", "utf-8")
    assert sorted(dl("inbox", "--root", lake, "--json").data["waiting"]) == ["TEST/SPOT/ABC/bars.csv", "page.html"]
    ran = dl("inbox", "--root", lake, "--settle", "0", "--json")
    assert ran.status == 3
    assert ran.data["folder"] == str(inbox)
    [taken], [refused] = ran.data["taken"], ran.data["refused"]
    assert (taken["name"], taken["moved_to"]) == ("TEST/SPOT/ABC/bars.csv", "done/TEST/SPOT/ABC/bars.csv")
    assert (taken["file"]["addresses"], taken["file"]["rows"]["new"]) == (["TEST/SPOT/ABC/bars/1m"], 10)
    assert (refused["name"], refused["moved_to"]) == ("page.html", "refused/page.html")
    assert (ran.data["left"], ran.data["waiting"]) == ([], [])
    again = dl("inbox", "--root", lake, "--settle", "0")
    assert (again.status, again.out) == (0, f"{inbox}: 0 files taken\n")


def test_folder_can_be_named(dl: Dl, lake: Path, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "page.html").write_text("<html></html>\n", "utf-8")
    ran = dl("inbox", drop, "--root", lake, "--settle", "0")
    assert ran.status == 3
    assert "page.html: refused, E_" in ran.out
    assert (drop / "refused" / "page.html.reason.txt").is_file()


PROBE = """
import sys
from dl_datalake.cli import run
status = run(sys.argv[1:])
print("prefect" in sys.modules, file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize("verb", ["ingest", "aggregate", "seal", "inbox", "offload"])
def test_prefect_is_loaded_only_when_it_is_asked_for(lake: Path, bars: Path, verb: str) -> None:
    series = "BINANCE/SPOT/BTCUSDT/bars/1m"
    every: dict[str, list[str | Path]] = {
        "ingest": ingest(lake, bars),
        "aggregate": ["aggregate", series, "--to", "1h", "--root", lake],
        "seal": ["seal", "--root", lake],
        "inbox": ["inbox", "--root", lake],
        "offload": ["offload", "--to", lake.parent / "cold", "--root", lake],
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("DL_")}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *map(str, every[verb])],
        cwd=REPO,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "False"
