"""The last bar of a source: whether it was over when the file was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake.errors import LakeError

if TYPE_CHECKING:
    from lake.sources import Plan
    from schemas.periods import Period


def end_ns(start_ns: int, period: Period) -> int:
    """Return when the bar that opens at `start_ns` is over."""
    if period.fixed_us is not None:
        return start_ns + period.fixed_us * 1000
    month = np.datetime64(start_ns, "ns").astype("datetime64[M]") + np.timedelta64(period.n, "M")
    return int(month.astype("datetime64[ns]").astype(np.int64))


class Tail:
    """Keeps back the one bar that was not over when the file was made, where that time is known.

    Several such bars mean that the time is wrong, not the bars.
    """

    def __init__(self, plan: Plan, period: Period | None, *, explicit: bool) -> None:
        self._period, self._explicit, self._name = period, explicit, plan.name
        known = period is not None and plan.incomplete_tail
        self._limit = plan.fetched_not_after_ns if known else None
        self._held: pa.RecordBatch | None = None
        self.warning = ""

    def pass_on(self, batch: pa.RecordBatch) -> list[pa.RecordBatch]:
        """Return what of a batch may go on, with what was kept back before when that was wrong."""
        if self._limit is None or self._period is None:
            return [batch]
        ts = rows.times(batch)
        scale = layout.NS_PER["us"]
        if end_ns(int(ts.max()) * scale, self._period) <= self._limit:
            return [batch]
        ends = {int(t): end_ns(int(t) * scale, self._period) for t in np.unique(ts)}
        late = np.array([ends[int(t)] > self._limit for t in ts])
        held = [self._held] if self._held is not None else []
        times = {int(t) for t in ts[late]} | {int(t) for b in held for t in rows.times(b)}
        if len(times) > 1:
            return [*held, batch] if self._give_up() else []
        self._held = pa.concat_batches([*held, batch.filter(pa.array(late))])
        return [batch.filter(pa.array(~late))]

    def _give_up(self) -> bool:
        if self._explicit:
            msg = "--fetched-at is earlier than the data: more than one bar ends after it"
            why = "Only the last bar of a file can be unfinished."
            raise LakeError("USAGE", msg, where=self._name, why=why, fix=["correct --fetched-at, or leave it out"])
        self.warning = "the archive's own time is earlier than its data, so it says nothing about the last bar"
        self._limit = self._held = None
        return True

    @property
    def dropped(self) -> int:
        """How many rows are kept back; they are not stored."""
        return 0 if self._held is None else self._held.num_rows
