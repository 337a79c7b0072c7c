"""What lies beside the data."""

from __future__ import annotations

import pytest

from lake.sources.containers.beside import reason_to_leave, reports


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BTCUSDT-1m-2024-01.csv", ""),
        ("a/b/trades.parquet", ""),
        ("./a.csv", ""),
        ("../a.csv", ""),
        ("a.txt", ""),
        ("noextension", ""),
        ("BTCUSDT-1m-2024-01.zip.CHECKSUM", "checksum"),
        ("a.csv.md5", "checksum"),
        ("SHA256SUMS", "checksum"),
        ("a.csv.part", "unfinished"),
        ("a.zip.crdownload", "unfinished"),
        ("a.tmp", "unfinished"),
        (".DS_Store", "hidden"),
        (".git/config", "hidden"),
        ("__MACOSX/._a.csv", "hidden"),
        ("__MACOSX/a.csv", "hidden"),
        ("", ""),
        ("..", "hidden"),
        ("README.md", "note"),
        ("readme", "note"),
        ("LICENSE.txt", "note"),
        ("readmes.csv", ""),
    ],
)
def test_what_is_no_data_is_known_by_its_name(name: str, reason: str) -> None:
    assert reason_to_leave(name) == reason


def test_a_text_beside_a_table_of_its_name_reports_on_it() -> None:
    assert reports(["a.csv", "a.txt", "b.txt", "c/a.txt"]) == {"a.txt"}
