"""What was said of one file becomes a dialect that reads the next one the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.own import own_dialects, read_words
from lake.sources.saving import save, saving_to
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = 1_710_340_200, 1_710_340_260
TEXT = "when;what;how_much;maker\n13.03.2024 15:30;1,5;1,2K;1\n13.03.2024 15:31;1,6;3;0\n"
SAID: dict[str, Any] = {
    "decimal": ",",
    "volume-suffixes": True,
    "map": {"ts": "when", "price": "what", "size": "how_much", "buyer_maker": "maker"},
}


def test_a_saved_dialect_reads_the_next_file_as_the_first_was_read(tmp_path: Path) -> None:
    first = write(tmp_path / "ticks_ABC_2024-03.csv", TEXT)
    options = SourceOptions(words=SAID, tz="Europe/Berlin", exchange="here", symbol="ABC")
    plan = detect(first, options)
    path = saving_to(tmp_path, "mine")
    save(path, plan.words)
    second = write(tmp_path / "ticks_XYZ_2025-01.csv", TEXT)
    whole, again = read(first, words=SAID, tz="Europe/Berlin"), read(second, dialects=own_dialects(tmp_path))
    assert (again.plan.dialect, again.plan.symbol, again.plan.exchange) == ("mine", "XYZ", "HERE")
    assert again.rows.equals(whole.rows)
    assert again.ns == [FIRST * 10**9, SECOND * 10**9]
    assert again.column("side") == ["sell", "buy"]
    assert again.plan.words == {}
    assert read_words(path)["time-format"] == "DD.MM.YYYY HH:MM"


@pytest.mark.parametrize("header", ["", "Date,Open,High,Low,Close\n"])
def test_columns_named_in_order_are_saved_in_order(tmp_path: Path, header: str) -> None:
    text = header + "".join(f"2024-03-13,{clock},1,2,0.5,1.5\n" for clock in ("14:30", "14:31"))
    columns = ["date", "time", "open", "high", "low", "close"]
    plan = detect(write(tmp_path / "a1.csv", text), SourceOptions(words={"columns": columns}))
    save(saving_to(tmp_path, "mine"), plan.words)
    again = read(write(tmp_path / "a22.csv", text), dialects=own_dialects(tmp_path))
    assert (again.plan.dialect, again.ns) == ("mine", [FIRST * 10**9, SECOND * 10**9])
    assert read_words(saving_path(tmp_path))["columns"] == ["ts.date", "ts.time", *columns[2:]]


def saving_path(root: Path) -> Path:
    return root / "dialects" / "mine.toml"


def test_what_is_saved_is_not_written_over(tmp_path: Path) -> None:
    plan = detect(write(tmp_path / "x.csv", TEXT), SourceOptions(words=SAID))
    save(saving_to(tmp_path, "mine"), plan.words)
    with pytest.raises(LakeError) as refusal:
        saving_to(tmp_path, "mine")
    assert refusal.value.fix[0] == "--format mine, to use it"
    assert [path.name for path in (tmp_path / "dialects").iterdir()] == ["mine.toml"]


def test_a_declared_format_is_not_saved_again(tmp_path: Path) -> None:
    path = write(tmp_path / "BCHEUR.csv", f"{FIRST},1.5,2\n{SECOND},1.6,3\n")
    plan = detect(path, SourceOptions())
    assert plan.dialect == "kraken-trades"
    with pytest.raises(LakeError) as refusal:
        save(saving_to(tmp_path, "mine"), plan.words)
    assert refusal.value.code == "E_USAGE"
    assert not (tmp_path / "dialects").exists()
