"""Declaring feature sets in words."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from lake.errors import LakeError
from lake.features.declaring import feature_set
from schemas.columns import Column, Rule
from schemas.features import KEYS, Serving

TOML = """
inputs = ["bars/60m", "metrics/funding"]
ttl = "2h"
delay = "5s"
stamp = "close"
lookback = "1d"
keys = ["exchange", "market"]
owner = "research"
description = "Volatility of a market"

[columns]
vol = { type = "float64", unit = "fraction", ge = 0, le = 1.5 }
regime = { type = "text", isin = ["calm", "wild"], nullable = true, description = "of the day" }
bucket = { type = "int32", isin = [1, 2, 3] }
embedding = "float32[16]"
"""


def test_a_file_says_all_there_is_to_say() -> None:
    found = feature_set("vol", "2", tomllib.loads(TOML))
    assert found.label == "vol.v2"
    assert found.columns == (
        Column("vol", "float64", unit="fraction"),
        Column("regime", "text", nullable=True, description="of the day"),
        Column("bucket", "int32"),
        Column("embedding", "float32", length=16),
    )
    assert found.rules == (
        Rule("at_least", "bad_value", ("vol",), bound=0),
        Rule("at_most", "bad_value", ("vol",), bound=1.5),
        Rule("one_of", "bad_value", ("regime",), values=("calm", "wild")),
        Rule("one_of", "bad_value", ("bucket",), values=(1, 2, 3)),
    )
    assert found.inputs == ("bars/1h", "metrics/funding")
    assert found.serving == Serving(("exchange", "market"), 7_200_000_000, 5_000_000, "close", 86_400_000_000)
    assert (found.owner, found.description) == ("research", "Volatility of a market")


def test_most_need_not_be_said() -> None:
    found = feature_set("vol", "1", {"columns": {"vol": "float64"}, "inputs": "bars/1m, bars/5m"})
    assert (found.inputs, found.serving, found.rules) == (("bars/1m", "bars/5m"), Serving(KEYS), ())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "no columns are declared"),
        ({"columns": {}}, "no columns are declared"),
        ({"columns": {"x": "float"}}, "x: 'float' is no type of a column"),
        ({"columns": {"x": 1}}, "x: a column is a type"),
        ({"columns": {"x": {"type": "float64", "nulable": True}}}, "x: unknown word 'nulable': did you mean nullable"),
        ({"columns": {"x": {"type": "float64", "nullable": "yes"}}}, "x: nullable is true or false"),
        ({"columns": {"x": {"type": "float64", "ge": "0"}}}, "x: ge is a number"),
        ({"columns": {"x": {"type": "float64", "ge": 2, "le": 1}}}, "x: nothing is at least 2 and at most 1"),
        ({"columns": {"x": {"type": "text", "isin": []}}}, "x: isin is a list"),
        ({"columns": {"x": {"type": "float32[2]", "isin": [1]}}}, "x: float32[2] is none of 1"),
        ({"columns": {"x": {"type": "int8", "isin": ["a", "b"]}}}, "x: int8 is none of a, b"),
        ({"columns": {"x": {"type": "text", "ge": 1}}}, "x: 1 is no text"),
        ({"columns": {"x": {"type": "int8", "le": 128}}}, "x: 128 is no int8"),
        ({"columns": {"ts": "float64"}}, "ts is a column of every set"),
        ({"columns": {5: "float64"}}, "a column is called by a text, not 5"),
        ({"columns": {"": "float64"}}, "'' cannot name a column"),
        ({"columns": {"x": "float64"}, "ttl": "2 hours"}, "'2 hours' is no length of time"),
        ({"columns": {"x": "float64"}, "stamp": "end"}, "stamp is open or close"),
        ({"columns": {"x": "float64"}, "keys": ["venue"]}, "keys are some of"),
        ({"columns": {"x": "float64"}, "inputs": ["bars/1y"]}, "'bars/1y' is not an asset key"),
        ({"columns": {"x": "float64"}, "inputs": [1]}, "inputs is a list of texts"),
        ({"columns": {"x": "float64"}, "tll": "2h"}, "unknown word 'tll': did you mean ttl"),
    ],
)
def test_what_declares_no_set_is_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(LakeError) as caught:
        feature_set("vol", "1", words, "vol.toml")
    assert caught.value.code == "E_USAGE"
    assert said in caught.value.message
    assert caught.value.where == "vol.toml"
