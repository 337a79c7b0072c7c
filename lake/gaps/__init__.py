"""Gaps: where a stored series has no rows, and why.

Importing this package loads neither pyarrow nor numpy: they are loaded when times have to be read from files.
"""

from lake.gaps.model import (
    KINDS,
    LACKING,
    USUAL,
    Gap,
    GapReport,
    GapRequest,
    Kind,
    Progress,
    SeriesGaps,
    Total,
    kinds_of,
)
from lake.gaps.run import find

__all__ = [
    "KINDS",
    "LACKING",
    "USUAL",
    "Gap",
    "GapReport",
    "GapRequest",
    "Kind",
    "Progress",
    "SeriesGaps",
    "Total",
    "find",
    "kinds_of",
]
