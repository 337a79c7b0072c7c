"""Small good files of many kinds, made here: what property tests and the fuzzer start from, and then break."""

from __future__ import annotations

import gzip
import io
import json
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


def arrays(count: int = 24) -> bytes:
    return json.dumps([[T0_MS + MINUTE_MS * minute, *bar(minute)] for minute in range(count)]).encode()


def objects(*, by_line: bool, count: int = 24) -> bytes:
    names = ("time", "price", "amount", "side", "id")
    made = [
        dict(
            zip(
                names, (T0_MS + 40 * i, 100 + i % 5 + 0.5, str(i + 1), "sell" if i % 2 else "buy", f"t{i}"), strict=True
            )
        )
        for i in range(count)
    ]
    return lines(map(json.dumps, made)) if by_line else json.dumps(made, indent=1).encode()


def capture(count: int = 8) -> bytes:
    """Return a trade, a quote and a change of a book, again and again: four rows of three messages."""

    def messages(i: int) -> list[dict[str, Any]]:
        ms, price = T0_MS + 100 * i, f"{100 + i}.5"
        trade = {
            "e": "trade",
            "E": ms,
            "s": "ETHBTC",
            "t": i,
            "p": price,
            "q": "0.25",
            "T": ms,
            "m": i % 2 == 0,
            "M": True,
        }
        quote = {"u": 10 * i, "s": "ETHBTC", "b": price, "B": "1.5", "a": f"{101 + i}.5", "A": "2"}
        book = {"e": "depthUpdate", "E": ms, "s": "ETHBTC", "U": i, "u": i, "b": [[price, "0"]], "a": [["200", f"{i}"]]}
        return [{"stream": "x", "data": trade}, {"stream": "y", "data": quote}, book]

    made = [message for i in range(count) for message in messages(i)]
    return lines(f"{(T0_MS + 30 * i) * 1_000_000 + i} {json.dumps(message)}" for i, message in enumerate(made))


def book_archive(count: int = 12) -> bytes:
    """Return changes of a book, of two levels each."""

    def message(i: int) -> dict[str, Any]:
        data = {"s": "XRPUSDT", "b": [[f"1.{i + 10}", "5"]], "a": [[f"2.{i + 10}", "0"]], "u": i, "seq": i}
        kind = "delta" if i else "snapshot"
        return {"topic": "orderbook.500.XRPUSDT", "type": kind, "ts": T0_MS + i, "data": data, "cts": T0_MS + i - 1}

    return lines(json.dumps(message(i)) for i in range(count))


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


def order_log(count: int = 24, unit: int = 1) -> bytes:
    """Return orders of two instruments: added, some of them at the market, filled and cancelled."""

    def line(i: int) -> str:
        time = (100_000_000 + 1000 * (i % 60) + i) * unit
        price = "0" if i % 5 == 4 else f"74.{10 + i}"
        order = f"{time},{i // 3 + 1},{(1, 2, 0)[i % 3]}"
        return f"{i + 1},{'SBER' if i % 3 else 'GAZP'},{'BS'[i % 2]},{order},{price},{i + 1},,"

    return lines(map(line, range(count)), "NO,SECCODE,BUYSELL,TIME,ORDERNO,ACTION,PRICE,VOLUME,TRADENO,TRADEPRICE")


def snapshots_and_updates(count: int = 8) -> bytes:
    """Return messages of a book, three rows each."""
    kinds = {True: "snapshot", False: "update"}
    return lines(
        json.dumps(
            {
                "instId": "BTC-USDT",
                "action": kinds[i % 4 == 0],
                "ts": str(T0_MS + 100 * i),
                "asks": [["115630.1", f"0.{i + 1}", "1"], ["115631", "0", "0"]],
                "bids": [[f"11562{i % 10}", "1.5", "12"]],
            }
        )
        for i in range(count)
    )


def books_of_objects(count: int = 8) -> bytes:
    """Return whole books, three rows each, whose levels are objects."""

    def data(i: int) -> dict[str, Any]:
        bids = [{"px": f"124.{i}", "sz": "3.5", "n": 2}, {"px": "123", "sz": "1", "n": 1}]
        return {"coin": "SOL", "time": T0_MS + 500 * i, "levels": [bids, [{"px": "125", "sz": f"{i + 1}", "n": 5}]]}

    return lines(json.dumps({"channel": "l2Book", "data": data(i)}) for i in range(count))


def pence_and_pounds(count: int = 24) -> bytes:
    """Return trades whose prices are in one unit or the other."""
    return lines(
        (f"{T0_MS + 40 * i},{145 + i},{i + 1},{'GBP' if i % 3 else 'GBp'}" for i in range(count)),
        "timestamp,price,amount,currency",
    )


def tickers(count: int = 12) -> bytes:
    """Return derivative tickers, each of which says both the open interest and the funding."""
    names = "exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,"
    return lines(
        (
            f"bitmex,XBTUSD,{(T0_MS + 100 * i) * 1000},{(T0_MS + 100 * i) * 1000 + 9},,0.000{i + 1},,{1000 + i},100,,9"
            for i in range(count)
        ),
        names + "open_interest,last_price,index_price,mark_price",
    )


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
    GoodFile("bars.json", arrays(), 24, NAMED),
    GoodFile("BTC_USDT-1m.json", arrays(), 24, {"exchange": "TEST"}),
    GoodFile("bars.json.gz", gzipped(arrays()), 24, NAMED),
    GoodFile("objects.json", objects(by_line=False), 24, NAMED),
    GoodFile("objects.jsonl", objects(by_line=True), 24, NAMED),
    GoodFile("ethbtc.txt.gz", gzipped(capture()), 32, {"symbol": None}),
    GoodFile("capture.dat", capture(), 32),
    GoodFile("2024-01-01_XRPUSDT_ob500.data", book_archive(), 24),
    GoodFile("BTC-USDT-L2orderbook-400lv-2024-01-01.data", snapshots_and_updates(), 24),
    GoodFile("OrderLog20240102.txt", order_log(), 24, {"symbol": None}),
    GoodFile("OrderLog20240103.zip", zipped(("OrderLog20240103.txt", order_log(unit=1000))), 24, {"symbol": None}),
    GoodFile("tickers.csv", tickers(), 24),
    GoodFile("SOL", books_of_objects(), 24),
    GoodFile("pence.csv", pence_and_pounds(), 24, NAMED | {"words": {"price-scale-by": "currency=GBp:100,GBP:1"}}),
    GoodFile("symbols.csv", symbols(), 24, {"exchange": "TEST"}),
)
