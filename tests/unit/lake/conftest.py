"""A lake, its manifest, and a folder to stage files in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.manifest import Manifest
from lake.staging import Staging
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """Return the staging folder of one run, which is closed at the end."""
    staging = Staging(tmp_path, "run")
    yield staging
    staging.close()


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    """Return an empty lake."""
    return make_lake(tmp_path)


@pytest.fixture
def manifest(lake: Config) -> Iterator[Manifest]:
    """Return the manifest of the lake, open to read."""
    with Manifest.open(lake) as manifest:
        yield manifest
