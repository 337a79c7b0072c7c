"""Dialects of the user's own: read from their files, recognised like those built in, and never in the way."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.own import dialect_of, own_dialects, read_words, text_of
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = 1_710_340_200, 1_710_340_260
WORDS: dict[str, Any] = {"type": "ticks/trade", "delimiter": ";", "decimal": ",", "columns": ["ts", "price", "size"]}


def dialects(root: Path, **files: str) -> dict[str, Any]:
    for name, text in files.items():
        write(root / "dialects" / f"{name}.toml", text)
    return dict(own_dialects(root))


def test_words_come_back_as_they_were_written(tmp_path: Path) -> None:
    words = {
        "nulls": ["-", 'a "quoted" one', "back\\slash"],
        "delimiter": "\t",
        "thousands": "\u00a0",
        "skip-preamble": 2,
        "volume-suffixes": True,
        "title": "Börse: minutes",
        "file": r"it's_\d+\.csv",
        "type": "bars",
        "map": {"open": "Eröffnung", "ts.date": "the date"},
        "side": {"K ": "buy", "V": "sell"},
    }
    path = write(tmp_path / "x.toml", text_of(words))
    assert tomllib.loads(path.read_text("utf-8")) == read_words(path) == words


def test_a_dialect_with_a_pattern_of_names_is_recognised_by_it(tmp_path: Path) -> None:
    own = dialects(tmp_path, mine=text_of(WORDS | {"file": r"(?P<symbol>[A-Z]+)-\d+\.txt", "exchange": "here"}))
    text = f"{FIRST};1,5;2\n{SECOND};1,6;3\n"
    whole = read(write(tmp_path / "ABC-17.txt", text), dialects=own)
    assert (whole.plan.dialect, whole.plan.symbol, whole.plan.exchange) == ("mine", "ABC", "HERE")
    assert whole.column("price") == [1.5, 1.6]
    other = write(tmp_path / "other.txt", text)
    with pytest.raises(LakeError) as refusal:
        detect(other, SourceOptions(dialects=own))
    assert "mine: fits but for the file" in refusal.value.message
    assert read(other, dialects=own, format="mine").column("size") == [2.0, 3.0]


def test_one_without_a_header_and_a_pattern_must_be_asked_for(tmp_path: Path) -> None:
    own = dialects(tmp_path, mine=text_of(WORDS))
    path = write(tmp_path / "x.csv", f"{FIRST};1,5;2\n{SECOND};1,6;3\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(dialects=own))
    assert (refusal.value.code, refusal.value.fix) == ("E_AMBIGUOUS", ("--format mine",))


def test_one_with_named_columns_is_recognised_by_its_header(tmp_path: Path) -> None:
    words = {"type": "ticks/trade", "side": {"K": "buy", "V": "sell"}, "encoding": "cp1251", "tz": "Europe/Moscow"}
    words |= {"map": {"ts": "время", "price": "цена", "size": "объём", "side": "сторона"}}
    own = dialects(tmp_path, mine=text_of(words))
    text = "время;цена;объём;сторона;остаток\n2024-03-13 17:30:00;1.5;2;K;x\n"
    whole = read(write(tmp_path / "x.csv", text.encode("cp1251")), dialects=own)
    assert (whole.plan.dialect, whole.ns, whole.column("side")) == ("mine", [FIRST * 10**9], ["buy"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns = [", "is not TOML"),
        ('type = "bars"', "does not say what its columns are"),
        ('columns = ["ts", "price"]', "does not say what its rows are"),
        ('type = "bars"\ncolumns = ["ts"]\ndelimeter = ";"', "no word 'delimeter'"),
        ('type = "bars"\ncolumns = ["ts"]\nskip-preamble = "3"', "must be a whole number"),
        ("\udcff", "is not TOML"),
    ],
)
def test_a_broken_one_is_warned_of_by_name_and_left_out(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "dialects" / "broken.toml", text.encode("utf-8", "surrogateescape"))
    write(tmp_path / "dialects" / "good.toml", text_of(WORDS))
    warnings: list[str] = []
    assert list(own_dialects(tmp_path, warnings.append)) == ["good"]
    [warning] = warnings
    assert "broken.toml" in warning
    assert said in warning


@pytest.mark.parametrize("name", ["kraken-trades", "csv", "Upper", "with space", "-", ""])
def test_a_name_that_is_taken_or_is_none_is_refused(name: str) -> None:
    with pytest.raises(LakeError) as refusal:
        dialect_of(WORDS, name)
    assert refusal.value.code == "E_USAGE"


def test_columns_that_the_lake_has_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as refusal:
        dialect_of(WORDS | {"columns": ["ts", "price", "wibble"]}, "mine", str(tmp_path))
    assert "wibble" in refusal.value.message


@pytest.mark.parametrize(("columns", "absent"), [(["price", "size"], "ts"), (["ts", "size"], "price")])
def test_columns_that_rows_cannot_be_without_are_asked_for(columns: list[str], absent: str) -> None:
    with pytest.raises(LakeError) as refusal:
        dialect_of(WORDS | {"columns": columns}, "mine")
    assert refusal.value.message == f"no column is {absent}"


def test_a_dialect_has_prices_of_two_units_only_where_the_column_that_tells_them_is_there(tmp_path: Path) -> None:
    words = {
        "type": "ticks/trade",
        "map": {"ts": "when", "price": "px", "size": "qty"},
        "tz": "UTC",
        "price-scale-by": "Currency=GBp:100,GBP:1",
    }
    dialect = dialect_of(words, "pence")
    assert dialect.price_scale_by == ("Currency", {"GBp": 100, "GBP": 1})
    assert dialect.required == ("when", "px", "qty", "Currency")
    assert dialect_of(read_words(write(tmp_path / "p.toml", text_of(words))), "pence") == dialect
