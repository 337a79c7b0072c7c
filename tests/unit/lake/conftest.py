"""A folder to stage files in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """Return the staging folder of one run, which is closed at the end."""
    staging = Staging(tmp_path, "run")
    yield staging
    staging.close()
