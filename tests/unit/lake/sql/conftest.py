"""The small lake, made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.manifest import Manifest
from tests.querying import small_lake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.config import Config


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return the small lake, which nobody writes to."""
    return small_lake(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def asked(small: Config) -> Iterator[Manifest]:
    """Return its manifest."""
    with Manifest.open(small) as manifest:
        yield manifest
