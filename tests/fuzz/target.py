"""`python -m tests.fuzz.target CORPUS [libFuzzer's options]`: coverage-guided fuzzing of the readers and of ingest.

An input's first byte chooses the file's name, the second the words it is read with, the third what the rest is wrapped
in and whether it is ingested into a lake as well; the rest is the file. `DL_FUZZ_FOLDER` is where files and lakes are
made; it should be in memory.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["lake.sources", "lake.ingest"]):
    import lake.ingest
    import lake.sources

    # What is imported only when it is needed would come too late to be watched.
    for package in (lake.sources, lake.ingest):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

from lake.ingest import IngestRequest
from lake.sources import SourceOptions
from tests.fuzz.inputs import LAKE, MOST_CPU_S, unpacked
from tests.ledgers import hold, ingest_adds_up, read_adds_up
from tests.manifests import make_lake

FOLDER = Path(os.environ.get("DL_FUZZ_FOLDER", "/dev/shm/dl-fuzz"))  # noqa: S108 -- a folder in memory, one fuzzer's


def one_input(data: bytes) -> None:
    """Try one input; whatever is raised is a finding."""
    case = unpacked(data)
    if case is None:
        return
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / case.name
    path.write_bytes(case.data)
    words: dict[str, Any] = dict(case.words)
    begun = time.process_time()
    try:
        read_adds_up(path, SourceOptions(**words))
        if case.into == LAKE:
            root = FOLDER / "lake"
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            ingest_adds_up(make_lake(root), IngestRequest((str(path),), **words))
    finally:
        path.unlink()
    spent = time.process_time() - begun
    hold(spent < MOST_CPU_S, f"one input took {spent:.1f} s of CPU")


def main() -> None:
    """Fuzz until libFuzzer is told to stop."""
    warnings.simplefilter("error")
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
