"""Archives: which sources are in one, and what no archive may do to us."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.containers import Source, SourceFile, members
from lake.sources.containers.limits import BOMB_FROM, HEADER_BYTES, HELD_BYTES, MEMBERS
from tests.source_files import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Members = Iterable[tuple[str, bytes]]

A, B = b"time,price,size\n1710340200,1.5,2\n", b"time,price,size\n1710340300,1.6,3\n"


def zip_of(files: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name, (2024, 3, 13, 14, 30, 0)), data, method)
    return file.getvalue()


def tar_of(files: Members, form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in files:
            header = tarfile.TarInfo(name)
            header.size, header.mtime = len(data), 1_710_340_200
            archive.addfile(header, io.BytesIO(data))
    return file.getvalue()


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


PACK: dict[str, Callable[[Members], bytes]] = {
    "zip": zip_of,
    "tar": tar_of,
    "tar.gz": lambda files: gzip.compress(tar_of(files)),
    "tar.bz2": lambda files: bz2.compress(tar_of(files)),
    "tar.xz": lambda files: lzma.compress(tar_of(files)),
    "tar.zst": lambda files: zstd(tar_of(files)),
}
EVERY = pytest.mark.parametrize("kind", PACK)


def found(path: Path, ignored: Counter[str] | None = None) -> list[tuple[str | None, bytes] | str]:
    """Return name and bytes of each source in a file, or the code of the error in its place."""
    seen: list[tuple[str | None, bytes] | str] = []
    for source in members(path, path.parent, ignored):
        if isinstance(source, LakeError):
            seen.append(source.code)
            continue
        try:
            with Source(source) as opened:
                data = b"".join(iter(lambda: opened.read(1 << 16), b""))
                digest = opened.file.finish()
        except LakeError as error:
            seen.append(error.code)
            continue
        own = data if source.member is not None and not opened.packed else None
        assert digest == source.digest()
        if own is not None:
            assert digest == hashlib.sha256(own).hexdigest()
        if source.member is None:
            assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
        seen.append((source.member, data))
    return seen


@EVERY
def test_each_data_member_is_a_source_in_the_archives_order(tmp_path: Path, kind: str) -> None:
    files = [("b.csv", B), ("__MACOSX/._b.csv", b"x"), ("sub/a.csv", A), ("sub/a.csv.CHECKSUM", b"0"), (".x", b"")]
    ignored: Counter[str] = Counter()
    path = write(tmp_path / "any.name", PACK[kind](files))
    assert found(path, ignored) == [("b.csv", B), ("sub/a.csv", A)]
    assert ignored == {"hidden": 2, "checksum": 1}
    assert list(tmp_path.iterdir()) == [path]


@EVERY
def test_an_archive_of_one_data_member_is_the_source_itself(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"x.{kind}", PACK[kind]([("a.csv", A), ("__MACOSX/._a.csv", b"x"), ("readme.txt", b"hi")]))
    assert found(path) == [(None, A)]


def test_a_member_without_a_name_is_data(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, archive.open(zipfile.ZipInfo(""), "w") as stream:
        stream.write(A)
    assert found(write(tmp_path / "x.zip", file.getvalue())) == [(None, A)]


@EVERY
def test_an_archive_without_data_says_so(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / f"x.{kind}", PACK[kind]([(".hidden", b"x")]))
    assert found(path) == ["E_SOURCE_UNREADABLE"]


@EVERY
def test_members_of_one_name_are_both_read(tmp_path: Path, kind: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if kind == "zip" else nullcontext():
        packed = PACK[kind]([("a.csv", A), ("a.csv", B)])
    assert found(write(tmp_path / "x", packed)) == [("a.csv", A), ("a.csv", B)]


@EVERY
def test_names_never_become_paths(tmp_path: Path, kind: str) -> None:
    names = ["../../up.csv", "/etc/root.csv", "two\nlines.csv", "\u202evsc.exe", "C:\\a.csv", "..", "x" * 300 + ".csv"]
    path = write(tmp_path / "deep" / "er" / "x", PACK[kind]([(name, A) for name in names]))
    seen = [source for source in members(path) if isinstance(source, SourceFile)]
    assert [source.member for source in seen] == [name for name in names if name != ".."]
    assert all(path in source.place.parents for source in seen)
    assert all(str(source.place).isprintable() for source in seen)
    assert [source.place.name for source in seen][2:4] == ["two\\nlines.csv", "\\u202evsc.exe"]
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]


def test_a_name_that_is_no_text_can_be_shown() -> None:
    assert str(SourceFile(Path("x.tar"), os.fsdecode(b"ordn\xe9.csv")).place) == "x.tar/ordn\\xe9.csv"


def test_links_and_devices_of_a_tar_are_passed_over(tmp_path: Path) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "a.csv"), (tarfile.CHRTYPE, "")):
            header = tarfile.TarInfo(f"link{kind!r}.csv")
            header.type, header.linkname = kind, target
            archive.addfile(header)
        header = tarfile.TarInfo("a.csv")
        header.size = len(A)
        archive.addfile(header, io.BytesIO(A))
    assert found(write(tmp_path / "x.tar", file.getvalue())) == [(None, A)]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_tar_is_read(tmp_path: Path, form: int) -> None:
    long = "/".join(["folder" * 5] * 6) + "/a.csv" if form != tarfile.USTAR_FORMAT else "folder/" * 15 + "a.csv"
    assert found(write(tmp_path / "x", tar_of([(long, A), ("b.csv", B)], form))) == [(long, A), ("b.csv", B)]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_of_zip_is_read(tmp_path: Path, method: int) -> None:
    files = [("a.csv", A), ("b.csv", B)]
    assert found(write(tmp_path / "x.zip", zip_of(files, method))) == files


def test_a_zip64_is_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in (("a.csv", A), ("b.csv", B)):
            with archive.open(name, "w", force_zip64=True) as stream:
                stream.write(data)
    assert found(write(tmp_path / "x.zip", file.getvalue())) == [("a.csv", A), ("b.csv", B)]


def test_an_encrypted_member_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    packed = bytearray(zip_of([("a.csv", A), ("b.csv", B)]))
    local, central = packed.index(b"PK\x03\x04"), packed.index(b"PK\x01\x02")
    packed[local + 6] |= 1
    packed[central + 8] |= 1
    path = write(tmp_path / "x.zip", bytes(packed))
    assert found(path) == ["E_SOURCE_UNREADABLE", ("b.csv", B)]
    [error] = [each for each in members(path) if isinstance(each, LakeError)]
    assert "encrypted" in error.message
    assert error.where == str(path / "a.csv")


def test_a_member_with_a_wrong_checksum_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    packed = zip_of([("a.csv", A), ("b.csv", B)], zipfile.ZIP_STORED).replace(A, A.replace(b"1.5", b"1.7"))
    assert found(write(tmp_path / "x.zip", packed)) == ["E_SOURCE_UNREADABLE", ("b.csv", B)]


# ---- compressed members ----------------------------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_a_compressed_member_is_read_through(tmp_path: Path, kind: str, pack: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path / "x", PACK[kind]([("a.csv.gz", pack(A)), ("b.csv", B)]))
    assert found(path) == [("a.csv.gz", A), ("b.csv", B)]
    alone = write(tmp_path / "alone", PACK[kind]([("a.csv.gz", pack(A))]))
    assert found(alone) == [(None, A)]


@EVERY
def test_a_zip_of_one_file_inside_is_read_through(tmp_path: Path, kind: str) -> None:
    assert found(write(tmp_path / "x", PACK[kind]([("a.zip", zip_of([("a.csv", A)])), ("b.csv", B)]))) == [
        ("a.zip", A),
        ("b.csv", B),
    ]
    assert found(write(tmp_path / "y", PACK[kind]([("a.zip", zip_of([("a.csv", A)]))]))) == [(None, A)]


@EVERY
def test_a_member_that_is_a_file_of_its_own_has_that_files_hash(tmp_path: Path, kind: str) -> None:
    packed = gzip.compress(A, mtime=0)
    [first, _] = members(write(tmp_path / "x", PACK[kind]([("a.csv.gz", packed), ("b.csv", B)])))
    assert isinstance(first, SourceFile)
    assert first.digest() == hashlib.sha256(packed).hexdigest()


@pytest.mark.parametrize(
    "inner",
    [
        tar_of([("a.csv", A)]),
        gzip.compress(tar_of([("a.csv", A)]), mtime=0),
        zip_of([("a.csv", A), ("b.csv", B)]),
        gzip.compress(gzip.compress(A, mtime=0), mtime=0),
        zip_of([("a.csv.gz", gzip.compress(A, mtime=0))]),
    ],
)
@EVERY
def test_what_is_packed_deeper_is_refused(tmp_path: Path, kind: str, inner: bytes) -> None:
    for files in ([("a.bin", inner), ("b.csv", B)], [("a.bin", inner)]):
        source = next(iter(members(write(tmp_path / "x", PACK[kind](files)))))
        assert isinstance(source, SourceFile)
        with pytest.raises(LakeError) as caught:
            detect(source, SourceOptions())
        assert caught.value.code in {"E_FORMAT_UNKNOWN", "E_AMBIGUOUS"}


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_opened_as_one_source_is_refused(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "x", PACK[kind]([("a.csv", A), ("b.csv", B)]))
    with pytest.raises(LakeError) as caught:
        detect(path, SourceOptions())
    assert caught.value.code == "E_AMBIGUOUS"


# ---- what breaks off, and what goes off ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
def test_a_tar_that_breaks_off_gives_what_came_before_and_says_so(tmp_path: Path, kind: str) -> None:
    noise = os.urandom(1 << 20)
    whole = PACK[kind]([("a.csv", A), ("b.csv", B), ("noise.bin", noise)])
    path = write(tmp_path / "x", whole[: len(whole) // 2])
    seen = found(path)
    assert seen[-1] == "E_SOURCE_UNREADABLE"
    assert [each for each in seen if each[0] == "noise.bin"] == []
    if kind in {"tar", "tar.gz", "tar.zst"}:  # bzip2 and xz unpack large blocks whole, or not at all
        assert seen[:2] == [("a.csv", A), ("b.csv", B)]


def test_a_tar_cut_between_two_members_is_found_by_its_missing_end(tmp_path: Path) -> None:
    whole = tar_of([("a.csv", A), ("b.csv", B), ("c.csv", A)], tarfile.USTAR_FORMAT)
    path = write(tmp_path / "x.tar", whole[: 4 * 512])
    assert found(path) == [("a.csv", A), ("b.csv", B), "E_SOURCE_UNREADABLE"]
    alone = write(tmp_path / "y.tar", whole[: 2 * 512])
    assert found(alone) == ["E_SOURCE_UNREADABLE"]


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
def test_garbage_behind_a_compressed_tar_is_refused(tmp_path: Path, kind: str) -> None:
    assert found(write(tmp_path / "x", PACK[kind]([("a.csv", A)]) + b"garbage")) == ["E_SOURCE_UNREADABLE"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
def test_members_that_come_to_a_bomb_together_are_refused(tmp_path: Path, kind: str) -> None:
    third = bytes(BOMB_FROM // 3 + 1)
    path = write(tmp_path / "x", PACK[kind]([("a.csv", A), *((f"{i}.csv", third) for i in range(3))]))
    seen = [each if isinstance(each, LakeError) else each.member for each in members(path, tmp_path)]
    assert seen[:3] == ["a.csv", "0.csv", "1.csv"]
    assert [each.code for each in seen if isinstance(each, LakeError)] == ["E_SOURCE_UNSAFE"]


def test_overlapping_members_of_a_zip_are_refused(tmp_path: Path) -> None:
    """Many entries of the list that share one block of packed bytes: the bomb of a few kilobytes."""
    packed = zip_of([("a", zlib.compress(bytes(1 << 20)))])
    local, central = packed.index(b"PK\x03\x04"), packed.index(b"PK\x01\x02")
    entry = packed[central : packed.index(b"PK\x05\x06")]
    entries = b"".join(entry.replace(b"a", bytes([65 + i]), 1) for i in range(5))
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 5, 5, len(entries), central - local, 0)
    seen = found(write(tmp_path / "x.zip", packed[:central] + entries + end))
    assert seen
    assert set(seen) == {"E_SOURCE_UNREADABLE"}


def test_a_zip_that_lists_too_many_files_is_refused_before_its_list_is_read(tmp_path: Path) -> None:
    packed = bytearray(zip_of([("a.csv", A), ("b.csv", B)]))
    end = packed.index(b"PK\x05\x06")
    packed[end + 12 : end + 16] = (1 << 31).to_bytes(4, "little")
    assert found(write(tmp_path / "x.zip", bytes(packed))) == ["E_SOURCE_UNSAFE"]


def test_a_tar_of_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MEMBERS == 100_000
    monkeypatch.setattr("lake.sources.containers.tars.MEMBERS", 3)
    path = write(tmp_path / "x", tar_of([(f"{i}.csv", A) for i in range(5)]))
    assert found(path)[2:] == [("2.csv", A), "E_SOURCE_UNSAFE"]


def test_a_tar_header_that_is_read_whole_may_not_be_large(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, HEADER_BYTES + 1
    packed = header.tobuf(tarfile.GNU_FORMAT) + bytes(HEADER_BYTES + 512) + tar_of([("a.csv", A)])
    assert found(write(tmp_path / "x.tar", packed)) == ["E_SOURCE_UNSAFE"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_large_member_is_held_in_a_file_without_a_name(tmp_path: Path, kind: str) -> None:
    large = os.urandom(HELD_BYTES + 1)
    path = write(tmp_path / "x", PACK[kind]([("large.bin", large), ("b.csv", B)]))
    for source in members(path, tmp_path):
        assert isinstance(source, SourceFile)
        assert list(tmp_path.iterdir()) == [path]
        with source.open() as first, source.open() as second:  # each has a position of its own
            assert second.read(10) == first.read(10)
            assert first.seek(-3, os.SEEK_END) == source.nbytes - 3
            assert first.read() == (large if source.member == "large.bin" else B)[-3:]


def test_the_checksum_of_an_archive_is_held_to_before_any_member_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.csv", "1\n")
        archive.writestr("y.csv", "2\n")
    (tmp_path / "a.zip.CHECKSUM").write_text("0" * 64 + "  a.zip\n")
    [refusal] = members(path)
    assert isinstance(refusal, LakeError)
    assert refusal.code == "E_SOURCE_CHECKSUM"


def test_of_a_broken_archive_the_checksum_tells_first(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", b"PK\x03\x04 and nothing more")
    [refusal] = members(path)
    assert isinstance(refusal, LakeError)
    assert refusal.code == "E_SOURCE_UNREADABLE"
    (tmp_path / "a.zip.CHECKSUM").write_text("0" * 64 + "  a.zip\n")
    [refusal] = members(path)
    assert isinstance(refusal, LakeError)
    assert refusal.code == "E_SOURCE_CHECKSUM"
