"""Staging, publishing, and what stands in the files."""

from __future__ import annotations

import errno
import gc
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from lake import files
from lake.errors import LakeError
from lake.files import FileWriter
from lake.intake import stored_rows
from lake.rows import ContentHash
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from schemas.ticks import QUOTES, TRADES
from tests.staged import DAY, TICKS, stage
from tests.tables import DAY_NS, Row, bar, clean, plain, quote, table, trade

if TYPE_CHECKING:
    from lake.staging import Staging
    from schemas.columns import Schema

BTC = Address.of("BINANCE", "SPOT", "BTC/USDT", "bars", "1m")
QUOTED = Address.of("X", "SPOT", "Y", "ticks", "quote")
BOOK = Address.of("X", "SPOT", "Y", "orderbook", "l2")
BARS_ROWS = [bar(i, 1.0 + i / 7, vwap=None if i % 3 else 1.5, trades=i) for i in range(300)]
TRADE_ROWS = [trade(i // 3, 1.0 + i % 5, str(i), side=("buy", "sell", None)[i % 3]) for i in range(300)]


# ---- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "schema", "rows"),
    [
        (BTC, BARS, BARS_ROWS),
        (TICKS, TRADES, TRADE_ROWS),
        (QUOTED, QUOTES, [quote(i) for i in range(9)]),
        (
            BOOK,
            BOOK_L2,
            [{"ts": 1, "side": "bid", "price": 1.0, "size": 0.0, "is_snapshot": bool(i)} for i in range(9)],
        ),
    ],
)
def test_what_is_written_is_read_back(staging: Staging, address: Address, schema: Schema, rows: list[Row]) -> None:
    staged = stage(staging, address, schema, rows)
    assert [row for part in stored_rows(staged.temporary, schema) for row in plain(part)] == clean(rows)
    assert pq.read_schema(staged.temporary).names == list(schema.names)


def test_a_staged_file_says_what_it_is(staging: Staging) -> None:
    staged = stage(staging, TICKS, TRADES, TRADE_ROWS)
    content = ContentHash(TRADES)
    content.update(table(TRADES, TRADE_ROWS))
    stored = staged.temporary.read_bytes()
    assert staged.rows == 300
    assert (staged.first_ns, staged.last_ns) == (0, 99)
    assert staged.bytes == len(stored)
    assert staged.sha256 == hashlib.sha256(stored).hexdigest()
    assert staged.content_hash == content.hexdigest()
    assert staged.path.startswith("X/SPOT/Y/ticks/trade/1970/01/01/")
    assert staged.path.endswith(".parquet")
    assert staged.sha256[:12] in staged.path


def test_times_of_bars_are_told_in_nanoseconds(staging: Staging) -> None:
    staged = stage(staging, BTC, BARS, BARS_ROWS)
    assert (staged.first_ns, staged.last_ns) == (0, 299 * 60 * 10**9)


def test_no_rows_make_no_file(staging: Staging) -> None:
    writer = FileWriter(staging, BTC, DAY, BARS, "run-1")
    writer.write(table(BARS, []))
    assert writer.finish() is None
    assert [path.name for path in staging.folder.iterdir()] == ["lock"]


@pytest.mark.parametrize("step", [1, 7, 10, 64, 300])
def test_a_file_does_not_depend_on_how_its_rows_come(
    staging: Staging, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 64)
    whole = stage(staging, TICKS, TRADES, TRADE_ROWS)
    writer = FileWriter(staging, TICKS, DAY, TRADES, "run-1")
    for start in range(0, 300, step):
        writer.write(table(TRADES, TRADE_ROWS[start : start + step]))
    pieces = writer.finish()
    assert pieces is not None
    assert (pieces.content_hash, pieces.rows) == (whole.content_hash, whole.rows)
    assert [row for part in stored_rows(pieces.temporary, TRADES) for row in plain(part)] == clean(TRADE_ROWS)
    metadata = pq.read_metadata(pieces.temporary)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [64, 64, 64, 64, 44]


def test_a_file_with_another_number_of_rows_than_was_counted_is_refused(staging: Staging) -> None:
    writer = FileWriter(staging, BTC, DAY, BARS, "run-1")
    writer.write(table(BARS, BARS_ROWS))
    writer.rows += 1
    with pytest.raises(LakeError, match="301 rows were written, and the file has others"):
        writer.finish()


def test_an_abandoned_file_is_gone_and_quiet(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 64)
    writer = FileWriter(staging, BTC, DAY, BARS, "run-1")
    writer.write(table(BARS, BARS_ROWS))
    assert len(list(staging.folder.iterdir())) == 2
    writer.abandon()
    writer.abandon()
    del writer
    gc.collect()
    assert [path.name for path in staging.folder.iterdir()] == ["lock"]


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "E_DISK_FULL"), (errno.EIO, "E_STORAGE")])
def test_a_disk_that_fails_at_the_end_is_said(
    staging: Staging, number: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> tuple[int, str]:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(FileWriter, "_land", fail)
    writer = FileWriter(staging, BTC, DAY, BARS, "run-1")
    writer.write(table(BARS, BARS_ROWS))
    with pytest.raises(LakeError) as caught:
        writer.finish()
    assert caught.value.code == code
    writer.abandon()


def test_a_disk_that_is_full_while_rows_are_written_is_said(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 64)
    monkeypatch.setattr(Path, "touch", lambda *_, **__: None)
    writer = FileWriter(staging, BTC, DAY, BARS, "run-1")
    writer._temporary.symlink_to("/dev/full")
    with pytest.raises(LakeError) as caught:
        writer.write(table(BARS, BARS_ROWS))
    assert caught.value.code == "E_DISK_FULL"
    writer.abandon()
    del writer
    gc.collect()


@pytest.mark.parametrize("group", [64, 1000])
def test_a_staged_path_is_never_written_over(staging: Staging, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", group)
    writer = FileWriter(staging, BTC, DAY, BARS, "run-1")
    writer._temporary.write_text("someone else's")
    with pytest.raises(LakeError) as caught:  # noqa: PT012 -- it is said by the first or by the second
        writer.write(table(BARS, BARS_ROWS))
        writer.finish()
    assert caught.value.code == "E_STORAGE"
    assert writer._temporary.read_text() == "someone else's"


@pytest.mark.parametrize("at_once", [True, False])
def test_row_groups_of_rows_with_long_texts_are_small(
    staging: Staging, monkeypatch: pytest.MonkeyPatch, *, at_once: bool
) -> None:
    whole = table(TRADES, [trade(n, trade_id=f"{n:01000d}") for n in range(100)])
    monkeypatch.setattr(files, "GROUP_BYTES", 25_000)
    writer = FileWriter(staging, TICKS, DAY, TRADES, "run-1")
    for piece in [whole] if at_once else [whole.slice(at, 10) for at in range(0, 100, 10)]:
        writer.write(piece)
    staged = writer.finish()
    assert staged is not None
    metadata = pq.read_metadata(staged.temporary)
    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sum(sizes) == 100
    assert max(sizes) <= 25  # of some 1,050 bytes each
    assert pq.read_table(staged.temporary)["trade_id"].to_pylist() == whole["trade_id"].to_pylist()


# ---- what stands in a file -------------------------------------------------------------------------------------------


def columns_of(path: Path) -> dict[str, Any]:
    group = pq.read_metadata(path).row_group(0)
    return {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}


def test_bars_are_encoded_for_size(staging: Staging) -> None:
    columns = columns_of(stage(staging, BTC, BARS, BARS_ROWS).temporary)
    floats = {c.name for c in BARS.columns if c.type == "float64"}
    valued = {name for name in floats if any(row.get(name) is not None for row in BARS_ROWS)}
    assert {name for name, c in columns.items() if c.compression == "ZSTD"} == valued
    assert {c.compression for name, c in columns.items() if name not in valued} == {"UNCOMPRESSED"}
    for name in ("ts", "trades"):
        assert "DELTA_BINARY_PACKED" in columns[name].encodings
    for name in ("ts", "trades", "open", "high", "low", "close", "volume", "vwap"):
        assert not columns[name].has_dictionary_page, name
    for name in ("exchange", "market", "symbol"):
        assert columns[name].has_dictionary_page


def test_ticks_are_encoded_for_speed(staging: Staging) -> None:
    columns = columns_of(stage(staging, TICKS, TRADES, TRADE_ROWS).temporary)
    assert {c.compression for c in columns.values()} == {"ZSTD"}
    assert "DELTA_BINARY_PACKED" in columns["ts"].encodings
    assert "DELTA_BYTE_ARRAY" in columns["trade_id"].encodings
    for name in ("price", "size", "side", "exchange", "market", "symbol"):
        assert columns[name].has_dictionary_page


def test_times_have_statistics_to_skip_by(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 100)
    metadata = pq.read_metadata(stage(staging, TICKS, TRADES, TRADE_ROWS).temporary)
    found = [metadata.row_group(i).column(0).statistics for i in range(metadata.num_row_groups)]
    assert [(s.min_raw, s.max_raw) for s in found] == [(0, 33), (33, 66), (66, 99)]


def test_the_footer_says_whose_file_it_is(staging: Staging) -> None:
    metadata = pq.read_metadata(stage(staging, BTC, BARS, BARS_ROWS).temporary).metadata
    assert metadata.pop(b"dl.crc").startswith(b"crc32:")
    assert metadata == {
        b"dl.address": b"BINANCE/SPOT/BTC%2FUSDT/bars/1m",
        b"dl.partition": b"1970-01-01",
        b"dl.run": b"run-1",
        b"dl.schema": b"bars/1",
    }


@pytest.mark.parametrize(("address", "schema", "rows"), [(BTC, BARS, BARS_ROWS), (TICKS, TRADES, TRADE_ROWS)])
def test_every_engine_reads_the_file_without_its_path(
    staging: Staging, address: Address, schema: Schema, rows: list[Row], tmp_path: Path
) -> None:
    path = tmp_path / "plain.parquet"
    stage(staging, address, schema, rows).temporary.rename(path)
    names = (address.exchange, address.market, address.symbol)
    total = sum(row["open" if schema is BARS else "price"] for row in rows)
    value = "open" if schema is BARS else "price"
    arrow = ds.dataset(path).to_table()
    assert arrow.num_rows == len(rows)
    assert [set(arrow.column(c).to_pylist()) for c in ("exchange", "market", "symbol")] == [{n} for n in names]
    assert str(arrow.schema.field("ts").type) == (
        "timestamp[us, tz=UTC]" if schema is BARS else "timestamp[ns, tz=UTC]"
    )
    with duckdb.connect() as db:
        read = db.read_parquet(str(path))
        found = read.aggregate(f"exchange, market, symbol, count(*), sum({value}), typeof(any_value(ts))").fetchall()
    assert found[0][:4] == (*names, len(rows))
    assert found[0][4] == pytest.approx(total)
    assert len(found) == 1
    assert "WITH TIME ZONE" in found[0][5] or schema is TRADES
    frame = pl.read_parquet(path)
    assert frame.select("exchange", "market", "symbol").unique().rows() == [names]
    assert frame[value].sum() == pytest.approx(total)


def test_files_of_all_kinds_of_rows_have_the_same_columns(staging: Staging) -> None:
    """Extras a vendor lacks are all null, and a plain glob works."""
    full = stage(staging, BTC, BARS, BARS_ROWS)
    bare = stage(staging, BTC, BARS, [bar(0)])
    assert pq.read_schema(full.temporary).equals(pq.read_schema(bare.temporary))
    assert pq.ParquetFile(full.temporary).schema.equals(pq.ParquetFile(bare.temporary).schema)


def test_every_flipped_byte_of_the_pages_is_found(staging: Staging) -> None:
    staged = stage(staging, BTC, BARS, BARS_ROWS)
    good = staged.temporary.read_bytes()
    group = pq.read_metadata(staged.temporary).row_group(0)
    end = max(
        group.column(i).data_page_offset + group.column(i).total_compressed_size for i in range(group.num_columns)
    )
    found, said = 0, set()
    for at in range(4, end, max(1, end // 97)):
        staged.temporary.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        try:
            read = pa.concat_tables(stored_rows(staged.temporary, BARS))
        except LakeError as error:
            said.add((error.code, error.where))
            found += 1
        else:  # a bit that means nothing, such as a page header's statistics
            assert plain(read) == clean(BARS_ROWS)
    assert said == {("E_FILE_DAMAGED", str(staged.temporary))}
    assert found > 60


def test_a_file_cut_short_or_gone_is_said(staging: Staging) -> None:
    staged = stage(staging, BTC, BARS, BARS_ROWS)
    good = staged.temporary.read_bytes()
    for length in (0, 3, 100, len(good) - 1):
        staged.temporary.write_bytes(good[:length])
        with pytest.raises(LakeError) as caught:
            list(stored_rows(staged.temporary, BARS))
        assert caught.value.code == "E_FILE_DAMAGED"
    staged.temporary.unlink()
    with pytest.raises(LakeError) as caught:
        list(stored_rows(staged.temporary, BARS))
    assert caught.value.code == "E_FILE_MISSING"


# ---- publishing ------------------------------------------------------------------------------------------------------


def test_publishing_moves_files_into_place_and_syncs_them_and_every_folder(
    staging: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = [stage(staging, BTC, BARS, BARS_ROWS), stage(staging, TICKS, TRADES, TRADE_ROWS)]
    synced: list[str] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    files.publish(tmp_path, staged)
    for file in staged:
        assert not file.temporary.exists()
        assert hashlib.sha256((tmp_path / file.path).read_bytes()).hexdigest() == file.sha256
        assert synced.index(str(file.temporary)) < min(synced.index(str(p)) for p in (tmp_path / file.path).parents[:1])
        for folder in (tmp_path / file.path).parents:
            if folder == tmp_path or tmp_path in folder.parents:
                assert str(folder) in synced
    files.discard(tmp_path, staged)
    files.discard(tmp_path, staged)
    assert not any((tmp_path / file.path).exists() for file in staged)


def test_publishing_nothing_is_nothing(tmp_path: Path) -> None:
    files.publish(tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_a_sync_that_fails_is_said_and_not_tried_again(
    staging: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = stage(staging, BTC, BARS, BARS_ROWS)
    tried: list[int] = []

    def fail(descriptor: int) -> None:
        tried.append(descriptor)
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LakeError) as caught:
        files.publish(tmp_path, [staged])
    assert caught.value.code == "E_STORAGE"
    assert len(tried) == 1
    assert not (tmp_path / staged.path).exists()


def test_identity_columns_of_thousands_of_rows_cost_one_dictionary_entry(staging: Staging) -> None:
    staged = stage(staging, BTC, BARS, [bar(i % 1440) for i in range(5000)])
    names = pq.ParquetFile(staged.temporary, read_dictionary=["symbol"]).read(["symbol"]).column(0)
    assert names.chunk(0).dictionary.to_pylist() == ["BTC/USDT"]
    assert columns_of(staged.temporary)["symbol"].total_compressed_size < 200


def test_the_engine_reads_what_it_declares(staging: Staging) -> None:
    staged = stage(staging, TICKS, TRADES, TRADE_ROWS)
    [part] = stored_rows(staged.temporary, TRADES)
    assert part.schema.equals(arrow_schema(TRADES, identity=False))
    assert staged.last_ns < DAY_NS
