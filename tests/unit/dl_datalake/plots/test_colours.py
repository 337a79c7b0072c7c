"""Lines stop where nothing is stored."""

from __future__ import annotations

import numpy as np

from dl_datalake.plots.colours import broken
from tests.drawings import LINES, MINUTE, TIMES


def test_a_line_is_broken_where_nothing_is_stored() -> None:
    times, values = broken(LINES, "bid")
    assert times.tolist() == [TIMES[0], TIMES[1], TIMES[1] + MINUTE, TIMES[2]]
    assert np.isnan(values).tolist() == [False, False, True, False]
