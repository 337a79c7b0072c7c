"""Texts of columnar files: bounded before they are spelt out, and the same afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.cells import CELL_BYTES, PIECE_BYTES, pieces
from tests.source_files import read

T0 = 1_704_067_200_000
WHERE = Path("x.parquet")


def trades(path: Path, ids: list[str], rows: int) -> Path:
    """Write trades whose ids are few texts named again and again, as Parquet keeps them."""
    places = pa.array([row % len(ids) for row in range(rows)], pa.int32())
    table = pa.table(
        {
            "timestamp": pa.array(range(T0, T0 + rows)),
            "price": pa.array([1.0] * rows),
            "size": pa.array([1.0] * rows),
            "trade_id": pa.DictionaryArray.from_arrays(places, pa.array(ids)),
        }
    )
    pq.write_table(table, path, compression="zstd", store_schema=False)
    return path


def test_a_batch_of_long_texts_comes_in_pieces_of_known_size() -> None:
    texts = ["a" * CELL_BYTES, "b", None]
    batch = pa.record_batch({"id": pa.array(texts * 400).dictionary_encode()})
    schema = pa.schema({"id": pa.string()})
    made = list(pieces(batch, schema, 10_000, WHERE))
    assert {len(piece) for piece in made[:-1]} == {PIECE_BYTES // CELL_BYTES}
    assert pa.Table.from_batches(made).column("id").to_pylist() == texts * 400
    assert {piece.schema for piece in made} == {schema}


def test_a_batch_of_numbers_is_cut_by_rows_alone() -> None:
    batch = pa.record_batch({"n": pa.array(range(10))})
    assert [len(piece) for piece in pieces(batch, batch.schema, 4, WHERE)] == [4, 4, 2]


@pytest.mark.parametrize("encoded", [True, False])
def test_a_cell_longer_than_any_is_refused(encoded: bool) -> None:  # noqa: FBT001 -- a case
    column = pa.array(["a" * (CELL_BYTES + 1), "b"])
    batch = pa.record_batch({"id": column.dictionary_encode() if encoded else column})
    with pytest.raises(LakeError) as refusal:
        list(pieces(batch, pa.schema({"id": pa.string()}), 10, WHERE))
    assert refusal.value.code == "E_SOURCE_UNSAFE"


def test_ids_of_a_dictionary_are_read_as_they_are_written(tmp_path: Path) -> None:
    whole = read(trades(tmp_path / "x.parquet", ["p", "qq", "é"], 50_000))
    assert whole.column("trade_id") == [["p", "qq", "é"][row % 3] for row in range(50_000)]


def test_texts_that_are_not_utf_8_refuse_the_file(tmp_path: Path) -> None:
    path = trades(tmp_path / "x.parquet", ["pqrs"], 10)
    path.write_bytes(path.read_bytes().replace(b"pqrs", b"p\xff\xfes"))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_SOURCE_UNREADABLE"


MEASURED = """
import json, sys
from pathlib import Path
from lake.errors import LakeError
from lake.sources import SourceOptions, detect
try:
    detect(Path(sys.argv[1]), SourceOptions())
except LakeError as error:
    # Not ru_maxrss: that begins with the peak of the process that started this one.
    [peak] = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
    print(json.dumps([error.code, int(peak.split()[1]) // 1024]))
"""


def test_a_bomb_of_one_long_text_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = trades(tmp_path / "x.parquet", ["A" * 200_000], 200_000)
    assert path.stat().st_size < 4_000_000 < 200_000 * 200_000
    ran = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    code, rss_mib = json.loads(ran.stdout)
    assert code == "E_SOURCE_UNSAFE"
    assert rss_mib < 512
