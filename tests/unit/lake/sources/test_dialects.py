"""The declarations themselves: what is written in the table must be true of it."""

from __future__ import annotations

import pytest

from lake.sources.dialects import DIALECTS, Dialect, known
from tests.conftest import REPO, VENDOR_DATA


@pytest.fixture(params=DIALECTS.values(), ids=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    declared: Dialect = request.param
    return declared


def test_the_table_has_every_built_in_dialect_under_its_name() -> None:
    assert {name: known()[name] for name in DIALECTS} == {dialect.name: dialect for dialect in DIALECTS.values()}


def test_one_that_looks_at_names_has_an_example_of_one(dialect: Dialect) -> None:
    assert bool(dialect.example) == bool(dialect.file or dialect.folder or dialect.member)


def test_it_quotes_its_vendor_and_names_a_sample_that_exists(dialect: Dialect) -> None:
    assert len(dialect.vendor) > 20
    if dialect.sample.startswith("tests/"):
        assert (REPO / dialect.sample).is_file()
    elif VENDOR_DATA.is_dir():
        assert list(VENDOR_DATA.rglob(dialect.sample))
