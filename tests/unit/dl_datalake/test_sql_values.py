"""Values of every type that DuckDB has, as text and as JSON; the expected ones are written out."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dl_datalake import export, sql_values

if TYPE_CHECKING:
    from pathlib import Path

VALUES: dict[str, tuple[str, Any]] = {
    "1::tinyint": ("1", 1),
    "123456789012345678901234567890::hugeint": ("123456789012345678901234567890", 123456789012345678901234567890),
    "1.50::decimal(4, 2)": ("1.50", 1.5),
    "1.5::double": ("1.5", 1.5),
    "'nan'::double": ("nan", "nan"),
    "'-inf'::float": ("-inf", "-inf"),
    "true": ("true", True),
    "'a\"b'": ('a"b', 'a"b'),
    "'a'::enum('a', 'b')": ("a", "a"),
    "date '2024-01-05'": ("2024-01-05", "2024-01-05"),
    "time '10:30:00.5'": ("10:30:00.500000", "10:30:00.500000"),
    "timestamptz '2024-01-05 10:00:00.000001+00'": ("2024-01-05T10:00:00.000001000Z", "2024-01-05T10:00:00.000001000Z"),
    "interval '14 months 2 days 3.5 seconds'": ("14 months 2 days 3.5 s", "14 months 2 days 3.5 s"),
    "interval '0 days'": ("0 s", "0 s"),
    "'ab'::blob": ("6162", "6162"),
    "[1, 2]": ("[1, 2]", [1, 2]),
    "[1.5, null]::double[2]": ("[1.5, null]", [1.5, None]),
    "[1, 2]::integer[2]": ("[1, 2]", [1, 2]),
    "{'a': 1, 'b': [date '2024-01-05']}": ('{"a": 1, "b": ["2024-01-05"]}', {"a": 1, "b": ["2024-01-05"]}),
    "map {'a': 1}": ('[["a", 1]]', [["a", 1]]),
    "'3e4ba4f2-0000-4000-8000-000000000000'::uuid": (
        "3e4ba4f2-0000-4000-8000-000000000000",
        "3e4ba4f2-0000-4000-8000-000000000000",
    ),
    "null": ("-", None),
    "null::integer[]": ("-", None),
}


@pytest.fixture(scope="module")
def batch() -> pa.RecordBatch:
    """Return one row with a value of each type."""
    columns = ", ".join(f"{value} as c{place}" for place, value in enumerate(VALUES))
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        [batch] = connection.sql(f"select {columns}").to_arrow_table().to_batches()
    return batch


def test_every_type_has_its_text(batch: pa.RecordBatch) -> None:
    [row] = export.texts(sql_values.flat(batch))
    assert dict(zip(VALUES, row, strict=True)) == {value: text for value, (text, _) in VALUES.items()}


def test_every_type_has_its_json(batch: pa.RecordBatch) -> None:
    [row] = sql_values.records(batch)
    assert dict(zip(VALUES, row.values(), strict=True)) == {value: found for value, (_, found) in VALUES.items()}
    json.dumps(row, allow_nan=False)


def test_every_type_goes_into_a_parquet_file(batch: pa.RecordBatch, tmp_path: Path) -> None:
    stored = sql_values.storable(batch)
    with (tmp_path / "x.parquet").open("wb") as sink:
        assert export.write_parquet(stored.schema, [stored], sink) == 1
    row = pq.read_table(tmp_path / "x.parquet").to_pylist()[0]
    assert row["c2"] == Decimal("1.50")
    assert row["c12"] == "14 months 2 days 3.5 s"


def test_none_of_them_in_no_rows_has_the_same_types(batch: pa.RecordBatch) -> None:
    none = batch.slice(0, 0)
    assert sql_values.flat(none).schema.names == batch.schema.names
    assert sql_values.records(none) == []
