"""`lake.sql` over the bundled vendor files, against pandas reading the same files by itself."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dl_datalake
from dl_datalake.cli import run
from dl_datalake.demo import samples
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake.client import Lake

IBM = "equity_usa_tick_ibm_20131008_trade.zip"
EURUSD = "forex_oanda_tick_eurusd_20140502_quote.zip"
SPY = "equity_usa_minute_spy_20131007_trade.zip"
NEW_YORK = "America/New_York"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sampled") / "lake"
    assert run(["init", str(root), "--quiet"]) == 0
    plain = ["--exchange", "BINANCE", "--symbol", "BTCUSDT"]
    for name, words in (
        (samples.PLAIN, plain),
        (IBM, ["--exchange", "USA"]),
        (EURUSD, []),
        (SPY, ["--exchange", "USA"]),
    ):
        source = ["--source", str(samples.folder() / name)]
        assert run(["ingest", *source, *words, "--root", str(root), "--quiet"]) in {0, 3}
    return root


@pytest.fixture(scope="module")
def lake(root: Path) -> Iterator[Lake]:
    with dl_datalake.open(root) as lake:
        yield lake


def unzipped(name: str, columns: list[str]) -> pd.DataFrame:
    """Return the one CSV of a zip file."""
    with zipfile.ZipFile(samples.folder() / name) as archive:
        [inside] = archive.namelist()
        return pd.read_csv(io.BytesIO(archive.read(inside)), names=columns)


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    frame = pd.read_csv(samples.folder() / samples.PLAIN)
    frame["ts"] = pd.to_datetime(frame["timestamp"], utc=True)
    return frame


def test_bars_are_those_of_the_file(lake: Lake, bars: pd.DataFrame) -> None:
    found = lake.sql(
        """select time_bucket(interval '1 hour', ts) as hour, first(open order by ts) as open, max(high) as high,
            min(low) as low, last(close order by ts) as close, sum(volume) as volume, count(*) as bars
        from bars where symbol = 'BTCUSDT' group by hour order by hour"""
    ).to_pandas()
    hours = bars.groupby(bars["ts"].dt.floor("h"))
    assert found["hour"].tolist() == list(hours.groups)
    for name, how in {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}.items():
        assert found[name].tolist() == pytest.approx(hours[name].agg(how).tolist(), rel=1e-12), name
    assert found["bars"].tolist() == hours.size().tolist()


def test_trades_and_quotes_are_those_of_the_files(lake: Lake) -> None:
    trades = unzipped(IBM, ["ms", "price", "size", "venue", "condition", "suspicious"])
    day = pd.Timestamp("2013-10-08", tz=NEW_YORK).tz_convert("UTC")
    ts = day + pd.to_timedelta(trades["ms"], unit="ms")
    late = trades[ts >= pd.Timestamp("2013-10-08 20:00", tz="UTC")]
    found = lake.sql(
        "select count(*), sum(size), min(price), max(price), min(ts) from ticks where symbol = 'IBM' and ts >= $start",
        start=dt.datetime(2013, 10, 8, 20, tzinfo=dt.UTC),
    ).fetchone()
    assert found is not None
    prices = late["price"] / 10_000
    assert found[:4] == (len(late), late["size"].sum(), prices.min(), prices.max())
    assert found[4] == ts[late.index].min()
    quotes = unzipped(EURUSD, ["ms", "bid", "ask"])
    found = lake.sql("select count(*), avg(ask - bid), max(bid) from quotes where symbol = 'EURUSD'").fetchone()
    assert found is not None
    assert found == (len(quotes), pytest.approx((quotes["ask"] - quotes["bid"]).mean(), rel=1e-9), quotes["bid"].max())


def test_an_as_of_join_is_that_of_pandas(lake: Lake) -> None:
    """Each minute of SPY with the last trade of IBM before it; one day earlier, to have the two meet."""
    statement = """select b.ts, t.price from bars b asof left join ticks t
        on b.ts + interval '1 day' >= t.ts where b.symbol = 'SPY' order by b.ts"""
    found = lake.sql(statement).to_pandas()
    left = lake.bars("SPY", columns=["ts"]).to_pandas()
    right = lake.ticks("IBM", columns=["ts", "price"]).to_pandas()
    left["at"] = (left["ts"] + pd.Timedelta("1D")).astype("datetime64[ns, UTC]")
    expected = pd.merge_asof(left, right.rename(columns={"ts": "at"}), on="at")
    assert found["ts"].tolist() == expected["ts"].tolist()
    assert found["price"].fillna(-1).tolist() == expected["price"].fillna(-1).tolist()
    assert 0 < found["price"].notna().sum() < len(found)


def test_a_result_comes_in_the_form_asked_for(lake: Lake) -> None:
    result = lake.sql("select ts, close from bars where symbol = 'SPY' order by ts limit 3")
    table = result.to_arrow()
    assert (result.columns, result.tables, result.snapshot) == (["ts", "close"], ("bars",), 4)
    assert table.schema == result.schema
    rows = [(row["ts"], row["close"]) for row in table.to_pylist()]
    assert result.fetchall() == rows == list(result)
    assert result.fetchone() == rows[0]
    assert result.head(2) == table.slice(0, 2)
    assert [batch.num_rows for batch in result.batches(2)] == [2, 1]
    assert result.to_pandas()["close"].tolist() == table["close"].to_pylist()
    assert result.to_polars()["close"].to_list() == table["close"].to_pylist()
    assert pl.DataFrame(result).equals(result.to_polars())
    assert pa.table(result) == table
    assert repr(result) == "<SQL of bars, snapshot 4: ts, close>"
    with pytest.raises(LakeError, match="no batches of 0 rows"):
        result.batches(0)


def test_nothing_is_read_before_it_is_asked_for(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr("lake.places.Places.parquet", refuse)
        result = lake.sql("select max(high) from bars")
        assert result.columns == ["max(high)"]
    assert result.fetchone() is not None


def test_a_notebook_shows_the_first_rows(lake: Lake) -> None:
    html = lake.sql("select close, [1, 2] as both, '<b>' as word from bars")._repr_html_()
    assert html.count("<tr>") == 12
    assert "<td>…</td>" in html
    assert "&lt;b&gt;" in html
    assert "<td>[1, 2]</td>" in html
    assert lake.sql("select 1 as one where false")._repr_html_().count("<tr>") == 1
    assert lake.sql("select 1 as one where false").fetchone() is None


def test_parameters_may_be_called_as_our_own_words(lake: Lake) -> None:
    assert lake.sql("select $as_of + $memory_mb", {"as_of": 1, "memory_mb": 2}).fetchall() == [(3,)]
    assert lake.sql("select $a + $b", {"a": 1}, b=2).fetchall() == [(3,)]


def test_a_lake_that_is_closed_answers_no_more(root: Path) -> None:
    with dl_datalake.open(root) as lake:
        result = lake.sql("select count(*) from bars")
    with pytest.raises(LakeError, match="after it was closed"):
        result.fetchall()
