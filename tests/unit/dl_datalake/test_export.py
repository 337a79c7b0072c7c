from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from dl_datalake import export

if TYPE_CHECKING:
    import pytest

TEXTS = ["plain", 'with "quotes"', "a,b", "two\nlines", "", None]
BATCH = pa.record_batch(
    {
        "ts": pa.array([0, 1, -1, 10**15, None, 5], pa.timestamp("us", "UTC")),
        "ns": pa.array([0, 1, -1, 10**18, None, 5], pa.timestamp("ns", "UTC")),
        "price": pa.array([0.1, 1e21, 1e-7, 123456789.123, None, 5.0]),
        "count": pa.array([1, 2, 3, 4, None, 2**62]),
        "flag": pa.array([True, False, True, None, True, True]),
        "text": pa.array(TEXTS),
        "side": pa.array(["buy", "sell", None, "buy", "buy", "buy"]).dictionary_encode(),
    }
)


def csv_of(*batches: pa.RecordBatch) -> str:
    sink = io.BytesIO()
    assert export.write_csv(batches[0].schema, batches, sink) == sum(batch.num_rows for batch in batches)
    return sink.getvalue().decode()


def test_csv_reads_back_as_it_was() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_of(BATCH, BATCH))))
    assert rows[:6] == rows[6:]
    assert [row["text"] for row in rows[:6]] == ["plain", 'with "quotes"', "a,b", "two\nlines", "", ""]
    assert [row["price"] for row in rows[:6]] == ["0.1", "1e+21", "1e-7", "123456789.123", "", "5"]
    assert [row["flag"] for row in rows[:3]] == ["true", "false", "true"]
    assert rows[2]["ts"] == "1969-12-31T23:59:59.999999000Z"
    assert rows[2]["ns"] == "1969-12-31T23:59:59.999999999Z"
    assert rows[4]["ts"] == ""


def test_csv_tells_an_empty_text_from_none() -> None:
    batch = pa.record_batch({"a": pa.array(["x", "", None]), "b": pa.array([1, 2, 3])})
    assert csv_of(batch) == 'a,b\nx,1\n"",2\n,3\n'


def test_csv_of_a_slice_is_the_slice() -> None:
    assert csv_of(BATCH.slice(1, 1)).splitlines()[1].startswith("1970-01-01T00:00:00.000001000Z,")
    assert csv_of(BATCH.slice(0, 0)).splitlines() == [",".join(BATCH.schema.names)]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_survive_text(numbers: list[float]) -> None:
    lines = csv_of(pa.record_batch({"x": pa.array(numbers, pa.float64())})).splitlines()[1:]
    for line, number in zip(lines, numbers, strict=True):
        assert float(line) == number
        assert math.copysign(1, float(line)) == math.copysign(1, number)


def test_jsonl_keeps_types() -> None:
    sink = io.BytesIO()
    export.write_jsonl(BATCH.schema, [BATCH], sink)
    rows = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert rows[0] == {
        "ts": "1970-01-01T00:00:00.000000000Z",
        "ns": "1970-01-01T00:00:00.000000000Z",
        "price": 0.1,
        "count": 1,
        "flag": True,
        "text": "plain",
        "side": "buy",
    }
    assert rows[4]["price"] is None


def test_binary_formats_need_only_a_sink_that_moves_forward() -> None:
    for write, read in ((export.write_parquet, pq.read_table), (export.write_arrow, _stream)):
        sink = io.BytesIO()
        assert write(BATCH.schema, [BATCH, BATCH], sink) == 12
        assert read(io.BytesIO(sink.getvalue())).to_pylist() == BATCH.to_pylist() * 2


def _stream(source: io.BytesIO) -> pa.Table:
    return pa.ipc.open_stream(source).read_all()


def test_limit_cuts_within_a_batch_and_stops_asking() -> None:
    def batches() -> list[pa.RecordBatch]:
        return list(export.limited(iter([BATCH, BATCH, BATCH]), 8))

    assert [batch.num_rows for batch in batches()] == [6, 2]
    assert list(export.limited([BATCH], 0)) == []
    assert [batch.num_rows for batch in export.limited([BATCH], None)] == [6]


# ---- lists and short numbers -----------------------------------------------------------------------------------------

LISTS = pa.record_batch(
    {
        "short": pa.array([[0.1, 1.0], None, [1e20, -0.0]], pa.list_(pa.float32(), 2)),
        "long": pa.array([list(range(10)), list(range(10, 20)), None], pa.list_(pa.int64(), 10)),
        "x": pa.array([0.1, None, 16777216.0], pa.float32()),
    }
)


def test_lists_are_json_arrays_in_csv() -> None:
    assert csv_of(LISTS).splitlines() == [
        "short,long,x",
        '"[0.1,1]","[0,1,2,3,4,5,6,7,8,9]",0.1',
        ',"[10,11,12,13,14,15,16,17,18,19]",',
        '"[1e+20,-0]",,16777216',
    ]
    assert csv_of(LISTS.slice(1, 1)).splitlines()[1:] == [',"[10,11,12,13,14,15,16,17,18,19]",']
    one = LISTS.select(["short"]).slice(0, 1)
    assert json.loads(list(csv.reader(io.StringIO(csv_of(one))))[1][0]) == [0.1, 1.0]


def test_lists_are_json_arrays_in_json_with_the_shortest_numbers() -> None:
    sink = io.BytesIO()
    assert export.write_jsonl(LISTS.schema, [LISTS, LISTS.slice(1)], sink) == 5
    rows = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert rows[0] == {"short": [0.1, 1.0], "long": list(range(10)), "x": 0.1}
    assert rows[1] == rows[3] == {"short": None, "long": list(range(10, 20)), "x": None}


def test_rows_with_long_lists_become_text_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = csv_of(LISTS)
    monkeypatch.setattr(export, "_ELEMENTS", 15)
    assert [batch.num_rows for batch in export._narrow([LISTS, BATCH])] == [1, 1, 1, 6]
    assert csv_of(LISTS) == whole


def test_people_see_the_first_elements_of_a_long_list_and_how_many_there_are() -> None:
    assert export.texts(LISTS) == [
        ["[0.1, 1]", "[0, 1, 2, 3, … 10 in all]", "0.1"],
        ["-", "[10, 11, 12, 13, … 10 in all]", "-"],
        ["[1e+20, -0]", "-", "16777216"],
    ]


def test_of_long_lists_that_differ_people_see_where() -> None:
    kind = pa.list_(pa.float32(), 10)
    old = pa.record_batch({"a": pa.array([[0.5] * 10, [0.5] * 10, None, [0.5] * 10], kind)})
    new = pa.record_batch({"a": pa.array([[0.5] * 9 + [2.5], [0.5] * 10, [0.5] * 10, None], kind)})
    whole = "[0.5, 0.5, 0.5, 0.5, … 10 in all]"
    told = export.texts_apart(old, new)
    assert [row for [row] in told[0]] == ["[… 9: 0.5 …]", whole, "-", whole]
    assert [row for [row] in told[1]] == ["[… 9: 2.5 …]", whole, whole, "-"]
