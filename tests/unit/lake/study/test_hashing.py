"""The hash of rows in their order: what changes it, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from lake.study.hashing import rows_hash
from schemas.bars import BARS
from schemas.columns import Column
from schemas.ticks import TRADES
from tests.embeddings import EMBEDDED, embedded, vectors
from tests.tables import Row, bar, bars, trade, trades

ROWS = [trade(at, 1.0 + at, None if at % 3 else str(at), side=[None, "buy", "sell"][at % 3]) for at in range(40)]


def hashed(rows: list[Row], cut: int = 1000) -> str:
    return rows_hash(TRADES, trades(*rows).to_batches(max_chunksize=cut)).hexdigest()


@pytest.mark.parametrize("cut", [1, 3, 7, 39])
def test_it_does_not_depend_on_how_rows_are_cut(cut: int) -> None:
    assert hashed(ROWS, cut) == hashed(ROWS)


def test_it_does_not_depend_on_dictionaries() -> None:
    table = trades(*ROWS)
    place = table.schema.get_field_index("side")
    text = table["side"].cast(pa.string())
    other = pa.concat_tables(
        table.slice(at, 10).set_column(place, "side", text.slice(at, 10).combine_chunks().dictionary_encode())
        for at in range(0, 40, 10)
    )
    flat = table.set_column(place, "side", text)
    assert {rows_hash(TRADES, each.to_batches()).hexdigest() for each in (table, other, flat)} == {hashed(ROWS)}


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:-1],
        [*ROWS, ROWS[-1]],
        [ROWS[1], ROWS[0], *ROWS[2:]],
        [ROWS[0] | {"price": 1.0000000000000002}, *ROWS[1:]],
        [ROWS[0] | {"trade_id": None}, ROWS[1] | {"trade_id": "0"}, *ROWS[2:]],
        [ROWS[0] | {"trade_id": ""}, *ROWS[1:]],
        [*ROWS[:3], ROWS[3] | {"trade_id": "36"}, *ROWS[4:6], ROWS[6] | {"trade_id": ""}, *ROWS[7:]],
    ],
)
def test_whatever_is_another_row_or_another_order_changes_it(rows: list[Row]) -> None:
    assert hashed(rows) != hashed(ROWS)


def test_a_column_without_values_changes_nothing_and_a_type_does() -> None:
    rows = bars(bar(0), bar(1))
    wider = replace(BARS, version=BARS.version + 1, columns=(*BARS.columns, Column("later", "float64", nullable=True)))
    other = replace(
        BARS, version=99, columns=tuple(replace(c, type="int64") if c.name == "volume" else c for c in BARS.columns)
    )
    was = rows_hash(BARS, rows.to_batches()).hexdigest()
    assert rows_hash(wider, rows.append_column("later", pa.nulls(2, pa.float64())).to_batches()).hexdigest() == was
    assert rows_hash(other, rows.to_batches()).hexdigest() != was


def test_the_zeros_are_one_value() -> None:
    a, b = (rows_hash(BARS, bars(bar(0, volume=zero)).to_batches()).hexdigest() for zero in (0.0, -0.0))
    assert a == b


LISTS = [embedded(i, None if i % 3 == 1 else (i, 0.5, -i)) for i in range(20)]


def of_lists(rows: list[Row], cut: int = 1000) -> str:
    return rows_hash(EMBEDDED, vectors(*rows).to_batches(max_chunksize=cut)).hexdigest()


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_lists_are_hashed_element_by_element_however_they_are_cut(cut: int) -> None:
    assert of_lists(LISTS, cut) == of_lists(LISTS)


@pytest.mark.parametrize("vector", [(0.5, 0.0, 0.0), (0.0, 0.5, 1.0), None])
def test_another_list_changes_it_and_another_zero_does_not(vector: tuple[float, ...] | None) -> None:
    assert of_lists([embedded(0, vector), *LISTS[1:]]) != of_lists(LISTS)
    assert of_lists([embedded(0, (-0.0, 0.5, -0.0)), *LISTS[1:]]) == of_lists(LISTS)
