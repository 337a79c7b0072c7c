"""`dl features read` and `dl features diff`: the rows of a feature set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._base import Session
from dl_datalake.commands.diff import Before, From, diff_lines, report_data, watch
from dl_datalake.commands.read import End, Form, Limit, Output, Printing, Start
from dl_datalake.output import clear, table

if TYPE_CHECKING:
    from dl_datalake.feature_rows import SetDiff

Text = str | None
Name = Annotated[str, typer.Argument(metavar="NAME", help="A set, or one version of it: returns, returns.v2.")]
AsOf = Annotated[
    Text, typer.Option(metavar="N|NAME|TIME", help="As of a snapshot (digits alone), its name, or a time.")
]
Exchange = Annotated[Text, typer.Option(metavar="NAME", help="The exchange, where several have the symbol.")]
Market = Annotated[Text, typer.Option(metavar="NAME", help="The market, where several have the symbol.")]
Symbol = Annotated[Text, typer.Option(metavar="NAME", help="The symbol, where the set has several series.")]
OnlySymbol = Annotated[Text, typer.Option(metavar="NAME", help="Only the rows of this symbol.")]
OnlyExchange = Annotated[Text, typer.Option(metavar="NAME", help="Only the rows of this exchange.")]
OnlyMarket = Annotated[Text, typer.Option(metavar="NAME", help="Only the rows of this market.")]


def read(
    session: Session,
    name: Name,
    symbol: Symbol = None,
    exchange: Exchange = None,
    market: Market = None,
    version: Annotated[
        str, typer.Option(metavar="N", help="The version; the latest that has rows of the symbol.")
    ] = "latest",
    start: Start = None,
    end: End = None,
    columns: Annotated[Text, typer.Option(metavar="NAMES", help="Only these, with commas: ts,rsi.")] = None,
    as_of: AsOf = None,
    limit: Limit = None,
    format_: Form = None,
    output: Output = None,
) -> None:
    """Print the rows of a feature set for one symbol, in stored order."""
    from dl_datalake.client import open as open_lake

    printing = Printing(session, format_, output, limit)
    config = session.config()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        result = lake.features.read(
            name,
            symbol,
            start,
            end,
            version=version,
            exchange=exchange,
            market=market,
            columns=[each.strip() for each in columns.split(",")] if columns else None,
            as_of=as_of,
        )
        printing.print("features.read", result, config.data)


def diff(
    session: Session,
    old: Annotated[
        str,
        typer.Argument(
            metavar="NAME[@AS_OF]", help="A version, returns.v1, at a snapshot's number or name, or a time."
        ),
    ],
    new: Annotated[
        Text,
        typer.Argument(metavar="[NAME[@AS_OF]]", help="The same, or another version; else the present of the first."),
    ] = None,
    symbol: Symbol = None,
    exchange: Exchange = None,
    market: Market = None,
    start: From = None,
    end: Before = None,
    samples: Annotated[int, typer.Option(metavar="N", help="Show so many rows of each kind.", min=0)] = 5,
) -> None:
    """Say what differs between two versions of a set, or two states of one: columns, and the rows of one symbol.

    Rows are matched by ts and known_at, and compared in the columns that both have. Exit 0 whether or not any differ.
    """
    from dl_datalake.client import open as open_lake

    config = session.config()
    reporter = session.out.reporter()
    with open_lake(config.root, data_root=config.data, db_path=config.manifest) as lake:
        try:
            told = lake.features.diff(
                old,
                new,
                symbol,
                exchange=exchange,
                market=market,
                start=start,
                end=end,
                samples=samples,
                progress=watch(reporter),
            )
        finally:
            clear(reporter)
    data: dict[str, Any] = {
        "old": told.old,
        "new": told.new,
        "declared": [{"word": word, "old": before, "new": after} for word, before, after in told.declared],
        "rows": None if told.rows is None else report_data(told.rows),
    }
    session.out.answer("features.diff", data, _diff_lines(told))


def _diff_lines(told: SetDiff) -> list[str]:
    lines = [f"{told.old} → {told.new}"]
    if told.declared:
        lines += table(("", "old", "new"), [(word, old or "-", new or "-") for word, old, new in told.declared])
    else:
        lines.append("declared alike")
    if told.rows is None:
        return [*lines, "", "no series has rows of both"]
    return [*lines, "", *diff_lines(told.rows)]
