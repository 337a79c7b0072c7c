"""`dl assets graph` and `dl assets lineage`: what is made from what, by asset and by partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dl_datalake.commands._base import Session
from dl_datalake.output import plural
from lake.errors import LakeError
from lake.manifest.origins import Origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.lineage import LineageNode, SeriesStatus
    from lake.manifest import Manifest
    from schemas.keys import Address

Format = Literal["text", "mermaid", "svg", "json"]
_SHOWN = 6


def graph(
    session: Session,
    selection: Annotated[
        list[str] | None, typer.Argument(metavar="[SELECTION]...", help="Such as +bars/1d or bars/1m+; else all.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="A tree, a Mermaid chart, a drawing, or data.")] = "text",
) -> None:
    """Show which assets are made from which, with the state of their partitions."""
    from dl_datalake import graph as drawing
    from dl_datalake.assets import counts
    from dl_datalake.commands.assets import look
    from pipelines.selection import select

    registry, states = look(session)
    chosen = select(selection or (), registry, [state.address for state in states])
    shown: dict[str, list[SeriesStatus]] = {key: [] for key in chosen.keys}
    for state in states:
        if chosen.fits(state.address):
            shown[state.address.key].append(state)
    by_key = {key: counts(own) for key, own in shown.items()}
    nodes = drawing.nodes(registry, chosen.keys, by_key)
    forms = {"text": drawing.text, "mermaid": drawing.mermaid, "svg": drawing.svg}
    session.out.json |= format_ == "json"
    lines = [] if session.out.json else forms[format_](nodes)
    session.out.answer("assets.graph", drawing.data(nodes), lines)


def lineage(
    session: Session,
    partition: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS[@PARTITION]", help="Such as BINANCE/SPOT/BTCUSDT/bars/1h@2024-03; else the last."
        ),
    ],
    up: Annotated[bool, typer.Option("--up", help="Only what it was made from.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Only what was made from it.")] = False,
    why: Annotated[bool, typer.Option("--why", help="Also why each file was read in its format.")] = False,
) -> None:
    """Show what a partition was made from, up to the vendors' files, and what was made from it."""
    from dl_datalake.series import parse_address
    from lake import lineage as engine

    text, _, label = partition.partition("@")
    with session.manifest() as manifest:
        address = parse_address(text)
        label = _label(manifest, address, label)
        above = None if down and not up else engine.up(manifest, address, label)
        below = None if up and not down else engine.down(manifest, address, label)
    if above is None and below is None:
        raise LakeError(
            "UNKNOWN_PARTITION", f"{address} has no partition {label}", fix=[f"dl assets status {address} --partitions"]
        )
    data = {
        "address": str(address),
        "partition": label,
        "up": None if above is None else _data(above),
        "down": None if below is None else _data(below),
    }
    lines: list[str] = []
    if above is not None:
        lines += ["made from", *_tree(above, why=why)]
    if below is not None:
        lines += ["made from it", *_tree(below, why=why)]
    session.out.answer("assets.lineage", data, lines)


def _label(manifest: Manifest, address: Address, label: str) -> str:
    """Return the label of a series' partition that a date lies in; the last one's without a date."""
    from lake.lineage import containing
    from lake.manifest import graph as stored
    from lake.selection import unknown
    from schemas.keys import Partition

    series = manifest.find(address)
    if series is None:
        raise unknown(manifest, str(address))
    if label:
        try:
            return containing(Partition.parse(label).day, address.grain).label
        except ValueError as error:
            raise LakeError("BAD_DATE", str(error), fix=[f"{address}@2024-03"]) from None
    labels = [part.partition for part in stored.parts(manifest, series.id, None, None)]
    labels += [row.partition for row in stored.derivations(manifest, series.id)]
    return max(labels, default="")


def _data(node: LineageNode) -> dict[str, Any]:
    return {
        "address": str(node.address),
        "partition": node.partition,
        "rows": node.rows,
        "content_hash": node.content_hash,
        "snapshot": node.snapshot,
        "run": node.run_id,
        "code_version": node.code_version,
        "made_from": node.made_from,
        "sources": [
            {
                "name": each.name,
                "sha256": f"sha256:{each.sha256}",
                "dialect": each.dialect,
                "snapshot": each.snapshot,
                "evidence": list(each.evidence),
            }
            for each in node.sources
        ],
        "nodes": [_data(each) for each in node.nodes],
    }


def _tree(node: LineageNode, first: str = "  ", rest: str = "  ", *, why: bool = False) -> Iterator[str]:
    version = f" · code {node.code_version}" if node.code_version else ""
    at = f" · snapshot {node.snapshot}" if node.snapshot else ""
    version += f" · from snapshot {node.made_from}" if node.made_from else ""
    yield f"{first}{node.address}@{node.partition}  {plural(node.rows, 'row')}{at}{version}"
    below: list[LineageNode | Origin | str] = [*node.nodes, *node.sources]
    shown = below if len(below) <= _SHOWN else [*below[: _SHOWN - 2], f"… {len(below) - _SHOWN + 1} more", below[-1]]
    for each in shown:
        last = each is shown[-1]
        branch, under = rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  ")
        if isinstance(each, str):
            yield branch + each
        elif isinstance(each, Origin):
            yield f"{branch}{each.name} ({each.dialect}) · snapshot {each.snapshot}"
            yield from (f"{under}  {text}" for text in each.evidence if why)
        else:
            yield from _tree(each, branch, under, why=why)
