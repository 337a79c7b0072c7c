"""Running `dl` in this process, and checking the JSON documents it prints against their published schemas."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from jsonschema import Draft202012Validator

from dl_datalake.cli import run

REPO = Path(__file__).resolve().parents[1]
BTCUSDT = "BINANCE/SPOT/BTCUSDT/bars/1m"
BARS = "ts,open,high,low,close,volume\n" + "".join(
    f"2024-03-01T00:{minute:02}:00Z,{100 + minute},{102 + minute},{99 + minute},{101 + minute},{minute + 0.5}\n"
    for minute in range(10)
)
BAD_LINE = "2024-03-01T00:10:00Z,100,1,99,101,5\n"
"""High lies below the rest."""
HEAVY = ("pandas", "pyarrow", "numpy", "pandera", "prefect", "sqlite_utils", "pydantic", "rich", "duckdb")
PROBE = f"""
import sys
from dl_datalake.cli import run
status = run(sys.argv[1:])
print("loaded", *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
sys.exit(status)
"""


@dataclass(frozen=True)
class Ran:
    """What one run of `dl` came to."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout, checked against its published schema."""
        [line] = self.out.splitlines()
        document: dict[str, Any] = json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        validator(document["schema"]).validate(document)
        return document

    @property
    def data(self) -> Any:  # noqa: ANN401 - each command has its own
        """The `data` of a document that is no error."""
        document = self.document
        assert document["ok"] is True
        return document["data"]

    @property
    def error(self) -> dict[str, Any]:
        """The error of a document that is one."""
        document = self.document
        assert document["schema"] == "dl.error/1"
        error: dict[str, Any] = document["error"]
        assert error["exit"] == self.status
        return error


class Dl(Protocol):
    """Runs `dl` with some words."""

    def __call__(self, *words: str | Path) -> Ran:
        """Return what came of it."""


def runner(capture: pytest.CaptureFixture[bytes]) -> Dl:
    """Return what runs `dl` and takes up what it prints."""

    def dl(*words: str | Path) -> Ran:
        capture.readouterr()
        status = run([str(word) for word in words])
        captured = capture.readouterr()
        return Ran(int(status), captured.out.decode(), captured.err.decode())

    return dl


def heavy(root: Path, words: tuple[str, ...]) -> list[str]:
    """Return what a command of a lake imports that is heavy."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words],
        cwd=REPO,
        env=os.environ | {"DL_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *names = done.stderr.splitlines()[-1].split()
    assert first == "loaded"
    return names


def validator(name: str) -> Draft202012Validator:
    """Return the validator of `dl.list/1` and the like."""
    match = re.fullmatch(r"dl\.([a-z.-]+)/1", name)
    assert match is not None, name
    schema = json.loads((REPO / "docs" / "json" / f"{match[1]}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def only_file(root: Path) -> Path:
    """Return the one data file of a lake."""
    [path] = (root / "data").rglob("*.parquet")
    return path
