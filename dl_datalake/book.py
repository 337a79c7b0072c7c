"""Books of a lake: the stored rows, and the book they make at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_datalake.dates import parse_ns
from dl_datalake.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from lake.book import BookReport, Ladder, Reader, Replayed

    Progress = Callable[[int, int], None]
    """Takes rows done and rows in all."""


class BookResult(Result):
    """Rows of order books; and of one book of levels what it was like at any time.

    The book is that of the whole series at the result's snapshot: rows before the result's `start` are read where the
    book depends on them. `start` and `end` are where `snapshots`, `replay` and `check` begin and stop unless told.
    """

    def __init__(self, lake: Lake, rows: Result, progress: Progress | None = None) -> None:
        """Take the rows; the book is planned when it is first asked for."""
        super().__init__(rows.planned)
        self._lake, self._progress = lake, progress
        self._reader: Reader | None = None

    @property
    def reader(self) -> Reader:
        """What rebuilds the book; USAGE for single orders (l3), AMBIGUOUS when the result is of several series."""
        if self._reader is None:
            from lake.book import Reader
            from lake.read import Scan

            lake, scan, address = self._lake, self.planned, self.address
            if not isinstance(scan, Scan) or (scan.start_ns, scan.end_ns, scan.where) != (None, None, None):
                scan = Scan(lake.config, lake._manifest, [address], as_of=self.snapshot)  # noqa: SLF001 - the lake's own result
            self._reader = Reader(lake.config, scan, self._progress)
        return self._reader

    def at(self, ts: DateLike | int, levels: int | None = 20) -> Ladder:
        """Return the book once every message up to a time, that time included, had come.

        Args:
            ts: The time: text, a date object, or nanoseconds since the epoch.
            levels: How many of the best levels of each side; None for all.

        Raises:
            LakeError: BAD_DATE, USAGE, AMBIGUOUS.
        """
        return self.reader.at(_ns(ts), levels)

    def snapshots(
        self,
        every: str | Any = "1s",  # noqa: ANN401 - a timedelta, or pandas' own
        levels: int = 10,
        start: DateLike | int | None = None,
        end: DateLike | int | None = None,
    ) -> Result:
        """Return the best levels at regular times, the multiples of `every` since the epoch: a row a time.

        Args:
            every: `100ms`, `1s`, `5m`, `1h`, or a timedelta.
            levels: How many of each side.
            start: The first time; else the result's start, or the first row's.
            end: The time to stop before; else the result's end, or behind the last row.

        Raises:
            LakeError: USAGE, BAD_DATE, AMBIGUOUS.
        """
        from lake.book import Grid

        start_ns, end_ns = self._ends(start, end)
        return Result(Grid(self.reader, step_ns(every), levels, start_ns, end_ns))

    def replay(self, start: DateLike | int | None = None, end: DateLike | int | None = None) -> Iterator[Replayed]:
        """Yield each message of [start, end) with the book right after it, in bounded memory.

        The book is the same object every time: take of it what is wanted at once, or keep a `.ladder()`.
        """
        start_ns, end_ns = self._ends(start, end)
        return self.reader.replay(start_ns, end_ns)

    def check(
        self,
        start: DateLike | int | None = None,
        end: DateLike | int | None = None,
        progress: Progress | None = None,
    ) -> BookReport:
        """Return where the chain of messages breaks in [start, end), and where the book is crossed."""
        from lake.book import check

        start_ns, end_ns = self._ends(start, end)
        return check(self.reader, start_ns=start_ns, end_ns=end_ns, progress=progress)

    def _ends(self, start: DateLike | int | None, end: DateLike | int | None) -> tuple[int | None, int | None]:
        start_ns = self.planned.start_ns if start is None else _ns(start)
        return start_ns, self.planned.end_ns if end is None else _ns(end)


def _ns(value: DateLike | int) -> int:
    return value if isinstance(value, int) else parse_ns(value)


def step_ns(every: str | Any) -> int:  # noqa: ANN401 - a timedelta, or pandas' own
    """Return a step as nanoseconds; LakeError USAGE for what is none."""
    import datetime as dt

    from lake import amounts

    if isinstance(every, dt.timedelta):
        nanoseconds = getattr(every, "value", None)  # pandas' own is finer
        return (every // dt.timedelta(microseconds=1)) * 1000 if nanoseconds is None else int(nanoseconds)
    return amounts.step_ns(every)
