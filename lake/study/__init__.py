"""Locks of studies: what a study read is written down, so that it can be read again, or be said to have changed."""

from lake.study.document import Lock, PinnedPart, PinnedSeries, load, save
from lake.study.reading import Checked, Progress, Reading, check, read
from lake.study.taking import take

__all__ = [
    "Checked",
    "Lock",
    "PinnedPart",
    "PinnedSeries",
    "Progress",
    "Reading",
    "check",
    "load",
    "read",
    "save",
    "take",
]
