"""A chart as a picture, by matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dl_datalake.plots.colours import DOWN, LINES, UP, broken

if TYPE_CHECKING:
    from typing import BinaryIO

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from dl_datalake.plots.thinning import Drawing

_SIZE = (14.0, 7.0)
_DPI = 110


def write(drawing: Drawing, sink: BinaryIO, form: str) -> None:
    """Write the picture; `form` is png or svg."""
    figure(drawing).savefig(sink, format=form, dpi=_DPI)


def figure(drawing: Drawing) -> Figure:
    """Return the chart as matplotlib's figure: prices above, and volume below where there is one."""
    made = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(made)
    volume = drawing.volume
    rows = [made.subplots()] if volume is None else made.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    times = drawing.times.astype("datetime64[ns]").astype("datetime64[us]")
    prices: Axes = rows[0]
    prices.set_title(drawing.title, loc="left")
    if drawing.candle:
        _candles(prices, times, drawing)
    else:
        for name, colour in zip(drawing.lines, LINES * len(drawing.lines), strict=False):
            x, y = broken(drawing, name)
            prices.plot(x.astype("datetime64[ns]"), y, label=name, color=colour, linewidth=1)
        prices.legend(loc="upper left")
    if volume is not None:
        rows[1].bar(times, volume, width=_width(drawing), align="edge", color=LINES[0])
        rows[1].set_ylabel("volume")
    rows[-1].set_xlabel("UTC")
    for axes in rows:
        axes.grid(alpha=0.25)
    return made


def _candles(axes: Axes, times: NDArray[np.datetime64], drawing: Drawing) -> None:
    opens, highs, lows, closes = (drawing.columns[name] for name in ("open", "high", "low", "close"))
    colours = np.where(closes >= opens, UP, DOWN)
    width = _width(drawing)
    axes.vlines(times + width / 2, lows, highs, colors=list(colours), linewidth=0.7)
    axes.bar(
        times,
        closes - opens,
        bottom=opens,
        width=width,
        align="edge",
        color=list(colours),
        edgecolor=list(colours),  # seen where open and close are one
        linewidth=0.5,
    )


def _width(drawing: Drawing) -> np.timedelta64:
    return np.timedelta64(drawing.step_ns // 1_000, "us")
