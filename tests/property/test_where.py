"""Conditions on reads against Polars filtering the whole table, and lazy frames against the same."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dl_datalake
from lake import files
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dl_datalake import Lake
    from dl_datalake.result import Result

START = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
COLUMNS = ["ts", "open", "close", "volume", "trades", "symbol"]


class Atom(NamedTuple):
    """One condition as text, as Polars has it, and as Arrow has it."""

    text: str
    polars: pl.Expr
    arrow: pc.Expression


class Held(NamedTuple):
    """A lake, and its rows as Polars has them."""

    lake: Lake
    whole: pl.DataFrame


def rows(symbol: str) -> pa.Table:
    """Return three days of bars with holes; prices move up, so that row groups differ in what they hold."""
    dice = random.Random(symbol)  # noqa: S311 - repeatable data
    found: list[dict[str, Any]] = []
    for minute in range(0, 3 * 1440, 7):
        if dice.random() < 0.2:
            continue
        low = 1 + minute // 100
        price = [float(dice.randint(low, low + 3)) for _ in range(2)]
        found.append(
            {
                "ts": START + dt.timedelta(minutes=minute),
                "open": price[0],
                "high": max(price),
                "low": min(price),
                "close": price[1],
                "volume": None if minute < 700 or dice.random() < 0.1 else float(dice.randint(0, 3)),
                "trades": None if dice.random() < 0.5 else dice.randint(0, 3),
            }
        )
    return pa.Table.from_pylist(found)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    root = tmp_path_factory.mktemp("lake")
    make_lake(root)
    with dl_datalake.open(root) as lake:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "ROW_GROUP", 40)
            for symbol in SYMBOLS:
                lake.write(f"BINANCE/SPOT/{symbol}/bars/1m", rows(symbol))
        tables = [pl.from_arrow(rows(symbol)) for symbol in SYMBOLS]
        frames = [
            frame.with_columns(pl.lit(symbol).alias("symbol"), pl.col("ts").dt.cast_time_unit("us"))
            for frame, symbol in zip(tables, SYMBOLS, strict=True)
            if isinstance(frame, pl.DataFrame)
        ]
        yield Held(lake, pl.concat(frames).select(COLUMNS))


def _compared(name: str, sign: str, value: float) -> Atom:
    signs: dict[str, Callable[[Any, Any], Any]] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
        "==": lambda a, b: a == b,
        "!=": lambda a, b: a != b,
    }
    compare = signs[sign]
    return Atom(f"{name} {sign} {value}", compare(pl.col(name), value), compare(pc.field(name), value))


def _at(sign: str, minute: int) -> Atom:
    when = START + dt.timedelta(minutes=minute)
    text = when.strftime("%Y-%m-%dT%H:%M")
    if sign == "<":
        return Atom(f"ts < '{text}'", pl.col("ts") < when, pc.field("ts") < pa.scalar(when))
    return Atom(f"'{text}' <= ts", pl.col("ts") >= when, pc.field("ts") >= pa.scalar(when))


def _of(symbols: list[str]) -> Atom:
    among = pl.lit(False)  # noqa: FBT003 - a value
    for symbol in symbols:
        among |= pl.col("symbol") == symbol
    return Atom(f"symbol in {symbols}", among, pc.field("symbol").isin(pa.array(symbols, pa.string())))


ATOMS = st.one_of(
    st.builds(
        _compared,
        st.sampled_from(["open", "close", "volume", "trades"]),
        st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
        st.integers(0, 46) | st.integers(0, 3),
    ),
    st.builds(_at, st.sampled_from(["<", "<="]), st.integers(-10, 3 * 1440 + 10)),
    st.builds(_of, st.lists(st.sampled_from([*SYMBOLS, "XRPUSDT"]), min_size=1, max_size=3, unique=True)),
    st.sampled_from(["volume", "trades", "close"]).map(
        lambda name: Atom(f"{name} is None", pl.col(name).is_null(), pc.field(name).is_null())
    ),
    st.just(
        Atom(
            "close - open > volume",
            pl.col("close") - pl.col("open") > pl.col("volume"),
            pc.field("close") - pc.field("open") > pc.field("volume"),
        )
    ),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(
            lambda two: Atom(
                f"({two[0].text}) and ({two[1].text})", two[0].polars & two[1].polars, two[0].arrow & two[1].arrow
            )
        ),
        st.tuples(inner, inner).map(
            lambda two: Atom(
                f"({two[0].text}) or ({two[1].text})", two[0].polars | two[1].polars, two[0].arrow | two[1].arrow
            )
        ),
        inner.map(lambda one: Atom(f"not ({one.text})", ~one.polars, ~one.arrow)),
    ),
    max_leaves=4,
)


def same(result: Result, expected: pl.DataFrame) -> None:
    """Compare a read in every form that streams or counts with what is expected."""
    keys = expected.select("symbol", "ts").rows()
    table = result.to_arrow()
    assert list(zip(table["symbol"].to_pylist(), table["ts"].to_pylist(), strict=True)) == keys
    assert result.count() == len(keys)
    assert sum(batch.num_rows for batch in result.batches(50)) == len(keys)
    assert result.head(3) == table.slice(0, 3)
    assert result.tail(3) == table.slice(max(0, len(keys) - 3))


@settings(max_examples=60, deadline=None)
@given(condition=CONDITIONS)
def test_a_condition_keeps_the_rows_that_polars_keeps(held: Held, condition: Atom) -> None:
    expected = held.whole.filter(condition.polars)
    same(held.lake.bars("*USDT", columns=["symbol", "ts"], where=condition.text), expected)


@settings(max_examples=30, deadline=None)
@given(condition=CONDITIONS, start=st.integers(0, 3000), length=st.integers(1, 3000))
def test_an_arrow_expression_does_too_within_a_range(held: Held, condition: Atom, start: int, length: int) -> None:
    low, high = (START + dt.timedelta(minutes=minutes) for minutes in (start, start + length))
    expected = held.whole.filter(pl.col("ts") >= low, pl.col("ts") < high)
    # Of a null, Arrow says that it is in no list, and Polars neither; texts have no null here.
    expected = expected.filter(condition.polars)
    read = held.lake.bars(list(SYMBOLS), start=low, end=high, columns=["close", "symbol", "ts"], where=condition.arrow)
    same(read, expected)
