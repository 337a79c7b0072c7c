"""What a fuzzer's bytes stand for: a file's name, the words it is read with, a wrapping, and the file itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lake.sources.dialects import DIALECTS
from tests.good_files import GOOD_FILES, arrow, gzipped, parquet, zipped

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 1 << 15
MOST_CPU_S = 2.0
READ, LAKE = "read", "lake"
_PLACE = {"exchange": "TEST", "symbol": "ABC"}

NAMES = (
    "BCHEUR.csv", "XRPEUR_5.csv", "bitstampUSD.csv", "gemini__eth-usd__2021-07-02__trade.csv", "XRP_ETH-5m.feather",
    "EURUSD_M1.csv", "ES 06-11.Last.txt", "BTCUSD_PERP-1m-2024-01-01.csv",
    "crypto_coinbase_tick_btcusd_20240102_quote.zip", "x.json", "x", *dict.fromkeys(good.name for good in GOOD_FILES),
)  # fmt: skip
"""Names that dialects know, and some that none does. With one put in between, a kept input means another file."""

WORDS: tuple[Mapping[str, Any], ...] = (
    {},
    {"tz": "America/New_York"},
    {"period": "1m"},
    {"period": "1h"},
    {"period": "1d"},
    {"period": "1mo"},
    {"market": "FUTURES-UM"},
    {"type": "bars"},
    {"type": "ticks/trade"},
    {"type": "ticks/quote"},
    {"columns": {"ts": "0", "open": "1", "high": "2", "low": "3", "close": "4", "volume": "5"}, "type": "bars"},
    {"columns": {"ts": "0", "price": "1", "size": "2"}, "type": "ticks/trade"},
    {"columns": {"ts": "0", "bid": "1", "ask": "2"}, "type": "ticks/quote"},
    {"columns": {"date": "0", "time": "1", "open": "2", "high": "3", "low": "4", "close": "5"}, "tz": "Europe/Moscow"},
    {"fetched_at_ns": 1_704_068_000 * 10**9},
    {"format": "csv"},
    {"symbol": None},
    *({"format": name} for name in DIALECTS),
)
"""What a caller may say of a file; the same rule as for names."""


def plain(name: str, data: bytes) -> bytes:  # noqa: ARG001 -- as the other wrappings take it
    return data


def in_gzip(name: str, data: bytes) -> bytes:  # noqa: ARG001 -- as the other wrappings take it
    return gzipped(data)


def in_zip(name: str, data: bytes) -> bytes:
    member = "20240102_spy_minute_trade.csv" if name.endswith("trade.zip") else name.replace(".zip", ".csv")
    return zipped((member, data))


def _table(data: bytes) -> Any:  # noqa: ANN401 -- pa.Table
    """Return lines of cells as a table whose columns are as typed as their cells let them be."""
    names, *lines = [line.split(",") for line in data.decode("utf-8", "replace").split("\n")] or [[""]]
    columns = {}
    for place, name in enumerate(names[:64]):
        cells = [line[place] if place < len(line) else None for line in lines]
        columns[name] = _typed([cell or None for cell in cells])
    return pa.table(columns)


def _typed(cells: list[str | None]) -> Any:  # noqa: ANN401 -- pa.Array
    texts = pa.array(cells, pa.string())
    for kind in (pa.int64(), pa.float64(), pa.timestamp("ns", tz="UTC"), pa.timestamp("ms"), pa.bool_()):
        try:
            return texts.cast(kind)
        except pa.ArrowException:
            continue
    return texts


def in_parquet(name: str, data: bytes) -> bytes:  # noqa: ARG001 -- as the other wrappings take it
    return parquet(_table(data))


def in_arrow(name: str, data: bytes) -> bytes:  # noqa: ARG001 -- as the other wrappings take it
    return arrow(_table(data))


WRAPPINGS = (plain, in_gzip, in_zip, in_parquet, in_arrow)
_LAKE_EVERY = 8


@dataclass(frozen=True)
class Case:
    """One input, unpacked: a file to write and the words to read it with."""

    name: str
    data: bytes
    words: Mapping[str, Any]
    into: str


def unpacked(data: bytes) -> Case | None:
    """Return what an input stands for; None where it is too short or too long to be one."""
    if not 4 <= len(data) <= MOST_BYTES:
        return None
    name, words = NAMES[data[0] % len(NAMES)], WORDS[data[1] % len(WORDS)]
    wrap = WRAPPINGS[data[2] % len(WRAPPINGS)]
    into = LAKE if data[2] // len(WRAPPINGS) % _LAKE_EVERY == 0 else READ
    file = Case(name, data[3:], {**_PLACE, **words}, into)
    return replace(file, data=wrap(name, data[3:]))


def packed(name: str, data: bytes, words: Mapping[str, Any], *, wrapping: int = 0, lake: bool = True) -> bytes:
    """Return the input that stands for a file."""
    chosen = next((place for place, known in enumerate(WORDS) if known == words), 0)
    return bytes([NAMES.index(name), chosen, wrapping + len(WRAPPINGS) * (not lake)]) + data


def seeds() -> dict[str, bytes]:
    """Return the inputs to start from: every good file, and those of text in every wrapping."""
    found = {}
    for number, good in enumerate(GOOD_FILES):
        words = {name: value for name, value in good.words.items() if name not in _PLACE}
        words |= {} if "symbol" in good.words or not good.words else {"symbol": None}
        texts = good.name.endswith((".csv", ".txt", ".tsv"))
        for wrapping in range(len(WRAPPINGS) if texts else 1):
            found[f"{number:02}-{wrapping}"] = packed(good.name, good.data, words, wrapping=wrapping, lake=wrapping > 2)
    return found


TOKENS = (
    ",", ";", r"\x09", "|", r"\x0a", r"\x0d\x0a", r"\x0d", r"\x22", r"\x22\x22", r"\x00", r"\xef\xbb\xbf", r"\xff\xfe",
    r"\xfe\xff", "nan", "inf", "1e999", "0x10", "-0", "1_000", "1e-5", "True", "false", "null", "=1+1", "+1.5",
    "1704067200000", "1704067200", "1704067200000000", "1704067200000000000", "9223372036854775807",
    "-9223372036854775808", "253402300799000", "-62167219200000", "99999999999999999999", "2024-01-01",
    "2024-01-01T00:00:00Z", "2024.01.01", "20240101", "20240101 000000", "31/12/2024", "12/31/2024", "11-PM", "24:00",
    "23:59:60", "+00:00", "-05:30", " UTC", "2024-03-10 02:30", "timestamp", "time", "date", "ts", "open", "high",
    "low", "close", "volume", "price", "size", "amount", "side", "buy", "sell", "bid", "ask", "bid_size", "ask_size",
    "symbol", "period", "exchange", "trade_id", "is_buyer_maker", "<TICKER>", "<PER>", "<DATE>", "<TIME>", "PAR1",
    "ARROW1", "PK",
)  # fmt: skip
"""Words of the files' languages, for libFuzzer's dictionary, escaped as it wants them."""
