"""Books of real vendor files at random times, against the vendor's own text replayed in dictionaries.

The files are read here with the standard library alone: nothing of the code under test parses, orders or applies them.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import heapq
import json
import random
import zipfile
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

import dl_datalake
from tests.conftest import NO_VENDOR_DATA, VENDOR_DATA
from tests.real.test_ingest import ingest, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from lake.book import Ladder
    from tests.runs import Dl

    Levels = list[tuple[float, float]]

TIMES = 1_000
BOOKS = {"book_deltas", "book_snapshots", "book_jsonl", "book_snapshot_5", "raw_ws"}
ORDERS = {"l3_orders", "mbo"}
"""Single orders, which are no levels: nothing is rebuilt from them."""


class Told(NamedTuple):
    """One message of a vendor."""

    ts_ns: int
    snapshot: bool
    bids: Levels
    asks: Levels


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV, comments before its header left out."""
    with path.open(newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("#"))


def told(ts_ns: int, group: list[dict[str, str]], ask: str, price: str, size: str, *, snapshot: bool) -> Told:
    """Return a message of the rows that belong to it; `ask` names the column that tells the side."""
    sides: dict[bool, Levels] = {False: [], True: []}
    for row in group:
        sides[row[ask] in {"1", "a"}].append((float(row[price]), float(row[size])))
    return Told(ts_ns, snapshot, sides[False], sides[True])


def binance_stream(path: Path) -> Iterator[Told]:
    ids = lambda row: (row["FirstUpdateId"], row["FinalUpdateId"])  # noqa: E731 - what a message is told by
    for _, rows in groupby(rows_of(path), ids):
        group = list(rows)
        yield told(int(group[0]["EventTime"]) * 1000, group, "IsAsk", "Price", "Quantity", snapshot=False)


def binance_snapshots(path: Path) -> Iterator[Told]:
    for ts, rows in groupby(rows_of(path), lambda row: row["TimestampOfReceive"]):
        yield told(int(ts) * 10**6, list(rows), "IsAsk", "Price", "Quantity", snapshot=True)


def binance_archive(path: Path) -> Iterator[Told]:
    for _, rows in groupby(rows_of(path), lambda row: (row["last_update_id"], row["update_type"])):
        group = list(rows)
        ts, kind = int(group[0]["timestamp"]) * 10**6, group[0]["update_type"]
        yield told(ts, group, "side", "price", "qty", snapshot=kind == "snap")


def binance_capture(path: Path) -> Iterator[Told]:
    """Yield what Binance's page makes of it: events in the order of `E`, those dropped that the snapshot has."""
    events, known = [], 0
    with gzip.open(path, "rt") as lines:
        for line in lines:
            received, _, text = line.partition(" ")
            message = json.loads(text)
            if "lastUpdateId" in message:
                known = message["lastUpdateId"]
                events.append((int(received), known, True, message["bids"], message["asks"]))
            elif "@depth" in message["stream"]:
                data = message["data"]
                events.append((data["E"] * 10**6, data["u"], False, data["b"], data["a"]))
    for ts_ns, last, snapshot, *sides in sorted(events, key=lambda event: event[0]):
        if snapshot or last > known:
            bids, asks = ([(float(price), float(size)) for price, size in side] for side in sides)
            yield Told(ts_ns, snapshot, bids, asks)


def bybit_archive(path: Path) -> Iterator[Told]:
    with zipfile.ZipFile(path) as archive:
        lines = archive.read(archive.namelist()[0]).splitlines()
    for line in lines:
        message = json.loads(line)
        bids, asks = ([(float(p), float(s)) for p, s in message["data"][side]] for side in ("b", "a"))
        yield Told(message["ts"] * 10**6, message["type"] == "snapshot", bids, asks)


def tardis_snapshots(path: Path) -> Iterator[Told]:
    for row in rows_of(path):
        bids, asks = (
            [
                (float(row[f"{side}[{at}].price"]), float(row[f"{side}[{at}].amount"]))
                for at in range(5)
                if row[f"{side}[{at}].price"]
            ]
            for side in ("bids", "asks")
        )
        yield Told(int(row["timestamp"]) * 1000, snapshot=True, bids=bids, asks=asks)


