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
from lake.features.ahead import Ahead, in_one
from lake.features.front import NONE, Front
from lake.sources.arrays import array_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from lake.features.front import Ints
    from lake.manifest.rows import FileRow
    from lake.read import Scan

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


def needed(scan: Scan, choice: Choice, first: int, last: int) -> Scan:
    """Return the part of a series that decisions from the first to the last, in microseconds, can depend on.

    Raises:
        LakeError: of files that are not there, or damaged.
    """
    part = copy(scan)
    plan = [file for file in scan.plan if file.first_ns <= last * _US]
    if choice.limit_us is not None:
        start = (first - choice.limit_us) * _US
        part.start_ns = start if scan.start_ns is None else max(scan.start_ns, start)
        part.plan = [file for file in plan if file.last_ns >= start]
    else:
        # A row known by the first decision is known by every later one, so that none of them gets a row of a lesser ts.
        # The files are cut by ts: once one has such a row, nothing in those before it can be chosen, also not what
        # became known of their times afterwards.
        begun = range(sum(file.first_ns <= first * _US for file in plan) - 1, 0, -1)
        part.plan = plan[next((at for at in begun if _has_known(scan, plan[at], choice, first)), 0) :]
    part.require()
    return part


def _has_known(scan: Scan, file: FileRow, choice: Choice, decision: int) -> bool:
    return any(
        table.num_rows and int(rows.times(table, choice.by).min()) <= decision - choice.strict
        for table in scan.pieces(file, [choice.by])
    )


@dataclass(slots=True)
class _Chunk:
    """Rows that were read at once; their values are read again when they are None."""

    parts: Sequence[tuple[FileRow, int]]
    """The files, and the how many-th piece of each."""
    known: Ints
    ts: Ints
    values: pa.RecordBatch | None
    first: int = 0
    """The number of its first row, from the first one read on."""

    @property
    def num_rows(self) -> int:
        return len(self.ts)

    @property
    def end(self) -> int:
        return self.first + len(self.ts)

    @property
    def size(self) -> int:
        """Bytes of values that are held."""
        return 0 if self.values is None else int(self.values.nbytes)


class Following:
    """The rows of one feature series for decisions that never go back.

    Chosen rows go up in stored order as decisions do (`Front`), so the values are read in order, too, and a chunk is
    let go of once a row behind it was chosen. Held are the chunk of the last chosen row, those read ahead, and those
    that wait to be known. Of the latter `budget` bytes of values, and a chunk: what comes on top is read for its clocks
    only, and for its values when its time has come.
    """

    def __init__(self, scan: Scan, columns: pa.Schema, choice: Choice, pool: Executor, budget: int) -> None:
        """Begin to read.

        Args:
            scan: The part of one series that is `needed`, with its clocks and at least `columns`.
            columns: Which values are wanted.
            choice: Which row a decision gets.
            pool: Reads while the caller works.
            budget: Bytes of values to hold of rows that wait.
        """
        self._scan, self._columns, self._choice, self._budget = scan, columns, choice, budget
        self._clocks = ["ts"] if choice.by == "ts" else ["ts", "known_at"]
        self._front = Front(strict=choice.strict)
        self._chunks: deque[_Chunk] = deque()
        """All that is held."""
        self._coming: deque[_Chunk] = deque()
        """The last of them: those with rows that are not let in yet."""
        self._held = self._rows = self._entered = 0
        self._pieces = self._read_pieces()
        self._ahead = Ahead(pool, self._read)

    def values(self, decisions: Ints) -> list[Any]:
        """Return the wanted columns, a row for each decision, null where there is none.

        Args:
            decisions: Microseconds since the epoch, going up, none before those asked for earlier.

        Raises:
            LakeError: LOOKAHEAD; FILE_DAMAGED and what else reading may end in.
        """
        self._enter(int(decisions[-1]))
        taken = self._taken(self._front.choose(decisions, self._choice.limit_us))
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
        """Take what was read ahead; False at the end."""
        chunk = self._ahead.take()
        if chunk is None:
            return False
        chunk.first, self._rows = self._rows, self._rows + chunk.num_rows
        self._held += chunk.size
        self._chunks.append(chunk)
        self._coming.append(chunk)
        return True

    def _read(self, goal: int) -> _Chunk | None:
        parts: list[tuple[FileRow, int]] = []
        tables: list[pa.Table] = []
        whole = True
        while sum(table.num_rows for table in tables) < goal and (piece := next(self._pieces, None)) is not None:
            file, place, table, light = piece
            parts.append((file, place))
            tables.append(table)
            whole = whole and not light
        if not tables:
            return None
        clocks = in_one([table.select(self._clocks) for table in tables])
        ts, known = rows.times(clocks), rows.times(clocks, self._choice.by)
        if (known < ts).any():
            raise self._foreseen(clocks.slice(int((known < ts).argmax()), 1))
        values = in_one([table.select(self._columns.names) for table in tables]) if whole else None
        return _Chunk(parts, known, ts, values)

    def _read_pieces(self) -> Iterator[tuple[FileRow, int, pa.Table, bool]]:
        """Yield each piece of the files with its place in its file, and whether it was read for its clocks only."""
        columns = list(dict.fromkeys([*self._clocks, *self._columns.names]))
        for file in self._scan.plan:
            light = self._held > self._budget
            for place, table in enumerate(self._scan.pieces(file, self._clocks if light else columns)):
                if table.num_rows:
                    yield file, place, table, light

    def _forget(self, number: int) -> None:
        """Let go of the chunks before a row."""
        while self._chunks and self._chunks[0].end <= number:
            self._held -= self._chunks.popleft().size

    def _taken(self, numbers: Ints) -> list[Any]:
        """Return the values of rows by number, which go up but for `NONE`."""
        chosen = numbers[numbers != NONE]
        if not len(chosen):
            return [pa.nulls(len(numbers), kind) for kind in self._columns.types]
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
            names = self._columns.names
            pieces = (islice(self._scan.pieces(file, names, skip=place), 1) for file, place in chunk.parts)
            chunk.values = in_one([table for piece in pieces for table in piece])
            self._held += chunk.size
        return chunk.values

    def _foreseen(self, row: pa.RecordBatch) -> LakeError:
        ts, known = (row.column(name)[0].as_py().isoformat() for name in ("ts", "known_at"))
        address = self._scan.addresses[0]
        name = address.period.partition(".v")[0]
        return LakeError(
            "LOOKAHEAD",
            f"the row of {ts} says it was known at {known}, before its own ts",
            where=str(address),
            fix=[f"dl features audit {name}", "write the rows again with the known_at they could have had"],
        )


def _picked(values: pa.RecordBatch, numbers: Ints, first: int) -> pa.RecordBatch:
    """Return rows of a chunk by number, null for `NONE`; those that follow each other are not copied."""
    low, high = int(numbers[0]), int(numbers[-1])
    if low != NONE and high - low == len(numbers) - 1 and bool((np.diff(numbers) == 1).all()):
        return values.slice(low - first, len(numbers))
    return values.take(array_of(numbers - first, pa.int64(), numbers == NONE))
