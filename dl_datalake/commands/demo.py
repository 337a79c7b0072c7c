"""`dl demo`: the whole loop on bundled vendor files, every printed line a check that held."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dl_datalake.commands._base import Session, command
from dl_datalake.output import plural, size

if TYPE_CHECKING:
    from dl_datalake.demo.steps import Done

FOLDER = Path("demo-lake")


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "demo")(demo)


def demo(
    session: Session,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="The folder to make; one of its own is made anew.")
    ] = FOLDER,
) -> None:
    """Run the whole loop on real data.

    On bundled vendor files, in a fresh lake of its own: no network, and nothing else is touched.
    """
    from dl_datalake.demo.steps import Demo, prepare
    from lake.config import Config

    folder = path.absolute()
    prepare(folder)
    session.safe = f"Only {folder} was touched; run it again to start anew."
    out = session.out
    out.root = folder
    shown = not (out.json or out.quiet)
    if shown:
        out.text([f"dl demo: real market data, no network, in {path}"])
    done: list[Done] = []
    # Not located as other commands do: an owner's own DL_DATA_ROOT must not draw the demo into a real lake.
    for step in Demo(Config(folder, folder / "data", folder / "manifest.db")).run():
        done.append(step)
        if shown:
            out.text([f"{len(done):>2} {step.name:<10}  {step.text}  ({step.seconds:.1f} s)"])
    following = [
        f"dl list --root {path}",
        f"dl read COINBASE/SPOT/BTCUSD/bars/1m --root {path} --limit 5",
        f"dl quarantine list --root {path}",
        f"dl assets lineage COINBASE/SPOT/BTCUSD-DAYS/bars/1h@2016-11 --root {path}",
    ]
    peak = peak_memory()
    data = {
        "steps": [{"name": s.name, "ok": True, "seconds": round(s.seconds, 6), "facts": s.facts} for s in done],
        "peak_memory_bytes": peak,
        "next": following,
    }
    total = sum(step.seconds for step in done)
    lines = [f"{plural(len(done), 'check')} held in {total:.1f} s, peak memory {size(peak)}"]
    lines += [f"{'next:' if not place else '     '} {line}" for place, line in enumerate(following)]
    out.done("demo", data, [*lines, f"      rm -r {path} takes it away"])


def peak_memory() -> int:
    """Return the most memory this process has held, in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
