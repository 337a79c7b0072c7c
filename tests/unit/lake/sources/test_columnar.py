"""Parquet, Arrow files, Arrow streams and Feather: one way of reading, whatever the types in the file."""

from __future__ import annotations

import datetime as dt
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, ipc

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST = 1_710_340_200  # 2024-03-13T14:30:00Z, from `date -u +%s`
NAIVE = [dt.datetime(2024, 3, 13, 14, 30), dt.datetime(2024, 3, 13, 14, 31)]  # noqa: DTZ001 -- what a data frame holds
OHLC = {"open": [1.0, 1.0], "high": [2.0, 2.0], "low": [0.5, 0.5], "close": [1.5, 1.5]}


def as_parquet(table: Any, sink: io.BytesIO) -> None:  # noqa: ANN401 -- pa.Table
    pq.write_table(table, sink)


def as_file(table: Any, sink: io.BytesIO) -> None:  # noqa: ANN401 -- pa.Table
    with ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)


def as_stream(table: Any, sink: io.BytesIO) -> None:  # noqa: ANN401 -- pa.Table
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def as_feather(table: Any, sink: io.BytesIO) -> None:  # noqa: ANN401 -- pa.Table
    feather.write_feather(table, sink, compression="lz4")


def save(path: Path, table: Any, how: Callable[[Any, io.BytesIO], None] = as_parquet) -> Path:  # noqa: ANN401 -- pa.Table
    sink = io.BytesIO()
    how(table, sink)
    return write(path, sink.getvalue())


@pytest.mark.parametrize("how", [as_parquet, as_file, as_stream, as_feather])
def test_every_container_gives_the_same_rows(tmp_path: Path, how: Callable[[Any, io.BytesIO], None]) -> None:
    table = pa.table({"note": ["a", "b"], "time": [FIRST * 1000, (FIRST + 60) * 1000], **OHLC})
    whole = read(save(tmp_path / "x.bin", table, how))
    assert whole.ns == [FIRST * 10**9, (FIRST + 60) * 10**9]
    assert (whole.plan.period, whole.records, whole.column("close")) == ("1m", 2, [1.5, 1.5])
    line, raw = whole.batches[-1].locate(whole.batches[-1].rows.num_rows - 1)
    assert line == 2
    assert json.loads(raw)["close"] == 1.5


@pytest.mark.parametrize(
    "times",
    [
        pa.array([FIRST, FIRST + 60], pa.int32()),
        pa.array([FIRST * 10**9, (FIRST + 60) * 10**9], pa.int64()),
        pa.array([FIRST, FIRST + 60], pa.float64()),
        pa.array(NAIVE, pa.timestamp("s")),
        pa.array(NAIVE, pa.timestamp("ns", tz="UTC")),
        pa.array(NAIVE, pa.timestamp("us", tz="Asia/Tokyo")),
        pa.array(["2024-03-13 14:30:00", "2024-03-13 14:31:00"]),
        pa.array(["2024-03-13T14:30:00Z", "2024-03-13T14:31:00Z"]).dictionary_encode(),
    ],
    ids=str,
)
def test_times_of_every_type_are_read(tmp_path: Path, times: Any) -> None:  # noqa: ANN401 -- pa.Table
    assert read(save(tmp_path / "x.parquet", pa.table({"ts": times, **OHLC}))).ns == [
        FIRST * 10**9,
        (FIRST + 60) * 10**9,
    ]


def test_naive_timestamps_are_utc_with_a_warning_or_in_the_zone_that_is_given(tmp_path: Path) -> None:
    path = save(tmp_path / "x.parquet", pa.table({"ts": pa.array(NAIVE, pa.timestamp("ms")), **OHLC}))
    assert any("--tz" in warning for warning in detect(path, SourceOptions()).warnings)
    assert read(path, tz="America/New_York").ns[0] == (FIRST + 4 * 3600) * 10**9


def test_dates_are_days(tmp_path: Path) -> None:
    days = pa.array([dt.date(2024, 1, 2), dt.date(2024, 1, 3)], pa.date32())
    whole = read(save(tmp_path / "x.parquet", pa.table({"date": days, **OHLC})), tz="Asia/Tokyo")
    assert whole.plan.period == "1d"
    assert [ts.isoformat() for ts in whole.column("ts")] == ["2024-01-02T00:00:00+00:00", "2024-01-03T00:00:00+00:00"]


def test_decimals_and_texts_are_rounded_once(tmp_path: Path) -> None:
    exact = ["0.1", "123456789.123456789"]
    table = pa.table(
        {
            "ts": [FIRST, FIRST + 1],
            "price": pa.array([Decimal(text) for text in exact], pa.decimal128(38, 18)),
            "size": exact,
        }
    )
    whole = read(save(tmp_path / "x.parquet", table))
    assert whole.column("price") == whole.column("size") == [float(text) for text in exact]


def test_sides_ids_and_unknown_words(tmp_path: Path) -> None:
    table = pa.table(
        {
            "timestamp": [FIRST] * 4,
            "price": [1.0] * 4,
            "amount": [2.0] * 4,
            "id": [7, 8, 9, None],
            "side": pa.array(["buy", "SELL", "up", None]).dictionary_encode(),
        }
    )
    whole = read(save(tmp_path / "x.parquet", table))
    assert whole.column("side") == ["buy", "sell", None]
    assert whole.column("trade_id") == ["7", "8", None]
    assert whole.reasons == [("bad_value", 3)]


def test_a_boolean_maker_is_the_other_side(tmp_path: Path) -> None:
    table = pa.table({"ts": [FIRST] * 2, "price": [1.0] * 2, "qty": [1.0] * 2, "is_buyer_maker": [True, False]})
    assert read(save(tmp_path / "x.parquet", table)).column("side") == ["sell", "buy"]


def test_text_is_not_taken_for_parquet(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", f"time,price,size\n{FIRST},1,1\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(format="parquet"))
    assert refusal.value.code == "E_FORMAT_MISMATCH"


def test_many_row_groups_stay_in_order_and_numbered(tmp_path: Path) -> None:
    table = pa.table(
        {"ts": [FIRST + i for i in range(5000)], "price": [1.0 + i for i in range(5000)], "size": [1.0] * 5000}
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=700)
    whole = read(write(tmp_path / "x.parquet", sink.getvalue()))
    assert whole.column("price") == table.column("price").to_pylist()
    batch = whole.batches[-1]
    assert batch.locate(batch.rows.num_rows - 1)[0] == 5000


def test_counts_that_would_be_of_1970_are_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"time": [0, 1, 2], "price": [1.0, 2.0, 3.0], "size": [1.0, 1.0, 1.0]}), path)
    said = detect(path, SourceOptions()).warnings
    assert [line for line in said if "1970" in line] == [
        "ts 0 would be of 1970, were it counted in s since 1970: look whether the times are right"
    ]
