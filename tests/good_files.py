"""Small good files of many kinds, made here: what property tests and the fuzzer start from, and then break."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T0_MS = 1_704_067_200_000  # 2024-01-01T00:00Z
MINUTE_MS = 60_000


@dataclass(frozen=True)
class GoodFile:
    """A file that goes in whole: its name, its bytes, how many rows it holds, and the words it needs."""

    name: str
    data: bytes
    rows: int
    words: dict[str, Any] = field(default_factory=dict)


def gzipped(data: bytes) -> bytes:
    """Return the same gzip file for the same bytes."""
    return gzip.compress(data, mtime=0)


def zipped(*members: tuple[str, bytes]) -> bytes:
    """Return the same zip for the same members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, (2024, 2, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def parquet(table: Any, **options: Any) -> bytes:  # noqa: ANN401 -- pyarrow has no types
    """Return a table as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def arrow(table: Any) -> bytes:  # noqa: ANN401 -- pyarrow has no types
    """Return a table as an Arrow file."""
    sink = io.BytesIO()
    feather.write_feather(table, sink, compression="uncompressed")
    return sink.getvalue()


def lines(made: Iterable[str], header: str = "") -> bytes:
    """Return lines, below a header."""
    return "".join(f"{line}\n" for line in ([header, *made] if header else made)).encode()


def bar(minute: int) -> tuple[float, float, float, float, float]:
    """Return open, high, low, close and volume, which differ from minute to minute."""
    base = 100 + minute % 7
    return base + 0.5, base + 2.25, base - 1.0, base + 1.5, 10.0 + minute


def klines(count: int = 24, unit: int = 1) -> bytes:
    def line(minute: int) -> str:
        opened, high, low, close, volume = bar(minute)
        start = (T0_MS + MINUTE_MS * minute) * unit
        end = start + MINUTE_MS * unit - 1
        return f"{start},{opened},{high},{low},{close},{volume},{end},{volume * opened:.4f},15,3.5,{3.5 * opened},0"

    return lines(map(line, range(count)))


def plain_bars(form: Callable[[int], str] = lambda minute: str(T0_MS + MINUTE_MS * minute), mark: str = ",") -> bytes:
    rows = (mark.join([form(minute), *map(str, bar(minute))]) for minute in range(24))
    return lines(rows, mark.join(("time", "open", "high", "low", "close", "volume")))


def aggregate_trades(count: int = 24) -> bytes:
    return lines(
        f"{900 + i},{100 + i % 5}.25,0.{i + 1:03},{2 * i},{2 * i + 1},{T0_MS + 250 * i},{i % 3 == 0},True"
        for i in range(count)
    )


def trades(count: int = 24) -> bytes:
    return lines(
        f"{70 + i},{100 + i % 5}.5,0.5,{(100.5 + i % 5) * 0.5},{T0_MS + 250 * i},{i % 3 == 0},True"
        for i in range(count)
    )


def named_trades(count: int = 24) -> bytes:
    return lines(
        (f"{T0_MS + 40 * i},{100 + i % 5}.5,{i + 1},{'buy' if i % 2 else 'sell'},t{i}" for i in range(count)),
        "timestamp,price,amount,side,trade_id",
    )


def symbols(count: int = 24) -> bytes:
    return lines(
        (f"{'ETH' if i % 3 else 'BTC'},{T0_MS + 40 * i},{100 + i % 5}.5,{i + 1}" for i in range(count)),
        "symbol,timestamp,price,amount",
    )


def quotes(count: int = 24) -> bytes:
    return lines(
        (f"{T0_MS + 40 * i},{100 + i % 5}.5,{101 + i % 5},{i + 1},2" for i in range(count)),
        "timestamp,bid,ask,bid_size,ask_size",
    )


def histdata(count: int = 24) -> bytes:
    return lines(f"20240102 00{i:02}00;1.{100 + i};1.{105 + i};1.{95 + i:03};1.{101 + i};0" for i in range(count))


def histdata_ticks(count: int = 24) -> bytes:
    return lines(f"20240102 0000{i:02}{i * 40:03},1.{1000 + i},1.{1002 + i},0" for i in range(count))


def metatrader(count: int = 24) -> bytes:
    return lines(f"2024.01.02,00:{i:02},1.{100 + i},1.{105 + i},1.{95 + i:03},1.{101 + i},7" for i in range(count))


def finam(count: int = 24) -> bytes:
    return lines(
        (f"SBER,1,20240102,10{i:02}00,{100 + i},{102 + i},{99 + i},{101 + i},50" for i in range(count)),
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
    )


def lean(count: int = 24) -> bytes:
    return lines(f"{34_200_000 + MINUTE_MS * i},1000000,1020000,990000,1010000,{100 + i}" for i in range(count))


def half_days(count: int = 24) -> bytes:
    def line(i: int) -> str:
        clock = f"{i % 12 or 12:02}-{'PM' if i >= 12 else 'AM'}"
        return f"2019-04-22 {clock},BTCUSD,100,102,99,101,5,500"

    return lines(map(line, range(count)), "Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD")


def table(times: list[Any] | None = None) -> Any:  # noqa: ANN401 -- pa.Table
    """Return bars as a table, their times as epochs or as given."""
    made = [bar(minute) for minute in range(24)]
    columns = dict(zip(("open", "high", "low", "close", "volume"), map(list, zip(*made, strict=True)), strict=True))
    epochs = [T0_MS + MINUTE_MS * minute for minute in range(24)]
    return pa.table({"timestamp": epochs if times is None else times} | columns)


def stamps(unit: str = "ms") -> Any:  # noqa: ANN401 -- pa.Array
    """Return the times of `table` as timestamps."""
    epochs = pa.array([T0_MS + MINUTE_MS * minute for minute in range(24)])
    return epochs.cast(pa.timestamp("ms", tz="UTC")).cast(pa.timestamp(unit, tz="UTC"))


def iso(minute: int) -> str:
    """Return a minute as most people write it."""
    return f"2024-01-01T00:{minute:02}:00Z"


NAMED = {"exchange": "TEST", "symbol": "ABC"}
LEAN_FOLDER = "equity_usa_minute_spy_20240102_trade.zip"

GOOD_FILES = (
    GoodFile("BTCUSDT-1m-2024-01-01.csv", klines(), 24),
    GoodFile("BTCUSDT-1m-2025-01-01.csv", klines(unit=1000), 24),
    GoodFile("BTCUSDT-1m-2024-01-01.zip", zipped(("BTCUSDT-1m-2024-01-01.csv", klines())), 24),
    GoodFile("BTCUSDT-1m-2024-01-01.csv.gz", gzipped(klines()), 24),
    GoodFile("BTCUSDT-aggTrades-2024-01-01.csv", aggregate_trades(), 24),
    GoodFile("BTCUSDT-aggTrades-2024-01-01.zip", zipped(("BTCUSDT-aggTrades-2024-01-01.csv", aggregate_trades())), 24),
    GoodFile("BTCUSDT-trades-2024-01-01.csv", trades(), 24),
    GoodFile("trades.csv", named_trades(), 24, NAMED),
    GoodFile("quotes.csv", quotes(), 24, NAMED),
    GoodFile("quotes.csv.gz", gzipped(quotes()), 24, NAMED),
    GoodFile("bars.csv", plain_bars(), 24, NAMED),
    GoodFile("seconds.csv", plain_bars(lambda minute: f"{T0_MS // 1000 + 60 * minute}.0"), 24, NAMED),
    GoodFile("iso.csv", plain_bars(iso), 24, NAMED),
    GoodFile("local.csv", plain_bars(lambda i: f"2024-01-01 00:{i:02}"), 24, NAMED | {"tz": "America/New_York"}),
    GoodFile("semicolons.txt", plain_bars(mark=";"), 24, NAMED),
    GoodFile("tabs.tsv", plain_bars(mark="\t"), 24, NAMED),
    GoodFile("wide.csv", plain_bars().decode().encode("utf-16"), 24, NAMED),
    GoodFile("DAT_ASCII_EURUSD_M1_202401.csv", histdata(), 24),
    GoodFile("DAT_ASCII_EURUSD_T_202401.csv", histdata_ticks(), 24),
    GoodFile("DAT_MT_EURUSD_M1_202401.csv", metatrader(), 24),
    GoodFile("SBER_240102.csv", finam(), 24, {"exchange": "MOEX"}),
    GoodFile(LEAN_FOLDER, zipped(("20240102_spy_minute_trade.csv", lean())), 24),
    GoodFile("Coinbase_BTCUSD_1h.csv", half_days(), 24),
    GoodFile("bars.parquet", parquet(table()), 24, NAMED),
    GoodFile("stamps.parquet", parquet(table(stamps()), compression="zstd"), 24, NAMED),
    GoodFile("texts.parquet", parquet(table([iso(minute) for minute in range(24)])), 24, NAMED),
    GoodFile("bars.arrow", arrow(table()), 24, NAMED),
    GoodFile("stamps.feather", arrow(table(stamps("ns"))), 24, NAMED),
    GoodFile("symbols.csv", symbols(), 24, {"exchange": "TEST"}),
)
