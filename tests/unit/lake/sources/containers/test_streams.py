"""Compressed files: what the tools read is read, and what breaks off, goes on or asks for too much is refused."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections import deque
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.sources.containers import Source
from lake.sources.containers.limits import BOMB_FROM
from tests.source_files import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINES = "".join(f"{1_710_340_200 + i},{i * 7919 % 10_007 / 97},{i}\n" for i in range(20_000)).encode()


def zstd(data: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(data, asbytes=True))


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}
EVERY = pytest.mark.parametrize("kind", PACK)


def whole(path: Path, size: int = 1 << 16) -> bytes:
    with Source(path) as source:
        data = b"".join(iter(lambda: source.read(size), b""))
        assert source.file.finish() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert source.file.consumed == path.stat().st_size
    return data


def refusal(path: Path) -> LakeError:
    with pytest.raises(LakeError) as caught:
        whole(path)
    return caught.value


@EVERY
@pytest.mark.parametrize("size", [1 << 20, 1000])
def test_it_is_told_by_its_bytes_whatever_its_name(tmp_path: Path, kind: str, size: int) -> None:
    path = write(tmp_path / "trades.csv", PACK[kind](LINES))
    with Source(path) as source:
        assert (source.container, source.packed) == (kind, True)
    assert whole(path, size) == LINES


@EVERY
def test_streams_one_after_the_other_are_one_file(tmp_path: Path, kind: str) -> None:
    pack = PACK[kind]
    path = write(tmp_path / "a", pack(LINES) + pack(b"") + pack(b"last\n") + pack(LINES))
    assert whole(path) == LINES + b"last\n" + LINES


@pytest.mark.parametrize("kind", ["gzip", "xz"])
def test_zeros_between_and_behind_streams_are_padding(tmp_path: Path, kind: str) -> None:
    pack = PACK[kind]
    assert whole(write(tmp_path / "a", pack(b"one\n") + bytes(8) + pack(b"two\n") + bytes(1 << 20))) == b"one\ntwo\n"


def test_what_the_zstd_program_writes_is_read_with_frames_to_skip_before_and_between(tmp_path: Path) -> None:
    written = (  # printf 'time,price,size\n1710340200,1.5,2\n' | zstd -c
        b"(\xb5/\xfd\x04X\x09\x01\x00time,price,size\n1710340200,1.5,2\n\xcc\xf7GY"
    )
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    path = write(tmp_path / "a", skipped + written + skipped + written)
    assert whole(path) == b"time,price,size\n1710340200,1.5,2\n" * 2


@EVERY
@pytest.mark.parametrize("cut", [1, 5, 1000])
def test_a_file_that_breaks_off_is_refused(tmp_path: Path, kind: str, cut: int) -> None:
    found = refusal(write(tmp_path / "a", PACK[kind](LINES)[:-cut]))
    assert found.code == "E_SOURCE_UNREADABLE"


@EVERY
def test_a_second_stream_that_breaks_off_is_refused(tmp_path: Path, kind: str) -> None:
    assert refusal(write(tmp_path / "a", PACK[kind](LINES) + PACK[kind](LINES)[:-9])).code == "E_SOURCE_UNREADABLE"


@EVERY
@pytest.mark.parametrize("garbage", [b"x", b"garbage behind the end", b"\0\0\0\0x", b"PK\x03\x04"])
def test_anything_else_behind_the_end_is_refused(tmp_path: Path, kind: str, garbage: bytes) -> None:
    assert refusal(write(tmp_path / "a", PACK[kind](LINES) + garbage)).code == "E_SOURCE_UNREADABLE"


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz"])
def test_a_flipped_bit_is_found(tmp_path: Path, kind: str) -> None:
    packed = bytearray(PACK[kind](LINES))
    packed[len(packed) // 2] ^= 1
    assert refusal(write(tmp_path / "a", bytes(packed))).code == "E_SOURCE_UNREADABLE"


@EVERY
def test_a_bomb_is_refused_before_it_went_off(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "a", PACK[kind](bytes(BOMB_FROM + (8 << 20))))
    with Source(path) as source, pytest.raises(LakeError) as caught:
        deque(iter(lambda: source.read(1 << 20), b""), maxlen=0)
    assert caught.value.code == "E_SOURCE_UNSAFE"
    assert source.produced <= BOMB_FROM + (2 << 20)


def test_a_dictionary_larger_than_any_honest_one_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 28}]
    packed = lzma.compress(b"1,2,3\n", lzma.FORMAT_XZ, filters=filters)
    assert refusal(write(tmp_path / "a", packed)).code == "E_SOURCE_UNSAFE"
    strongest = lzma.compress(b"1,2,3\n", lzma.FORMAT_XZ, preset=9 | lzma.PRESET_EXTREME)
    assert whole(write(tmp_path / "b", strongest)) == b"1,2,3\n"


def test_a_window_larger_than_any_honest_one_is_refused(tmp_path: Path) -> None:
    # A frame header with a window of 2 GiB (exponent 21, RFC 8878), and a raw block of one byte.
    frame = b"\x28\xb5\x2f\xfd" + bytes([0b000_000_00, 21 << 3]) + (1 | 1 << 3).to_bytes(3, "little") + b"x"
    assert refusal(write(tmp_path / "a", frame)).code == "E_SOURCE_UNSAFE"
    small = b"\x28\xb5\x2f\xfd" + bytes([0b000_000_00, 10 << 3]) + (1 | 1 << 3).to_bytes(3, "little") + b"x"
    assert whole(write(tmp_path / "b", small)) == b"x"


def test_lzma_without_a_container_is_unpacked_where_the_name_says_so(tmp_path: Path) -> None:
    packed = lzma.compress(LINES, lzma.FORMAT_ALONE)
    for name, found in (("a.bi5", ("lzma", LINES)), ("a.csv", ("plain", packed))):
        with Source(write(tmp_path / name, packed)) as source:
            same = (source.container, source.read(1 << 24)) == found
        assert same
