"""A disk that fails or is full, at any operation, once or for good: an error that says so, and a retry that works."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.shim import ALLOCATES, EVERY, TAKES, Mode
from tests.fault.harness.sweep import sweep
from tests.fault.harness.verbs import VERBS

if TYPE_CHECKING:
    from tests.fault.harness.client import Client

DISKS = {
    "EIO once": (Mode.FAIL_ONCE, errno.EIO, EVERY),
    "EIO from then on": (Mode.FAIL_ON, errno.EIO, EVERY),
    "EIO of writes from then on": (Mode.FAIL_ON, errno.EIO, TAKES),
    "ENOSPC once": (Mode.FAIL_ONCE, errno.ENOSPC, ALLOCATES),
    "ENOSPC from then on": (Mode.FAIL_ON, errno.ENOSPC, ALLOCATES),
}


@pytest.mark.timeout(900)
def test_an_ingest_meets_an_error_at_any_operation(faults: Client) -> None:
    sweep(faults, "ingest", Mode.FAIL_ONCE, error=errno.EIO).settle("EIO once: ingest", least=300)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("disk", DISKS)
def test_a_verb_meets_a_failing_disk_at_any_operation(faults: Client, verb: str, disk: str) -> None:
    mode, error, letters = DISKS[disk]
    sweep(faults, verb, mode, error=error, letters=letters).settle(f"{disk}: {verb}")
