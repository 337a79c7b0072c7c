"""Checking a book: where its chain of messages breaks, and where it is crossed; nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lake.book.chains import NONE
from lake.book.state import BEFORE, Counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.book.reading import Reader
    from schemas.keys import Address

MOST_SPANS = 1_000
"""Spans of one kind that are named; those behind them are only counted."""
_EVERY = 4096


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a book: from a message to the one that ends it, or to the last one there is."""

    reason: str
    start_ns: int
    end_ns: int
    """The time of the message that ends it; of the last message when `open`."""
    messages: int
    open: bool = False
    """Whether it is not over at the end of what was checked."""
    after_ns: int | None = None
    """When the last message before it was of: what is missing was lost between the two."""


@dataclass(slots=True)
class Spans:
    """Spans of one kind: their number, their messages, and the first of them."""

    count: int = 0
    messages: int = 0
    first: list[Span] = field(default_factory=list)

    def add(self, span: Span) -> None:
        """Count one, and name it while there is room."""
        self.count += 1
        self.messages += span.messages
        if len(self.first) < MOST_SPANS:
            self.first.append(span)


@dataclass(slots=True)
class BookReport:
    """What a check of a book found."""

    address: Address
    snapshot: int
    counts: Counts = field(default_factory=Counts)
    first_ns: int | None = None
    last_ns: int | None = None
    breaks: Spans = field(default_factory=Spans)
    """Each message that does not follow the one before it, whatever the book was like then."""
    suspect: Spans = field(default_factory=Spans)
    """Stretches in which the book cannot be trusted, since a message is missing before them."""
    crossed: Spans = field(default_factory=Spans)
    """Stretches in which the best bid is above the best ask, of books that can be trusted and of those that cannot."""
    before_messages: int = 0
    """Changes before the first snapshot."""

    @property
    def ok(self) -> bool:
        """Whether no chain breaks, no day is missing, and the book is never crossed."""
        return not (self.breaks.count or self.suspect.count or self.crossed.count)


class _Course:
    """One kind of span while messages come."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._reason, self._since, self._after, self._messages = "", NONE, NONE, 0

    def go(self, reason: str, start_ns: int, last_ns: int, now_ns: int) -> None:
        """Take the next message, with the reason why it is in a span; none when it is in none."""
        if self._messages and (not reason or (reason, start_ns) != (self._reason, self._since)):
            self.close(now_ns)
        if reason:
            if not self._messages:
                self._reason, self._since, self._after = reason, start_ns, last_ns
            self._messages += 1

    def close(self, end_ns: int, *, still: bool = False) -> None:
        """End the span under way, if there is one."""
        if self._messages:
            after = None if self._after == NONE else self._after
            self._spans.add(Span(self._reason, self._since, end_ns, self._messages, still, after))
        self._messages = 0


def check(
    reader: Reader,
    *,
    start_ns: int | None = None,
    end_ns: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BookReport:
    """Replay a book and say where it cannot be trusted, and where it is crossed.

    Args:
        reader: The book.
        start_ns: Only messages from here; the book before them is known.
        end_ns: Only messages before this.
        progress: Told of rows done and of rows in all.
    """
    report = BookReport(reader.address, reader.scan.snapshot)
    book, stream = reader.resume(start_ns)
    total = sum(f.rows for f in reader.plan if end_ns is None or f.first_ns < end_ns)
    suspect, crossed = _Course(report.suspect), _Course(report.crossed)
    begun_crossed = NONE
    for number, message in enumerate(stream):
        if end_ns is not None and message.ts >= end_ns:
            break
        last_ns = book.ts
        within = start_ns is None or message.ts >= start_ns
        if within and report.first_ns is None:
            report.first_ns = message.ts
            book.counts = Counts()
        broken = book.counts.breaks
        book.feed(message)
        if not within:
            continue
        if book.counts.breaks > broken:
            after_ns = None if last_ns == NONE else last_ns
            report.breaks.add(Span(book.fault, message.ts, message.ts, 1, after_ns=after_ns))
        report.last_ns = message.ts
        report.before_messages += book.condition.state == BEFORE
        suspect.go(book.condition.reason, book.condition.since_ns, last_ns, message.ts)
        is_crossed = book.crossed
        begun_crossed = (message.ts if begun_crossed == NONE else begun_crossed) if is_crossed else NONE
        crossed.go("crossed" if is_crossed else "", begun_crossed, last_ns, message.ts)
        if progress is not None and not number % _EVERY:
            progress(book.counts.rows, total)
    if report.last_ns is not None:
        report.counts = book.counts
        for course in (suspect, crossed):
            course.close(report.last_ns, still=True)
    return report
