"""Pandera models as declarations of feature sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from pipelines.feature_models import columns_of

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
from typing import Optional

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series


class Vol(pa.DataFrameModel):
    ts: pd.Timestamp
    known_at: pd.Timestamp
    vol: float = pa.Field(ge=0, le=1, description="of a day", metadata={"unit": "fraction"})
    skew: pd.Float32Dtype = pa.Field(nullable=True, in_range={"min_value": -3, "max_value": 3})
    regime: str = pa.Field(isin=["calm", "wild"])
    trades: int
    halted: bool


Plain = pa.DataFrameSchema({"x": pa.Column(float), "when": pa.Column("datetime64[us, UTC]")})


class Strict(pa.DataFrameModel):
    x: float = pa.Field(gt=0)


class Whole(pa.DataFrameModel):
    x: float

    @pa.dataframe_check
    def rises(cls, frame):
        return frame.x.is_monotonic_increasing


class Odd(pa.DataFrameModel):
    x: complex


class Twice(pa.DataFrameModel):
    x: float = pa.Field(ge=0.5, in_range={"min_value": 0, "max_value": 1})


class Unique(pa.DataFrameModel):
    x: float = pa.Field(unique=True)


class Rows(pa.DataFrameModel):
    x: float

    class Config:
        unique = ["x"]


class Optionally(pa.DataFrameModel):
    x: Optional[Series[float]]


Pattern = pa.DataFrameSchema({"x.*": pa.Column(float, regex=True)})


nothing = 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "my_models.py").write_text(MODULE)
    return tmp_path


def test_a_model_tells_columns_and_what_holds_for_them(root: Path) -> None:
    assert columns_of("my_models:Vol", root) == {
        "vol": {"type": "float64", "nullable": False, "description": "of a day", "unit": "fraction", "ge": 0, "le": 1},
        "skew": {"type": "float32", "nullable": True, "ge": -3, "le": 3},
        "regime": {"type": "text", "nullable": False, "isin": ["calm", "wild"]},
        "trades": {"type": "int64", "nullable": False},
        "halted": {"type": "bool", "nullable": False},
    }


def test_a_schema_will_do(root: Path) -> None:
    assert columns_of("my_models:Plain", root) == {
        "x": {"type": "float64", "nullable": False},
        "when": {"type": "timestamp_us", "nullable": False},
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Strict", "x has the check greater_than"),
        ("Whole", "the check rises looks at whole rows"),
        ("Odd", "x is complex128, which no column can be"),
        ("Twice", "x says ge twice"),
        ("Unique", "x is unique"),
        ("Rows", "x are to be unique"),
        ("Optionally", "x is not required"),
        ("Pattern", "x.* is a pattern"),
        ("nothing", "has no Pandera model 'nothing'"),
        ("Missing", "has no Pandera model 'Missing'"),
    ],
)
def test_what_a_registered_set_cannot_keep_is_refused(root: Path, name: str, said: str) -> None:
    with pytest.raises(LakeError) as caught:
        columns_of(f"my_models:{name}", root)
    assert caught.value.code == "E_USAGE"
    assert said in caught.value.message


def test_a_module_that_is_not_there_is_named(root: Path) -> None:
    with pytest.raises(LakeError, match="there is no module their_models") as caught:
        columns_of("their_models:Vol", root)
    assert (caught.value.code, caught.value.where, caught.value.fix) == (
        "E_ASSETS",
        "their_models:Vol",
        ("write their_models.py", "or correct what names it: their_models:Vol"),
    )
