"""Checks of the user's own: what they say of a partition's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from lake.errors import LakeError
from lake.manifest.rows import CheckRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import pyarrow as pa

    from schemas.keys import Address


class Check(Protocol):
    """A check of the user's on the rows of one partition."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def blocking(self) -> bool:
        """Whether a partition that fails it is not stored."""

    @property
    def function(self) -> Callable[[pa.Table], object]:
        """Takes the partition's rows; returns True, or what is wrong in words."""


def no_checks(_key: str) -> Sequence[Check]:
    """Return the checks of an asset that nobody declared."""
    return ()


def outcome(check: Check, table: pa.Table) -> tuple[bool, str]:
    """Run a check on a partition's rows; return whether it passed, and else what is wrong."""
    try:
        said = check.function(table)
    except Exception as error:  # noqa: BLE001 -- a check that cannot be run has not passed, and says why
        return False, f"{type(error).__name__}: {error}"
    if said is True or said is np.True_:
        return True, ""
    if said is None:
        return False, "it returned None: a check returns True, or what is wrong"
    return False, str(said) if isinstance(said, str) and said else "it does not hold"


def hold(checks: Iterable[Check], table: pa.Table, address: Address, label: str) -> list[CheckRecord]:
    """Hold a partition's rows to checks; return what is to be recorded of them.

    Raises:
        LakeError: CHECK at the first one that fails and is blocking.
    """
    records = []
    for check in checks:
        passed, detail = outcome(check, table)
        if not passed and check.blocking:
            raise LakeError("CHECK", f"{check.name}: {detail}", where=f"{address} {label}")
        records.append(CheckRecord(address, label, check.name, passed=passed, detail=detail))
    return records
