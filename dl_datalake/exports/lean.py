"""LEAN's data folder: a zip a day, or one a series for hours and days, named by asset class, market and resolution."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dl_datalake.export import lines
from dl_datalake.exports.job import cut, seen, times_ns
from dl_datalake.exports.model import Target
from dl_datalake.exports.pairs import is_contract, parted
from dl_datalake.exports.texts import moment, plain
from lake.errors import LakeError
from lake.sources.dialects import DIALECTS
from schemas.keys import encode
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from dl_datalake.exports.folder import Made
    from dl_datalake.exports.job import Job
    from dl_datalake.result import Result
    from schemas.keys import Address

_PLACES = DIALECTS["lean-minute-trade"].places
_RESOLUTIONS = {"1s": "second", "1m": "minute", "1h": "hour", "1d": "daily"}
_CLASSES = {"EQUITY": "equity", "SPOT": "crypto", "FX": "forex", "CFD": "cfd"}
_QUOTED = ("forex", "cfd")
"""Classes of which LEAN has quotes alone."""
_DAY_US = 86_400_000_000
_DAY_NS = 1_000 * _DAY_US
_MS_NS = 1_000_000
_TICK_NS = 100
"""The finest time that LEAN has."""
_OF_EXCHANGE = r'^[^,"\r\n]*,[^,"\r\n]*,[01]$'
"""Exchange, sale condition and whether it is suspicious, as LEAN's own ticks have them."""


@dataclass(frozen=True, slots=True)
class _Series:
    """How LEAN calls a series, and writes it."""

    address: Address
    kind: str
    market: str
    ticker: str
    resolution: str
    tick: str
    """`trade` or `quote`."""
    zone: str
    scale: int

    @property
    def is_whole(self) -> bool:
        """Whether all its rows are in one zip."""
        return self.resolution in {"hour", "daily"}

    def name(self, day: int) -> PurePosixPath:
        """Return the path of the zip with the rows of a day, counted from 1970."""
        folder = PurePosixPath(self.kind, self.market, self.resolution)
        if self.is_whole:
            return folder / (
                f"{self.ticker}_{self.tick}.zip" if self.kind.startswith("crypto") else f"{self.ticker}.zip"
            )
        return folder / self.ticker / f"{_date(day)}_{self.tick}.zip"

    def member(self, day: int) -> str:
        """Return the name of the one file in the zip."""
        if self.is_whole:
            return f"{self.ticker}.csv"
        if self.kind == "equity" and self.resolution == "tick":
            return f"{_date(day)}_{self.ticker}_{self.tick.capitalize()}_Tick.csv"
        return f"{_date(day)}_{self.ticker}_{self.resolution}_{self.tick}.csv"


def _write(job: Job, results: Sequence[Result]) -> None:
    [result] = results
    series = _series(job, result.address)
    parts = (part for batch in job.batches(result) for part in cut(batch, _days(batch, series)))
    for day, group in groupby(parts, key=lambda part: part[0]):
        with job.file(series.name(day), result.address) as made:
            _write_zip(job, made, series, day, (batch for _, batch in group))


def _write_zip(job: Job, made: Made, series: _Series, day: int, batches: Iterable[pa.RecordBatch]) -> None:
    member = zipfile.ZipInfo(series.member(day))
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(made.sink, "w") as archive, archive.open(member, "w") as sink:
        for batch in seen(made, batches):
            sink.write(lines(_cells(job, series, batch)))


def _cells(job: Job, series: _Series, batch: pa.RecordBatch) -> list[pa.Array]:
    """Return what stands in the columns of a line."""
    if series.is_whole:
        time = moment("%Y%m%d %H:%M", zone=series.zone)(batch, series.address)
    else:
        time = _since_midnight(job, series, batch)

    def prices(*names: str) -> list[pa.Array]:
        return [_scaled(job, batch.column(name), series.scale) for name in names]

    if series.address.type == "bars":
        return [time, *prices("open", "high", "low", "close"), plain(batch.column("volume"))]
    if series.tick == "trade":
        more = [_of_exchange(job, batch.column("conditions"))] if series.kind == "equity" else []
        return [time, *prices("price"), plain(batch.column("size")), *more]
    sizes = [batch.column("bid_size"), batch.column("ask_size")]
    if series.kind in _QUOTED:
        job.lose("sizes of quotes", int(pc.sum(pc.or_(*(size.is_valid() for size in sizes))).as_py() or 0))
        return [time, *prices("bid", "ask")]
    [bid, ask] = prices("bid", "ask")
    return [time, bid, plain(sizes[0]), ask, plain(sizes[1])]


def _days(batch: pa.RecordBatch, series: _Series) -> NDArray[np.int64]:
    """Return the day of each row in the zone of its place, counted from 1970."""
    return np.zeros(batch.num_rows, np.int64) if series.is_whole else _local(batch, series.zone) // _DAY_NS


def _local(batch: pa.RecordBatch, zone: str) -> NDArray[np.int64]:
    """Return times of day and date in a zone, as nanoseconds."""
    column = batch.column("ts")
    local = pc.local_timestamp(column.cast(pa.timestamp(column.type.unit, zone)))
    return times_ns(pa.record_batch({"ts": local}))


