"""What a result gives against the same done to the whole table by Polars and pandas."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
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
COLUMNS = ["ts", "open", "high", "low", "close", "volume", "trades", "symbol"]


class Atom(NamedTuple):
    """One condition as text, as Polars has it, and as Arrow has it."""

    text: str
    polars: pl.Expr
    arrow: pc.Expression


class Held(NamedTuple):
    """A lake, and its rows as Polars has them."""

    lake: Lake
    whole: pl.DataFrame

    def frame(self, symbol: str) -> pd.DataFrame:
        """Return the rows of one symbol as pandas has them, by time."""
        frame = self.whole.filter(pl.col("symbol") == symbol).drop("symbol").to_pandas()
        return frame.set_index(pd.DatetimeIndex(frame.pop("ts")).tz_convert("UTC"))


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


# ---- lazy frames -----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    condition=CONDITIONS,
    first=st.none() | st.integers(0, 2000),
    cut=st.none() | st.tuples(st.integers(0, 1500), st.integers(0, 300)),
    names=st.lists(st.sampled_from(COLUMNS), min_size=1, unique=True),
)
def test_a_lazy_frame_gives_what_the_whole_frame_gives(
    held: Held, condition: Atom, first: int | None, cut: tuple[int, int] | None, names: list[str]
) -> None:
    def asked(frame: pl.LazyFrame) -> pl.DataFrame:
        frame = frame if first is None else frame.head(first)
        frame = frame.filter(condition.polars)
        return (frame if cut is None else frame.slice(*cut)).select(names).collect()

    found = asked(held.lake.bars(list(SYMBOLS), columns=COLUMNS).scan())
    expected = asked(held.whole.lazy())
    assert found.columns == names
    assert found.rows() == expected.rows()


# ---- bars of other periods, filled bars, and tables by symbol --------------------------------------------------------

RANGES = st.none() | st.tuples(st.integers(-100, 3 * 1440), st.integers(1, 3000))


def between(minutes: tuple[int, int] | None) -> dict[str, dt.datetime]:
    """Return a range, given by its start in minutes and its length, as a read takes it."""
    if minutes is None:
        return {}
    start = START + dt.timedelta(minutes=minutes[0])
    return {"start": start, "end": start + dt.timedelta(minutes=minutes[1])}


def inside(frame: pd.DataFrame, words: dict[str, dt.datetime]) -> pd.DataFrame:
    return frame[(frame.index >= words["start"]) & (frame.index < words["end"])] if words else frame


HOW = {"open": "first", "high": "max", "low": "min", "close": "last"}


@settings(max_examples=25, deadline=None)
@given(symbol=st.sampled_from(SYMBOLS), minutes=st.sampled_from([5, 14, 60, 1440]), within=RANGES)
def test_resampled_bars_are_those_pandas_makes(
    held: Held, symbol: str, minutes: int, within: tuple[int, int] | None
) -> None:
    frame, words = held.frame(symbol), between(within)
    groups = frame.resample(f"{minutes}min", origin="epoch")
    expected = groups.agg(HOW)
    for name in ("volume", "trades"):
        expected[name] = groups[name].sum(min_count=1)
    expected = expected.dropna(subset="open")
    covered = frame.index[-1] + pd.Timedelta(minutes=1)
    expected = inside(expected[expected.index <= covered - pd.Timedelta(minutes=minutes)], words)
    result = held.lake.bars(symbol, **words).resample(f"{minutes}m")  # type: ignore[arg-type]  # a range and nothing else
    found = result.to_pandas(index=True)[list(expected.columns)]
    assert found.index.equals(expected.index)
    np.testing.assert_array_equal(found.to_numpy(float), expected.to_numpy(float))
    assert result.count() == len(expected)
    assert result.tail(4) == result.to_arrow().slice(max(0, len(expected) - 4))


@settings(max_examples=25, deadline=None)
@given(symbol=st.sampled_from(SYMBOLS), within=RANGES)
def test_filled_bars_are_those_pandas_makes(held: Held, symbol: str, within: tuple[int, int] | None) -> None:
    frame, words = held.frame(symbol), between(within)
    every = frame.reindex(pd.date_range(frame.index[0], frame.index[-1], freq="1min"))
    filled = every["close"].isna()
    every["close"] = every["close"].ffill()
    for name in ("open", "high", "low"):
        every[name] = every[name].fillna(every["close"])
    for name in ("volume", "trades"):
        before = frame[name].notna().reindex(every.index, method="ffill")
        every.loc[filled & before, name] = 0.0
    every["filled"] = filled
    expected = inside(every, words)
    result = held.lake.bars(symbol, **words).fill("previous")  # type: ignore[arg-type]  # a range and nothing else
    found = result.to_pandas(index=True)[list(expected.columns)]
    assert found.index.equals(expected.index)
    np.testing.assert_array_equal(found.to_numpy(float), expected.to_numpy(float))
    assert result.tail(9) == result.to_arrow().slice(max(0, len(expected) - 9))


@settings(max_examples=15, deadline=None)
@given(
    symbols=st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True),
    name=st.sampled_from(["close", "volume", "trades"]),
    within=RANGES,
)
def test_a_pivot_is_the_one_pandas_makes(
    held: Held, symbols: list[str], name: str, within: tuple[int, int] | None
) -> None:
    words = between(within)
    frames = {symbol: inside(held.frame(symbol), words) for symbol in symbols}
    long = pd.concat([frame.reset_index().assign(symbol=symbol) for symbol, frame in frames.items()])
    expected = long.pivot_table(index="ts", columns="symbol", values=name, aggfunc="first", dropna=False)
    result = held.lake.bars(symbols, **words)  # type: ignore[arg-type]  # a range and nothing else
    found = result.pivot(name)  # noqa: PD010 - a result's own
    assert list(found.columns) == symbols
    assert found.index.equals(pd.DatetimeIndex(sorted(set(long["ts"]))).tz_convert("UTC")) or not len(long)
    wide = expected.reindex(index=found.index, columns=symbols)
    np.testing.assert_array_equal(found.to_numpy(float), wide.to_numpy(float))
