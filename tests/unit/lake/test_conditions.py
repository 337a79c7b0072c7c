from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from lake import conditions
from lake.conditions import parse
from lake.errors import LakeError
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY, Column, Schema

ROWS = Schema(
    "features_conditions",
    1,
    (
        Column("ts", "timestamp_us"),
        Column("x", "float64", nullable=True),
        Column("small", "float32", nullable=True),
        Column("n", "int64", nullable=True),
        Column("word", "text", nullable=True),
        Column("side", "category", nullable=True),
        Column("flag", "bool", nullable=True),
        Column("my rate", "float64", nullable=True),
        Column("many", "float32", nullable=True, length=2),
        *IDENTITY,
    ),
)
NAMED = {"exchange": "X", "market": "SPOT", "symbol": "ABC"}
VALUES: list[dict[str, Any]] = [
    {"x": -1.5, "small": 0.1, "n": 1, "word": "a", "side": "buy", "flag": True, "my rate": 1.0},
    {"x": 2.0, "small": 0.5, "n": 2, "word": "b c", "side": "sell", "flag": False, "my rate": 2.0},
    {"x": 3.5, "small": 0.25, "n": 2**60 + 1, "word": "", "side": "buy", "flag": True},
    {},
]
TABLE = pa.Table.from_pylist(
    [{"ts": second * 1_000_000, **NAMED, **row} for second, row in enumerate(VALUES)], arrow_schema(ROWS)
)


def moment(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * 10**9


def chosen(text: str) -> list[int]:
    """Return the numbers of the rows that fit."""
    expression, columns = parse(text, ROWS, moment)
    table = TABLE.append_column("row", pa.array(range(4)))
    found: list[int] = table.filter(expression)["row"].to_pylist()
    assert TABLE.select(sorted(columns)).filter(expression).num_rows == len(found)
    return found


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("x > 2", [2]),
        ("x >= 2", [1, 2]),
        ("2 < x", [2]),
        ("-2 < x <= 2", [0, 1]),
        ("x != 2", [0, 2]),
        ("not x == 2", [0, 2]),
        ("x is None", [3]),
        ("x is not None", [0, 1, 2]),
        ("not (x is None or x > 3)", [0, 1]),
        ("x > 3 or n == 1", [0, 2]),
        ("x > 0 and flag", [2]),
        ("not flag", [1]),
        ("flag is False", [1]),
        ("flag is not False", [0, 2]),
        ("flag == True", [0, 2]),
        ("flag == (x > 0)", [2]),
        ("n == 1152921504606846977", [2]),
        ("n > 1152921504606846976", [2]),
        ("n == 2.0", [1]),
        ("n > 1.5", [1, 2]),
        ("n == 1.5", []),
        ("n in [1, 2.0]", [0, 1]),
        ("small == 0.1", [0]),
        ("small > 0.1", [1, 2]),
        ("small in (0.1, 0.25)", [0, 2]),
        ('word == "b c"', [1]),
        ("word == ''", [2]),
        ("word < 'b'", [0, 2]),
        ("side in {'buy'}", [0, 2]),
        ("side not in ['buy']", [1]),
        ("not side in ['buy', 'sell']", []),
        ("side == 'buy' and word != 'a'", [2]),
        ("symbol == 'ABC'", [0, 1, 2, 3]),
        ("symbol in ['XYZ']", []),
        ('col("my rate") > 1', [1]),
        ("x * 2 - 1 > 2", [1, 2]),
        ("x + n > 3.5", [1, 2]),
        ("n / 2 == 0.5", [0]),
        ("-x > 1", [0]),
        ("+x > 3", [2]),
        ("x > -(1 + 0.5)", [1, 2]),
        ("x > n", []),
        ("ts >= '1970-01-01T00:00:01'", [1, 2, 3]),
        ("'1970-01-01T00:00:01' > ts", [0]),
        ("ts in ['1970-01-01T00:00:03']", [3]),
        ("ts == ts", [0, 1, 2, 3]),
    ],
)
def test_what_is_true_of_a_row_is_found(text: str, rows: list[int]) -> None:
    assert chosen(text) == rows


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 2", "two values are equal where it says =="),
        ("x > 1 AND n > 1", "in lower case"),
        ("x > 1 & n > 1", "write and, or, not"),
        ("x <> 1", "!="),
        ("word is null", "is written None"),
        ("flag is true", "write True and False"),
        ("nothing > 1", "one of ts, x, small"),
        ("x", "neither true nor false"),
        ("x > 'a'", "compares x with 'a'"),
        ("x > True", "compares x with True"),
        ("word > 1", "compares word with 1"),
        ("ts > 5", "a time as text"),
        ("flag == 1", "compares flag with 1"),
        ("x == None", "write `is None`"),
        ("x is 2", "`is` goes with None"),
        ("x > word", "One is a number, the other text"),
        ("1 < 2", "the same for all rows"),
        ("many > 1", "Lists have no order"),
        ("x in 'abc'", "which values"),
        ("x + 1 in [2]", "which values"),
        ("n in [x]", "is no value"),
        ("word + 'a' == 'ba'", "for numbers"),
        ("True + 1 > x", "for numbers"),
        ("~n > 1", "write and, or, not"),
        ("x > 1e999", "inf is no float64"),
        ("x * 2 > 1e999", "without an end"),
        ("n > 9223372036854775808", "is no int64"),
        ("small > 1e300", "is no float32"),
        ("1 / 0 < x", "division by zero"),
        ("b'a' == word", "is no value"),
        ("x ** 2 > 1", "is not understood"),
        ("x[0] > 1", "is not understood"),
        ("x.real > 1", "is not understood"),
        ("abs(x) > 1", "Nothing is called"),
        ("col(x) > 1", "Nothing is called"),
        ('col("x", 1) > 1', "Nothing is called"),
        ("__import__('os').system('true') == 0", "Nothing is called"),
        ("[y for y in x] == 1", "is not understood"),
        ("lambda: 1", "is not understood"),
        ("f'{x}' == word", "is not understood"),
        ("x > (y := 1)", "is not understood"),
        ("x >", "no condition"),
        ("", "no condition"),
        ("x > 1; x", "no condition"),
        ("x > 1\0", "no condition"),
        ("(" * 300 + "x > 1" + ")" * 300, "no condition"),
        ("x > 1" + " or x > 1" * 2_000, "too long"),
        ("x in [" + "1," * 2_100 + "]", "too long"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_way_out(text: str, told: str) -> None:
    with pytest.raises(LakeError) as caught:
        parse(text, ROWS, moment)
    error = caught.value
    assert error.code == "E_USAGE"
    assert told in " ".join([error.message, error.why, *error.fix])
    assert error.why
    assert error.fix


def test_brackets_in_brackets_end_in_an_error_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(*_: Any) -> None:  # noqa: ANN401 - whatever it is given
        raise RecursionError

    monkeypatch.setattr(conditions._Reading, "condition", deep)
    with pytest.raises(LakeError, match="brackets in brackets"):
        parse("x > 1", ROWS, moment)


def test_habits_inside_texts_are_no_advice() -> None:
    with pytest.raises(LakeError) as caught:
        parse("word == 'A AND B = C' +", ROWS, moment)
    assert caught.value.fix == ('"close > 100 and volume > 0"',)
