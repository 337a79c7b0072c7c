"""A lake to export from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dl_datalake
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Return an open lake without a row."""
    make_lake(tmp_path / "lake")
    with dl_datalake.open(tmp_path / "lake") as lake:
        yield lake
