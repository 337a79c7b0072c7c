"""The fault server, one for the tests of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fault.harness.client import Client, started

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Start a fault server; one that has a thread would not be what its children are forked from."""
    with started(tmp_path_factory.mktemp("faults")) as client:
        yield client
        assert client.threads() == 1
