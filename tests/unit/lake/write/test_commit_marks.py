"""What a committed file bears: a mode that says so, and in its footer how far the lake was when it was staged."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from lake import files
from lake.delete import DeleteRequest, delete
from lake.files import publish
from lake.manifest import Manifest
from lake.manifest.tiers import lake_id
from lake.offload import RestoreRequest, restore
from lake.rollback import RollbackRequest, rollback
from lake.seal import SealRequest, seal
from lake.write import write
from tests.manifests import make_lake
from tests.sealing import FAR_NS
from tests.tables import bar, bars
from tests.tiers import BTC, FIRST_DAY, hot_files, live, move_away, old_lake, take_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lake.config import Config
    from lake.files import StagedFile

DAY_NS = 86_400 * 10**9
module: Any = importlib.import_module("lake.write.commit")  # the package has a function of that name


def footer(config: Config, path: str) -> dict[str, str]:
    """Return what is ours of a file's footer."""
    metadata = pq.read_metadata(config.data / path).metadata
    return {key.decode(): value.decode() for key, value in metadata.items() if key.startswith(b"dl.")}


def bases(config: Config) -> dict[str, int]:
    return {label: int(footer(config, file.path)["dl.base"]) for label, file in live(config).items()}


def modes(config: Config) -> set[int]:
    return {(config.data / path).stat().st_mode & 0o777 for path in hot_files(config)}


def test_a_file_says_of_which_lake_it_is_and_after_which_snapshot_it_was_staged(tmp_path: Path) -> None:
    config = old_lake(tmp_path, days=3)
    assert set(bases(config).values()) == {0}
    take_in(config, range(1, 2), 200.0)
    take_in(config, range(1, 2), 300.0)
    assert bases(config) == {"2022-01-01": 0, "2022-01-02": 2, "2022-01-03": 0}
    with Manifest.open(config) as manifest:
        lake = lake_id(manifest)
    assert {footer(config, path)["dl.lake"] for path in hot_files(config)} == {lake}


def test_a_file_that_was_merged_anew_tells_of_the_snapshot_it_was_merged_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_lake(tmp_path)
    minute = FIRST_DAY * 1440
    write(config, BTC, bars(bar(minute)))
    write(config, BTC, bars(bar(minute + 5000)))
    outrun: list[int] = []

    def overtaken(data: Path, staged: Sequence[StagedFile]) -> None:
        if not outrun:
            outrun.append(0)
            outrun.append(write(config, BTC, bars(bar(minute + 1))).snapshot)
        publish(data, staged)

    monkeypatch.setattr(files, "publish", overtaken)
    write(config, BTC, bars(bar(minute + 2)))
    assert outrun == [0, 3]
    assert bases(config)["2022-01-01"] == 3


@pytest.mark.parametrize("verb", ["write", "delete", "rollback", "seal", "restore"])
def test_every_committed_file_is_marked(tmp_path: Path, verb: str) -> None:
    config = old_lake(tmp_path / "lake", days=4)
    assert modes(config) == {0o444}
    selection = (str(BTC),)
    if verb == "write":
        write(config, BTC, bars(bar(FIRST_DAY * 1440 + 7)))
    elif verb == "delete":
        start = FIRST_DAY * DAY_NS
        delete(config, DeleteRequest(selection, start, start + 60 * 10**9))
    elif verb == "rollback":
        take_in(config, range(2), 200.0)
        rollback(config, RollbackRequest(selection, 1))
    elif verb == "seal":
        seal(config, SealRequest(selection), now_ns=FAR_NS)
    else:
        move_away(config, tmp_path / "cold", older_than_ns=0)
        assert hot_files(config) == set()
        restore(config, RestoreRequest(selection))
    assert hot_files(config)
    assert modes(config) == {0o444}


def test_a_file_that_is_not_committed_is_not_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = old_lake(tmp_path, days=1)
    seen: list[int] = []

    def look(data: Path, staged: Sequence[StagedFile]) -> None:
        publish(data, staged)
        seen.extend((data / file.path).stat().st_mode & 0o222 for file in staged)

    monkeypatch.setattr(files, "publish", look)
    take_in(config, range(1, 2), 1.0)
    assert seen
    assert all(seen)
