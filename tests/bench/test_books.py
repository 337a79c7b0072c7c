"""The workload of order books, small: both programs answer, and with the same books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.ingest import IngestRequest, ingest
from tests.bench.programs import book_day, lake_book, plain_book
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_books_at_random_times_are_those_of_a_plain_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_day, "DEPTH", 200)
    made = book_day.write(tmp_path / "book.csv", 3_000)
    ingest(make_lake(tmp_path / "lake"), IngestRequest((str(tmp_path / "book.csv"),)))
    truth = plain_book.replay(tmp_path / "book.csv", 50)
    for form in ("warm", "cold"):
        answer = lake_book.read(form, str(tmp_path / "lake"), 50)
        assert (answer["rows"], len(answer["times_ms"])) == (made["rows"], 51)
        assert round(answer["total"] / truth["total"], 12) == 1
    assert truth["total"] > 0
