"""Sums of decimals are exact, and rounded once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lake.aggregate.sums import Exact, Reader, joined

ALL = np.array([0])


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([0.1] * 10, 1.0),  # floats add up to 0.9999999999999999
        ([0.1, 0.2], 0.3),
        ([1e16, 1.0, 1.0], 1.0000000000000002e16),  # a float forgets each of the ones
        ([123456789.12345678] * 3, 370370367.37037034),
        ([5e-324, 1.0], 1.0),
        ([1e300, 1.0], 1e300),
        ([1e-5, 1e22], 1e22),
        ([-1.1, 1.1], 0.0),
        ([1.7e308, 1.7e308], float("inf")),
    ],
)
def test_sums_are_those_of_the_decimals(values: list[float], total: float) -> None:
    assert Reader().read(np.array(values)).sums(ALL).floats().tolist() == [total]


def test_what_is_absent_adds_nothing_and_all_absent_is_absent() -> None:
    present = np.array([True, False, False, False])
    made = Reader().read(np.array([1.5, 0.0, 0.0, 0.0]), present).sums(np.array([0, 2]))
    assert made.present is not None
    assert (made.floats()[0], made.present.tolist()) == (1.5, [True, False])


def test_integers_beyond_64_bits_are_added_as_python_s() -> None:
    column = Exact(np.full(8, 2**61), 0)
    assert column.sums(ALL).numbers.tolist() == [2**64]


def test_products_are_exact() -> None:
    price, size = Reader().read(np.array([59_999.99, 0.1])), Reader().read(np.array([12.345678, 0.3]))
    made = price.times(size)
    exact = [Fraction(int(n), 10**made.scale) for n in made.numbers]
    assert exact == [Fraction("59999.99") * Fraction("12.345678"), Fraction("0.03")]


def test_pieces_of_other_scales_are_joined() -> None:
    reader = Reader()
    first, second = reader.read(np.array([1.0, 2.0])), reader.read(np.array([0.25]))
    both = joined(first, second, (2, 1))
    assert both is not None
    assert both.floats().tolist() == [1.0, 2.0, 0.25]
    half = joined(None, second, (2, 1))
    assert half is not None
    assert half.present is not None
    assert half.present.tolist() == [False, False, True]
    assert joined(None, None, (1, 1)) is None


def test_a_few_long_numbers_do_not_make_all_wide() -> None:
    values = np.round(np.linspace(1, 1000, 10_000), 2)
    values[7] = 0.12345678901234
    reader = Reader()
    assert reader.read(values).scale == 14
    assert reader.read(np.array([1.25])).scale == 2
