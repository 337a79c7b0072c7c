"""One feature series, read along with the bars it is joined to: ahead of them, and no further than they need."""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake.errors import LakeError
from lake.features.front import NONE, Front
from lake.sources.arrays import array_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from lake.features.front import Ints
    from lake.manifest.rows import FileRow
    from lake.read import Scan

JOB_ROWS = 65_536
"""Rows that are read ahead at once, out of as many files as it takes; the first few files are read singly."""
_CLOCKS = ("ts", "known_at")
_US = layout.NS_PER["us"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which row is the one of a decision.

    Attributes:
        by: The time that must not lie behind the decision: `known_at`, or `ts` as if all were known at once.
        strict: Whether it must lie before it.
        limit_us: How old a row may be, from its ts on; None is any age.
    """

    by: str
    strict: bool
    limit_us: int | None


@dataclass(slots=True)
class _Chunk:
    """Rows that were read together; its values are read again when they are None."""

    file: FileRow
    place: int
    known: Ints
    ts: Ints
    values: pa.RecordBatch | None
    first: int = 0
    """The number of its first row, from the first one read on."""

    @property
    def end(self) -> int:
        return self.first + len(self.ts)


class Following:
    """The rows of one feature series for decisions that never go back.

    Chosen rows go up in stored order as decisions do (`Front`), so the values are read in order, too, and a chunk is
    let go of once a row behind it was chosen. Held are the chunk of the last chosen row, those read ahead, and those
    that wait to be known. Of the latter `budget` bytes of values at most: what comes on top is read for its clocks
    only, and for its values when its time has come.
    """

    def __init__(self, scan: Scan, columns: pa.Schema, choice: Choice, ahead: Executor, budget: int) -> None:
        """Take what to read; nothing is read yet.

        Args:
            scan: All rows of one series, with its clocks and at least `columns`.
            columns: Which values are wanted.
            choice: Which row a decision gets.
            ahead: Reads while the caller works.
            budget: Bytes of values to hold of rows that wait.
        """
        self._scan = copy(scan)
        self._columns, self._types = columns.names, columns.types
        self._choice, self._ahead, self._budget = choice, ahead, budget
        self._clocks = list(_CLOCKS) if choice.by == "known_at" else ["ts"]
        self._whole = list(dict.fromkeys([*self._clocks, *self._columns]))
        self._front = Front(strict=choice.strict)
        self._chunks: deque[_Chunk] = deque()
        """All that is held."""
        self._coming: deque[_Chunk] = deque()
        """The last of them: those with rows that are not let in yet."""
        self._held = self._rows = self._entered = 0
        self._goal = 1
        self._reading: Iterator[_Chunk] | None = None
        self._job: Future[list[_Chunk]] | None = None

    def start(self, first: int, last: int) -> None:
        """Settle which files are needed for decisions from the first to the last, and begin to read them.

        Raises:
            LakeError: of files that are not there.
        """
        self._scan.plan = self._needed(first, last)
        self._scan.require()
        self._reading = self._pieces()
        self._job = self._ahead.submit(self._read)

    def _needed(self, first: int, last: int) -> list[FileRow]:
        scan, limit = self._scan, self._choice.limit_us
        plan = [file for file in scan.plan if file.first_ns <= last * _US]
        if limit is not None:
            start = (first - limit) * _US
            scan.start_ns = start if scan.start_ns is None else max(scan.start_ns, start)
            return [file for file in plan if file.last_ns >= start]
        # A row known by the first decision is known by every later one, so that none of them gets a row of a lesser ts.
        # The files are cut by ts: once one has such a row, nothing in those before it can be chosen, also not what
        # became known of their times afterwards.
        for at in range(len(plan) - 1, -1, -1):
            if plan[at].first_ns <= first * _US and self._has_known(plan[at], first):
                return plan[at:]
        return plan

    def _has_known(self, file: FileRow, decision: int) -> bool:
        clock = self._choice.by
        for table in self._scan.pieces(file, [clock]):
            if table.num_rows and int(rows.times(table, clock).min()) <= decision - self._choice.strict:
                return True
        return False

    def values(self, decisions: Ints) -> list[Any]:
        """Return the wanted columns, a row for each decision, null where there is none.

        Args:
            decisions: Microseconds since the epoch, going up, none before those asked for earlier.

        Raises:
            LakeError: LOOKAHEAD; FILE_DAMAGED and what else reading may end in.
        """
        self._enter(int(decisions[-1]))
        numbers = self._front.choose(decisions, self._choice.limit_us)
        taken = self._taken(numbers)
        first = self._front.first
        self._forget(self._entered if first is None else first)
        return taken

    def _enter(self, until: int) -> None:
        """Let in all rows with a ts up to a time; a row cannot be known before its ts."""
        while self._coming or self._more():
            chunk = self._coming[0]
            start = self._entered - chunk.first
            stop = start + int(np.searchsorted(chunk.ts[start:], until, "right"))
            self._front.add(chunk.known[start:stop], chunk.ts[start:stop], self._entered)
            self._entered = chunk.first + stop
            if stop < len(chunk.ts):
                return
            self._coming.popleft()

    def _more(self) -> bool:
        """Take what was read ahead, and have more read; False at the end."""
        found = self._job.result() if self._job is not None else []
        self._job = None
        if not found:
            return False
        for chunk in found:
            chunk.first = self._rows
            self._rows = chunk.end
            self._held += _size(chunk.values)
        self._chunks.extend(found)
        self._coming.extend(found)
        self._goal = min(JOB_ROWS, 2 * sum(len(chunk.ts) for chunk in found))
        self._job = self._ahead.submit(self._read)
        return True

    def _read(self) -> list[_Chunk]:
        found: list[_Chunk] = []
        while self._reading is not None and sum(len(chunk.ts) for chunk in found) < self._goal:
            chunk = next(self._reading, None)
            if chunk is None:
                break
            found.append(chunk)
        return found

    def _pieces(self) -> Iterator[_Chunk]:
        for file in self._scan.plan:
            light = self._held > self._budget
            for place, table in enumerate(self._scan.pieces(file, self._clocks if light else self._whole)):
                if not table.num_rows:
                    continue
                ts = rows.times(table)
                known = ts if self._choice.by == "ts" else rows.times(table, "known_at")
                if (known < ts).any():
                    raise self._foreseen(table.slice(int((known < ts).argmax()), 1))
                yield _Chunk(file, place, known, ts, None if light else _batch(table.select(self._columns)))

    def _forget(self, number: int) -> None:
        """Let go of the chunks before a row."""
        while self._chunks and self._chunks[0].end <= number:
            self._held -= _size(self._chunks.popleft().values)

    def _taken(self, numbers: Ints) -> list[Any]:
        """Return the values of rows by number, which go up but for `NONE`."""
        chosen = numbers[numbers != NONE]
        if not len(chosen):
            return [pa.nulls(len(numbers), kind) for kind in self._types]
        reached = np.maximum.accumulate(numbers)
        pieces: list[pa.RecordBatch] = []
        at = 0
        for chunk in self._chunks:
            until = int(np.searchsorted(reached, chunk.end))
            if until > at and chunk.end > chosen[0]:
                pieces.append(_picked(self._values(chunk), numbers[at:until], chunk.first))
                at = until
            if at == len(numbers):
                break
        return (pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)).columns  # type: ignore[no-any-return]  # pyarrow is untyped

    def _values(self, chunk: _Chunk) -> pa.RecordBatch:
        if chunk.values is None:
            table = next(islice(self._scan.pieces(chunk.file, self._columns, skip=chunk.place), 1))
            chunk.values = _batch(table)
            self._held += _size(chunk.values)
        return chunk.values

    def _foreseen(self, row: pa.Table) -> LakeError:
        ts, known = (row.column(name)[0].as_py().isoformat() for name in ("ts", "known_at"))
        address = self._scan.addresses[0]
        name = address.period.partition(".v")[0]
        return LakeError(
            "LOOKAHEAD",
            f"the row of {ts} says it was known at {known}, before its own ts",
            where=str(address),
            fix=[f"dl features audit {name}", "write the rows again with the known_at they could have had"],
        )


def _batch(table: pa.Table) -> pa.RecordBatch:
    """Return a table in one piece."""
    batches = table.to_batches()
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _size(values: pa.RecordBatch | None) -> int:
    return 0 if values is None else int(values.nbytes)


def _picked(values: pa.RecordBatch, numbers: Ints, first: int) -> pa.RecordBatch:
    """Return rows of a chunk by number, null for `NONE`; those that follow each other are not copied."""
    low, high = int(numbers[0]), int(numbers[-1])
    if low != NONE and high - low == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
        return values.slice(low - first, len(numbers))
    return values.take(array_of(numbers - first, pa.int64(), numbers == NONE))
