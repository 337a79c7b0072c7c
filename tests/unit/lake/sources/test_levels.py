"""Books whose levels stand side by side: rows of each, none for what is not there, and records that are torn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

HEAD = (
    "exchange,symbol,timestamp,local_timestamp,"
    "asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,"
    "asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\n"
)
AT = 1_585_699_200_000_000
WHOLE = "11.5,1,11.4,2,11.6,3,11.3,4"


def book(path: Path, *records: str) -> Path:
    return write(path, HEAD + "".join(f"x,Y,{AT + i},{AT + i},{record}\n" for i, record in enumerate(records)))


@pytest.mark.parametrize("more", [(), ("11.5,x,11.4,2,11.6,3,11.3,4",)])
def test_a_record_makes_a_row_of_each_level_in_its_order(tmp_path: Path, more: tuple[str, ...]) -> None:
    whole = read(book(tmp_path / "x.csv", WHOLE, WHOLE, *more))  # a bad number sends the block the careful way
    assert whole.column("side") == ["ask", "bid", "ask", "bid"] * 2
    assert whole.column("price") == [11.5, 11.4, 11.6, 11.3] * 2
    assert whole.column("size") == [1.0, 2.0, 3.0, 4.0] * 2
    assert whole.ns == [AT * 1000] * 4 + [(AT + 1) * 1000] * 4
    assert whole.column("is_snapshot") == [True] * 8
    assert whole.symbols == ["Y"] * 8
    assert (whole.records, whole.reasons) == (2 + len(more), [("bad_number", 4)] * len(more))
    assert [whole.batches[0].locate(row)[0] for row in (0, 3, 4, 7)] == [2, 2, 3, 3]


def test_levels_that_are_not_there_make_no_rows(tmp_path: Path) -> None:
    whole = read(book(tmp_path / "x.csv", WHOLE, "11.5,1,11.4,2,,,,", ",,,,,,,"))
    assert whole.column("price") == [11.5, 11.4, 11.6, 11.3, 11.5, 11.4]
    assert whole.records == 3
    assert whole.batches[0].skipped == {"empty_book": 1}


@pytest.mark.parametrize(("torn", "column"), [("11.5,1,11.4,,11.6,3,11.3,4", 7), ("11.5,1,11.4,2,11.6,3,,4", 10)])
def test_a_record_with_half_a_level_is_kept_aside_whole(tmp_path: Path, torn: str, column: int) -> None:
    whole = read(book(tmp_path / "x.csv", WHOLE, torn, WHOLE))
    assert whole.reasons == [("missing_value", 3)]
    assert f"column {column} " in whole.rejects[0].detail
    assert whole.rejects[0].raw.endswith(torn)
    assert whole.rows.num_rows == 8


def test_a_header_of_half_a_level_is_not_the_vendors(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", HEAD.replace(",bids[1].amount", "") + f"x,Y,{AT},{AT},11.5,1,11.4,2,11.6,3,11.3\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(format="tardis-book-snapshot"))
    assert refusal.value.code == "E_FORMAT_MISMATCH"
    assert "bids[1].price and no bids[1].amount" in str(refusal.value)
