"""`dl plot`: a chart of one series as a picture or as a page."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.commands._writing import refuse_inside, replacing
from dl_datalake.commands.catalog import AsOf
from dl_datalake.commands.read import End, Start, Text
from dl_datalake.dates import format_ns
from dl_datalake.output import plural
from lake.errors import LakeError

if TYPE_CHECKING:
    from typing import BinaryIO

    from dl_datalake.plots.thinning import Drawing

_MAKERS = {".png": "matplotlib", ".svg": "matplotlib", ".html": "bokeh"}
"""Ending → the package that draws it."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "plot")(plot)


def plot(
    session: Session,
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="One series, such as BINANCE/SPOT/BTCUSDT/bars/1m.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="A .png, .svg or .html.")],
    start: Start = None,
    end: End = None,
    columns: Annotated[Text, typer.Option(metavar="NAMES", help="Lines of these, with commas: bid,ask.")] = None,
    as_of: AsOf = None,
) -> None:
    """Draw one series.

    Candles of bars and trades, lines of anything else; of many rows, each mark stands for a stretch of time. Where
    nothing is stored, nothing is drawn. A page (.html) has its scripts in it and needs no network.
    """
    from dl_datalake.client import open as open_lake

    config = session.config()
    maker = _maker(output)
    refuse_inside(output, config.data)
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        from dl_datalake.plots.thinning import thin

        result = lake.read(address, start=start, end=end, as_of=as_of)
        wanted = [name.strip() for name in columns.split(",")] if columns else None
        drawing = thin(result, wanted)
        with replacing(output) as sink:
            _write(drawing, maker, output.suffix, sink)
    data = {
        "address": str(result.address),
        "snapshot": result.snapshot,
        "file": str(output),
        "rows": drawing.rows,
        "marks": len(drawing.times),
        "step_seconds": drawing.step_ns / 1e9 if drawing.thinned else None,
        "first": format_ns(int(drawing.times[0])),
        "last": format_ns(int(drawing.times[-1])),
    }
    each = f", each of {drawing.step_ns // 10**9:,} s" if drawing.thinned else ""
    marks = f"{plural(drawing.rows, 'row')} as {plural(len(drawing.times), 'mark')}{each}"
    session.out.done("plot", data, [f"{marks} → {output}"])


def _maker(output: Path) -> str:
    maker = _MAKERS.get(output.suffix.lower())
    if maker is None:
        raise LakeError(
            "USAGE",
            f"the kind of chart cannot be told from {output.name}",
            why=f"The endings known are {', '.join(_MAKERS)}.",
            fix=["-o chart.png", "-o chart.html"],
        )
    try:
        import_module(maker)
    except ModuleNotFoundError:
        raise LakeError(
            "MISSING_EXTRA", f"{maker} is not installed, which draws it", fix=["pip install 'dl-datalake[plot]'"]
        ) from None
    return maker


def _write(drawing: Drawing, maker: str, ending: str, sink: BinaryIO) -> None:
    if maker == "bokeh":
        from dl_datalake.plots.page import page

        sink.write(page(drawing).encode())
    else:
        from dl_datalake.plots import picture

        picture.write(drawing, sink, ending[1:].lower())
