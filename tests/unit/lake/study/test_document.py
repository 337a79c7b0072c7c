"""The lock as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.study import Lock, PinnedPart, PinnedSeries, load, save
from schemas.keys import Address

if TYPE_CHECKING:
    from pathlib import Path

BTC = Address.of("BINANCE", "SPOT", "BTC/USDT:USDT", "bars", "1m")
LOCK = Lock(
    "0f" * 16,
    7,
    1_700_000_000_123_456_789,
    (
        PinnedSeries(BTC, None, 5, 3, "ab" * 32, (PinnedPart("1970-01-01", 4, "rows128:" + "0" * 32),)),
        PinnedSeries(Address.of("X", "SPOT", "A", "bars", "1h"), -5, None, 1, "cd" * 32, ()),
    ),
)


def test_what_is_saved_is_read_again_and_is_the_same_text(tmp_path: Path) -> None:
    first, second = tmp_path / "a.lock", tmp_path / "b.lock"
    save(LOCK, first)
    assert load(first) == LOCK
    save(load(first), second)
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.lock", "b.lock"]


def test_a_lock_is_overwritten_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    save(LOCK, path)
    with pytest.raises(LakeError, match="is there already"):
        save(LOCK, path)
    save(LOCK, path, replace=True)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("dl.study/1", "dl.study/9"),
        ("[[series]]", "[[series"),
        ("rows = 3", 'rows = "3"'),
        ("rows = 3", "rows = true"),
        ("1970-01-01", "yesterday"),
        ("address = ", "adress = "),
        ('"BINANCE/', '"'),
        ("snapshot = 7\n", ""),
        ("[[series]]", "[series.x]"),
    ],
)
def test_what_is_no_lock_is_said_to_be_none(tmp_path: Path, was: str, now: str) -> None:
    path = tmp_path / "a.lock"
    save(LOCK, path)
    path.write_text(path.read_text().replace(was, now, 1))
    with pytest.raises(LakeError, match="is not the lock of a study") as caught:
        load(path)
    assert caught.value.code == "E_USAGE"


def test_bytes_and_nothing_are_said_too(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LakeError, match="is not the lock"):
        load(tmp_path / "b")
    with pytest.raises(LakeError, match="there is no lock"):
        load(tmp_path / "none")
