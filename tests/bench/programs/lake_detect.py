"""Time what it takes to see what a file is, imports apart: `lake_detect FILE N`; prints milliseconds of N calls."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from lake.sources import SourceOptions, detect


def measure(path: Path, calls: int) -> list[float]:
    """Detect again and again; the first call has the file's head to read and parsers to load."""
    times = []
    for _ in range(calls):
        begun = time.perf_counter()
        detect(path, SourceOptions())
        times.append((time.perf_counter() - begun) * 1000)
    return times


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"times_ms": measure(Path(sys.argv[1]), int(sys.argv[2]))}) + "\n")
