"""The command line's words about a table are the engine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dl_datalake.commands._mapping import OPTIONS, words_of
from lake.errors import LakeError
from lake.sources.words import WORDS, told

if TYPE_CHECKING:
    from pathlib import Path


def test_every_option_is_a_word_and_every_word_for_it_an_option() -> None:
    assert set(OPTIONS) == {name for name, word in WORDS.items() if word.option} - {"map"}


def test_lists_and_pairs_are_taken_apart() -> None:
    given = {
        "columns": "ts, open,-",
        "nulls": "-,N/A",
        "side": "K=Buy,V=sell",
        "skip_preamble": 2,
        "volume_suffixes": False,
    }
    assert words_of(given, None) == {
        "columns": ["ts", "open", "-"],
        "nulls": ["-", "N/A"],
        "side": {"K": "buy", "V": "sell"},
        "skip-preamble": 2,
    }
    assert words_of({"side": "maker"}, None) == {"side": "maker"}


def test_the_command_line_counts_where_a_file_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text('decimal = ","\nthousands = "."\n[map]\nopen = "Erster"\n', "utf-8")
    words = words_of({"thousands": "'", "decimal": None}, path)
    assert words == {"decimal": ",", "thousands": "'", "map": {"open": "Erster"}}
    assert told(words).named == {"open": "Erster"}


@pytest.mark.parametrize("side", ["K", "=buy", "K=buy,V"])
def test_sides_that_say_nothing_are_refused(side: str) -> None:
    with pytest.raises(LakeError) as refusal:
        words_of({"side": side}, None)
    assert refusal.value.code == "E_USAGE"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as refusal:
        words_of({}, tmp_path / "none.toml")
    assert "none.toml" in refusal.value.message
