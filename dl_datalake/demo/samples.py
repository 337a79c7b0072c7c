"""The bundled vendor files, and what is in them, read without the lake: by csv, zipfile and zoneinfo alone.

Two programs that agree on every row are a proof; so nothing here may use the lake's own readers.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from zoneinfo import ZoneInfo

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Row: TypeAlias = tuple[int, ...] | tuple[float, ...]
"""Nanoseconds since the epoch, then the values of the sample's columns."""

OHLCV = ("ts", "open", "high", "low", "close", "volume")
TRADES = ("ts", "price", "size")
QUOTES = ("ts", "bid", "ask")
_LEAN_SCALE = 10_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
PLAIN = "btcusd-1m.csv"


@dataclass(frozen=True, slots=True)
class Sample:
    """A bundled file, the series it goes to, and the columns an independent reading of it gives."""

    file: str
    address: str
    columns: tuple[str, ...]
    parse: Callable[[Path], Iterator[Row]]

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return folder() / self.file

    def rows(self) -> list[Row]:
        """Return every row of the file, in its order."""
        return list(self.parse(self.path))


def folder() -> Path:
    """Return the folder of the samples: inside the installed package, or in the checkout."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "samples", package.parent / "data" / "samples"):
        if (place / "SOURCES.md").is_file():
            return place
    raise LakeError("SOURCE_NOT_FOUND", "the bundled samples are missing", where=str(package), fix=["install again"])


def _zipped_rows(path: Path) -> Iterator[list[str]]:
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        yield from csv.reader(io.TextIOWrapper(member, "utf-8", newline=""))


def _midnight_ns(path: Path, zone: str) -> int:
    """Return the midnight a LEAN file counts from: its day is in its name only."""
    day = next(part for part in path.stem.split("_") if part.isdigit())
    midnight = dt.datetime.strptime(day, "%Y%m%d").replace(tzinfo=ZoneInfo(zone))
    return _ns(midnight)


def _ns(moment: dt.datetime) -> int:
    return round((moment - _EPOCH).total_seconds()) * 1_000_000_000


def _lean(zone: str, scale: int, values: int, *, whole_last: bool) -> Callable[[Path], Iterator[Row]]:
    """Return a reader of LEAN rows: milliseconds since midnight, then `values` numbers, prices times `scale`."""

    def parse(path: Path) -> Iterator[Row]:
        start = _midnight_ns(path, zone)
        for cells in _zipped_rows(path):
            prices = [_number(cell, scale) for cell in cells[1 : values + (0 if whole_last else 1)]]
            last = [float(cells[values])] if whole_last else []
            yield (start + int(cells[0]) * 1_000_000, *prices, *last)

    return parse


def _number(cell: str, scale: int) -> float:
    return float(cell) if scale == 1 else int(cell) / scale


def _gemini(path: Path) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            ns = int(Decimal(row["time_seconds"]) * 1_000_000_000)
            yield (ns, float(row["price"]), float(row["size"]))


def _finam(path: Path) -> Iterator[Row]:
    moscow = ZoneInfo("Europe/Moscow")
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream, delimiter=";"):
            moment = dt.datetime.fromisoformat(f"{row['<DATE>']}T{row['<TIME>']}").replace(tzinfo=moscow)
            yield (_ns(moment), *(float(row[f"<{name}>"]) for name in ("OPEN", "HIGH", "LOW", "CLOSE", "VOL")))


def plain() -> list[dict[str, str]]:
    """Return the rows of the bundled CSV with a header, cell by cell as they are written."""
    with (folder() / PLAIN).open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write(root: Path, name: str, rows: list[dict[str, str]]) -> Path:
    """Write a source file of the demo's own beside its lake; return where."""
    path = root / "sources" / name
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def plain_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV with a header and ISO times in UTC."""
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            moment = dt.datetime.fromisoformat(row["timestamp"])
            yield (_ns(moment), *(float(row[name]) for name in OHLCV[1:]))


SAMPLES = (
    Sample(
        "crypto_coinbase_minute_btcusd_20161007_trade.zip",
        "COINBASE/SPOT/BTCUSD/bars/1m",
        OHLCV,
        _lean("UTC", 1, 5, whole_last=True),
    ),
    Sample(
        "equity_usa_minute_spy_20131007_trade.zip",
        "USA/EQUITY/SPY/bars/1m",
        OHLCV,
        _lean("America/New_York", _LEAN_SCALE, 5, whole_last=True),
    ),
    Sample(
        "equity_usa_tick_ibm_20131008_trade.zip",
        "USA/EQUITY/IBM/ticks/trade",
        TRADES,
        _lean("America/New_York", _LEAN_SCALE, 2, whole_last=True),
    ),
    Sample(
        "forex_oanda_tick_eurusd_20140502_quote.zip",
        "OANDA/FX/EURUSD/ticks/quote",
        QUOTES,
        _lean("UTC", 1, 2, whole_last=False),
    ),
    Sample("gemini__eth-usd__2021-07-02__trade.csv", "GEMINI/SPOT/ETH-USD/ticks/trade", TRADES, _gemini),
    Sample("data_sber_minutes30.csv", "MOEX/EQUITY/SBER/bars/30m", OHLCV, _finam),
)
