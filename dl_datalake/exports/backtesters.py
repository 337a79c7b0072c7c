"""Bars for backtesting.py, backtrader and qlib, and what Finam's export looks like: text files of one series each."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dl_datalake.exports.model import Target
from dl_datalake.exports.texts import SECOND, Text, addressed, constant, moment, number, word
from lake.errors import LakeError
from lake.sources.dialects import DIALECTS
from schemas.keys import encode
from schemas.periods import UNIT_SECONDS, Period

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dl_datalake.exports.job import Job
    from dl_datalake.result import Result
    from schemas.keys import Address

_PRICES = ("open", "high", "low", "close")
_BARS = ("ts", *_PRICES, "volume")
_FINAM_BARS, _FINAM_TICKS = DIALECTS["finam-bars"], DIALECTS["finam-ticks"]
_FINAM_PERIODS = {ours: theirs for theirs, ours in reversed(list(_FINAM_BARS.periods.items()))}
_FINAM_SIDES = {ours: theirs for theirs, ours in _FINAM_TICKS.sides.items()}
_FINAM_ZONE = _FINAM_BARS.zone or "UTC"

_BACKTESTING = Text(
    {
        "Datetime": moment(SECOND),
        **{name.capitalize(): number(name) for name in (*_PRICES, "volume")},
    },
    addressed(".csv"),
)
_BACKTRADER = Text(
    {
        "datetime": moment(SECOND, close=True),
        **{name: number(name) for name in (*_PRICES, "volume")},
        "openinterest": number("open_interest"),
    },
    addressed(".csv"),
)


_FREQS = {"d": "day", "w": "week", "mo": "month"}


def _freq(address: Address) -> str:
    """Return what qlib calls a period; USAGE where it has no word for it."""
    period = Period.parse(address.period)
    if period.n == 1 and period.unit in _FREQS:
        return _FREQS[period.unit]
    if period.unit in "mh":
        return f"{period.n * UNIT_SECONDS[period.unit] // 60}min"
    raise _no_period("Qlib", address, "minutes, hours, 1d, 1w and 1mo")


def _of_qlib(_job: Job, address: Address) -> PurePosixPath:
    return PurePosixPath(_freq(address), f"{encode(address.symbol)}.csv")


def _date(batch: pa.RecordBatch, address: Address) -> pa.Array:
    return moment(SECOND if _freq(address).endswith("min") else "%Y-%m-%d")(batch, address)


_QLIB = Text(
    {"date": _date, **{name: number(name) for name in (*_PRICES, "volume")}, "factor": constant(lambda _address: "1")},
    _of_qlib,
)


def _finam_period(address: Address) -> str:
    length = Period.parse(address.period)
    theirs = _FINAM_PERIODS.get(str(Period(length.n, length.unit)))
    if theirs is None:
        raise _no_period("Finam", address, ", ".join(_FINAM_PERIODS))
    return theirs


def _oper(batch: pa.RecordBatch, _address: Address) -> pa.Array:
    side = batch.column("side").cast(pa.string())
    for ours, theirs in _FINAM_SIDES.items():
        side = pc.replace_substring_regex(side, f"^{ours}$", theirs)
    return side


_WHEN = {"<DATE>": moment("%Y%m%d", zone=_FINAM_ZONE), "<TIME>": moment("%H%M%S", zone=_FINAM_ZONE)}
_TICKER = constant(lambda address: encode(address.symbol))
_FINAM = {
    "bars": Text(
        {
            "<TICKER>": _TICKER,
            "<PER>": constant(_finam_period),
            **_WHEN,
            **{f"<{name.upper()}>": number(name) for name in _PRICES},
            "<VOL>": number("volume"),
        },
        addressed(".csv"),
        ";",
    ),
    "ticks": Text(
        {
            "<TICKER>": _TICKER,
            "<PER>": constant(lambda _address: "0"),
            **_WHEN,
            "<LAST>": number("price"),
            "<VOL>": number("size"),
            "<ID>": word("trade_id"),
            "<OPER>": _oper,
        },
        addressed(".csv"),
        ";",
    ),
}


def _finam(job: Job, results: Sequence[Result]) -> None:
    [result] = results
    _FINAM[result.address.type](job, results)


def _no_period(whose: str, address: Address, known: str) -> LakeError:
    return LakeError(
        "USAGE",
        f"{whose} has no word for bars of {address.period}",
        where=str(address),
        why=f"It has {known}.",
        fix=[f"dl aggregate {address} --to PERIOD"],
    )


TARGETS = (
    Target(
        name="backtesting",
        title="backtesting.py",
        takes=("bars",),
        file="the address and .csv",
        columns="Datetime, Open, High, Low, Close, Volume; then those of --columns",
        stamp="open",
        times="YYYY-MM-DD HH:MM:SS, UTC, to be the index",
        page="https://kernc.github.io/backtesting.py/doc/backtesting/backtesting.html#backtesting.backtesting.Backtest",
        lost="columns not named; parts of a second",
        write=_BACKTESTING,
        reads={"bars": _BARS},
        layouts=("path", "flat"),
        choice="more",
    ),
    Target(
        name="backtrader",
        title="backtrader",
        takes=("bars",),
        file="the address and .csv",
        columns="datetime, open, high, low, close, volume, openinterest; then those of --columns",
        stamp="close",
        times="YYYY-MM-DD HH:MM:SS, UTC; bars of a day and more have their date",
        page="https://www.backtrader.com/docu/datafeed/#genericcsvdata",
        lost="columns not named",
        write=_BACKTRADER,
        reads={"bars": (*_BARS, "open_interest")},
        layouts=("path", "flat"),
        choice="more",
    ),
    Target(
        name="finam",
        title="Finam, TSLab",
        takes=("bars", "ticks/trade"),
        file="the address and .csv",
        columns="<TICKER> <PER> <DATE> <TIME>, then <OPEN> <HIGH> <LOW> <CLOSE> <VOL>, or of trades <LAST> <VOL> <ID> "
        "<OPER>, parted by semicolons",
        stamp="open",
        times="YYYYMMDD and HHMMSS, Moscow; bars of a day and more have their date",
        page="https://doc.tslab.pro",
        lost="parts of a second, price side and adjustment, other columns",
        write=_finam,
        reads={"bars": _BARS, "ticks": ("ts", "price", "size", "side", "trade_id")},
        layouts=("path", "flat"),
    ),
    Target(
        name="qlib",
        title="Qlib",
        takes=("bars",),
        file="<freq>/SYMBOL.csv, freq being day, week, month, 1min and so on: for dump_bin.py --data_path",
        columns="date, open, high, low, close, volume, factor; then those of --columns",
        stamp="open",
        times="YYYY-MM-DD HH:MM:SS, UTC; bars of a day and more have their date",
        page="https://qlib.readthedocs.io/en/latest/component/data.html#converting-csv-format-into-qlib-format",
        lost="columns not named, exchange and market; factor is 1: prices are as stored",
        write=_QLIB,
        reads={"bars": _BARS},
        choice="more",
    ),
)
