"""Sealing: the day files of a closed month become one file at `YYYY/MM/`, row for row the same, and proven to be.

Late rows open such a month again when they are ingested; the next seal closes it.
"""

from lake.seal.model import MAX_BYTES, OLDER_THAN_NS, Progress, SealedMonth, SealReport, SealRequest
from lake.seal.run import seal

__all__ = ["MAX_BYTES", "OLDER_THAN_NS", "Progress", "SealReport", "SealRequest", "SealedMonth", "seal"]
