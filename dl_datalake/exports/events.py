"""Trades and changes of books as hftbacktest's events, in the order in which they happened and became known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake.book.chains import NONE
from lake.book.state import APPLIED, BEFORE, SKIPPED, VALID
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from dl_datalake.exports.job import Job
    from dl_datalake.result import Result
    from lake.book.chains import Message
    from lake.book.state import Book
    from schemas.keys import Address

    Events = NDArray[np.void]
    Ints = NDArray[np.int64]

EVENT = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ]
)
DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
"""Kinds of events."""
BUY, SELL = 1 << 29, 1 << 28
LOCAL, EXCHANGE = 1 << 30, 1 << 31
BLOCK = 65_536
HELD = 2_000_000
"""How many events may wait for one that became known before them and happened after them."""


def behind(job: Job, address: Address) -> int:
    """Return how far the clock of receipt is behind that of the exchange: the most nanoseconds of any row."""
    most = 0
    for batch in job.read(address, ("ts", "ts_recv")).batches():
        received = _ns(batch.column("ts_recv"))
        ahead = (_ns(batch.column("ts")) - received)[received != NONE]
        if len(ahead) and (late := int(np.count_nonzero(ahead > 0))):
            most = max(most, int(ahead.max()))
            job.lose("received before they happened: all receipts are set on by the most of it", late)
    return most


def of_trades(job: Job, result: Result, later: int) -> Iterator[Events]:
    """Yield the trades of a series, a batch at a time, received so much later than is told."""
    for batch in job.batches(result):
        side = batch.column("side").cast(pa.string())
        flags = np.where(_is(side, "buy"), BUY, 0) | np.where(_is(side, "sell"), SELL, 0)
        found = np.zeros(batch.num_rows, EVENT)
        found["ev"] = TRADE | flags
        found["exch_ts"] = _ns(batch.column("ts"))
        found["px"] = batch.column("price").to_numpy()
        found["qty"] = batch.column("size").to_numpy(zero_copy_only=False)
        job.lose("trades without a side", side.null_count)
        received = _ns(batch.column("ts_recv"))
        unknown = received == NONE
        job.lose("received at no time that is known", int(np.count_nonzero(unknown)))
        found["local_ts"] = np.where(unknown, found["exch_ts"], received + later)
        yield found


class Changes:
    """Takes messages of a book, and gives what they change as events."""

    def __init__(self, job: Job, address: Address, later: int) -> None:
        """Take the export, the series, and how much later messages were received than is told."""
        self._job, self._address, self._later = job, address, later
        self._begin()

    def _begin(self) -> None:
        self._rows = 0
        self._kinds: list[int] = []
        self._times: list[int] = []
        self._known: list[int] = []
        self._prices: list[float] = []
        self._sizes: list[float] = []

    def events(
        self, book: Book, messages: Iterable[Message], start_ns: int | None, end_ns: int | None
    ) -> Iterator[Events]:
        """Yield the events of a range, with the book as it begins before them.

        Args:
            book: As it is before the first message.
            messages: From some time on that is not behind the range's begin.
            start_ns: Where the range begins, if not with the first message.
            end_ns: Where it ends.
        """
        begun = start_ns is None
        for message in messages:
            if end_ns is not None and message.ts >= end_ns:
                break
            if start_ns is not None and not begun:
                if message.ts < start_ns:
                    book.feed(message)
                    continue
                begun = True
                if book.condition.state != BEFORE:
                    self._whole(book, start_ns, start_ns)
            outcome = book.feed(message)
            local = message.ts if message.ts_recv == NONE else message.ts_recv + self._later
            rows = message.end - message.row
            self._rows += rows
            self._job.lose("received at no time that is known", rows if message.ts_recv == NONE else 0)
            self._job.lose("changes of a book that cannot be trusted", 0 if book.condition.state == VALID else rows)
            if outcome == APPLIED:
                sides = [DEPTH | (BUY if is_bid else SELL) for is_bid in message.bids]
                self._add(sides, message.ts, local, message.prices, message.sizes)
            elif outcome != SKIPPED:
                self._whole(book, message.ts, local)
            if len(self._kinds) >= BLOCK:
                yield self._taken()
        if self._kinds:
            yield self._taken()

    def _whole(self, book: Book, ts: int, local: int) -> None:
        """Add the book anew: all levels go, and those that it has come, the best ones first."""
        self._add([CLEAR], ts, local, [0.0], [0.0])
        for flag, levels in ((BUY, book.bids.top()), (SELL, book.asks.top())):
            prices, sizes = [price for price, _ in levels], [size for _, size in levels]
            self._add([SNAPSHOT | flag] * len(levels), ts, local, prices, sizes)

    def _add(self, kinds: list[int], ts: int, local: int, prices: Sequence[float], sizes: Sequence[float]) -> None:
        count = len(kinds)
        self._kinds += kinds
        self._times += [ts] * count
        self._known += [local] * count
        self._prices += prices
        self._sizes += sizes

    def _taken(self) -> Events:
        self._job.tell(self._address, self._rows)
        found = np.zeros(len(self._kinds), EVENT)
        found["ev"], found["exch_ts"], found["px"], found["qty"] = self._kinds, self._times, self._prices, self._sizes
        found["local_ts"] = self._known
        self._begin()
        return found


def merged(streams: Sequence[Iterator[Events]]) -> Iterator[Events]:
    """Yield the events of several streams in the order in which they happened.

    Args:
        streams: Each in that order itself; of one time, the events of the first come first.
    """
    heads = [next(stream, None) for stream in streams]
    while waiting := [place for place, head in enumerate(heads) if head is not None]:
        if len(waiting) == 1:
            [place] = waiting
            yield heads[place]  # type: ignore[misc]  # it is one that waits
            heads[place] = next(streams[place], None)
            continue
        limit = min(int(heads[place]["exch_ts"][-1]) for place in waiting)  # type: ignore[index]  # the same
        parts = []
        for place in waiting:
            head = heads[place]
            while head is not None and head["exch_ts"][-1] <= limit:  # all events of one time come at once
                parts.append(head)
                head = next(streams[place], None)
            if head is not None:
                cut = int(np.searchsorted(head["exch_ts"], limit, side="right"))
                parts.append(head[:cut])
                head = head[cut:]
            heads[place] = head
        both = np.concatenate(parts)
        yield both[np.argsort(both["exch_ts"], kind="stable")]


def ordered(blocks: Iterable[Events]) -> Iterator[Events]:
    """Yield events in an order that is that of both clocks, in pieces that depend on nothing behind them.

    An event that became known out of the order in which it happened stands twice: once for the exchange, once for who
    receives it.

    Raises:
        LakeError: USAGE when too many would have to wait.
    """
    held = np.zeros(0, EVENT)
    for block in blocks:
        held = np.concatenate([held, block])
        # Nothing that is yet to come happened before this, nor was known before it happened.
        cuts = _cuts(held, int(held["exch_ts"][-1]))
        if cuts[-1]:
            yield _in_both_orders(held[: cuts[-1]], cuts)
            held = held[cuts[-1] :]
        if len(held) > HELD:
            raise LakeError(
                "USAGE",
                f"more than {HELD:,} events were received after one that happened behind them",
                why="All of them would have to be held in memory at once: ts_recv may be of another time altogether.",
                fix=["export a shorter range"],
            )
    if len(held):
        yield _in_both_orders(held, _cuts(held, np.iinfo(np.int64).max))


def _cuts(events: Events, limit: int) -> Ints:
    """Return where all before became known no later than all behind, of which nothing does before `limit`."""
    local = events["local_ts"]
    before = np.maximum.accumulate(local)
    behind = np.minimum.accumulate(np.r_[local[1:], limit][::-1])[::-1]
    found: Ints = np.r_[0, np.flatnonzero(before <= behind) + 1]
    return found


def _in_both_orders(events: Events, cuts: Ints) -> Events:
    """Return events that end at a cut, in both orders; between two cuts all but a single one must be looked at."""
    starts, ends = cuts[:-1], cuts[1:]
    wide = np.flatnonzero(ends - starts > 1)
    events = events.copy()
    events["ev"] |= np.uint64(EXCHANGE | LOCAL)
    if not len(wide):
        return events
    parts, last = [], 0
    for start, end in zip(starts[wide].tolist(), ends[wide].tolist(), strict=True):
        parts += [events[last:start], _split(events[start:end])]
        last = end
    return np.concatenate([*parts, events[last:]])


def _split(events: Events) -> Events:
    """Merge events in the order of the exchange with the same ones in the order of their receipt."""
    times = list(zip(events["exch_ts"].tolist(), events["local_ts"].tolist(), strict=True))
    received = np.argsort(events["local_ts"], kind="stable").tolist()
    count, at, local = len(times), 0, 0
    rows: list[int] = []
    flags: list[int] = []
    while at < count or local < count:
        if at < count and local < count and times[at] == times[received[local]]:
            rows.append(at)
            flags.append(EXCHANGE | LOCAL)
            at, local = at + 1, local + 1
        elif local == count or (at < count and times[at] < times[received[local]]):
            rows.append(at)
            flags.append(EXCHANGE)
            at += 1
        else:
            rows.append(received[local])
            flags.append(LOCAL)
            local += 1
    found = events[rows]
    found["ev"] = found["ev"] & ~np.uint64(EXCHANGE | LOCAL) | np.array(flags, np.uint64)
    return found


def _is(words: pa.Array, word: str) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.fill_null(pc.equal(words, word), fill_value=False).to_numpy(zero_copy_only=False)
    return found


def _ns(column: pa.Array) -> Ints:
    """Return times as integers, NONE for null."""
    found: Ints = column.view(pa.int64()).fill_null(NONE).to_numpy()
    return found
