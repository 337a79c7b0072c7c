"""A user's own schemas.py in the current folder must stop us with one clear sentence, or not matter at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SENTENCE = (
    "was found where dl-datalake's package 'schemas' should be; rename it, use the `dl` command, or run `python -P`"
)


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    (tmp_path / "schemas.py").write_text("TABLES = ['orders']\n")
    return tmp_path


def test_shadowed_package_is_named_with_the_way_out(users_folder: Path) -> None:
    done = run(sys.executable, "-m", "dl_datalake.cli", "--help", cwd=users_folder)
    assert done.returncode != 0
    assert f"{users_folder / 'schemas.py'} {SENTENCE}" in done.stderr


def test_import_in_a_notebook_is_refused_too(users_folder: Path) -> None:
    done = run(sys.executable, "-c", "import dl_datalake", cwd=users_folder)
    assert f"{users_folder / 'schemas.py'} {SENTENCE}" in done.stderr


def test_module_already_imported_is_found_out(users_folder: Path) -> None:
    done = run(sys.executable, "-c", "import schemas, dl_datalake", cwd=users_folder)
    assert f"{users_folder / 'schemas.py'} {SENTENCE}" in done.stderr


@pytest.mark.parametrize("name", ["lake", "pipelines"])
def test_other_packages_are_guarded_as_well(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    done = run(sys.executable, "-c", "import dl_datalake", cwd=tmp_path)
    assert f"where dl-datalake's package {name!r} should be" in done.stderr


def test_folder_of_the_same_name_without_init_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    assert run(sys.executable, "-c", "import dl_datalake", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    "command",
    [[str(Path(sys.executable).parent / "dl")], [sys.executable, "-P", "-m", "dl_datalake.cli"]],
    ids=["dl", "python -P"],
)
def test_both_ways_out_work(users_folder: Path, command: list[str]) -> None:
    done = run(*command, "--help", cwd=users_folder)
    assert done.returncode == 0, done.stderr
