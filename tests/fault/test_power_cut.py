"""The power of a real file system is cut: what its journal brings back is a lake."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.disks import KINDS, Disk, cut_power
from tests.fault.harness.invariants import VERIFY
from tests.fault.harness.shim import fast_folder
from tests.fault.harness.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fault.harness.client import Client

POINTS = 20


@pytest.fixture(params=KINDS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with tempfile.TemporaryDirectory(prefix="dl-power-", dir=fast_folder(tmp_path)) as folder:
        made = Disk(request.param, Path(folder))
        try:
            yield made
        finally:
            made.unmount()


def test_an_ingest_survives_a_real_power_cut(faults: Client, disk: Disk) -> None:
    points = random.Random(4).sample(range(1, faults.plan("ingest").ops), POINTS)  # noqa: S311 -- the same every time
    cut_power(faults, disk, "ingest", points).settle("power cut: ingest", least=POINTS)


def test_a_real_power_cut_takes_what_was_not_synced(faults: Client, disk: Disk) -> None:
    after_the_commit = faults.plan("write").ops - 6
    tally = cut_power(faults, disk, "write", [after_the_commit], mutation="no sync of files")
    assert list(tally.rules) == [VERIFY]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_survives_a_real_power_cut_at_any_operation(faults: Client, disk: Disk, verb: str) -> None:
    cut_power(faults, disk, verb, range(1, faults.plan(verb).ops)).settle(f"power cut: {verb}")
