"""Files of rows with lists: how they are encoded, and that they are read back as lists of their length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from lake import files
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY, Column, Schema
from schemas.ticks import TRADES
from tests.embeddings import EMBEDDED, VECTORS, embedded
from tests.staged import TICKS, stage
from tests.tables import clean, plain, trade

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from lake.staging import Staging


VECTOR_ROWS = [embedded(i, None if i % 3 else (i, 0.5, -i), (i, -9), score=None) for i in range(300)]


def columns_of(path: Path) -> dict[str, Any]:
    group = pq.read_metadata(path).row_group(0)
    return {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}


def test_lists_are_encoded_as_their_elements(staging: Staging) -> None:
    columns = columns_of(stage(staging, VECTORS, EMBEDDED, VECTOR_ROWS).temporary)
    vector, levels = columns["vector.list.element"], columns["levels.list.element"]
    assert (vector.compression, levels.compression) == ("ZSTD", "UNCOMPRESSED")
    assert "DELTA_BINARY_PACKED" in levels.encodings
    assert columns["score"].compression == "UNCOMPRESSED"  # it has no value
    for column in (vector, levels, columns["score"]):
        assert not column.has_dictionary_page


def test_lists_of_events_are_compressed_without_a_dictionary(staging: Staging) -> None:
    schema = Schema("waves", 1, (Column("ts", "timestamp_ns"), Column("wave", "float64", length=2), *IDENTITY))
    rows = [{"ts": i, "wave": [1.0, 2.0]} for i in range(9)]
    columns = columns_of(stage(staging, TICKS, schema, rows).temporary)
    assert {c.compression for c in columns.values()} == {"ZSTD"}
    assert not columns["wave.list.element"].has_dictionary_page


def test_lists_keep_their_length_in_every_row_group_and_can_be_cast(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 100)
    monkeypatch.setattr(files, "PIECE_ROWS", 7)
    path = stage(staging, VECTORS, EMBEDDED, VECTOR_ROWS).temporary
    form = arrow_schema(EMBEDDED, identity=False)
    with files.open_parquet(path, EMBEDDED) as parquet:
        groups = [files.read_group(parquet, group, form.names) for group in range(parquet.num_row_groups)]
        pieces = list(files.read_pieces(parquet, form.names))
    assert (len(groups), len(pieces)) == (3, 45)
    for parts in (groups, pieces):
        assert [row for part in parts for row in plain(part.cast(form))] == clean(VECTOR_ROWS)
        assert {part.schema.field("vector").type for part in parts} == {form.field("vector").type}


def test_row_groups_of_rows_with_lists_are_small(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LIST_GROUP_BYTES", 900)
    metadata = pq.read_metadata(stage(staging, VECTORS, EMBEDDED, VECTOR_ROWS).temporary)
    sizes = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    assert sum(sizes) == 300
    assert 10 < max(sizes) <= 32  # of some 32 bytes each
    rows = [trade(at) for at in range(300)]
    assert pq.read_metadata(stage(staging, TICKS, TRADES, rows).temporary).num_row_groups == 1
