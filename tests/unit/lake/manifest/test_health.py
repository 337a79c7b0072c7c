"""Which releases of SQLite may lose commits in WAL mode."""

from __future__ import annotations

import pytest

from lake.manifest.health import is_of_bad_range


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.44.5", "3.45.0", "3.50.6", "3.51.0", "3.51.2"])
def test_the_releases_that_have_the_fault(version: str) -> None:
    assert is_of_bad_range(tuple(map(int, version.split("."))))


@pytest.mark.parametrize("version", ["3.6.23", "3.44.6", "3.44.9", "3.50.7", "3.51.3", "3.52.0", "4.0.0"])
def test_the_releases_that_never_had_it_or_have_it_mended(version: str) -> None:
    assert not is_of_bad_range(tuple(map(int, version.split("."))))
