"""Where things lie below the data root, and how rows fall into partitions."""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from schemas.keys import DAY_US, Address, Partition, decode, encode, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from schemas.periods import Grain

STAGING = "_staging"
LOG = "_log"
REPLACED = "_replaced"
"""Where files go that are live no more, so that a plain glob over an exchange sees each row once."""
BOOKS = "_books"
"""Where indexes of order books are kept: made of the data, and made anew when they are gone."""
QUARANTINE = "_quarantine"
"""Where files go that a repair does not trust: never read, and never removed by the lake."""

READ_ONLY = 0o444
"""The mode of a data file once its commit took place: nobody writes to it any more, and it tells so by itself."""

_OURS = re.compile("[0-9a-f]+-[0-9a-f]{12}-[0-9a-f]{8}[.]parquet")


def directory(address: Address, partition: Partition) -> str:
    """Return the folder of a partition's files, relative to the data root, with forward slashes."""
    return f"{address}/{partition.path}"


def file_name(sha256: str) -> str:
    """Return a name no file had before: time, a part of its hash, and chance."""
    return f"{time.time_ns():x}-{sha256[:12]}-{secrets.token_hex(4)}.parquet"


def data_files(data: Path) -> Iterator[str]:
    """Yield every file below the folders of exchanges; what else lies in the data root is not the lake's."""
    tops = [top for base in (data, data / REPLACED) if base.is_dir() for top in sorted(base.iterdir())]
    skipped = len(str(data)) + 1
    for top in tops:
        if top.is_dir() and names_exchange(top.name):
            for folder, _, names in os.walk(top):
                yield from (f"{folder[skipped:]}/{name}" for name in names)


def names_exchange(name: str) -> bool:
    """Whether a folder in the data root may be an exchange's: names are upper case, the lake's own are not."""
    with suppress(ValueError):
        return encode(normalise(decode(name))) == name
    return False


def is_ours(name: str) -> bool:
    """Whether a file's name is one that `file_name` gives."""
    return _OURS.fullmatch(name) is not None


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
