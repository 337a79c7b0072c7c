"""Coarser bars made from finer ones and from ticks: one pass over what changed makes all targets."""

from lake.aggregate.model import AggregateReport, AggregateRequest, Progress, TargetReport
from lake.aggregate.run import aggregate
from lake.aggregate.targets import target_addresses

__all__ = [
    "AggregateReport",
    "AggregateRequest",
    "Progress",
    "TargetReport",
    "aggregate",
    "target_addresses",
]
