"""What the figures were measured on, and with which versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench import home

KIB_PER_GIB = 1 << 20
ASK = """
import importlib.metadata, json, sys
found = dict.fromkeys(sys.argv[1:], "not installed")
for name in found:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def describe() -> dict[str, Any]:
    """Processor, cores, memory and the file system of the stores."""
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory.split()[1]) / KIB_PER_GIB, 1),
        "file_system": file_system(home.home()),
    }


def processor() -> str:
    """The processor's name for itself."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def file_system(path: Path) -> str:
    """The type of the file system that holds a path."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    holding = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(holding)[1]


def versions() -> dict[str, str]:
    """Ours, with the commit it was measured at, and the peers'."""
    ours = installed(sys.executable, "dl-datalake", "pyarrow", "pandas", "typer", "duckdb", "polars")
    theirs = installed(home.peer_python("arcticdb"), "arcticdb", "pandas")
    ours["dl-datalake"] = f"{ours['dl-datalake']} ({commit()})"
    found = {"Python": platform.python_version()} | ours
    found["ArcticDB"] = f"{theirs['arcticdb']} (with pandas {theirs['pandas']})"
    for name, package in (("delta-rs", "deltalake"), ("Dagster", "dagster"), ("Feast", "feast")):
        python = home.home() / f"venv-{package}" / "bin" / "python"
        if python.exists():  # made by the workloads that need it; where it cannot be, they say so
            found[name] = installed(str(python), package)[package]
    return found


def installed(python: str, *names: str) -> dict[str, str]:
    """Versions of installed distributions, asked in a process of its own to keep this one small."""
    answer = subprocess.run([python, "-c", ASK, *names], capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def commit() -> str:
    """The commit that is checked out, or that there is none."""
    asked = ["git", "-C", str(home.REPOSITORY), "rev-parse", "--short", "HEAD"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return f"commit {answer.stdout.strip()}" if answer.returncode == 0 else "no commit"