def _since_midnight(job: Job, series: _Series, batch: pa.RecordBatch) -> pa.Array:
    """Return milliseconds since midnight, with a fraction where there is one."""
    since = _local(batch, series.zone) % _DAY_NS
    job.lose("parts of 100 nanoseconds", int(np.count_nonzero(since % _TICK_NS)))
    return plain(pa.array(since // _TICK_NS * _TICK_NS / _MS_NS)) if (since % _MS_NS).any() else _text(since // _MS_NS)


def _scaled(job: Job, column: pa.Array, scale: int) -> pa.Array:
    """Return prices as LEAN counts them: as they are, or in parts of a unit, rounded where they are no whole ones."""
    if scale == 1:
        return plain(column)
    exact = column.to_numpy(zero_copy_only=False) * scale
    whole = np.rint(exact)
    job.lose(f"prices, rounded to 1/{scale:,}", int(np.count_nonzero(~np.isclose(exact, whole, rtol=1e-9, atol=1e-6))))
    return _text(whole.astype(np.int64))


def _of_exchange(job: Job, conditions: pa.Array) -> pa.Array:
    """Return three cells in one: exchange, condition, suspicious; where a trade's conditions are others, none."""
    fits = pc.fill_null(pc.match_substring_regex(conditions, _OF_EXCHANGE), fill_value=False)
    job.lose("conditions of trades", int(pc.sum(pc.and_(conditions.is_valid(), pc.invert(fits))).as_py() or 0))
    return pc.if_else(fits, conditions, ",,0")


def _text(numbers: NDArray[np.int64]) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _date(day: int) -> str:
    return str(np.datetime64(day, "D")).replace("-", "")


def _series(job: Job, address: Address) -> _Series:
    """Return what LEAN calls a series, and where its place is; USAGE where it has no word for it."""
    kind, market = _place(job.wishes.place, address)
    place = _PLACES.get(f"{kind}/{market}") or _PLACES.get(f"{kind}/*")
    zone = job.wishes.tz or (place.zone if place else None) or job.facts(address).get("time_zone")
    if place is None or zone is None:
        raise LakeError(
            "USAGE",
            f"in which zone LEAN has times of {kind}/{market} is not known",
            where=str(address),
            why="Its files count from midnight there.",
            fix=[
                "--place CLASS/MARKET, such as equity/usa",
                "or --tz ZONE",
                "or record its time_zone: dl instruments import",
            ],
        )
    if zone not in available_timezones():
        raise LakeError(
            "USAGE", f"there is no zone {zone}", why="It is a name such as America/New_York.", fix=["--tz UTC"]
        )
    tick = "quote" if address.key == "ticks/quote" else "trade"
    _refuse(address, kind, tick)
    pair = parted(address.symbol)
    ticker = encode(pair.base + pair.quote if pair and kind != "equity" else address.symbol).lower()
    resolution = "tick" if address.type == "ticks" else _RESOLUTIONS[str(Period.parse(address.period))]
    return _Series(address, kind, market, ticker, resolution, tick, zone, place.price_scale)


def _place(given: str | None, address: Address) -> tuple[str, str]:
    """Return the asset class and the market, as LEAN calls them."""
    kind = "cryptofuture" if is_contract(address.market) else _CLASSES.get(address.market, "")
    text = given or f"{kind}/{encode(address.exchange).lower()}"
    known = {place.partition("/")[0] for place in _PLACES}
    kind, sign, market = text.partition("/")
    if kind not in known or not sign or market in {"", ".", ".."} or encode(market) != market:
        raise LakeError(
            "USAGE",
            f'"{given}" is no place of LEAN' if given else f"LEAN has no asset class for the market {address.market}",
            where=str(address),
            why=f"A place is CLASS/MARKET, the class one of {', '.join(sorted(known))}.",
            fix=["--place equity/usa"],
        )
    return kind, market


def _refuse(address: Address, kind: str, tick: str) -> None:
    """Refuse rows that LEAN has no file for."""
    if address.type == "bars" and str(Period.parse(address.period)) not in _RESOLUTIONS:
        raise LakeError(
            "USAGE",
            f"LEAN has no bars of {address.period}",
            where=str(address),
            why=f"It has trade bars of {', '.join(_RESOLUTIONS)}.",
            fix=[f"dl aggregate {address} --to 1h"],
        )
    if (kind in _QUOTED and tick != "quote") or (kind == "equity" and tick == "quote"):
        what = "quotes alone" if kind in _QUOTED else "quotes with one side each"
        raise LakeError(
            "USAGE",
            f"LEAN takes no {address.key} of {kind}",
            where=str(address),
            why=f"There it has {what}.",
            fix=["export ticks/quote" if kind in _QUOTED else "export ticks/trade, or bars"],
        )


TARGETS = (
    Target(
        name="lean",
        title="QuantConnect LEAN",
        takes=("bars", "ticks/trade", "ticks/quote"),
        file="equity/usa/minute/spy/20131007_trade.zip, crypto/binance/daily/btcusdt_trade.zip and so on",
        columns="as its readme of the asset class says; prices of equities are whole ten-thousandths",
        stamp="open",
        times="milliseconds since midnight, or YYYYMMDD HH:MM, in the zone of the place",
        page="https://github.com/QuantConnect/Lean/blob/master/Data/readme.md",
        lost="other columns, sides and ids of trades, sizes of quotes of forex and cfd, finer prices of equities",
        write=_write,
        reads={
            "bars": ("ts", "open", "high", "low", "close", "volume"),
            "ticks/trade": ("ts", "price", "size", "conditions"),
            "ticks/quote": ("ts", "bid", "ask", "bid_size", "ask_size"),
        },
        asks=("place", "tz"),
    ),
)
