"""Bad input: every file is either refused with a code, or its bad rows come out with reason, line and text.

No value is ever changed on the way: what is read equals what was written, cell by cell.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyarrow import feather

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.bad_files import (
    GOOD,
    HEADER,
    ODD_BUT_RIGHT,
    REFUSED,
    REJECTED,
    T0,
    bars_table,
    flipped,
    parquet,
    rows,
    zipped,
)
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_with_a_code_and_a_way_out(tmp_path: Path, case: str) -> None:
    name, content, code = REFUSED[case]
    path = write(tmp_path / name, content())
    with pytest.raises(LakeError) as refusal:
        read(path)
    assert refusal.value.code == f"E_{code}"
    assert refusal.value.where
    assert refusal.value.fix


@pytest.mark.parametrize("case", REJECTED)
def test_a_bad_row_comes_out_with_its_reason_and_line_and_the_others_stay(tmp_path: Path, case: str) -> None:
    content, reasons, kept = REJECTED[case]
    path = write(tmp_path / "x.csv", content)
    whole = read(path)
    assert whole.reasons == reasons
    assert whole.rows.num_rows == kept
    assert set(whole.column("open")) == {1.0}
    assert set(whole.column("close")) == {1.5}
    lines = path.read_bytes().split(b"\n")
    for reject in whole.rejects:
        assert reject.raw == lines[reject.line - 1].decode("utf-8", "backslashreplace")
        assert reject.detail
    for place in (0, kept - 1):
        line, raw = whole.batches[0].locate(place)
        assert raw == lines[line - 1].decode()
        assert int(raw.split(",")[0]) == whole.ns[place] // 10**6


@pytest.mark.parametrize("case", ODD_BUT_RIGHT)
def test_an_odd_file_gives_the_same_values_as_a_plain_one(tmp_path: Path, case: str) -> None:
    plain = read(write(tmp_path / "plain.csv", GOOD))
    content = ODD_BUT_RIGHT[case]
    path = write(tmp_path / "odd.csv", content)
    whole = read(path)
    same = whole.rows.equals(plain.rows)
    assert same
    assert not whole.rejects
    assert whole.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["odd.csv", "plain.csv"]


@pytest.mark.parametrize("at", range(0, 600, 7))
def test_a_zip_with_any_byte_changed_is_refused_or_read_as_it_was(tmp_path: Path, at: int) -> None:
    data = zipped(("bars.csv", GOOD.encode()))
    path = write(tmp_path / "x.zip", flipped(data, at % len(data)))
    try:
        whole = read(path)
    except LakeError as refusal:
        assert refusal.code.startswith(("E_SOURCE", "E_FORMAT"))  # noqa: PT017 -- being read is as good
    else:
        assert whole.ns == [(T0 + 60_000 * i) * 10**6 for i in range(30)]


def test_a_ragged_first_row_does_not_hide_the_vendor(tmp_path: Path) -> None:
    kline = "{0},1,2,0.5,1.5,10,{1},15,3,5,7,0\n"
    text = "17040\n" + "".join(kline.format(T0 + 60_000 * i, T0 + 60_000 * i + 59_999) for i in range(30))
    whole = read(write(tmp_path / "BTCUSDT-1m-2024-01-01.csv", text))
    assert whole.plan.dialect == "binance-spot-klines"
    assert whole.reasons == [("wrong_field_count", 1)]


def test_a_lone_carriage_return_ends_a_record_and_lines_are_still_numbered_right(tmp_path: Path) -> None:
    text = GOOD.replace("10\n", "10\r", 1).replace("10\n", "10\n\n", 1)
    whole = read(write(tmp_path / "x.csv", text))
    assert whole.rows.num_rows == 30
    assert [whole.batches[0].locate(place)[0] for place in range(4)] == [2, 2, 4, 5]


def test_a_wrong_checksum_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", GOOD)
    write(tmp_path / "x.csv.CHECKSUM", "0" * 64 + "  x.csv\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_SOURCE_CHECKSUM"


def test_an_error_page_saved_as_a_checksum_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", GOOD)
    write(tmp_path / "x.csv.CHECKSUM", "<html>404</html>")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_SOURCE_CHECKSUM"


def test_a_file_that_changes_after_its_checksum_was_verified_is_refused(tmp_path: Path) -> None:
    from lake.sources import open_reader

    path = write(tmp_path / "x.csv", GOOD)
    write(tmp_path / "x.csv.CHECKSUM", hashlib.sha256(GOOD.encode()).hexdigest())
    plan = detect(path, SourceOptions())
    assert plan.checksum == "verified"
    write(path, GOOD.replace("1.5", "1.6"))
    reader = open_reader(plan)
    with pytest.raises(LakeError) as refusal:
        list(reader.blocks())
    reader.close()
    assert refusal.value.code == "E_SOURCE_CHECKSUM"


def test_a_gzip_bomb_stops_before_it_fills_memory(tmp_path: Path) -> None:
    data = gzip.compress(HEADER.encode() + rows(1000).encode() + b"\n" * (100 << 20), mtime=0)
    with pytest.raises(LakeError) as refusal:
        read(write(tmp_path / "x.csv.gz", data))
    assert refusal.value.code == "E_SOURCE_UNSAFE"


def test_damage_beyond_the_head_is_found_while_reading(tmp_path: Path) -> None:
    data = gzip.compress((GOOD + rows(50_000, 30)).encode(), mtime=0)
    path = write(tmp_path / "x.csv.gz", data[:-2000])
    detect(path, SourceOptions())
    with pytest.raises(LakeError) as refusal:
        read(path)
    assert refusal.value.code == "E_SOURCE_UNREADABLE"


def test_parquet_rows_that_break_are_rejected_with_their_record(tmp_path: Path) -> None:
    table = bars_table(
        open=[1.0, None, float("inf"), 1.0], volume=[float("nan"), 10.0, 10.0, None], high=[2.0, 2.0, 2.0, float("nan")]
    )
    whole = read(write(tmp_path / "x.parquet", parquet(table)), period="1m")
    assert whole.reasons == [("missing_value", 2), ("bad_number", 3), ("missing_value", 4)]
    assert whole.column("volume") == [None]
    assert json.loads(whole.rejects[1].raw)["timestamp"] == T0 + 120_000
    assert whole.batches[0].locate(0)[0] == 1


def test_parquet_times_outside_the_calendar_are_rejected_and_never_wrapped(tmp_path: Path) -> None:
    times = pa.array([T0, T0 + 60_000, 253_402_300_799_000, None], type=pa.timestamp("ms", tz="UTC"))
    table = bars_table().set_column(0, "timestamp", times)
    whole = read(write(tmp_path / "x.parquet", parquet(table)))
    assert whole.reasons == [("bad_timestamp", 3), ("bad_timestamp", 4)]
    assert whole.ns == [T0 * 10**6, (T0 + 60_000) * 10**6]


def test_metadata_of_pandas_is_not_believed(tmp_path: Path) -> None:
    table = bars_table().replace_schema_metadata({"pandas": '{"index_columns": ["__class__"], bad json'})
    assert read(write(tmp_path / "x.parquet", parquet(table))).rows.num_rows == 4


def test_an_unused_nested_column_does_no_harm(tmp_path: Path) -> None:
    table = bars_table().append_column("levels", pa.array([[1, 2]] * 4))
    sink = io.BytesIO()
    feather.write_feather(table, sink)
    assert read(write(tmp_path / "x.feather", sink.getvalue())).rows.num_rows == 4
