"""hftbacktest's data: events of trades and books together, an npz a day."""

from __future__ import annotations

import shutil
import zipfile
from itertools import groupby
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from dl_datalake.exports.events import CLEAR, EVENT, EXCHANGE, Changes, behind, merged, of_trades, ordered
from dl_datalake.exports.model import Target
from schemas.keys import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dl_datalake.exports.events import Events
    from dl_datalake.exports.folder import Made
    from dl_datalake.exports.job import Job
    from dl_datalake.result import Result
    from schemas.keys import Address

_DAY_NS = 86_400 * 10**9
_COPIED = 1 << 20


def _write(job: Job, results: Sequence[Result]) -> None:
    """Write the events of one instrument, the days they happened on apart."""
    # Of one time trades come first: what a trade took is gone from the book behind it already.
    results = sorted(results, key=lambda result: result.address.type, reverse=True)
    addresses = [result.address for result in results]
    later = max(behind(job, address) for address in addresses)
    streams = [_events(job, result, later) for result in results]
    parts = (part for events in ordered(merged(streams)) for part in _by_day(events))
    for day, group in groupby(parts, key=lambda part: part[0]):
        with job.file(_name(addresses[0], day), *addresses) as made:
            _write_npz(job, made, (events for _, events in group))


def _events(job: Job, result: Result, later: int) -> Iterator[Events]:
    if result.address.type == "ticks":
        return of_trades(job, result, later)
    start, end = result.planned.start_ns, result.planned.end_ns
    return Changes(job, result.address, later).events(*job.book(result.address).resume(start), start, end)


def _by_day(events: Events) -> Iterator[tuple[int, Events]]:
    """Yield events by the day they are of; one that was received late is of the day of what it stands among."""
    days = np.maximum.accumulate(events["exch_ts"]) // _DAY_NS
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]])
    for start, end in zip(starts, np.r_[starts[1:], len(days)], strict=True):
        yield int(days[start]), events[start:end]


def _write_npz(job: Job, made: Made, blocks: Iterable[Events]) -> None:
    """Write an array named `data`; how long it is stands before it, so that it is put aside first."""
    count = 0
    with job.folder.scratch() as aside:
        for events in blocks:
            aside.write(events.tobytes())
            count += len(events)
            told = (events["ev"] & np.uint64(EXCHANGE) != 0) & (events["ev"] & np.uint64(0xFF) != CLEAR)
            if told.any():
                times = events["exch_ts"][told]
                made.saw(len(times), int(times[0]), int(times[-1]))
        aside.seek(0)
        member = zipfile.ZipInfo("data.npy")
        member.compress_type = zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(made.sink, "w") as archive, archive.open(member, "w", force_zip64=True) as sink:
            head = {"descr": np.lib.format.dtype_to_descr(EVENT), "fortran_order": False, "shape": (count,)}
            np.lib.format.write_array_header_1_0(sink, head)
            shutil.copyfileobj(aside, sink, _COPIED)


def _name(address: Address, day: int) -> PurePosixPath:
    date = str(np.datetime64(day, "D")).replace("-", "")
    return PurePosixPath(encode(address.exchange), encode(address.market), encode(address.symbol), f"{date}.npz")


TARGETS = (
    Target(
        name="hftbacktest",
        title="hftbacktest",
        takes=("ticks/trade", "orderbook/l2"),
        file="EXCHANGE/MARKET/SYMBOL/YYYYMMDD.npz, trades and book together: name both by a pattern",
        columns="ev, exch_ts, local_ts, px, qty, order_id, ival, fval",
        stamp="open",
        times="nanoseconds since 1970; local_ts is ts_recv, or ts where there is none",
        page="https://hftbacktest.readthedocs.io/en/latest/data.html",
        lost="other columns; changes that a snapshot has already",
        write=_write,
        reads={"ticks": ("ts", "ts_recv", "price", "size", "side")},
        together=True,
    ),
)
