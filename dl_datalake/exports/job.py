"""One export while it runs: what writers ask of it, and what they tell it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dl_datalake.exports.model import Progress
from dl_datalake.exports.naming import named
from lake import layout, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import PurePosixPath

    import pyarrow as pa
    from numpy.typing import NDArray

    from dl_datalake.exports.folder import Folder, Made
    from dl_datalake.exports.model import Target, Wishes
    from dl_datalake.result import Result
    from lake.book import Reader
    from schemas.keys import Address


@dataclass(frozen=True, slots=True)
class Source:
    """What an export reads, at one snapshot and in one range, and who is told of it."""

    read: Callable[[Address, tuple[str, ...] | None], Result]
    """Reads some columns of a series, or all of them."""
    book: Callable[[Address], Reader]
    """Gives what rebuilds the book of a series."""
    facts: Callable[[Address], Mapping[str, Any]]
    """What is recorded of an instrument."""
    spellings: Mapping[Address, str]
    """How vendors spell the symbols, where that is known."""
    rows: int
    """How many there are in all."""
    progress: Callable[[Progress], None]


class Job:
    """An export that runs: the files it makes, how far it is, and what got lost on the way."""

    def __init__(self, target: Target, wishes: Wishes, folder: Folder, source: Source) -> None:
        """Take what was asked for, where files go, and what they are made of."""
        self.target, self.wishes, self.folder = target, wishes, folder
        self.read, self.book = source.read, source.book
        self.facts, self.spellings = source.facts, source.spellings
        self.losses: Counter[str] = Counter()
        self._total, self._tell = source.rows, source.progress
        self._done = 0

    def file(self, name: PurePosixPath, *addresses: Address) -> AbstractContextManager[Made]:
        """Give a file to write; USAGE when another series has its name."""
        return self.folder.file(name, *addresses)

    def name(self, address: Address, ending: str, year: int | None = None) -> PurePosixPath:
        """Return what the file of a series is called in the layout that was asked for."""
        return named(address, self.wishes.layout, ending, year)

    def batches(self, result: Result) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one series, and tell how far it is."""
        address = result.address
        for batch in result.batches():
            yield batch
            self.tell(address, batch.num_rows)

    def tell(self, address: Address, count: int) -> None:
        """Tell that more rows of a series are done."""
        self._done += count
        self._tell(Progress(self._done, self._total, address))

    def lose(self, what: str, count: int) -> None:
        """Count rows of which something cannot be told exactly."""
        if count:
            self.losses[what] += count


def times_ns(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Return the `ts` of rows in nanoseconds since 1970."""
    found: NDArray[np.int64] = rows.times(batch) * layout.NS_PER[batch.schema.field("ts").type.unit]
    return found


def seen(made: Made, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches that are written to a file, and count them as that file's."""
    for batch in batches:
        yield batch
        if "ts" in batch.schema.names and batch.num_rows:
            first, last = times_ns(batch.slice(0, 1)), times_ns(batch.slice(batch.num_rows - 1))
            made.saw(batch.num_rows, int(first[0]), int(last[0]))
        else:
            made.saw(batch.num_rows)


def cut(batch: pa.RecordBatch, labels: NDArray[np.int64]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield the parts of a batch whose rows have one label each, with that label."""
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]]) if len(labels) else np.array([], np.int64)
    for start, end in zip(starts, np.r_[starts[1:], len(labels)], strict=True):
        yield int(labels[start]), batch.slice(start, end - start)
