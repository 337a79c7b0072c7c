"""Offload, restore, ingest and readers of the same partitions at once: no row is lost, none is seen twice."""

from __future__ import annotations

import multiprocessing
import time
from typing import TYPE_CHECKING

from lake.check import verify
from lake.config import Config, TierSettings
from lake.errors import LakeError
from lake.offload import OffloadRequest, RestoreRequest, offload, restore
from tests.tiers import BTC, MINUTES, content, hot_files, old_lake, take_in

if TYPE_CHECKING:
    from pathlib import Path

DAYS, CORRECTIONS = 8, 20
CHILDREN = multiprocessing.get_context("forkserver")
CHILDREN.set_forkserver_preload(["lake.ingest", "lake.offload", "sqlite_utils", "pandera", "pandas", "schemas.models"])


def correct(config: Config) -> None:
    """Run in a child: correct every day, again and again."""
    for turn in range(CORRECTIONS):
        take_in(config, range(turn % 3, DAYS), 200.0 + turn)


def move_to_and_fro(config: Config, stop: object) -> None:
    """Run in a child: offload and restore until told to stop."""
    while not stop.is_set():  # type: ignore[attr-defined]  # an event of the context
        offload(config, OffloadRequest(to="cold", grace_s=0, force=True, older_than_ns=0))
        restore(config, RestoreRequest((str(BTC),)))


def test_corrections_of_files_that_move_are_all_there(tmp_path: Path) -> None:
    config = old_lake(tmp_path / "lake", DAYS)
    config = Config(
        config.root, config.data, config.manifest, wait_s=60.0, tiers={"cold": TierSettings(tmp_path / "c")}
    )
    stop = CHILDREN.Event()
    mover = CHILDREN.Process(target=move_to_and_fro, args=(config, stop))
    writer = CHILDREN.Process(target=correct, args=(config,))
    mover.start()
    writer.start()
    wrong: list[str] = []
    reads = 0
    deadline = time.monotonic() + 120
    while writer.is_alive() and time.monotonic() < deadline:
        try:
            table = content(config)
        except LakeError as error:
            wrong.append(f"{error.message} {error.where}")
            continue
        reads += 1
        if table.num_rows != DAYS * MINUTES:
            wrong.append(f"{table.num_rows} rows")
    stop.set()
    for child in (writer, mover):
        child.join(60)
        assert child.exitcode == 0
    assert wrong == []
    assert reads > 3
    last = content(config)
    closes = last.column("close").to_pylist()
    for day in range(DAYS):
        turn = max(turn for turn in range(CORRECTIONS) if turn % 3 <= day)
        assert closes[day * MINUTES : (day + 1) * MINUTES] == [
            200.0 + turn + day + minute / 100 for minute in range(MINUTES)
        ]
    report = verify(config)
    assert report.ok, (report.missing, report.damaged, report.chain)
    assert [path for path in report.orphans if not path.startswith("cold:")] == []
    offload(config, OffloadRequest(to="cold", grace_s=0, force=True, older_than_ns=0))
    assert hot_files(config) == set()
    assert content(config).equals(last)
