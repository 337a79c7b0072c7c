"""Numbers in every writing: the way cell by cell and the way by columns say the same of each."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.sources.written import AS_USUAL, Numerals, Written

GERMAN = Numerals(",", ".", suffixes=True)
SWISS = Numerals(".", "'")
FRENCH = Numerals(",", " ")


@pytest.mark.parametrize(
    ("numerals", "cell", "value"),
    [
        (Numerals(","), "38,60", "38.60"),
        (Numerals(","), "-0,5", "-0.5"),
        (Numerals(","), "1,5e-3", "0.0015"),
        (Numerals(","), "1.5", None),
        (GERMAN, "17.702,50", "17702.50"),
        (GERMAN, "1.234.567", "1234567"),
        (GERMAN, "17702,50", "17702.50"),
        (GERMAN, "1.70,2", None),
        (GERMAN, "12.34", None),
        (GERMAN, "44,82M", "44820000"),
        (GERMAN, "1,2k", "1200"),
        (GERMAN, "3 B", "3000000000"),
        (GERMAN, "1,5T", "1500000000000"),
        (GERMAN, "1,5X", None),
        (GERMAN, "M", None),
        (Numerals(".", ","), "1,234.5", "1234.5"),
        (Numerals(".", ","), "1,23", None),
        (SWISS, "1'234.5", "1234.5"),
        (FRENCH, "1 234,5", "1234.5"),
        (FRENCH, "1\u00a0234,5", "1234.5"),
        (FRENCH, "1\u202f234,5", "1234.5"),
        (FRENCH, "12 34", None),
    ],
)
def test_a_number_is_read_as_declared_and_nothing_else_is_one(numerals: Numerals, cell: str, value: str | None) -> None:
    plain = numerals.plain(cell, scaled=True)
    assert (None if plain is None else Decimal(plain)) == (None if value is None else Decimal(value))
    texts = numerals.rewritten(pa.array([cell, None]), scaled=True)
    assert (texts is None) == (value is None)
    if texts is not None:
        assert [None if text is None else Decimal(text) for text in texts.to_pylist()] == [Decimal(str(value)), None]


def test_prices_have_no_suffixes() -> None:
    assert GERMAN.plain("1,2K") is None
    assert GERMAN.rewritten(pa.array(["1,2K"]), scaled=False) is None


@given(st.sampled_from([GERMAN, SWISS, FRENCH, Numerals(",")]), st.text("0123456789.,' \u00a0KMe+-", max_size=9))
def test_both_ways_agree_on_every_text(numerals: Numerals, cell: str) -> None:
    plain, texts = numerals.plain(cell, scaled=True), numerals.rewritten(pa.array([cell]), scaled=True)
    assert (plain is None) == (texts is None)
    if plain is not None and texts is not None:
        assert Decimal(plain) == Decimal(texts[0].as_py())


def test_lines_keep_their_numbers() -> None:
    lines = ["Report", "# a comment", "a,b\r", "", "1,2"]
    assert Written(comment="#", preamble=1).records(lines) == [(3, "a,b"), (5, "1,2")]
    assert AS_USUAL.records(lines) == [(1, "Report"), (2, "# a comment"), (3, "a,b"), (5, "1,2")]
