from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.config import Config, locate
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    root = tmp_path / "srv" / "lake"
    root.mkdir(parents=True)
    (root / "manifest.db").touch()
    return root


def test_folders_lie_below_the_root(lake: Path) -> None:
    config = locate(lake)
    assert config == Config(root=lake, data=lake / "data", manifest=lake / "manifest.db")
    assert config.log == lake / "data" / "_log" / "commits.jsonl"


@pytest.mark.parametrize("marker", ["manifest.db", "dl.toml"])
def test_lake_is_found_from_a_folder_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marker: str) -> None:
    (tmp_path / marker).touch()
    below = tmp_path / "data" / "BINANCE"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert locate(must_exist=False).root == tmp_path


def test_no_lake_anywhere_names_where_was_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LakeError) as caught:
        locate()
    assert caught.value.code == "E_LAKE_NOT_INITIALISED"
    assert caught.value.exit == Exit.NOT_INITIALISED
    assert str(tmp_path) in caught.value.where
    assert "dl init" in caught.value.fix


def test_a_root_without_manifest_is_no_lake(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"manifest\.db does not exist"):
        locate(tmp_path)


def test_a_folder_may_become_a_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate(must_exist=False).root == tmp_path


def test_argument_wins_over_environment_over_file_over_default(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locate(lake).memory_mb == 128
    (lake / "dl.toml").write_text("[lake]\nmemory_mb = 200\nwait = 1.5\n")
    assert (locate(lake).memory_mb, locate(lake).wait_s) == (200, 1.5)
    monkeypatch.setenv("DL_MEMORY_MB", "300")
    assert locate(lake).memory_mb == 300
    assert locate(lake, memory_mb=400).memory_mb == 400


def test_root_and_paths_come_from_the_environment(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DL_ROOT", str(lake))
    monkeypatch.setenv("DL_DATA_ROOT", str(tmp_path / "disk"))
    monkeypatch.setenv("DL_THREADS", "1")
    config = locate()
    assert (config.root, config.data, config.threads) == (lake, tmp_path / "disk", 1)


def test_paths_in_the_file_are_relative_to_it_and_arguments_to_the_current_folder(
    lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lake / "dl.toml").write_text('[lake]\ndata_root = "../disk"\n')
    monkeypatch.chdir(tmp_path)
    assert locate(lake).data.resolve() == tmp_path / "srv" / "disk"
    assert locate(lake, data_root="elsewhere").data == tmp_path / "elsewhere"


def test_manifest_alone_says_where_the_lake_is(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = locate(db_path="srv/lake/manifest.db", data_root="d")
    assert (config.root, config.manifest, config.data) == (lake, lake / "manifest.db", tmp_path / "d")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[lake]\nmemory_md = 1\n", "did you mean memory_mb"),
        ('[asets]\nmodules = ["mine"]\n', "unknown table 'asets': did you mean assets"),
        ("memory_mb = 64\n", "unknown table 'memory_mb': known: lake"),
        ("[lake]\nthreads = 0\n", "1 or more"),
        ('[lake]\nthreads = "many"\n', "expected a number"),
        ("[lake]\nmemory_mb = true\n", "expected a number"),
        ("[lake]\nwait = nan\n", "expected a number"),
        ("lake = 3\n", "not a table"),
        ("[lake\n", "cannot be read"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(lake: Path, text: str, sentence: str) -> None:
    (lake / "dl.toml").write_text(text)
    with pytest.raises(LakeError, match=sentence) as caught:
        locate(lake)
    assert caught.value.code == "E_USAGE"


def test_a_variable_that_makes_no_sense_is_named(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DL_MEMORY_MB", "lots")
    with pytest.raises(LakeError, match="DL_MEMORY_MB is 'lots'"):
        locate(lake)


# ---- tiers


def test_tiers_are_folders_named_in_dl_toml(lake: Path, tmp_path: Path) -> None:
    assert locate(lake).tiers == {}
    (lake / "dl.toml").write_text(f'[tiers.cold]\npath = "../cold"\n[tiers.disk-2]\npath = "{tmp_path}/two"\n')
    tiers = locate(lake).tiers
    assert {name: settings.path for name, settings in tiers.items()} == {
        "cold": lake.parent / "cold",
        "disk-2": tmp_path / "two",
    }
    assert hash(locate(lake)) == hash(locate(lake))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tiers.hot]\npath = "x"', "'hot' cannot be the name"),
        ('[tiers.Cold]\npath = "x"', "'Cold' cannot be the name"),
        ("[tiers.cold]", "names no path"),
        ("[tiers.cold]\npath = 3", "names no path"),
        ('[tiers.cold]\npaht = "x"', "did you mean path?"),
        ("tiers = 3", "tiers is not a table"),
        ("[tiers]\ncold = 3", r"\[tiers.cold\] is not a table"),
    ],
)
def test_a_tier_that_cannot_be_understood_is_refused(lake: Path, text: str, said: str) -> None:
    (lake / "dl.toml").write_text(text)
    with pytest.raises(LakeError, match=said.replace("?", r"\?")) as caught:
        locate(lake)
    assert caught.value.code == "E_USAGE"
