"""Which series rows belong to: by their own columns, by what is said of them, and never by a guess."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.features.model import Names
from lake.features.parting import Naming, without_names
from schemas.features import Serving
from tests.feature_rows import SHARED, VOL

BY_SYMBOL = replace(VOL, serving=Serving(keys=("symbol",)))


def parted(naming: Naming, **columns: list[str | None]) -> dict[tuple[str, str, str], list[int]]:
    count = len(next(iter(columns.values())))
    batch = pa.RecordBatch.from_pydict({"ts": list(range(count)), **columns})
    found = naming.part(batch)
    return {where: list(range(count)) if at is None else at.tolist() for where, at in found.places}


def test_rows_say_their_series_and_keep_their_order() -> None:
    naming = Naming(VOL, Names(market="SPOT"))
    found = parted(naming, exchange=["A", "B", "A", "A"], symbol=["x", "x", "y", "x"])
    assert found == {("A", "SPOT", "x"): [0, 3], ("B", "SPOT", "x"): [1], ("A", "SPOT", "y"): [2]}


def test_one_series_is_not_taken_apart() -> None:
    found = Naming(VOL, Names("A", "SPOT")).part(pa.RecordBatch.from_pydict({"symbol": ["x", "x"]}))
    assert found.places == [(("A", "SPOT", "x"), None)]


def test_dictionaries_and_nulls_are_read_as_what_they_stand_for() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0, 2, None, 1]), pa.array(["x", "x", None]))
    batch = pa.RecordBatch.from_pydict({"symbol": words})
    found = Naming(VOL, Names("A", "SPOT")).part(batch)
    assert [(where[2], None if at is None else at.tolist()) for where, at in found.places] == [("x", [0, 3])]
    assert found.nameless == {1: "symbol", 2: "symbol"}


def test_what_is_said_of_all_rows_stands_in_for_what_one_does_not_say() -> None:
    assert parted(Naming(VOL, Names("A", "SPOT", "X")), symbol=["x", None]) == {("A", "SPOT", "X"): [0, 1]}


def test_a_block_without_rows_has_no_series() -> None:
    batch = pa.RecordBatch.from_pydict({"symbol": pa.array([], pa.string())})
    assert Naming(VOL, Names("A", "SPOT")).part(batch).places == []


def test_a_shared_set_is_told_apart_by_the_keys_it_has() -> None:
    assert parted(Naming(BY_SYMBOL, Names()), symbol=["x", "y"]) == {
        ("_ALL", "_ALL", "x"): [0],
        ("_ALL", "_ALL", "y"): [1],
    }
    assert parted(Naming(SHARED, Names("A", "SPOT", "X")), other=["", ""]) == {("_ALL", "_ALL", "_ALL"): [0, 1]}
    assert str(Naming(SHARED, Names()).place) == "_ALL/_ALL/_ALL/features/mood.v1"


def test_a_shared_set_takes_no_rows_of_what_it_does_not_tell_apart() -> None:
    assert parted(Naming(BY_SYMBOL, Names()), symbol=["x"], exchange=["_ALL"]) == {("_ALL", "_ALL", "x"): [0]}
    with pytest.raises(LakeError, match="its series are not told apart by exchange") as caught:
        parted(Naming(BY_SYMBOL, Names()), symbol=["x"], exchange=["A"])
    assert caught.value.code == "E_SCHEMA"


@pytest.mark.parametrize(
    ("names", "columns", "code"),
    [
        (Names("A", "SPOT"), {"other": [1]}, "E_USAGE"),
        (Names("A", "SPOT", "X"), {"symbol": ["y"]}, "E_SCHEMA"),
        (Names("A", "SPOT"), {"symbol": [b"\xff\xfe"]}, "E_SCHEMA"),
        (Names("A", "SPOT", "X"), {"symbol": [".."]}, "E_SCHEMA"),
    ],
)
def test_names_that_cannot_be_are_refused(names: Names, columns: dict[str, list[Any]], code: str) -> None:
    with pytest.raises(LakeError) as caught:
        parted(Naming(VOL, names), **columns)
    assert caught.value.code == code


def test_a_name_that_cannot_stand_in_an_address_is_refused() -> None:
    with pytest.raises(LakeError) as caught:
        Naming(VOL, Names("A", "SPOT", ".."))
    assert caught.value.code == "E_USAGE"
    with pytest.raises(LakeError) as caught:
        Naming(VOL, Names("A", "SPOT")).address(("A", "SPOT", "x" * 200))
    assert caught.value.code == "E_SCHEMA"


def test_names_are_taken_off_the_rows() -> None:
    batch = pa.RecordBatch.from_pydict({"exchange": ["A"], "ts": [1], "symbol": ["x"]})
    assert without_names(batch).schema.names == ["ts"]


def test_names_may_be_categories_of_polars() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.uint32()), pa.array(["y", "x"], pa.string_view()))
    found = Naming(VOL, Names("A", "SPOT")).part(pa.RecordBatch.from_pydict({"ts": [1, 2], "symbol": words}))
    assert [(where, places.tolist()) for where, places in found.places if places is not None] == [
        (("A", "SPOT", "x"), [0]),
        (("A", "SPOT", "y"), [1]),
    ]
