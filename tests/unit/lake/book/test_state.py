"""What becomes of messages that do not simply follow each other, by hand."""

from __future__ import annotations

from lake.book.chains import NONE, Message
from lake.book.state import APPLIED, CLEARED, DAY_NS, RESYNCED, SKIPPED, Book, Condition

T0 = 1_704_448_800_000_000_000


def change(ts: int, first: int, last: int, *levels: tuple[float, float], seq: int = NONE) -> Message:
    """Return a change of bids `ts` nanoseconds after T0."""
    prices, sizes = ([level[at] for level in levels] for at in (0, 1))
    return Message(
        0, len(levels), T0 + ts, NONE, NONE, seq, snapshot=False, first=first, last=last, previous=NONE,
        bids=[True] * len(levels), prices=prices, sizes=sizes,
    )  # fmt: skip


def snapshot(ts: int, last: int, *levels: tuple[float, float], seq: int = NONE) -> Message:
    """Return a snapshot that has everything up to an id."""
    made = change(ts, NONE, last, *levels, seq=seq)
    made.snapshot = True
    return made


def fed(*messages: Message) -> tuple[Book, list[int]]:
    """Return a book of Binance's spot market, and what became of each message."""
    book = Book("BINANCE")
    return book, [book.feed(message) for message in messages]


def test_changes_that_a_snapshot_has_already_are_passed_over() -> None:
    book, became = fed(
        snapshot(0, 110, (10.0, 1.0)),
        change(1, 101, 110, (10.0, 9.0)),
        change(2, 109, 112, (11.0, 2.0)),  # the snapshot lies within its ids
        change(3, 113, 113, (10.0, 0.0)),
    )
    assert became == [CLEARED, SKIPPED, APPLIED, APPLIED]
    assert (book.bids.top(), book.condition.state, book.counts.old) == ([(11.0, 2.0)], "valid", 1)


def test_snapshot_that_comes_late_to_a_sound_book_is_passed_over() -> None:
    book, became = fed(
        snapshot(0, 100, (10.0, 1.0)),
        change(1, 101, 105, (11.0, 2.0)),
        change(2, 106, 109, (12.0, 3.0)),
        snapshot(3, 105, (10.0, 1.0), (11.0, 2.0)),
    )
    assert became[-1] == SKIPPED
    assert book.bids.top() == [(12.0, 3.0), (11.0, 2.0), (10.0, 1.0)]
    assert (book.condition.state, book.counts.late_snapshots) == ("valid", 1)


def test_snapshot_that_comes_late_to_a_book_that_waits_for_it_goes_under_the_newer_changes() -> None:
    messages = (
        change(0, 101, 103, (11.0, 1.0)),
        change(1, 104, 106, (12.0, 2.0)),
        change(2, 107, 109, (10.0, 0.0)),
        snapshot(3, 104, (10.0, 5.0), (11.0, 1.0)),
    )
    book, became = fed(*messages)
    assert became[-1] == RESYNCED
    assert book.bids.top() == [(12.0, 2.0), (11.0, 1.0)]
    assert book.condition == Condition("valid", "", T0 + 3)
    assert book.feed(change(4, 110, 111, (9.0, 1.0))) == APPLIED
    assert (book.condition.state, book.counts.breaks) == ("valid", 0)


def test_snapshot_older_than_all_that_is_kept_for_it_leaves_the_book_suspect() -> None:
    book, became = fed(change(0, 101, 103, (11.0, 1.0)), change(1, 104, 106, (12.0, 2.0)), snapshot(2, 90, (10.0, 5.0)))
    assert became[-1] == RESYNCED
    assert book.bids.top() == [(12.0, 2.0), (11.0, 1.0), (10.0, 5.0)]
    assert book.condition == Condition("suspect", "snapshot_too_old", T0 + 2)


def test_ids_that_go_back_are_told_from_messages_that_are_missing() -> None:
    start = (snapshot(0, 100, (10.0, 1.0)), change(1, 101, 105, (11.0, 2.0)))
    book, _ = fed(*start, change(2, 104, 105, (12.0, 3.0)))
    assert (book.condition.reason, book.fault, book.counts.breaks) == ("ids_went_back", "ids_went_back", 1)
    book, _ = fed(*start, change(2, 107, 108, (12.0, 3.0)), change(3, 101, 102, (12.0, 1.0)))
    # The first reason stands, the second is counted.
    assert (book.condition, book.fault) == (Condition("suspect", "messages_missing", T0 + 2), "ids_went_back")
    assert book.counts.breaks == 2


def test_numbers_of_messages_without_ids_must_not_go_back() -> None:
    start = (snapshot(0, NONE, (10.0, 1.0), seq=5), change(1, NONE, NONE, (11.0, 2.0), seq=9))
    book, _ = fed(*start, change(2, NONE, NONE, (12.0, 1.0), seq=9), change(3, NONE, NONE, (12.0, 2.0)))
    assert (book.condition.state, book.counts.breaks, book.counts.unchecked) == ("valid", 0, 3)
    book, _ = fed(*start, change(2, NONE, NONE, (12.0, 1.0), seq=8), change(3, NONE, NONE, (13.0, 1.0), seq=10))
    assert (book.condition, book.counts.breaks) == (Condition("suspect", "ids_went_back", T0 + 2), 1)
    # What the venue counts anew, it begins with a snapshot.
    assert book.feed(snapshot(4, NONE, (10.0, 1.0), seq=1)) == CLEARED
    book.feed(change(5, NONE, NONE, (11.0, 1.0), seq=2))
    assert (book.condition.state, book.counts.breaks) == ("valid", 1)


def test_day_without_rows_spoils_only_a_book_whose_ids_tell_nothing() -> None:
    book, _ = fed(snapshot(0, NONE, (10.0, 1.0)), change(2 * DAY_NS, NONE, NONE, (11.0, 1.0)))
    midnight = (T0 // DAY_NS + 1) * DAY_NS
    assert book.condition == Condition("suspect", "day_without_rows", midnight)
    book, _ = fed(snapshot(0, 100, (10.0, 1.0)), change(2 * DAY_NS, 101, 102, (11.0, 1.0)))
    assert book.condition.state == "valid"


def test_snapshot_clears_what_changes_left() -> None:
    book, _ = fed(
        snapshot(0, 100, (10.0, 1.0), (9.0, 1.0)),
        change(1, 101, 101, (9.0, 0.0), (8.0, 4.0)),
        snapshot(2, 101, (7.0, 1.0), (6.0, 0.0)),
    )
    assert book.bids.top() == [(7.0, 1.0)]
