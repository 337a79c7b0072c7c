"""What was made from what, what is to be made of it, and what is out of date."""

from lake.lineage.expected import Cut, Expectation, containing
from lake.lineage.reasons import stale_reasons
from lake.lineage.status import (
    PartitionState,
    SeriesStatus,
    State,
    beside,
    census,
    missing_partitions,
    partition_states,
    resolved,
    status,
)
from lake.lineage.walk import LineageNode, behind, down, up
from lake.manifest.graph import inputs

__all__ = [
    "Cut",
    "Expectation",
    "LineageNode",
    "PartitionState",
    "SeriesStatus",
    "State",
    "behind",
    "beside",
    "census",
    "containing",
    "down",
    "inputs",
    "missing_partitions",
    "partition_states",
    "resolved",
    "stale_reasons",
    "status",
    "up",
]
