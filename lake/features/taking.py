"""Taking feature rows in: typed, given their known_at, held to the schema and to their inputs, parted into series.

Blocks are prepared in workers, and handed on in their order by one thread.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lake import rows, validate
from lake import write as writing
from lake.errors import LakeError
from lake.features import known
from lake.features.parting import without_names
from lake.features.timing import time_column
from lake.ingest.reading import Quarantine, bad_limit, hopeless
from lake.manifest.rows import QuarantineRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future, ThreadPoolExecutor

    import pyarrow as pa
    from numpy.typing import NDArray

    from lake.features.destinations import Destination, Destinations
    from lake.features.given import Given, Locate, Parsed
    from lake.features.model import OnBad
    from lake.features.parting import Naming, Where
    from schemas.features import FeatureSet

_AHEAD = 3
"""Blocks that wait for, or are in, a worker."""


@dataclass(frozen=True, slots=True)
class _Share:
    """The good rows of one series in a block, and its bad ones."""

    where: Where
    rows: pa.RecordBatch
    places: NDArray[np.int64] | None
    """Where they stand in the block; None where it is all of it."""
    hashes: NDArray[np.uint64] | None
    bad: list[QuarantineRecord]
    read: int


@dataclass(frozen=True, slots=True)
class _Ready:
    shares: list[_Share]
    lost: list[QuarantineRecord]
    """Bad records of which nobody can tell the series."""
    early: known.Lookahead
    """Those known too early, where one of these refuses the write: they are among the good rows."""
    locate: Locate
    ts_from: str | None
    assumed: int
    """How many do not say when they were known, where the set does not tell it either."""


class Taking:
    """One pass over given rows, with what it counted."""

    def __init__(
        self,
        feature_set: FeatureSet,
        naming: Naming,
        *,
        on_bad: OnBad | None,
        max_bad: str | None,
        pool: ThreadPoolExecutor,
        quarantine: Quarantine,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            feature_set: Whose rows they are.
            naming: Tells their series.
            on_bad: What becomes of rows that cannot be stored.
            max_bad: How many may be kept aside, as `dl ingest --max-bad` says it.
            pool: Workers to prepare blocks in.
            quarantine: Takes the bad rows.
        """
        self._set, self._naming = feature_set, naming
        self._strict, self._aside = on_bad == "refuse", on_bad == "quarantine"
        self._limit = bad_limit(max_bad)
        self._pool, self._quarantine = pool, quarantine
        self._lookahead = known.Lookahead()
        self._first_bad: dict[str, str] = {}
        self._sampled: Future[None] | None = None
        self.read = self.accepted = 0
        self.rejected: Counter[str] = Counter()
        self.ts_from: str | None = None
        self.assumed = 0
        """Rows that were taken to be known at their ts for want of anything that tells it."""

    def into(self, destinations: Destinations, given: Given, progress: Callable[[int, int], None]) -> None:
        """Read the rows through and hand the good ones on, in their order.

        Args:
            destinations: Take the rows.
            given: The rows.
            progress: Told the bytes and the rows that were read, after each block.

        Raises:
            LakeError: LOOKAHEAD; SCHEMA when rows are bad, and too many or none may be; COLUMN_MISSING, USAGE, and what
                is wrong with the file.
        """
        waiting: deque[Future[_Ready]] = deque()
        try:
            for block in given.blocks():
                waiting.append(self._pool.submit(self._prepared, given, block))
                if len(waiting) >= _AHEAD:
                    self._accept(waiting.popleft().result(), destinations)
                    progress(given.consumed(), self.read)
            while waiting:
                self._accept(waiting.popleft().result(), destinations)
            progress(given.nbytes, self.read)
        finally:
            for future in waiting:
                future.cancel()
        if self._lookahead.count:
            raise self._lookahead.refusal(self._set)
        bad = self.rejected.total()
        if bad > self._limit[1] and bad > self._limit[0] * self.read:
            raise self._refusal(bad)
        if self._sampled is not None:
            self._sampled.result()

    # ---- in a worker -------------------------------------------------------------------------------------------------

    def _prepared(self, given: Given, block: object) -> _Ready:
        parsed = given.parse(block)
        batch = parsed.rows
        ts_from = time_column(batch.schema, self._set.names, self._set.label)
        if ts_from is not None:
            batch = batch.rename_columns(["ts" if name == ts_from else name for name in batch.schema.names])
        parting = self._naming.part(batch)
        typed = writing.conform(
            known.with_known_at(without_names(batch)), self._set.schema, self._naming.place, before=self._before(parsed)
        )
        assumed = typed.column("known_at").null_count if known.is_untold(self._set) else 0
        typed = known.filled(typed, self._set)
        bad, early = self._bad(typed, parsed, parting.nameless)
        good = np.ones(typed.num_rows, np.bool_)
        good[list(bad)] = False
        shares = [self._share(where, places, typed, good, bad, parsed.locate) for where, places in parting.places]
        lost = [*parsed.lost, *(_record(parsed.locate, row, *bad[row]) for row in sorted(parting.nameless))]
        return _Ready(shares, lost, early, parsed.locate, ts_from, assumed)

    def _before(self, parsed: Parsed) -> int:
        return parsed.locate(0)[0] - 1 if parsed.rows.num_rows else 0

    def _bad(
        self, typed: pa.RecordBatch, parsed: Parsed, nameless: dict[int, str]
    ) -> tuple[dict[int, tuple[str, str]], known.Lookahead]:
        """Return why rows cannot be stored, by index, and those known too early where one refuses the write."""
        lookahead = known.Lookahead()
        accepted, rejected = validate.split(typed, self._set.schema, grid_us=None)
        bad = {row.index: (row.reason, row.detail) for row in rejected}
        places = np.setdiff1d(np.arange(typed.num_rows), list(bad)) if bad else None
        bad |= parsed.bad
        for row, key in nameless.items():
            bad.setdefault(row, ("missing_value", f"{key} is missing"))
        found = known.too_early(accepted, self._set)
        for at in () if found is None else np.flatnonzero(found):
            row = int(at if places is None else places[at])
            if row not in bad and self._aside:
                bad[row] = (known.REASON, known.early(int(rows.times(accepted)[at]), self._set).detail)
            elif row not in bad:
                lookahead.see(int(rows.times(accepted)[at]), self._set)
        return bad, lookahead

    def _share(
        self,
        where: Where,
        places: NDArray[np.int64] | None,
        typed: pa.RecordBatch,
        good: NDArray[np.bool_],
        bad: dict[int, tuple[str, str]],
        locate: Locate,
    ) -> _Share:
        count = typed.num_rows if places is None else len(places)
        kept = places
        records: list[QuarantineRecord] = []
        if bad:
            mine = np.arange(typed.num_rows) if places is None else places
            kept = mine[good[mine]]
            records = [_record(locate, row, *bad[row]) for row in mine[~good[mine]].tolist()]
        some = typed if kept is None else typed.take(kept)
        return _Share(where, some, kept, rows.row_hashes(some), records, count)

    # ---- in order ----------------------------------------------------------------------------------------------------

    def _accept(self, ready: _Ready, destinations: Destinations) -> None:
        self.ts_from = self.ts_from or ready.ts_from
        self.assumed += ready.assumed
        self._lookahead.add(ready.early)
        self.read += len(ready.lost)
        self._keep_aside(ready.lost, None)
        for share in ready.shares:
            self.read += share.read
            destination = destinations.of(share.where)
            destination.read += share.read
            self._keep_aside(share.bad, destination)
            self._hand_on(share, ready.locate, destination)
        destinations.relieve()

    def _hand_on(self, share: _Share, locate: Locate, destination: Destination) -> None:
        """Give the good rows of a series to it, but for those that its inputs show to be ahead of them."""
        batch, hashes = share.rows, share.hashes
        ahead = destination.ahead(batch) if batch.num_rows else {}
        if ahead:
            rest = np.setdiff1d(np.arange(batch.num_rows), list(ahead))
            places = np.arange(batch.num_rows) if share.places is None else share.places
            if self._aside:
                found = ((int(places[at]), each.detail) for at, each in sorted(ahead.items()))
                self._keep_aside([_record(locate, row, known.REASON, said) for row, said in found], destination)
            else:
                self._lookahead.add(known.Lookahead(len(ahead), ahead[min(ahead)]))
            batch, hashes = batch.take(rest), None
        if not batch.num_rows or self._lookahead.count:
            return
        if self._sampled is None:
            schema = self._set.schema
            self._sampled = self._pool.submit(validate.check_sample, batch, schema, grid_us=None, waive=False)
        self.accepted += batch.num_rows
        destination.intake.add(batch, hashes)

    def _keep_aside(self, records: Iterable[QuarantineRecord], destination: Destination | None) -> None:
        for record in records:
            self.rejected[record.reason] += 1
            if destination is not None:
                destination.rejected[record.reason] += 1
            self._first_bad.setdefault(record.reason, f"line {record.line}: {record.detail or record.raw[:80]}")
            self._quarantine.add(record)
        bad = self.rejected.total()
        if (bad and self._strict) or hopeless(bad, self.read, self._limit):
            raise self._refusal(bad)

    def _refusal(self, bad: int) -> LakeError:
        counted = self.rejected.most_common()
        found = "; ".join(f"{reason}: {n:,} (first {self._first_bad[reason]})" for reason, n in counted)
        strict = ["correct the row named above", "or keep bad rows aside: --on-bad quarantine"]
        return LakeError(
            "SCHEMA",
            f"{bad:,} of {self.read:,} rows read are bad; nothing was written",
            where=f"{self._set.label}: {found}",
            why="A bad row refuses the write, as was asked." if self._strict else "",
            fix=strict if self._strict else ["correct the rows named above", "or accept the loss with --max-bad 100%"],
        )


def _record(locate: Locate, row: int, reason: str, detail: str) -> QuarantineRecord:
    line, raw = locate(row)
    return QuarantineRecord(line, reason, detail, raw)
