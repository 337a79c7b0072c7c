"""Moving files between the data root and other tiers: `offload` there, `restore` back; reads find them in either."""

from lake.offload.model import Finding, MovedSeries, MoveReport, OffloadRequest, Progress, RestoreRequest
from lake.offload.moving import finish, offload
from lake.offload.restoring import restore

__all__ = [
    "Finding",
    "MoveReport",
    "MovedSeries",
    "OffloadRequest",
    "Progress",
    "RestoreRequest",
    "finish",
    "offload",
    "restore",
]
