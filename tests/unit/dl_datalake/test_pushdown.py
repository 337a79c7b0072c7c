from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import polars as pl
import pytest

from dl_datalake.pushdown import pushed
from lake.manifest import Manifest
from lake.read import Scan
from tests.manifests import BTC, commit, make_lake, new_file

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)
SCHEMA = pl.Schema(
    [("ts", pl.Datetime("us", "UTC")), ("close", pl.Float64()), ("trades", pl.Int64()), ("symbol", pl.Categorical())]
)
close, trades, symbol, ts = (pl.col(name) for name in ("close", "trades", "symbol", "ts"))


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    config = make_lake(tmp_path_factory.mktemp("lake"))
    commit(config, new_file("2024-03-01"))
    with Manifest.open(config) as manifest:
        return Scan(config, manifest, [BTC])


def taken(scan: Scan, predicate: pl.Expr) -> str | None:
    """Return what is taken over of a filter, as Polars hands it to a source: with its types settled."""
    from polars.io.plugins import register_io_source

    found = []

    def source(_: object, given: pl.Expr | None, *__: object) -> Iterator[pl.DataFrame]:
        assert given is not None
        where = pushed(given, scan)
        found.append(None if where is None else str(where))
        yield pl.DataFrame(schema=SCHEMA)

    register_io_source(source, schema=SCHEMA).filter(predicate).collect()
    return found[0]


@pytest.mark.parametrize(
    ("predicate", "condition"),
    [
        (close > 1.5, "(close > 1.5)"),
        (close <= 2, "(close <= 2)"),
        (pl.lit(2.0) < close, "(close > 2)"),
        (trades == 3, "(trades == 3)"),
        (trades != 3, "(trades != 3)"),
        (symbol == "ABC", '(symbol == "ABC")'),
        (ts >= NOON, "(ts >= 2024-03-01 12:00:00.000000Z)"),
        (close.is_between(1, 2, closed="left"), "((close >= 1) and (close < 2))"),
        ((close > 1) & (trades < 5), "((close > 1) and (trades < 5))"),
        ((close > 1) | (trades < 5), "((close > 1) or (trades < 5))"),
        ((close > 1) & (close.sqrt() > 1), "(close > 1)"),
        ((close > 1) | (close.sqrt() > 1), None),
        (close.is_nan() & (trades > 1), "(trades > 1)"),
        (close > pl.lit(float("nan")), None),
        (close > trades, None),
        (close.cast(pl.Float32) > 1, None),
        (trades > 1.5, None),
        (symbol > "ABC", None),
        (~(close > 1), "(close <= 1)"),  # Polars turns it round itself
    ],
)
def test_what_the_lake_can_do_itself_is_taken_over(scan: Scan, predicate: pl.Expr, condition: str | None) -> None:
    assert taken(scan, predicate) == condition
