"""The files around the code agree with each other and give their reasons."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import dl_datalake

REPO = Path(__file__).resolve().parent.parent
PACKAGES = ("dl_datalake", "lake", "pipelines", "schemas")
PYPROJECT = (REPO / "pyproject.toml").read_text(encoding="utf-8")
IGNORES_MAX = 20


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads(PYPROJECT)


def test_version_is_the_newest_of_the_changelog(pyproject: dict[str, Any]) -> None:
    newest = re.search(r"^## \[(\d[^]]*)\]", (REPO / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == pyproject["project"]["version"] == dl_datalake.__version__


def test_constraints_are_exact_and_cover_what_we_ask_for(pyproject: dict[str, Any]) -> None:
    lines = [line for line in (REPO / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+-]+", line)] == []

    def same(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    pins = {same(name): version for name, _, version in (line.partition("==") for line in lines)}
    project = pyproject["project"]
    asked = [
        Requirement(text) for text in project["dependencies"] + list(chain(*project["optional-dependencies"].values()))
    ]
    missed = [
        str(item)
        for item in asked
        if same(item.name) != project["name"] and not item.specifier.contains(pins.get(same(item.name), "0"))
    ]
    assert missed == []


def test_make_help_lists_every_target() -> None:
    makefile = (REPO / "Makefile").read_text(encoding="utf-8")
    [phony] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory"],  # noqa: S607 - make is where the developer has it
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.findall(r"make (\w+)", shown) == phony.split()
    assert len(phony.split()) <= 10


def test_every_ignored_rule_has_its_reason(pyproject: dict[str, Any]) -> None:
    lint = pyproject["tool"]["ruff"]["lint"]
    codes = [*lint["ignore"], *chain(*lint["per-file-ignores"].values())]
    bare = [code for code in codes if not re.search(rf'^ *"{code}", *# \S+ \S+', PYPROJECT, re.MULTILINE)]
    assert bare == []
    assert len(codes) <= IGNORES_MAX


def test_every_silenced_warning_has_its_reason() -> None:
    silenced = re.compile(r"#\s*(noqa|type:\s*ignore)")
    reasoned = re.compile(r"#\s*(noqa: [A-Z]+\d+(, [A-Z]+\d+)*|type: ignore\[[\w, -]+\])\s+(--?|#)\s+\S.{4,}")
    bare = [
        f"{path.relative_to(REPO)}:{token.start[0]}"
        for root in (*PACKAGES, "tests")
        for path in (REPO / root).rglob("*.py")
        for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        if token.type == tokenize.COMMENT and silenced.search(token.string) and not reasoned.search(token.string)
    ]
    assert bare == []


def test_sql_contract_leaves_no_module_out(pyproject: dict[str, Any]) -> None:
    contracts = {contract["name"]: contract for contract in pyproject["tool"]["importlinter"]["contracts"]}
    contract = contracts["Only the manifest speaks SQL"]
    assert sorted(contract["source_modules"]) == sorted(PACKAGES)
    exempt = {line.split(" -> ")[0] for line in contract["ignore_imports"]}
    assert exempt == {"lake.manifest", "lake.manifest.**"}


def test_every_module_of_the_lake_has_one_layer(pyproject: dict[str, Any]) -> None:
    contracts = pyproject["tool"]["importlinter"]["contracts"]
    [contract] = [contract for contract in contracts if contract.get("containers") == ["lake"]]
    placed = [name.strip(" ()") for layer in contract["layers"] for name in layer.split("|")]
    lake = REPO / "lake"
    present = {path.stem for path in lake.glob("*.py")} | {path.parent.name for path in lake.glob("*/__init__.py")}
    assert contract["exhaustive"]
    assert present - {"__init__"} - set(placed) == set()
    assert len(placed) == len(set(placed))
