"""Whether an installed package offers something is read from its own list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.offered import is_offered

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_only_what_a_package_on_the_path_lists_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(b"[mine.things]\na = b\xff\n")
    assert not is_offered("mine.things")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_offered("mine.things")
    assert not is_offered("mine.other")


def test_a_package_that_comes_or_goes_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not is_offered("mine.things")
    info = tmp_path / "mine-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[mine.things]\na = b\n")
    assert is_offered("mine.things")
    (info / "entry_points.txt").unlink()
    info.rmdir()
    assert not is_offered("mine.things")
