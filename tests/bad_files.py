"""Bad files, one line a case: what they hold, and the code they are refused with, or the reasons of their bad rows."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = "open_time,open,high,low,close,volume\n"
T0 = 1_704_067_200_000  # 2024-01-01T00:00Z in ms


def row(minute: int, values: str = "1,2,0.5,1.5,10", unit: int = 1) -> str:
    return f"{(T0 + 60_000 * minute) * unit},{values}\n"


def rows(count: int, first: int = 0, unit: int = 1) -> str:
    return "".join(row(first + i, unit=unit) for i in range(count))


GOOD = HEADER + rows(30)
NO_VOLUME = "".join(line.rpartition(",")[0] + "\n" for line in rows(5).splitlines())


def zipped(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def lying_zip() -> bytes:
    """A zip whose directory states a smaller size than its member has."""
    data = bytearray(zipped(("bars.csv", (GOOD * 50).encode())))
    size = struct.pack("<I", len(GOOD) * 50)
    at = data.rfind(size)
    data[at : at + 4] = struct.pack("<I", 700)
    return bytes(data)


def bad_zip_crc() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("bars.csv", GOOD)
    return file.getvalue().replace(b"1704067260000,1,2", b"1704067260000,1,3", 1)


def encrypted_zip() -> bytes:
    data = bytearray(zipped(("bars.csv", GOOD.encode())))
    data[6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def unnamed_zip() -> bytes:
    """A zip of one stored member whose name is empty: both its headers are written by hand."""
    data = GOOD.encode()
    facts = struct.pack("<HHHIII", 0, 0, 33, zlib.crc32(data), len(data), len(data))
    local = b"PK\x03\x04" + struct.pack("<HH", 20, 0) + facts + struct.pack("<HH", 0, 0)
    entry = b"PK\x01\x02" + struct.pack("<HHH", 20, 20, 0) + facts + struct.pack("<HHHHHII", 0, 0, 0, 0, 0, 0, 0)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local) + len(data), 0)
    return local + data + entry + end


def parquet(table: pa.Table, **options: Any) -> bytes:  # noqa: ANN401 -- as pyarrow takes them
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def bars_table(**columns: list[Any]) -> pa.Table:
    made: dict[str, list[Any]] = {
        "timestamp": [T0 + 60_000 * i for i in range(4)],
        "open": [1.0] * 4,
        "high": [2.0] * 4,
        "low": [0.5] * 4,
        "close": [1.5] * 4,
        "volume": [10.0] * 4,
    }
    return pa.table(made | columns)


def arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    feather.write_feather(table, sink, compression="uncompressed")
    return sink.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


GZ = gzip.compress(GOOD.encode(), mtime=0)
PARQUET = parquet(bars_table(), write_page_checksum=True, use_dictionary=False, compression="none")
ARROW = arrow(bars_table())
WIDE = ",".join(f"c{i}" for i in range(100_000)) + "\n" + ",".join("1" * 100_000) + "\n"

BAR_ARRAYS = "[1704067200000,1,2,0.5,1.5,10],[1704067260000,1,2,0.5,1.5,10]"

REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "an empty file": ("x.csv", lambda: b"", "SOURCE_UNREADABLE"),
    "white space alone": ("x.csv", lambda: b"\n\n  \n", "FORMAT_UNKNOWN"),
    "a header and no rows": ("x.csv", HEADER.encode, "FORMAT_UNKNOWN"),
    "an HTML error page": ("x.csv", lambda: b"<!DOCTYPE html><html><body>451</body></html>\n", "FORMAT_UNKNOWN"),
    "an XML error page": (
        "x.csv", lambda: b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "FORMAT_UNKNOWN"),
    "a JSON error": ("x.csv", lambda: b'{"code":-1121,"msg":"Invalid symbol."}\n', "FORMAT_UNKNOWN"),
    "a JSON array of numbers": ("x.csv", lambda: b"[1704067200000,1,2,0.5,1.5,10]", "FORMAT_UNKNOWN"),
    "a JSON array that is cut": ("x.json", f"[{BAR_ARRAYS},[1704067320000,1,2".encode, "SOURCE_UNREADABLE"),
    "JSON after the JSON": ("x.json", f"[{BAR_ARRAYS}]\n[{BAR_ARRAYS}]".encode, "SOURCE_UNREADABLE"),
    "JSON nested deep": ("x.json", lambda: b"[" * 100_000, "FORMAT_UNKNOWN"),
    "a missing header": ("x.csv", NO_VOLUME.encode, "FORMAT_UNKNOWN"),
    "a missing header, and a column more": ("x.csv", rows(5).replace("\n", ",7\n").encode, "FORMAT_UNKNOWN"),
    "semicolons without a header": ("x.csv", lambda: rows(5).replace(",", ";").encode(), "FORMAT_UNKNOWN"),
    "a header that names nothing": ("x.csv", lambda: b"a,b,c\n1,2,3\n", "FORMAT_UNKNOWN"),
    "one price missing": ("x.csv", lambda: b"time,open,high,low\n1704067200000,1,2,0.5\n", "COLUMN_MISSING"),
    "no time column": ("x.csv", lambda: b"open,high,low,close\n1,2,0.5,1.5\n", "COLUMN_MISSING"),
    "a column name twice": (
        "x.csv", lambda: b"time,open,open,high,low,close\n1704067200000,1,1,2,0.5,1.5\n", "AMBIGUOUS"),
    "a header shorter than its rows": ("x.csv", (HEADER + rows(3).replace("\n", ",7\n")).encode, "FORMAT_UNKNOWN"),
    "100 000 columns": ("x.csv", WIDE.encode, "FORMAT_UNKNOWN"),
    "an endless line": ("x.csv", lambda: b"1" * 3_000_000, "FORMAT_UNKNOWN"),
    "lone carriage returns": ("x.csv", lambda: GOOD.replace("\n", "\r").encode(), "FORMAT_UNKNOWN"),
    "UTF-16 without its mark": ("x.csv", lambda: GOOD.encode("utf-16-le"), "FORMAT_UNKNOWN"),
    "half a UTF-16 character": ("x.csv", lambda: GOOD.encode("utf-16")[:-1], "SOURCE_UNREADABLE"),
    "a picture": ("x.csv", lambda: b"\x89PNG\r\n\x1a\n" + bytes(500), "FORMAT_UNKNOWN"),
    "days that may be months": (
        "x.csv", lambda: b"date,open,high,low,close\n03/04/2024,1,2,0.5,1.5\n04/04/2024,1,2,0.5,1.5\n", "TIME_FORMAT"),
    "times that are words": ("x.csv", lambda: b"date,open,high,low,close\nyesterday,1,2,0.5,1.5\n", "TIME_FORMAT"),
    "decimal commas": ("x.csv", lambda: GOOD.replace(",", ";").replace(".", ",").encode(), "FORMAT_UNKNOWN"),
    "a single bar": ("x.csv", (HEADER + row(0)).encode, "PERIOD"),
    "two exchanges": (
        "x.csv", lambda: b"exchange,time,price,size\nA,1704067200000,1,1\nB,1704067200000,1,1\n", "AMBIGUOUS"),
    "an order book": ("x.csv", lambda: b"timestamp,isAsk,price,quantity\n1704067200000,1,1,1\n", "FORMAT_UNKNOWN"),
    "trades and quotes in one": (
        "x.csv", lambda: b"time,price,size,bid,ask\n1704067200000,1,1,1,2\n", "AMBIGUOUS"),
    "a truncated zip": ("x.zip", lambda: zipped(("bars.csv", GOOD.encode()))[:200], "SOURCE_UNREADABLE"),
    "a zip of nothing": ("x.zip", zipped, "SOURCE_UNREADABLE"),
    "a zip with a bad CRC": ("x.zip", bad_zip_crc, "SOURCE_UNREADABLE"),
    "a zip that lies about a size": ("x.zip", lying_zip, "SOURCE_UNREADABLE"),
    "an encrypted zip": ("x.zip", encrypted_zip, "SOURCE_UNREADABLE"),
    "a zip bomb": ("x.zip", lambda: zipped(("bars.csv", bytes(100 << 20))), "SOURCE_UNSAFE"),
    "a zip that is none": ("x.zip", GOOD.encode, "SOURCE_UNREADABLE"),
    "a zip in a zip": ("x.zip", lambda: zipped(("a.zip", zipped(("a.csv", b"x")))), "FORMAT_UNKNOWN"),
    "a truncated gzip": ("x.csv.gz", lambda: GZ[: len(GZ) // 2], "SOURCE_UNREADABLE"),
    "a gzip with a bad CRC": ("x.csv.gz", lambda: flipped(GZ, len(GZ) - 7), "SOURCE_UNREADABLE"),
    "a gzip with garbage behind": ("x.csv.gz", lambda: GZ + b"garbage", "SOURCE_UNREADABLE"),
    "the start of xz and zeros": ("x.csv.xz", lambda: b"\xfd7zXZ\x00" + bytes(50), "SOURCE_UNREADABLE"),
    "half an xz file": ("x.csv.xz", lambda: lzma.compress(GOOD.encode())[:150], "SOURCE_UNREADABLE"),
    "half a bzip2 file": ("x.csv.bz2", lambda: bz2.compress(GOOD.encode())[:100], "SOURCE_UNREADABLE"),
    "a flipped bit in bzip2": ("x.csv.bz2", lambda: flipped(bz2.compress(GOOD.encode()), 90), "SOURCE_UNREADABLE"),
    "an xz bomb": ("x.csv.xz", lambda: lzma.compress(GOOD.encode() + b"\n" * (70 << 20), preset=0), "SOURCE_UNSAFE"),
    "a bzip2 bomb": ("x.csv.bz2", lambda: bz2.compress(GOOD.encode() + b"\n" * (70 << 20)), "SOURCE_UNSAFE"),
    "a Parquet file without a footer": ("x.parquet", lambda: PARQUET[:-8], "SOURCE_UNREADABLE"),
    "a Parquet footer of no length": ("x.parquet", lambda: PARQUET[:-8] + bytes(4) + b"PAR1", "SOURCE_UNREADABLE"),
    "a Parquet footer beyond the file": (
        "x.parquet", lambda: PARQUET[:-8] + (2**31 - 1).to_bytes(4, "little") + b"PAR1", "SOURCE_UNREADABLE"),
    "a flipped bit in a Parquet page": (
        "x.parquet", lambda: flipped(PARQUET, PARQUET.find(struct.pack("<4d", *[1.5] * 4))), "SOURCE_UNREADABLE"),
    "a Parquet file of no rows": ("x.parquet", lambda: parquet(bars_table().slice(0, 0)), "FORMAT_UNKNOWN"),
    "a truncated Arrow file": ("x.arrow", lambda: b"ARROW1\0\0" + bytes(100), "SOURCE_UNREADABLE"),
    "Parquet columns whose names are not UTF-8": (
        "x.parquet", lambda: parquet(bars_table(), store_schema=False).replace(b"volume", b"vol\xffme"),
        "SOURCE_UNREADABLE"),
    "eight bytes of Parquet": ("x.parquet", lambda: b"PAR1PAR1", "SOURCE_UNREADABLE"),
    "a Parquet file of another end": ("x.parquet", lambda: PARQUET[:-4] + b"PARE", "SOURCE_UNREADABLE"),
    "half a Parquet file": ("x.parquet", lambda: PARQUET[: len(PARQUET) // 2], "SOURCE_UNREADABLE"),
    "Parquet without prices": ("x.parquet", lambda: parquet(bars_table().select(["timestamp"])), "FORMAT_UNKNOWN"),
    "Parquet columns of one name": (
        "x.parquet", lambda: parquet(bars_table().rename_columns(["ts", "open", "high", "low", "close", "open"])),
        "AMBIGUOUS"),
    "Parquet times of nothing": ("x.parquet", lambda: parquet(bars_table(timestamp=[None] * 4)), "TIME_FORMAT"),
    "an Arrow file cut in its batches": ("x.arrow", lambda: ARROW[:-300], "SOURCE_UNREADABLE"),
    "a gzip of nothing": ("x.csv.gz", partial(gzip.compress, b""), "SOURCE_UNREADABLE"),
    "ten bytes of gzip": ("x.csv.gz", lambda: GZ[:10], "SOURCE_UNREADABLE"),
    "a gzip in a gzip": ("x.csv.gz", partial(gzip.compress, GZ), "FORMAT_UNKNOWN"),
    "Parquet in a gzip": ("x.parquet.gz", partial(gzip.compress, PARQUET), "FORMAT_UNKNOWN"),
    "a zip without its directory": ("x.zip", lambda: zipped(("bars.csv", GOOD.encode()))[:-22], "SOURCE_UNREADABLE"),
    "a zip of folders": ("x.zip", lambda: zipped(("a/", b""), ("b/", b"")), "SOURCE_UNREADABLE"),
    "a zip of an empty file": ("x.zip", lambda: zipped(("bars.csv", b"")), "SOURCE_UNREADABLE"),
    "dates that may be day first in a vendor's columns": (
        "XBTUSD_1.csv", lambda: b"1.1.1022,1,2,0.5,1.5,10\n1.2.1022,1,2,0.5,1.5,10\n", "FORMAT_UNKNOWN"),
    "times without end": (
        "x.csv", lambda: b"time,open,high,low,close\n1e999,1,2,0.5,1.5\n1e999,1,2,0.5,1.5\n", "TIME_FORMAT"),
    "a PDF": ("x.csv", lambda: b"%PDF-1.7\n" + bytes(100), "FORMAT_UNKNOWN"),
    "a database": ("x.csv", lambda: b"SQLite format 3\0" + bytes(100), "FORMAT_UNKNOWN"),
    "a header alone, without its line's end": ("x.csv", HEADER.strip().encode, "FORMAT_UNKNOWN"),
    "a mark of UTF-8 and nothing else": ("x.csv", lambda: codecs.BOM_UTF8, "FORMAT_UNKNOWN"),
    "zeros alone": ("x.csv", lambda: bytes(512), "FORMAT_UNKNOWN"),
    "a single number": ("x.csv", lambda: b"1", "FORMAT_UNKNOWN"),
    "the message of a server": ("x.csv", lambda: b"Too many requests, try again later.\n", "FORMAT_UNKNOWN"),
    "a formula for a header": ("x.csv", lambda: b"=cmd|' /C calc'!A0,b\n1,2\n3,4\n", "FORMAT_UNKNOWN"),
    "times that stand still": ("x.csv", (HEADER + row(0) * 30).encode, "PERIOD"),
    "times of the year 9999 alone": (
        "x.csv", (HEADER + "253402300799000,1,2,0.5,1.5,10\n253402300859000,1,2,0.5,1.5,10\n").encode,
        "TIME_FORMAT"),
    "Parquet prices that are truths": ("x.parquet", lambda: parquet(bars_table(open=[True] * 4)), "FORMAT_UNKNOWN"),
}  # fmt: skip


REJECTED: dict[str, tuple[str | bytes, list[tuple[str, int]], int]] = {
    "a line cut short": (GOOD + "1704067260000,1,2\n", [("wrong_field_count", 32)], 30),
    "a line too long": (GOOD + row(30, "1,2,0.5,1.5,10,11,12"), [("wrong_field_count", 32)], 30),
    "a file cut in its last line": ((GOOD + row(30))[:-20], [("wrong_field_count", 32)], 30),
    "a NUL byte": (GOOD.replace("1.5", "1\0.5", 1), [("bad_value", 2)], 29),
    "zeros where a crash left them": (GOOD.encode() + bytes(64), [("bad_value", 32)], 30),
    "the header again in the middle": (GOOD + HEADER + rows(5, 30), [("bad_timestamp", 32)], 35),
    "a decimal comma in quotes": (GOOD + row(30, '"1,5",2,0.5,1.5,10'), [("bad_number", 32)], 30),
    "empty quotes before a number": (GOOD + row(30, '""1.5,2,0.5,1.5,10'), [("wrong_field_count", 32)], 30),
    "a number behind quotes": (GOOD + row(30, '"1".5,2,0.5,1.5,10'), [("wrong_field_count", 32)], 30),
    "a thousands separator": (GOOD + row(30, '"1,234.5",2,0.5,1.5,10'), [("bad_number", 32)], 30),
    "an underscore": (GOOD + row(30, "1_000,2,0.5,1.5,10"), [("bad_number", 32)], 30),
    "hexadecimal": (GOOD + row(30, "0x10,2,0.5,1.5,10"), [("bad_number", 32)], 30),
    "Arabic digits": (GOOD + row(30, "١٢٣,2,0.5,1.5,10"), [("bad_number", 32)], 30),
    "an infinity": (GOOD + row(30, "inf,2,0.5,1.5,10"), [("bad_number", 32)], 30),
    "a NaN": (GOOD + row(30, "1,NaN,0.5,1.5,10"), [("bad_number", 32)], 30),
    "a NaN volume": (GOOD + row(30, "1,2,0.5,1.5,nan"), [("bad_number", 32)], 30),
    "1e999": (GOOD + row(30, "1,1e999,0.5,1.5,10"), [("bad_number", 32)], 30),
    "a formula": (GOOD + row(30, "=1+1,2,0.5,1.5,10"), [("bad_number", 32)], 30),
    "a word": (GOOD + row(30, "null,2,0.5,1.5,10"), [("bad_number", 32)], 30),
    "a truth": (GOOD + row(30, "true,2,0.5,1.5,10"), [("bad_number", 32)], 30),
    "an empty price": (GOOD + row(30, ",2,0.5,1.5,10"), [("missing_value", 32)], 30),
    "a blank price": (GOOD + row(30, "1,2, ,1.5,10"), [("missing_value", 32)], 30),
    "an empty time": (GOOD + ",1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
    "microseconds among milliseconds": (
        GOOD + rows(2, 30, unit=1000), [("bad_timestamp", 32), ("bad_timestamp", 33)], 30),
    "seconds among milliseconds": (GOOD + "1704069000,1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
    "the year 0": (GOOD + "-62167219200000,1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
    "the year 9999": (GOOD + "253402300799000,1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
    "a time beyond 64 bits": (GOOD + "99999999999999999999,1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
    "a time with an exponent too far": (GOOD + "1e400,1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
    "a time that is not a number": (GOOD + "2024-01-01,1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
    "a quote that never ends": (GOOD + row(30, '"1,2,0.5,1.5,10') + rows(5, 31), [("wrong_field_count", 32)], 35),
    "a quoted line end": (
        GOOD + row(30, '"1\n",2,0.5,1.5,10') + rows(5, 31), [("wrong_field_count", 32), ("wrong_field_count", 33)], 35),
    "a line of blanks": (GOOD + "   \n" + rows(1, 30), [("wrong_field_count", 32)], 31),
    "bytes that are not UTF-8": (
        GOOD.encode() + row(30, "\xff,2,0.5,1.5,10").encode("latin-1"), [("bad_number", 32)], 30),
    "two faults in a row of cells": (GOOD + row(30, "x,,0.5,1.5,10"), [("bad_number", 32)], 30),
    "a bar finer than a microsecond": (
        GOOD.replace("open_time", "ts") + "1704069000000.0005,1,2,0.5,1.5,10\n", [("bad_timestamp", 32)], 30),
}  # fmt: skip


ODD_BUT_RIGHT: dict[str, str | bytes] = {
    "as it is": GOOD,
    "a zip whose member has no name": unnamed_zip(),
    "a byte order mark": codecs.BOM_UTF8 + GOOD.encode(),
    "UTF-16, little end first": codecs.BOM_UTF16_LE + GOOD.encode("utf-16-le"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + GOOD.encode("utf-16-be"),
    "CRLF": GOOD.replace("\n", "\r\n"),
    "CRLF in half the lines": GOOD.replace("10\n", "10\r\n", 15),
    "no final newline": GOOD.rstrip("\n"),
    "empty lines": GOOD.replace("10\n", "10\n\n"),
    "empty lines at the end": GOOD + "\n\n\n",
    "semicolons": GOOD.replace(",", ";"),
    "tabs": GOOD.replace(",", "\t"),
    "bars between": GOOD.replace(",", "|"),
    "quoted cells": "\n".join(",".join(f'"{c}"' for c in line.split(",")) for line in GOOD.splitlines()) + "\n",
    "blanks around numbers": GOOD.replace(",", ", ").replace("open_time, ", "open_time,"),
    "a plus sign": GOOD.replace(",1,2,", ",+1,+2,"),
    "exponents": GOOD.replace(",10\n", ",1e1\n"),
    "columns shuffled": "volume,close,low,high,open,open_time\n"
    + "".join(",".join(reversed(line.split(","))) + "\n" for line in rows(30).splitlines()),
    "a column nobody asked for": "\n".join(
        line + (",note" if i == 0 else f",\xe9{i}") for i, line in enumerate(GOOD.splitlines())
    ),
    "the same column of bad bytes": b"\n".join(
        line + (b",note" if i == 0 else b",\xff") for i, line in enumerate(GOOD.encode().splitlines())
    ),
    "concatenated gzip members": gzip.compress(GOOD[:400].encode()) + gzip.compress(GOOD[400:].encode()),
    "gzip with zeros behind": GZ + bytes(100),
    "a zip beside Finder's droppings": zipped(("x/bars.csv", GOOD.encode()), ("__MACOSX/x/._bars.csv", b"\0\5\26\7")),
    "a zip whose name climbs": zipped(("../../etc/passwd", GOOD.encode())),
}

OHLC = "open_time,open,high,low,close,volume\n"
MANY_BAD = GOOD + "".join(row(30 + minute, "nan,2,0.5,1.5,10") for minute in range(25))

MISTAKEN: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    "half the records without numbers": (MANY_BAD, (), "SCHEMA", "25 of 55"),
    "open, close, high, low under the header of another order": (
        OHLC + "".join(row(minute, "1,1.5,2,0.5,10") for minute in range(30)), (), "SCHEMA", "another order"),
    "times of two units by halves": (GOOD + rows(30, 30, unit=1000), (), "SCHEMA", "another unit"),
    "prices below zero": (
        OHLC + "".join(row(minute, "-2,-1,-4,-3,10") for minute in range(30)), (), "SCHEMA", "zero or less"),
    "one bad record where none is allowed": (
        GOOD + row(30, "x,2,0.5,1.5,10"), ("--on-bad", "fail"), "SCHEMA", "--on-bad fail"),
    "one bad record more than allowed": (
        GOOD + row(30, "x,2,0.5,1.5,10"), ("--max-bad", "0"), "SCHEMA", "1 of 31"),
    "other values than are stored, with --on-conflict fail": (
        GOOD.replace("1.5,10", "1.75,10"), ("--on-conflict", "fail"), "CONFLICT", "differ from what is stored"),
    "a period that the times do not have": (GOOD, ("--period", "1h"), "PERIOD", "60 s apart"),
    "a word for a period": (GOOD, ("--period", "minute"), "PERIOD", "is not a period"),
    "a zone of another planet": (GOOD, ("--tz", "Mars/Base"), "USAGE", "is not an IANA time zone"),
    "a zone that is a path": (GOOD, ("--tz", "../../etc/passwd"), "USAGE", "is not an IANA time zone"),
    "a column that is not there": (GOOD, ("--map", "ts=99,open=1"), "COLUMN_MISSING", "no column '99'"),
    "a target that is not ours": (GOOD, ("--map", "foo=1"), "USAGE", "has no column 'foo'"),
    "a target given twice": (GOOD, ("--map", "open=open,open=close"), "USAGE", "given twice"),
    "volumes for prices": (
        GOOD, ("--map", "ts=open_time,open=volume,high=high"), "SCHEMA", "30 of 30"),
    "a format nobody knows": (GOOD, ("--format", "nope"), "USAGE", "no format 'nope'"),
    "a format of another kind of file": (GOOD, ("--format", "parquet"), "FORMAT_MISMATCH", "no parquet file"),
    "a format of another vendor": (GOOD, ("--format", "histdata-m1"), "FORMAT_MISMATCH", "not in histdata-m1"),
    "a fetch before the data": (GOOD, ("--fetched-at", "1970"), "USAGE", "earlier than the data"),
    "a limit that is none": (GOOD, ("--max-bad", "x"), "USAGE", "is no limit"),
}  # fmt: skip
"""Files that are right as they stand, or nearly: name → text, words, code, and what the error says."""

TAKEN: dict[str, tuple[str, dict[str, int], dict[str, int], tuple[str, ...]]] = {
    "a key twice, the last one wins": (
        GOOD + row(29, "1,2,0.5,1.75,10"), {"read": 31, "new": 30, "superseded": 1}, {}, ()),
    "a record twice": (GOOD + row(29), {"read": 31, "new": 30, "identical": 1}, {}, ()),
    "out of order": (HEADER + rows(15, 15) + rows(15), {"read": 30, "new": 30}, {}, ()),
    "high below low": (
        GOOD + row(30, "1,0.5,2,1.5,10"), {"read": 31, "new": 30, "quarantined": 1}, {"ohlc_inconsistent": 1}, ()),
    "a price below zero": (
        GOOD + row(30, "-1,2,-2,1.5,10"), {"read": 31, "new": 30, "quarantined": 1}, {"non_positive_price": 1}, ()),
    "a volume below zero": (
        GOOD + row(30, "1,2,0.5,1.5,-10"), {"read": 31, "new": 30, "quarantined": 1}, {"negative_volume": 1}, ()),
    "a time between two minutes": (
        GOOD + f"{T0 + 30 * 60_000 + 7},1,2,0.5,1.5,10\n",
        {"read": 31, "new": 30, "quarantined": 1}, {"off_grid": 1}, ()),
    "the largest of numbers": (GOOD + row(30, "1e308,1e308,1e308,1e308,10"), {"read": 31, "new": 31}, {}, ()),
    "numbers of 35 digits": (
        GOOD + row(30, "1.0000000000000000055511151231257827,2,0.5,1.5,10"), {"read": 31, "new": 31}, {}, ()),
    "a last number that lost its last digit": (GOOD[:-2] + "", {"read": 30, "new": 30}, {}, ()),
    "times with a fraction of nothing": (
        GOOD.replace("0000,1,2", "0000.000,1,2"), {"read": 30, "new": 30}, {}, ()),
    "half of it outside the range": (
        GOOD, {"read": 30, "new": 15, "skipped": 15}, {"outside_range": 15}, ("--start", "2024-01-01T00:15Z")),
    "all of it outside the range": (
        GOOD, {"read": 30, "skipped": 30}, {"outside_range": 30}, ("--start", "2025-01-01")),
}  # fmt: skip
"""Files that go in: name → text, counts that are not zero, reasons of what did not go in, words."""

STRANGE_NAMES: dict[str, tuple[str, str | None]] = {
    "a path upwards": ("../../etc", "..%2F..%2FETC"),
    "a path from the root": ("/abs", "%2FABS"),
    "a path through its parent": ("a/../b", "A%2F..%2FB"),
    "a name of a device elsewhere": ("CON", "CON"),
    "what is escaped already": ("a%2Fb", "A%252FB"),
    "e with an accent, two characters": ("e\u0301", "%C3%89"),
    "e with an accent, one character": ("\u00c9", "%C3%89"),
    "a semicolon and quotes": ("a';drop\"", "A%27%3BDROP%22"),
    "a dot": (".", None),
    "two dots": ("..", None),
    "an empty name": ("", None),
    "a blank name": ("  ", None),
    "text from right to left": ("a\u202eb", None),
    "a line end in a name": ("a\nb", None),
    "a NUL in a name": ("a\0b", None),
    "half a character": ("\ud800", None),
    "two hundred letters": ("x" * 200, None),
    "twenty rockets": ("\U0001f680" * 20, None),
}
"""Symbols, and the folder of each; None where it is refused."""
