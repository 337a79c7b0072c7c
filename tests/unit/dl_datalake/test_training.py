"""What a training set can be made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

import dl_datalake
from lake.errors import LakeError
from tests.feature_rows import VOL, lake_with

if TYPE_CHECKING:
    from pathlib import Path


def test_a_frame_is_no_bars_of_the_lake(tmp_path: Path) -> None:
    lake_with(tmp_path, VOL)
    with dl_datalake.open(tmp_path) as lake, pytest.raises(LakeError, match="not a DataFrame") as caught:
        lake.training_set(pd.DataFrame({"close": [1.0]}), ["vol"])  # type: ignore[arg-type]  # that is the point
    assert caught.value.code == "E_USAGE"
