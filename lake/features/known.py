"""When feature rows were known: filled in where they do not say it, and held to what they were made from."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake import rows
from lake.errors import LakeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from schemas.features import FeatureSet
    from schemas.periods import Period

    Ints = NDArray[np.int64]

REASON = "look_ahead"
_KNOWN = pa.timestamp("us", tz="UTC")
_MINUTE_US = 60_000_000
_DAY_US = 86_400_000_000


def with_known_at(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with a column known_at, all null where they have none."""
    if "known_at" in batch.schema.names:
        return batch
    return batch.append_column("known_at", pa.nulls(batch.num_rows, _KNOWN))


def closes(opens: Ints, period: Period) -> Ints:
    """Return when bars close that open at the given times, both in microseconds; they go up as the opens do."""
    if period.fixed_us is not None:
        return opens + period.fixed_us
    days, places = np.unique(opens // _DAY_US, return_inverse=True)
    later = np.array([period.later_us(int(day) * _DAY_US) for day in days], np.int64)
    return later[places] + opens % _DAY_US


def complete(ts: Ints, feature_set: FeatureSet) -> Ints:
    """Return when the inputs of rows are complete, by their ts, in microseconds."""
    if feature_set.serving.stamp == "close":
        return ts
    for_bars = [closes(ts, period) for period in feature_set.bars]
    return functools.reduce(np.maximum, for_bars, ts)


def is_untold(feature_set: FeatureSet) -> bool:
    """Whether a set says nothing of when its rows are known: what it is made from, how they are stamped, a delay."""
    return not feature_set.inputs and feature_set.serving.stamp == "open" and not feature_set.serving.delay_us


def filled(batch: pa.RecordBatch, feature_set: FeatureSet) -> pa.RecordBatch:
    """Return typed rows with every known_at that is null told by ts: its inputs' end, and the set's delay."""
    place = batch.schema.get_field_index("known_at")
    column, ts = batch.column(place), batch.column("ts")
    if not column.null_count:
        return batch
    opens = ts.view(pa.int64()).fill_null(0).to_numpy()
    known_us = complete(opens, feature_set) + feature_set.serving.delay_us
    told = pc.coalesce(column, pc.if_else(ts.is_valid(), pa.array(known_us).cast(_KNOWN), None))
    return batch.set_column(place, batch.schema.field(place), told)


def too_early(batch: pa.RecordBatch, feature_set: FeatureSet) -> NDArray[np.bool_] | None:
    """Return which rows, whose times are not null, were known before their inputs ended; None where none was."""
    found: NDArray[np.bool_] = rows.times(batch, "known_at") < complete(rows.times(batch), feature_set)
    return found if found.any() else None


def longest(feature_set: FeatureSet) -> str:
    """Return which input a row waits for; the set's own ts where it waits for none."""
    bars = (key for key in feature_set.inputs if key.startswith("bars/"))
    waited = (key for key in bars if replace(feature_set, inputs=(key,)).wait_us == feature_set.wait_us)
    return next(waited, "ts")


def shown(us: int) -> str:
    """Return a time as people write it: to the minute where it is one, else as exactly as it is."""
    at = np.datetime64(us, "us")
    text = str(at.astype("datetime64[m]") if us % _MINUTE_US == 0 else at)
    return text.replace("T", " ")


@dataclass(frozen=True, slots=True)
class Early:
    """A row that was stamped before what it was made from: its ts, and what it needs."""

    ts: int
    needs: str

    @property
    def detail(self) -> str:
        """`2024-03-05 10:00 needs bars/1m to 10:01`."""
        return f"{shown(self.ts)} needs {self.needs}"


def early(ts: int, feature_set: FeatureSet) -> Early:
    """Return what is to be said of a row that was known before the end of its longest bar."""
    end = shown(feature_set.complete_us(ts))
    same_day = end[:10] == shown(ts)[:10]
    return Early(ts, f"{longest(feature_set)} to {end[11:] if same_day else end}")


@dataclass(slots=True)
class Lookahead:
    """Counts the rows that are stamped too early, where one refuses the write."""

    count: int = 0
    first: Early | None = None

    def see(self, ts: int, feature_set: FeatureSet) -> None:
        """Count a row that was known before the end of its longest bar; rows come in their order."""
        self.count += 1
        self.first = self.first or early(ts, feature_set)

    def add(self, other: Lookahead) -> None:
        """Count what comes behind."""
        self.count += other.count
        self.first = self.first or other.first

    def refusal(self, feature_set: FeatureSet) -> LakeError:
        """Return the error that tells of them."""
        rows_are = "feature row is" if self.count == 1 else "feature rows are"
        inputs = "its inputs end" if self.count == 1 else "their inputs end"
        first = "" if self.first is None else f", first {self.first.detail}"
        return LakeError(
            "LOOKAHEAD",
            f"{self.count:,} {rows_are} stamped before {inputs}; nothing was written",
            where=f"{feature_set.label}{first}",
            fix=[
                "set known_at to when each row could be known",
                "or shift the rows",
                "or keep them aside: --on-bad quarantine",
            ],
        )
