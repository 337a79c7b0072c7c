"""What differs between two states of a series, or between two series of one schema: rows, columns, partitions."""

from lake.diff.model import DiffReport, PartDiff, Progress, Side, Tally
from lake.diff.run import diff

__all__ = ["DiffReport", "PartDiff", "Progress", "Side", "Tally", "diff"]
