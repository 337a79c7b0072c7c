"""The checksums in a file's footer: whatever is changed of what is read is found, and other engines do not mind."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import pyarrow.parquet as pq
import pytest

from lake import files
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.bars import BARS
from schemas.keys import Address
from tests.embeddings import EMBEDDED, VECTORS, embedded, vectors
from tests.manifests import make_lake
from tests.tables import bar, bars

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    config = make_lake(tmp_path)
    write(config, BTC, bars(*(bar(minute, 100.0 + minute % 7) for minute in range(300))))
    [path] = (config.data / "BINANCE").rglob("*.parquet")
    path.chmod(0o644)
    return path


def read(path: Path, columns: list[str]) -> pa.Table:
    with files.open_parquet(path, BARS) as parquet:
        return files.read_group(parquet, 0, columns)


def change(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def footer_at(path: Path) -> int:
    data = path.read_bytes()
    return len(data) - 8 - int.from_bytes(data[-8:-4], "little")


def test_the_checksums_are_those_of_the_bytes_of_each_column(path: Path) -> None:
    metadata = pq.read_metadata(path)
    told = metadata.metadata[b"dl.crc"].decode().removeprefix("crc32:")
    data = path.read_bytes()
    expected = []
    for number in range(metadata.num_columns):
        column = metadata.row_group(0).column(number)
        start = min(column.dictionary_page_offset or column.data_page_offset, column.data_page_offset)
        expected.append(f"{crc32(data[start : start + column.total_compressed_size]):08x}")
    footer = data[footer_at(path) : -8]
    assert told[8:] == "".join(expected)
    assert told[:8] == f"{crc32(footer.replace(told.encode(), b'00000000' + told[8:].encode())):08x}"


def test_a_changed_header_of_a_page_is_found_in_the_column_that_is_read(path: Path) -> None:
    column = pq.read_metadata(path).row_group(0).column(1)
    change(path, min(column.dictionary_page_offset or column.data_page_offset, column.data_page_offset))
    assert read(path, ["ts"]).num_rows == 300
    with pytest.raises(LakeError, match="column open of row group 0 has another checksum"):
        read(path, ["ts", "open"])


def test_a_changed_name_of_a_column_is_found_when_the_file_is_opened(path: Path) -> None:
    change(path, path.read_bytes().index(b"open", footer_at(path)))
    with pytest.raises(LakeError, match="its footer has another checksum"):
        read(path, ["ts"])


@pytest.mark.parametrize("left", [0, 3, 7, 8, 100])
def test_a_file_that_was_cut_short_is_damaged(path: Path, left: int) -> None:
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(LakeError) as caught:
        read(path, ["ts"])
    assert caught.value.code == "E_FILE_DAMAGED"


def test_a_file_from_before_there_were_checksums_is_read_as_it_is(path: Path) -> None:
    table = read(path, [*BARS.names]).replace_schema_metadata(None)
    pq.write_table(table, path)
    assert read(path, [*BARS.names]).equals(table)


def test_a_file_from_before_that_lacks_a_column_is_damaged(path: Path) -> None:
    pq.write_table(read(path, ["ts", "open"]).replace_schema_metadata(None), path)
    with pytest.raises(LakeError) as caught:
        read(path, ["ts", "close"])
    assert caught.value.code == "E_FILE_DAMAGED"


def test_a_file_too_large_to_be_mapped_is_checked_as_well(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake.checksums.HELD_BYTES", 0)
    monkeypatch.setattr("lake.checksums.MAPPED_BYTES", 0)
    assert read(path, ["open"]).num_rows == 300
    change(path, pq.read_metadata(path).row_group(0).column(1).data_page_offset)
    with pytest.raises(LakeError, match="column open"):
        read(path, ["open"])


def test_every_row_group_of_a_file_made_on_disk_is_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lake.files.ROW_GROUP", 100)
    config = make_lake(tmp_path)
    write(config, BTC, bars(*(bar(minute) for minute in range(350))))
    [path] = (config.data / "BINANCE").rglob("*.parquet")
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == 4
    assert len(metadata.metadata[b"dl.crc"]) == len("crc32:") + 8 * (1 + 4 * metadata.num_columns)
    with Manifest.open(config) as manifest:
        assert Scan(config, manifest, [BTC]).to_arrow().num_rows == 350
    path.chmod(0o644)
    change(path, metadata.row_group(2).column(0).data_page_offset)
    with files.open_parquet(path, BARS) as parquet, pytest.raises(LakeError, match="row group 2"):
        list(files.read_pieces(parquet, ["ts"]))


def test_a_changed_byte_of_a_list_column_is_found_in_that_column(tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    write(config, VECTORS, vectors(*(embedded(minute, (minute / 4, 0.5, -minute)) for minute in range(300))))
    [path] = (config.data / "LAB").rglob("*.parquet")
    path.chmod(0o644)
    group = pq.read_metadata(path).row_group(0)
    [column] = [c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == "vector.list.element"]
    change(path, column.data_page_offset + column.total_compressed_size - 1)
    with files.open_parquet(path, EMBEDDED) as parquet:
        assert files.read_group(parquet, 0, ["ts", "levels", "score"]).num_rows == 300
        with pytest.raises(LakeError, match="column vector of row group 0 has another checksum") as caught:
            files.read_group(parquet, 0, ["ts", "vector"])
    assert caught.value.code == "E_FILE_DAMAGED"
