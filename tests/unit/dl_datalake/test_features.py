"""Lengths of time as the Python client takes them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from dl_datalake.features import length
from lake.errors import LakeError


def test_a_length_is_text_or_a_timedelta() -> None:
    given: dict[str | dt.timedelta, int] = {"2h": 7_200_000_000, "0s": 0, dt.timedelta(milliseconds=5): 5_000}
    assert {each: length(each) for each in given} == given


@pytest.mark.parametrize("given", ["2", "-1s", 5, None, 1.5, np.timedelta64(10, "m"), dt.timedelta(seconds=-1)])
def test_what_is_no_length_is_refused(given: Any) -> None:  # noqa: ANN401 -- that is the point
    with pytest.raises(LakeError, match="is no length of time") as caught:
        length(given)
    assert caught.value.code == "E_USAGE"
