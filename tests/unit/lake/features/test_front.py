"""The rows a front keeps are those that can still be chosen, however many went by."""

from __future__ import annotations

import numpy as np

from lake.features.front import NONE, Front


def kept(front: Front) -> int:
    return sum(step.shape[1] for step in front._steps)


def test_rows_that_become_known_together_leave_the_last_of_them() -> None:
    front = Front(strict=False)
    for first in range(0, 10_000, 100):
        ts = np.arange(first, first + 100)
        front.add(np.full(100, 50_000), ts, first)
        assert front.choose(np.array([first + 99]), None).tolist() == [NONE]
        assert kept(front) == 1
    assert front.choose(np.array([49_999, 50_000]), None).tolist() == [NONE, 9_999]


def test_rows_that_are_known_late_wait_and_go_when_the_next_is_known() -> None:
    front = Front(strict=False)
    for first in range(0, 10_000, 100):
        ts = np.arange(first, first + 100)
        front.add(ts + 1_000, ts, first)
        decisions = ts.copy()
        assert front.choose(decisions, None).tolist() == np.where(ts >= 1_000, ts - 1_000, NONE).tolist()
        assert kept(front) <= 1_001
        assert front.first == max(0, first + 99 - 1_000)


def test_a_row_that_was_known_no_later_takes_the_place_of_those_before_it() -> None:
    front = Front(strict=False)
    front.add(np.array([5, 90, 40, 60]), np.array([1, 2, 3, 4]), 0)
    assert kept(front) == 3
    front.add(np.array([50]), np.array([10]), 4)
    assert kept(front) == 3
    assert front.choose(np.array([5, 39, 40, 49, 50, 100]), None).tolist() == [0, 0, 2, 2, 4, 4]


def test_age_is_counted_from_the_row_s_ts_and_the_limit_itself_is_good() -> None:
    front = Front(strict=True)
    front.add(np.array([3]), np.array([2]), 7)
    assert front.choose(np.array([3, 4, 12, 13]), 10).tolist() == [NONE, 7, 7, NONE]
    assert front.choose(np.array([14]), None).tolist() == [7]
