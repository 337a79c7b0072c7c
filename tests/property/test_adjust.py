"""Adjusting in any batches equals adjusting everything at once, in decimals and row by row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.adjust import Factors, Step
from schemas.arrow import arrow_schema
from schemas.bars import BARS
from tests.tables import MINUTE_US, bar, bars

DAY_MINUTES = 1440


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_batches_make_no_difference_and_decimals_say_the_same(data: st.DataObject) -> None:
    minutes = sorted(data.draw(st.sets(st.integers(0, 20 * DAY_MINUTES), min_size=1, max_size=40)))
    prices = st.integers(1, 10**6).map(lambda cents: cents / 100)
    rows = [bar(at, data.draw(prices), volume=data.draw(st.none() | st.integers(0, 1000).map(float))) for at in minutes]
    days = sorted(data.draw(st.sets(st.integers(0, 21), max_size=6)))
    ratio = st.fractions(min_value=Fraction(1, 20), max_value=20, max_denominator=20)
    steps = [
        Step(
            dt.date(1970, 1, 1) + dt.timedelta(day),
            day * DAY_MINUTES * MINUTE_US * 1000,
            (),
            None,
            data.draw(st.fractions(min_value=Fraction(1, 2), max_value=1, max_denominator=1000)) / of,
            of,
        )
        for day, of in zip(days, data.draw(st.lists(ratio, min_size=len(days), max_size=len(days))), strict=True)
    ]
    factors = Factors(steps, "us")
    table = bars(*rows)
    whole = factors.apply(table, BARS)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=5))), len(rows)]
    parts = [factors.apply(table.slice(a, b - a), BARS) for a, b in pairwise(cuts)]
    assert pa.concat_tables(parts).equals(whole)
    assert whole.schema.equals(arrow_schema(BARS, identity=False))
    with localcontext() as context:
        context.prec = 60
        for row, found in zip(rows, whole.to_pylist(), strict=True):
            price, size = Decimal(repr(row["close"])), Decimal(1)
            for step in steps:
                if row["ts"] * 1000 < step.at_ns:
                    price *= Decimal(step.prices.numerator) / Decimal(step.prices.denominator)
                    size *= Decimal(step.sizes.numerator) / Decimal(step.sizes.denominator)
            assert found["close"] == pytest.approx(float(price), rel=4 * float(np.finfo(np.float64).eps))
            volume = row["volume"]
            expected = None if volume is None else pytest.approx(volume * float(size), rel=1e-15, abs=0)
            assert found["volume"] == expected
