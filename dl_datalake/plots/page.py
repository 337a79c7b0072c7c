"""A chart as one page that needs no network: pan, zoom and read values off, by Bokeh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure
from bokeh.resources import INLINE

from dl_datalake.plots.colours import DOWN, LINES, UP, broken

if TYPE_CHECKING:
    from dl_datalake.plots.thinning import Drawing, Floats

_TOOLS = "xpan,xwheel_zoom,box_zoom,reset,save"
_CANDLE = ("open", "high", "low", "close")


def page(drawing: Drawing) -> str:
    """Return the page; its scripts are in it."""
    prices = _figure(drawing.title, height=480)
    if drawing.candle:
        _candles(prices, drawing)
    else:
        for name, colour in zip(drawing.lines, LINES * len(drawing.lines), strict=False):
            times, values = broken(drawing, name)
            source = ColumnDataSource({"time": times / 1e6, "value": values})
            line = prices.line("time", "value", source=source, legend_label=name, color=colour)
            _hover(prices, line, [(name, "@value{0.[00000000]}")], "vline")
        prices.legend.click_policy = "hide"
    parts = [prices]
    if drawing.volume is not None:
        parts.append(_volume(drawing, drawing.volume, prices))
    return str(file_html(column(parts, sizing_mode="stretch_width"), INLINE, drawing.title))


def _figure(title: str | None, height: int, **more: Any) -> Any:  # noqa: ANN401 - Bokeh's own
    return figure(
        title=title,
        height=height,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        tools=_TOOLS,
        active_drag="xpan",
        active_scroll="xwheel_zoom",
        **more,
    )


def _candles(prices: Any, drawing: Drawing) -> None:  # noqa: ANN401 - Bokeh's own
    values = drawing.columns
    begin, step = drawing.times / 1e6, drawing.step_ns / 1e6
    source = ColumnDataSource(
        {
            "time": begin,
            "middle": begin + step / 2,
            "colour": np.where(values["close"] >= values["open"], UP, DOWN),
            **{name: values[name] for name in _CANDLE},
        }
    )
    prices.segment("middle", "high", "middle", "low", source=source, color="colour")
    bodies = prices.vbar("middle", step * 0.8, "open", "close", source=source, color="colour")
    _hover(prices, bodies, [(name, f"@{name}{{0.[00000000]}}") for name in _CANDLE], "mouse")


def _volume(drawing: Drawing, volume: Floats, prices: Any) -> Any:  # noqa: ANN401 - Bokeh's own
    below = _figure(None, height=140, x_range=prices.x_range)
    begin, step = drawing.times / 1e6, drawing.step_ns / 1e6
    source = ColumnDataSource({"time": begin, "middle": begin + step / 2, "volume": volume})
    bars = below.vbar("middle", step * 0.8, "volume", 0, source=source, color=LINES[0])
    _hover(below, bars, [("volume", "@volume{0.[00000000]}")], "mouse")
    below.xaxis.axis_label = "UTC"
    return below


def _hover(axes: Any, drawn: Any, shown: list[tuple[str, str]], mode: Literal["mouse", "vline"]) -> None:  # noqa: ANN401 - Bokeh's own
    tips = [("", "@time{%F %T}"), *shown]
    axes.add_tools(HoverTool(renderers=[drawn], tooltips=tips, formatters={"@time": "datetime"}, mode=mode))
