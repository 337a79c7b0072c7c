"""The endings of packed files' names."""

from __future__ import annotations

import pytest

from lake.sources.containers.suffixes import spellings, stem


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.csv", "a.csv"),
        ("a.csv.gz", "a.csv"),
        ("a.csv.BZ2", "a.csv"),
        ("a.csv.xz", "a.csv"),
        ("a.csv.zst", "a.csv"),
        ("a.zip", "a"),
        ("a.csv.zip", "a.csv"),
        ("a.tar", "a"),
        ("a.tar.gz", "a"),
        ("a.tgz", "a"),
        ("a.tbz2", "a"),
        ("a.TXZ", "a"),
        ("a.tar.zst", "a"),
        ("BTCUSDT-1m-2024-01.zip", "BTCUSDT-1m-2024-01"),
        (".gz", ".gz"),
        ("agz", "agz"),
        ("a.gz.csv", "a.gz.csv"),
    ],
)
def test_the_name_without_what_packed_it(name: str, kept: str) -> None:
    assert stem(name) == kept


def test_a_name_is_also_looked_at_as_it_was_before_it_was_packed() -> None:
    assert spellings("BTCUSDT-1m-2024-01.zip") == (
        "BTCUSDT-1m-2024-01.zip", "BTCUSDT-1m-2024-01", "BTCUSDT-1m-2024-01.csv",
    )  # fmt: skip
