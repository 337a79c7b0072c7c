"""The file around the data: what its times tell, and that hashing sees every byte once."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect, open_reader
from lake.sources.containers import Source
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "time,price,size\n" + "".join(f"{1_710_340_200 + i},1.5,{i}\n" for i in range(50_000))
HOUR = 3600 * 10**9


def zip_of(date: tuple[int, int, int, int, int, int], extra: bytes = b"") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo("trades.csv", date)
        entry.extra = extra
        archive.writestr(entry, TEXT)
    return file.getvalue()


def fetched(path: Path) -> tuple[int | None, int | None]:
    plan = detect(path, SourceOptions())
    return plan.fetched_not_before_ns, plan.fetched_not_after_ns


def test_a_zip_without_a_zone_bounds_the_time_by_every_zone_there_is(tmp_path: Path) -> None:
    made = 1_710_340_200 * 10**9  # 2024-03-13T14:30:00Z
    low, high = fetched(write(tmp_path / "x.zip", zip_of((2024, 3, 13, 14, 30, 0))))
    assert (low, high) == (made - 14 * HOUR, made + 12 * HOUR)


def test_the_utc_field_of_a_zip_is_exact(tmp_path: Path) -> None:
    extra = b"UT\x05\x00\x01" + (1_710_340_201).to_bytes(4, "little")
    low, high = fetched(write(tmp_path / "x.zip", zip_of((2024, 3, 13, 9, 0, 0), extra)))
    assert low == high == 1_710_340_201 * 10**9


def test_the_dos_epoch_is_no_time(tmp_path: Path) -> None:
    assert fetched(write(tmp_path / "x.zip", zip_of((1980, 1, 1, 0, 0, 0)))) == (None, None)


def test_gzip_tells_its_time_or_none(tmp_path: Path) -> None:
    told = write(tmp_path / "a.csv.gz", gzip.compress(TEXT.encode(), mtime=1_710_340_200))
    assert fetched(told) == (1_710_340_200 * 10**9,) * 2
    assert fetched(write(tmp_path / "b.csv.gz", gzip.compress(TEXT.encode(), mtime=0))) == (None, None)


def test_the_callers_time_is_the_time(tmp_path: Path) -> None:
    path = write(tmp_path / "x.zip", zip_of((2024, 3, 13, 14, 30, 0)))
    plan = detect(path, SourceOptions(fetched_at_ns=5))
    assert (plan.fetched_not_before_ns, plan.fetched_not_after_ns) == (5, 5)


@pytest.mark.parametrize("packed", [TEXT.encode(), gzip.compress(TEXT.encode()), zip_of((2024, 1, 1, 0, 0, 0))])
@pytest.mark.parametrize("block_bytes", [1 << 20, 4096])
def test_the_hash_is_that_of_the_file_and_progress_ends_at_its_size(
    tmp_path: Path, packed: bytes, block_bytes: int
) -> None:
    path = write(tmp_path / "x.bin", packed)
    whole = read(path, block_bytes=block_bytes)
    assert whole.sha256 == hashlib.sha256(packed).hexdigest()
    assert whole.records == 50_000
    reader = open_reader(whole.plan)
    assert reader.progress()[0] < 100
    list(reader.blocks())
    assert reader.progress() == (len(packed), len(packed))
    reader.close()


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    for attempt in (lambda: Source(tmp_path / "no.csv"), lambda: detect(tmp_path / "no.csv", SourceOptions())):
        with pytest.raises(LakeError) as refusal:
            attempt()
        assert refusal.value.code == "E_SOURCE_NOT_FOUND"


def test_a_workbook_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, "<?xml version='1.0'?><x/>")
    old = write(tmp_path / "book.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    for book in (path, old):
        with pytest.raises(LakeError, match="Excel workbook") as caught:
            detect(book, SourceOptions())
        assert caught.value.code == "E_FORMAT_UNKNOWN"
