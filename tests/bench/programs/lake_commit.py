"""`ROOT SOURCE`: ingest a source whose days are all new; time its commit, and plain writing and syncing of its files.

The commit begins with staged files that are written and not synced: it syncs and moves them, syncs their folders and
records them. What it is held against writes the same bytes to the same tree elsewhere on the same disk, and syncs
files and folders with as many threads; the time of that writing is added to the commit's.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

from lake import write as writing
from lake.config import locate
from lake.files import _SYNC_THREADS
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest


def write_and_sync(pieces: dict[str, bytes], root: Path) -> tuple[float, float]:
    """Write files, sync them and every folder on the way; return the seconds of writing and of all."""
    start = time.perf_counter()
    folders = {root}
    for name, data in pieces.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.update(folder for folder in path.parents if folder.is_relative_to(root))
        path.write_bytes(data)
    written = time.perf_counter() - start
    with ThreadPoolExecutor(_SYNC_THREADS) as pool:
        list(pool.map(sync, [root / name for name in pieces]))
        list(pool.map(sync, folders))
    return written, time.perf_counter() - start


def sync(path: Path) -> None:
    """Have the kernel write a file or a folder out."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def measure(root: Path, source: str) -> dict[str, Any]:
    """Ingest with a stopwatch at the commit."""
    config = locate(root, must_exist=False)
    Manifest.create(config)
    commit, took = writing.commit, []

    def timed(*given: Any) -> int:  # noqa: ANN401 -- passed on as it comes
        start = time.perf_counter()
        snapshot: int = commit(*given)
        took.append(time.perf_counter() - start)
        return snapshot

    with patch.object(writing, "commit", timed):
        ingest(config, IngestRequest((source,), exchange="BINANCE", symbol="BTCUSDT", period="1m"))
    with Manifest.open(config) as manifest:
        pieces = {file.path: (config.data / file.path).read_bytes() for file in manifest.all_files(live_only=True)}
    os.sync()
    written, plain = write_and_sync(pieces, root / "plain")
    return {"files": len(pieces), "commits": len(took), "commit_s": written + sum(took), "plain_s": plain}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])) + "\n")
