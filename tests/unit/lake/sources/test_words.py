"""The words about a table: each is taken, or refused with what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from lake.errors import LakeError
from lake.sources.dialects import Dialect
from lake.sources.words import BLANK, WORDS, told


@pytest.mark.parametrize("name", WORDS)
def test_every_word_says_an_example_that_it_takes(name: str) -> None:
    import tomllib

    word = WORDS[name]
    value = tomllib.loads(f"value = {word.example}")["value"]
    word.take(value)
    assert not word.field or hasattr(BLANK, word.field)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"wibble": 1}, "no word 'wibble'"),
        ({"decimal": ";"}, "one of . ,"),
        ({"delimiter": ";;"}, "one character"),
        ({"delimiter": "."}, "cannot part columns"),
        ({"encoding": "klingon"}, "the name of an encoding"),
        ({"encoding": "rot13"}, "the name of an encoding"),
        ({"encoding": "hex"}, "the name of an encoding"),
        ({"skip-preamble": -1}, "a whole number"),
        ({"skip-preamble": True}, "a whole number"),
        ({"price-scale": 0}, "a whole number"),
        ({"price-scale": "100"}, "a whole number"),
        ({"price-scale-by": "Currency"}, "a column, and each of its words"),
        ({"price-scale-by": "Currency="}, "a column, and each of its words"),
        ({"price-scale-by": "Currency=GBp"}, "a column, and each of its words"),
        ({"price-scale-by": "Currency=GBp:0"}, "a column, and each of its words"),
        ({"price-scale-by": "Currency=GBp:1,GBp:100"}, "a column, and each of its words"),
        ({"price-scale-by": "=GBp:100"}, "a column, and each of its words"),
        ({"price-scale-by": 100}, "a column, and each of its words"),
        ({"stamp": "middle"}, "one of open close"),
        ({"time-unit": "h"}, "one of s ms us ns mixed"),
        ({"time-format": "whenever"}, "a format of times"),
        ({"tz": "Mars/Olympus"}, "the name of a time zone"),
        ({"side": {"B": "long"}}, "maker"),
        ({"side": "taker"}, "maker"),
        ({"columns": "ts,open"}, "a list of texts"),
        ({"map": {"open": 1}}, "a table of texts"),
        ({"volume-suffixes": "yes"}, "true or false"),
        ({"file": "("}, "a pattern of file names"),
        ({"type": "candles"}, "one of bars"),
        ({"decimal": ",", "thousands": ","}, "both the decimal mark and what parts thousands"),
        ({"thousands": "."}, "both the decimal mark and what parts thousands"),
        ({"time-format": "%d.%m.%Y", "time-unit": "s"}, "not both"),
        ({"columns": ["ts"], "map": {"open": "o"}}, "not both"),
        ({"time-column": "Zeit"}, "needs one with the date"),
        ({"columns": ["ts", "open", "open"]}, "named twice"),
    ],
)
def test_what_means_nothing_is_refused_and_says_why(words: dict[str, Any], said: str) -> None:
    with pytest.raises(LakeError) as refusal:
        told(words, where="my.toml")
    assert refusal.value.code == "E_USAGE"
    assert said in refusal.value.message
    assert (refusal.value.where, bool(refusal.value.fix)) == ("my.toml", True)


def test_words_set_the_fields_of_a_dialect() -> None:
    said = told(
        {"encoding": "CP1251", "skip-preamble": 3, "side": "maker", "columns": ["ts", "-", "price"], "tz": "UTC"}
    )
    assert said.fields["encoding"] == "cp1251"
    assert (said.fields["preamble"], said.fields["zone"], said.columns) == (3, "UTC", ("ts", None, "price"))
    assert said.fields["sides"]["true"] == "sell"
    assert set(said.fields) <= set(Dialect.__dataclass_fields__)
