"""Events in the order of two clocks, against the sorting of everything at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_datalake import LakeError
from dl_datalake.exports import events
from dl_datalake.exports.events import BUY, EVENT, EXCHANGE, LOCAL, TRADE, merged, ordered

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=12)
"""When events happen, and how much later they are known."""


def block(times: Sequence[tuple[int, int]], first: int = 0) -> events.Events:
    """Return events with a price each of their own, counted from `first`."""
    found = np.zeros(len(times), EVENT)
    found["exch_ts"] = [ts for ts, _ in times]
    found["local_ts"] = [ts + later for ts, later in times]
    found["ev"] = TRADE | BUY
    found["px"] = first + np.arange(len(times))
    return found


def told(found: events.Events, flag: int) -> list[tuple[int, int, float]]:
    """Return the events that one side takes, in the order it takes them in."""
    taken = found[found["ev"] & np.uint64(flag) != 0]
    return list(zip(taken["exch_ts"].tolist(), taken["local_ts"].tolist(), taken["px"].tolist(), strict=True))


@given(TIMES, st.integers(1, 5))
def test_each_clock_sees_every_event_once_and_in_its_order(times: list[tuple[int, int]], size: int) -> None:
    times = sorted(times, key=lambda pair: pair[0])
    whole = block(times)
    blocks = [whole[start : start + size] for start in range(0, len(whole), size)]
    found = np.concatenate(list(ordered(blocks)))
    rows = [(ts, ts + later, float(place)) for place, (ts, later) in enumerate(times)]
    assert told(found, EXCHANGE) == sorted(rows, key=lambda row: row[0])
    assert told(found, LOCAL) == sorted(rows, key=lambda row: row[1])
    # An event stands twice only where one that happened later was known earlier.
    if sorted(rows, key=lambda row: row[1]) == rows:
        assert len(found) == len(rows)


@given(TIMES, TIMES, st.integers(1, 4), st.integers(1, 4))
def test_streams_are_merged_by_time_and_then_by_their_place(
    one: list[tuple[int, int]], other: list[tuple[int, int]], first: int, second: int
) -> None:
    streams = [block(sorted(one)), block(sorted(other), 100)]
    cut = [
        iter([stream[start : start + size] for start in range(0, len(stream), size)])
        for stream, size in zip(streams, (first, second), strict=True)
    ]
    found = np.concatenate(list(merged(cut)))
    both = np.concatenate(streams)
    assert found.tolist() == both[np.argsort(both["exch_ts"], kind="stable")].tolist()


def test_what_waits_for_long_is_refused_when_it_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HELD", 10)
    late = [block([(ts, 1000 - ts) for ts in range(start, start + 8)]) for start in (0, 8)]
    with pytest.raises(LakeError, match="more than 10 events were received after one"):
        list(ordered(late))
