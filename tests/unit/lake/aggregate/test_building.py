"""Partitions are checked before they are stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from lake.manifest import Manifest
from lake.manifest.failures import failures
from lake.write import write
from tests.aggregating import DAY, flat, of, read, refused, run
from tests.manifests import BTC, make_lake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


@dataclass(frozen=True)
class Check:
    name: str
    function: Callable[[pa.Table], object]
    blocking: bool


def test_a_blocking_check_keeps_a_partition_out_and_a_warning_does_not(config: Config) -> None:
    write(config, BTC, flat("2024-01-31T00:00", 40 * DAY, step=60))

    def february(table: pa.Table) -> object:
        return table.column("ts")[0].as_py().month != 2 or "it is February"

    warning = Check("odd month", february, blocking=False)
    run(config, "1h", checks={"bars/1h": [warning]})
    assert {row["ts"].month for row in read(config, of("1h"))} == {1, 2, 3}
    blocking = replace(warning, blocking=True)
    error = refused("CHECK", lambda: run(config, "4h", checks={"bars/4h": [blocking]}))
    assert "it is February" in error.message
    assert {row["ts"].month for row in read(config, of("4h"))} == {1, 3}
    with Manifest.open(config) as manifest:
        assert [(f.address.period, f.partition, f.code) for f in failures(manifest)] == [("4h", "2024-02", "E_CHECK")]
    run(config, "4h")
    assert {row["ts"].month for row in read(config, of("4h"))} == {1, 2, 3}
    with Manifest.open(config) as manifest:
        assert failures(manifest) == []
