"""Where things lie below the data root, and how rows fall into partitions."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from schemas.keys import DAY_US, Address, Partition

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from schemas.periods import Grain

STAGING = "_staging"
LOG = "_log"
REPLACED = "_replaced"
"""Where files go that are live no more, so that a plain glob over an exchange sees each row once."""


def directory(address: Address, partition: Partition) -> str:
    """Return the folder of a partition's files, relative to the data root, with forward slashes."""
    return f"{address}/{partition.path}"


def file_name(sha256: str) -> str:
    """Return a name no file had before: time, a part of its hash, and chance."""
    return f"{time.time_ns():x}-{sha256[:12]}-{secrets.token_hex(4)}.parquet"


def partition_days(ts: NDArray[np.int64], per_day: int, grain: Grain) -> NDArray[np.int64]:
    """Return for each time the first day of its partition, in days since 1970-01-01.

    Args:
        ts: Times since the epoch, in the unit of which a day has `per_day`.
        per_day: Units a day: 86_400_000_000 for microseconds.
        grain: How long a partition is.
    """
    days = ts // per_day
    if grain == "day":
        return days
    unit = {"month": "datetime64[M]", "year": "datetime64[Y]"}[grain]
    return days.astype("datetime64[D]").astype(unit).astype("datetime64[D]").astype("int64")


PER_DAY = {"us": DAY_US, "ns": DAY_US * 1000}
NS_PER = {"us": 1000, "ns": 1}
