"""The first rows of a source, read as an ingest reads them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect, preview_of
from lake.sources.containers import HashingFile

if TYPE_CHECKING:
    from pathlib import Path

DAY_NS = 1_704_067_200 * 10**9
MINUTE_NS = 60 * 10**9


def bars(count: int) -> str:
    lines = (f"{1_704_067_200 + 60 * n},{n + 1},{n + 2},{n},{n + 1},5" for n in range(count))
    return "\n".join(["ts,open,high,low,close,volume", *lines, ""])


def test_bad_records_of_the_head_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(bars(30) + "soon,1,1,1,1,1\n")
    preview = preview_of(detect(path, SourceOptions(period="1m")))
    [excerpt] = preview.excerpts
    assert (preview.records, [(r.reason, r.line) for r in preview.rejects]) == (31, [("bad_timestamp", 32)])
    assert (excerpt.rows, excerpt.sample.num_rows, excerpt.first_ns) == (30, 5, DAY_NS)
    assert excerpt.last_ns == DAY_NS + 29 * MINUTE_NS
    assert excerpt.sample.column("open").to_pylist() == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_only_the_beginning_of_a_long_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(bars(200_000))
    plan = detect(path, SourceOptions())
    read = 0
    whole = HashingFile.read

    def counted(self: HashingFile, size: int = -1) -> bytes:
        nonlocal read
        data = whole(self, size)
        read += len(data)
        return data

    monkeypatch.setattr(HashingFile, "read", counted)
    assert preview_of(plan).excerpts[0].first_ns == DAY_NS
    assert read < path.stat().st_size / 10


def test_packed_files_are_shown_alike(tmp_path: Path) -> None:
    plain, packed = tmp_path / "bars.csv", tmp_path / "packed.csv.gz"
    plain.write_text(bars(40))
    packed.write_bytes(gzip.compress(bars(40).encode()))
    one, other = (preview_of(detect(path, SourceOptions())) for path in (plain, packed))
    assert one == other


def test_a_file_that_was_emptied_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(bars(3))
    plan = detect(path, SourceOptions())
    path.write_text("")
    with pytest.raises(LakeError, match="has no rows any more"):
        preview_of(plan)


def test_an_hour_without_ticks_is_shown_with_its_series(tmp_path: Path) -> None:
    path = tmp_path / "EURUSD" / "2024" / "00" / "13" / "03h_ticks.bi5"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    preview = preview_of(detect(path, SourceOptions()))
    [excerpt] = preview.excerpts
    assert (preview.records, excerpt.symbol, excerpt.rows, excerpt.first_ns) == (0, "EURUSD", 0, None)