PARSERS: dict[str, Callable[[Path], Iterator[Told]]] = {
    "binance_ws_depth_csv": binance_stream,
    "binance_depth_snapshot_csv": binance_snapshots,
    "binance_um_depth_T_csv": binance_archive,
    "raw_ws_gz": binance_capture,
    "bybit_ob500_zip": bybit_archive,
    "tardis_csv": tardis_snapshots,
}
"""By the folder of the vendor's files."""


def listed(kinds: set[str]) -> list[str]:
    """Return the vendor's files of some types; none without the folder."""
    path = VENDOR_DATA / "index.csv"
    return [row["file"] for row in rows_of(path) if row["type"] in kinds] if path.is_file() else []


class Plain:
    """Two dictionaries, and what happens to them."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self._sorted: list[NDArray[np.float64]] = []

    def apply(self, message: Told) -> None:
        """Take the next message."""
        for side, levels in ((self.bids, message.bids), (self.asks, message.asks)):
            if message.snapshot:
                side.clear()
            for price, size in levels:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self._sorted = []

    def is_that_of(self, ladder: Ladder) -> bool:
        """Whether a whole ladder has the same levels, the best first."""
        if not self._sorted:
            for side, sign in ((self.bids, -1), (self.asks, 1)):
                prices, sizes = (np.fromiter(values, np.float64, len(side)) for values in (side, side.values()))
                order = np.argsort(sign * prices)
                self._sorted += [prices[order], sizes[order]]
        found = (ladder.bids.price, ladder.bids.size, ladder.asks.price, ladder.asks.size)
        return all(map(np.array_equal, found, self._sorted))


def test_every_real_file_of_a_book_is_replayed(vendor_data: Path) -> None:
    assert vendor_data.is_dir()
    assert {name.partition("/")[0] for name in listed(BOOKS)} == set(PARSERS)
    with (vendor_data / "index.csv").open(newline="") as file:
        kinds = {row["type"] for row in csv.DictReader(file)}
    assert kinds - BOOKS - ORDERS == {"bars", "trades", "quotes"}


@pytest.mark.parametrize("name", listed(BOOKS) or [NO_VENDOR_DATA])
def test_book_at_random_times_is_that_of_the_vendors_text_replayed(name: str, vendor_data: Path, dl: Dl) -> None:
    messages = list(PARSERS[name.partition("/")[0]](vendor_data / name))
    addresses = ingest(dl, words(dl, vendor_data / name))["addresses"]
    [address] = [each for each in addresses if each.endswith("orderbook/l2")]
    exchange, market, symbol, *_ = address.split("/")
    draw = random.Random(7)  # noqa: S311 - no secret
    first, last = messages[0].ts_ns, messages[-1].ts_ns
    # Half of them anywhere, half where it matters: at a message, and a nanosecond before and behind.
    times = [draw.randrange(first - 10**9, last + 10**9) for _ in range(TIMES // 2)]
    times += [draw.choice(messages).ts_ns + draw.choice([-1, 0, 1]) for _ in range(TIMES // 2)]
    with dl_datalake.open() as lake:
        book = lake.book(symbol, exchange=exchange, market=market)
        plain, place = Plain(), 0
        for at in sorted(times):
            while place < len(messages) and messages[place].ts_ns <= at:
                plain.apply(messages[place])
                place += 1
            ladder = book.at(at, None)
            assert plain.is_that_of(ladder), at
            assert ladder.last_ns == (messages[place - 1].ts_ns if place else None)
        report = book.check()
        assert report.ok
        assert report.counts.messages - report.counts.old == len(messages)
        # Fifty rows from the first message to behind the last one.
        step = dt.timedelta(milliseconds=(last - first) // 50 // 10**6 + 1)
        check_rows(book.snapshots(step, 3).to_arrow().to_pylist(), messages)


def check_rows(rows: list[dict[str, Any]], messages: list[Told]) -> None:
    """Compare the three best levels at regular times with the same replay."""
    plain, place = Plain(), 0
    for row in rows:
        while place < len(messages) and messages[place].ts_ns <= row["ts"].value:
            plain.apply(messages[place])
            place += 1
        for side, prices in (("bid", heapq.nlargest(3, plain.bids)), ("ask", heapq.nsmallest(3, plain.asks))):
            sizes = plain.bids if side == "bid" else plain.asks
            best = [(price, sizes[price]) for price in prices] + [(None, None)] * (3 - len(prices))
            assert [(row[f"{side}_{level}"], row[f"{side}_size_{level}"]) for level in (1, 2, 3)] == best
    assert place == len(messages)
