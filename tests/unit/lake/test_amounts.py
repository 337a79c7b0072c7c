"""Amounts as people write them."""

from __future__ import annotations

import pytest

from lake.amounts import byte_count, duration_ns
from lake.errors import LakeError

HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [("40d", 960 * HOUR), ("36h", 36 * HOUR), ("1.5h", 5_400_000_000_000), ("0d", 0), ("2 W", 336 * HOUR)],
)
def test_text_says_how_long(text: str, ns: int) -> None:
    assert duration_ns(text) == ns


@pytest.mark.parametrize(
    ("text", "count"),
    [("512MB", 512_000_000), ("1.5 gb", 1_500_000_000), ("64MiB", 67_108_864), ("10b", 10), ("0.001kB", 1)],
)
def test_text_says_how_many_bytes(text: str, count: int) -> None:
    assert byte_count(text) == count


@pytest.mark.parametrize("text", ["", "40", "d", "40 years", "-1d", "1e3s", "40d40d"])
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    with pytest.raises(LakeError) as caught:
        duration_ns(text)
    assert caught.value.code == "E_USAGE"
    assert "40d" in caught.value.fix[0]


@pytest.mark.parametrize("text", ["", "512", "MB", "512XB", "5d"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(LakeError, match="is not a size"):
        byte_count(text)
