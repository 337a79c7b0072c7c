"""The declarations themselves: what is written in the table must be true of it."""

from __future__ import annotations

import re

import pytest

from lake.sources.categories import vocabulary
from lake.sources.dialects import DIALECTS, Dialect
from lake.sources.relations import RELATIONS
from lake.sources.times import zone
from schemas.bars import BARS
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.periods import Period
from schemas.ticks import QUOTES, TRADES
from tests.conftest import REPO, VENDOR_DATA

SCHEMAS = {
    "bars": BARS,
    "ticks/trade": TRADES,
    "ticks/quote": QUOTES,
    "orderbook/l2": BOOK_L2,
    "orderbook/l3": BOOK_L3,
}
EXTRA = {"ts.date", "ts.time", "symbol", "exchange", "period"}


@pytest.fixture(params=DIALECTS.values(), ids=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    declared: Dialect = request.param
    return declared


def test_every_target_is_a_column_of_the_schema(dialect: Dialect) -> None:
    targets = {target for target in (*dialect.columns, *dialect.by_name.values()) if target}
    assert targets <= {*SCHEMAS[dialect.asset].names, *EXTRA}
    assert {"ts"} <= targets or {"ts.date", "ts.time"} <= targets


def test_only_texts_are_made_of_several_cells(dialect: Dialect) -> None:
    schema = SCHEMAS[dialect.asset]
    several = {target for target in dialect.columns if target and dialect.columns.count(target) > 1}
    assert {schema.column(target).type for target in several} <= {"text"}
    assert len({*dialect.by_name.values()}) == len(dialect.by_name)


def test_only_trades_with_ids_have_an_id_space(dialect: Dialect) -> None:
    assert not dialect.id_space or "trade_id" in {*dialect.columns, *dialect.by_name.values()}


def test_every_needed_column_is_there(dialect: Dialect) -> None:
    needed = {column.name for column in SCHEMAS[dialect.asset].columns if not column.nullable}
    needed -= {"ts", "exchange", "market", "symbol"}
    levels = {"side", "price", "size"} if dialect.levels else set()
    assert needed <= {*dialect.columns, *dialect.by_name.values(), *dialect.fixed, *levels}


def test_every_word_is_one_of_the_schemas(dialect: Dialect) -> None:
    schema = SCHEMAS[dialect.asset]
    targets = {*dialect.columns, *dialect.by_name.values()}
    said = {**dialect.words, **({"side": dialect.sides} if dialect.sides else {})}
    for target, words in said.items():
        assert set(words.values()) <= {*vocabulary(schema, target), ""}
    few = {column.name for column in schema.columns if column.type in {"category", "bool"}} & targets
    assert few - {"exchange", "symbol", "market"} == set(said)
    for target, word in dialect.fixed.items():
        assert word in vocabulary(schema, target)
        assert target not in targets


def test_names_relations_zones_and_periods_exist(dialect: Dialect) -> None:
    assert set(dialect.relations) <= set(RELATIONS)
    for word in dialect.periods.values():
        Period.parse(word)
    for name in [dialect.zone, *(place.zone for place in dialect.places.values())]:
        if name:
            zone(name)
    for pattern in (dialect.file, dialect.folder, dialect.member):
        re.compile(pattern)


def test_headers_are_as_wide_as_the_columns(dialect: Dialect) -> None:
    assert all(len(header) == len(dialect.columns) for header in dialect.headers)
    assert (dialect.header == "never") == (not dialect.headers and not dialect.by_name)
    assert dialect.optional < max(1, len(dialect.columns))


def test_it_quotes_its_vendor_and_names_a_sample_that_exists(dialect: Dialect) -> None:
    assert len(dialect.vendor) > 20
    if dialect.sample.startswith("tests/"):
        assert (REPO / dialect.sample).is_file()
    elif VENDOR_DATA.is_dir():
        assert list(VENDOR_DATA.rglob(dialect.sample))
