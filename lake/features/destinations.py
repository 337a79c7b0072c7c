"""The feature series that one write goes to, each with what it takes in and what its inputs say of its rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lake import rows
from lake import write as writing
from lake.features import known
from lake.features.known import Early
from lake.ingest.destinations import refuse_other_case
from lake.intake import Intake, Memory
from lake.manifest import Manifest
from lake.places import Places
from lake.read import Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow as pa
    from numpy.typing import NDArray

    from lake.config import Config
    from lake.features.lineage import Inputs, Upstream
    from lake.features.parting import Naming, Where
    from lake.manifest.rows import FileRow
    from lake.staging import Staging
    from lake.write import Mode
    from schemas.features import FeatureSet
    from schemas.keys import Address

_FEW = 4
"""Series whose files may all be open: each may hold a row group that is not full."""
_DAY_US = 86_400_000_000
_REMEMBERED = 8
"""Days of an input's times that are kept at once."""


class InputTimes:
    """When the rows of an input that is itself a feature set were known, looked up a day at a time."""

    def __init__(self, config: Config, upstream: Upstream) -> None:
        self._config, self._upstream = config, upstream
        self.key = upstream.address.key
        self._days: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def known_at(self, ts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return when the input's row of each time was first known; the least number where it has none."""
        found = np.full(len(ts), np.iinfo(np.int64).min)
        days = ts // _DAY_US
        for day in np.unique(days).tolist():
            times, known_at = self._day(day)
            if len(times):
                mine = np.flatnonzero(days == day)
                at = np.minimum(np.searchsorted(times, ts[mine]), len(times) - 1)
                hit = times[at] == ts[mine]
                found[mine[hit]] = known_at[at[hit]]
        return found

    def _day(self, day: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if day not in self._days:
            while len(self._days) >= _REMEMBERED:
                del self._days[next(iter(self._days))]
            self._days[day] = self._read(day)
        return self._days[day]

    def _read(self, day: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the different times of a day and when each was first known: rows lie in the order of both."""
        start = day * _DAY_US * 1000
        with Manifest.open(self._config) as manifest:
            if manifest.find(self._upstream.address) is None:
                return np.empty(0, np.int64), np.empty(0, np.int64)
            scan = Scan(
                self._config,
                manifest,
                [self._upstream.address],
                start_ns=start,
                end_ns=start + _DAY_US * 1000,
                columns=["ts", "known_at"],
                as_of=self._upstream.snapshot,
            )
        table = scan.to_arrow()
        times, first = np.unique(rows.times(table), return_index=True)
        return times, rows.times(table, "known_at")[first]


@dataclass
class Destination:
    """One series, and what of the rows it takes in."""

    address: Address
    spelling: str
    feature_set: FeatureSet
    intake: Intake
    live: Mapping[str, FileRow]
    upstreams: list[Upstream]
    end_us: int | None
    """Where the last bar ends that was handed over; None where none was."""
    times: list[InputTimes]
    read: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    def ahead(self, batch: pa.RecordBatch) -> dict[int, Early]:
        """Return the rows that are newer than the bars they were made from, or known before a row they were made of."""
        ts, found = rows.times(batch), dict[int, Early]()
        if self.end_us is not None:
            # What is stamped at a bar's open lies before its end, what is stamped at its close at the end.
            late = ts > self.end_us if self.feature_set.serving.stamp == "close" else ts >= self.end_us
            longest, end = known.longest(self.feature_set), known.shown(self.end_us)
            for at in np.flatnonzero(late).tolist():
                found[at] = Early(int(ts[at]), f"later rows than {longest} had, which ended {end}")
        for times in self.times:
            needed = times.known_at(ts)
            for at in np.flatnonzero(rows.times(batch, "known_at") < needed).tolist():
                said = f"a row of {times.key} that was known {known.shown(int(needed[at]))}"
                found.setdefault(at, Early(int(ts[at]), said))
        return found


class Destinations:
    """The series of one write, each made when its first rows come."""

    def __init__(
        self,
        config: Config,
        feature_set: FeatureSet,
        naming: Naming,
        inputs: Inputs,
        *,
        mode: Mode,
        staging: Staging,
        run_id: str,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._config, self._set, self._naming, self._inputs = config, feature_set, naming, inputs
        self._mode, self._staging, self._run_id, self._pool = mode, staging, run_id, pool
        self._memory = Memory(config.memory_mb * 1_000_000 // 2)
        self._found: dict[Address, Destination] = {}
        self._named: dict[Where, Destination] = {}

    def __iter__(self) -> Iterator[Destination]:
        """Yield those that there are by now."""
        return iter(self._found.values())

    def of(self, where: Where) -> Destination:
        """Return where the rows of an exchange, market and symbol go.

        Raises:
            LakeError: SYMBOL_CASE when the rows have a symbol in two spellings; SCHEMA for what is no name.
        """
        named = self._named.get(where)
        if named is None:
            address = self._naming.address(where)
            named = self._found.get(address)
            if named is None:
                named = self._found[address] = self._made(address, where[2])
                self._memory.crowded = len(self._found) > _FEW
            refuse_other_case(address, named.spelling, where[2])
            self._named[where] = named
        return named

    def relieve(self) -> None:
        """Let go of rows that wait when they are too many for memory."""
        if self._memory.is_full:
            for destination in self:
                destination.intake.give_way()

    def settled(self) -> list[writing.Delivery]:
        """Make the mode's demands, and return what is to be committed of every series."""
        deliveries = []
        for each in self:
            schema = self._set.schema
            removed = writing.prepare(self._config, each.intake, schema, each.live, self._mode, each.address)
            deliveries.append(writing.Delivery(each.address, schema, each.intake, each.intake.settle(), removed))
        return deliveries

    def close(self) -> None:
        """Let go of everything, for a run that fails, too."""
        for destination in self:
            destination.intake.close()

    def _made(self, address: Address, spelling: str) -> Destination:
        with Manifest.open(self._config) as manifest:
            live = writing.live_files(manifest, address)
            upstreams = self._inputs.of(address)
            end_us = self._inputs.end_us(self._config, manifest, upstreams)
        intake = Intake(
            staging=self._staging,
            places=Places(self._config),
            address=address,
            schema=self._set.schema,
            run_id=self._run_id,
            live=live,
            on_conflict="fail" if self._mode == "append" else "newest",
            pool=self._pool,
            memory=self._memory,
        )
        times = [InputTimes(self._config, each) for each in upstreams if each.address.type == "features"]
        return Destination(address, spelling, self._set, intake, live, upstreams, end_us, times)
