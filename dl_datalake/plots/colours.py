"""What both kinds of charts share: colours, and lines that stop where nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dl_datalake.plots.thinning import Drawing, Floats, Ints

UP, DOWN = "#26a69a", "#ef5350"
LINES = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
"""Told apart by colour-blind eyes too."""


def broken(drawing: Drawing, name: str) -> tuple[Ints, Floats]:
    """Return times and values of a line; between stretches of time with nothing between them it is broken by NaN."""
    times, values = drawing.times, drawing.columns[name]
    if not drawing.thinned:
        return times, values
    after = np.flatnonzero(np.diff(times) > drawing.step_ns) + 1
    return np.insert(times, after, times[after - 1] + drawing.step_ns), np.insert(values, after, np.nan)
