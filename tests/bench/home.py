"""Where the bench keeps what it generates: vendor files, the peers' virtual environments, stores.

DL_BENCH_HOME names the folder (default: ~/.cache/dl-bench, about 9 GB with every input); DL_VENDOR_DATA the real vendor
files of the disk workload (default: ../shared/data beside the repository).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
READ_BYTES = 1 << 20


def home() -> Path:
    """The folder of everything generated; it is made when it is not there."""
    named = os.environ.get("DL_BENCH_HOME")
    folder = Path(named).resolve() if named else Path.home() / ".cache" / "dl-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def vendor_data() -> Path:
    """The folder of real vendor files; it may not exist."""
    named = os.environ.get("DL_VENDOR_DATA")
    return Path(named).resolve() if named else REPOSITORY.parent / "shared" / "data"


def fresh(path: Path) -> Path:
    """An empty folder at this path, whatever stood there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def generated(name: str) -> tuple[Path, dict[str, Any]]:
    """A generated vendor file and its rows, bytes and sha256; made once, and again when the generator changes."""
    folder = home() / "inputs"
    folder.mkdir(exist_ok=True)
    target, facts = folder / name, folder / f"{name}.json"
    generator = hashlib.sha256((REPOSITORY / "tests" / "bench" / "generate.py").read_bytes()).hexdigest()
    if target.exists() and facts.exists():
        known = json.loads(facts.read_text())
        if known.get("generator") == generator:
            return target, known
    sys.stderr.write(f"generating {name}\n")
    argv = [sys.executable, "-m", "tests.bench.generate", name, str(target)]
    made = subprocess.run(argv, cwd=REPOSITORY, check=True, capture_output=True, text=True)
    known = json.loads(made.stdout) | {"generator": generator}
    facts.write_text(json.dumps(known))
    return target, known


def into_page_cache(path: Path) -> None:
    """Read a file once, so that no contender pays for a cold disk."""
    buffer = bytearray(READ_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def peer_python(peer: str) -> str:
    """The interpreter of a peer's own environment: ArcticDB and Dagster need other versions than this project."""
    folder = home() / f"venv-{peer}"
    python, stamp = folder / "bin" / "python", folder / "requirements.txt"
    requirements = REPOSITORY / "tests" / "bench" / "programs" / f"{peer}.txt"
    wanted = requirements.read_text()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    sys.stderr.write(f"installing {peer} into {folder}\n")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)]
    subprocess.run(install, check=True)
    stamp.write_text(wanted)
    return str(python)


def dl() -> list[str]:
    """The command under measurement: the installed script beside this interpreter, else its module."""
    script = Path(sys.executable).parent / "dl"
    return [str(script)] if script.exists() else [sys.executable, "-m", "dl_datalake.cli"]
