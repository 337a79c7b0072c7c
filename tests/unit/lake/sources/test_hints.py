"""What a refused text is said to be written with: options that can be followed together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path


def test_commas_between_thousands_are_not_called_decimal_too(tmp_path: Path) -> None:
    rows = "".join(f'"2024-03-13 14:3{n}","1,000.50","1,001.00","999.00","1,000.00","262,000"\n' for n in range(3))
    path = write(tmp_path / "x.csv", "Date,Open,High,Low,Close,Volume\n" + rows)
    with pytest.raises(LakeError) as caught:
        detect(path, SourceOptions())
    assert list(caught.value.fix) == ["--thousands ,"]
    assert "as in 262,000" not in caught.value.why
    whole = read(path, words={"thousands": ","})
    assert whole.column("open") == [1000.5] * 3
    assert whole.column("volume") == [262_000] * 3
