"""`dl features audit`: whether stored features could be known when they say, and are of the data that is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session
from dl_datalake.commands.feature_rows import OnlyExchange, OnlyMarket, OnlySymbol
from dl_datalake.output import Step, clear, plural, table
from lake.errors import Exit

if TYPE_CHECKING:
    from lake.features.findings import AuditReport, Finding, Progress

Text = str | None
_SHOWN = 40


def audit(
    session: Session,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME...]", help="Sets or versions; the latest of each unless named, all sets unless any is."
        ),
    ] = None,
    symbol: OnlySymbol = None,
    exchange: OnlyExchange = None,
    market: OnlyMarket = None,
    start: Annotated[Text, typer.Option(metavar="DATE", help="Only partitions from here.")] = None,
    end: Annotated[Text, typer.Option(metavar="DATE", help="Only partitions before this.")] = None,
) -> None:
    """Look for leaks, restated inputs, holes, and columns that lost their values; exit 4 when there are any.

    Nothing is changed. Of the rows only ts and known_at are read, and the inputs only where they changed.
    """
    from dl_datalake.client import open as open_lake

    config = session.config()
    reporter = session.out.reporter()

    def tell(at: Progress) -> None:
        if reporter is not None:
            reporter(Step(at.done, at.total, str(at), "partitions"))

    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        try:
            told = lake.features.audit(
                *(names or ()), symbol=symbol, exchange=exchange, market=market, start=start, end=end, progress=tell
            )
        finally:
            clear(reporter)
    session.out.answer("features.audit", _data(told), _lines(told))
    if not told.clean:
        raise typer.Exit(Exit.FINDINGS)


def _data(told: AuditReport) -> dict[str, Any]:
    return {
        "clean": told.clean,
        "snapshot": told.snapshot,
        "sets": told.sets,
        "series": told.series,
        "partitions": told.partitions,
        "rows": told.rows,
        "findings": [
            {
                "kind": each.kind,
                "set": each.set,
                "address": str(each.address),
                "partition": each.partition,
                "count": each.count,
                "detail": each.detail,
                "examples": list(each.examples),
            }
            for each in told.findings
        ],
        "facts": [
            {
                "kind": each.kind,
                "set": each.set,
                "address": str(each.address),
                "name": each.name,
                "value": each.value,
                "detail": each.detail,
            }
            for each in told.facts
        ],
    }


def _lines(told: AuditReport) -> list[str]:
    looked = (
        f"{plural(told.sets, 'set')}, {plural(told.series, 'series')}, {plural(told.partitions, 'partition')}, "
        f"{plural(told.rows, 'row')} at snapshot {told.snapshot}"
    )
    if told.clean:
        return [f"nothing found: {looked}"]
    shown = told.findings[:_SHOWN]
    cells = [(each.kind, each.address, each.partition or "-", f"{each.count:,}", _said(each)) for each in shown]
    lines = table(("finding", "series", "partition", "count", "what"), cells, right=("count",))
    if len(told.findings) > len(shown):
        lines.append(f"… and {len(told.findings) - len(shown):,} more: --json has them all")
    return [*lines, f"{plural(len(told.findings), 'finding')}: {looked}"]


def _said(finding: Finding) -> str:
    return "; ".join([finding.detail, *finding.examples[:1]])
