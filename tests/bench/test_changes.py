"""The workloads of changes and of many symbols, small: what they feed and what they time is what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dl_datalake
from lake.write import write
from schemas.keys import Address
from tests.bench import recast
from tests.bench.programs import lake_append, lake_universe, universe
from tests.manifests import make_lake
from tests.tables import bar, bars

if TYPE_CHECKING:
    from pathlib import Path

MINUTE_MS = 60_000


def line(minute: int) -> str:
    at = minute * MINUTE_MS
    return f"{at},1.0,2.0,0.5,1.5,{minute + 1}.25,{at + MINUTE_MS - 1},3.0,7,0.5,0.75,0"


def test_a_tenth_comes_again_changed_here_and_there_with_days_behind_it(tmp_path: Path) -> None:
    source, target = tmp_path / "bars.csv", tmp_path / "overlap.csv"
    source.write_text("".join(f"{line(minute)}\n" for minute in range(2_000)))
    recast.overlap(source, target)
    lines = target.read_text().splitlines()
    stored = {minute * MINUTE_MS: line(minute) for minute in range(2_000)}
    again, later = lines[:200], lines[200:]
    changed = [text for text in again if stored[int(text.split(",")[0])] != text]
    assert [text.split(",")[5] for text in changed] == ["1.5", "101.5"]
    assert [int(text.split(",")[0]) for text in later[:2]] == [14_400 * MINUTE_MS, 14_401 * MINUTE_MS]
    assert len(later) == 2_000


def test_bars_that_follow_are_appended_one_by_one(tmp_path: Path) -> None:
    source, more = tmp_path / "bars.csv", tmp_path / "more.csv"
    source.write_text("".join(f"{line(minute)}\n" for minute in range(50)))
    recast.following(source, more)
    config = make_lake(tmp_path)
    write(config, Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m"), bars(*(bar(minute) for minute in range(50))))
    answer = lake_append.append(str(config.root), str(more))
    assert answer["rows"] == 70
    assert len(answer["times_ms"]) == 20
    with dl_datalake.open(config.root) as lake:
        assert lake.snapshot == 21
        assert lake.last("BTCUSDT").to_arrow()["volume"].to_pylist() == [50.25]


def test_every_symbol_has_its_bars_and_is_asked_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universe, "SYMBOLS", 2)
    monkeypatch.setattr(universe, "MINUTES", 120)
    monkeypatch.setattr(universe, "HOUR_MS", (universe.FIRST_MS + 30 * MINUTE_MS, universe.FIRST_MS + 90 * MINUTE_MS))
    monkeypatch.setattr(universe, "REPEATS", 1)
    config = make_lake(tmp_path)
    assert lake_universe.write(str(config.root))["rows"] == 240
    answer = lake_universe.ask(str(config.root))
    assert answer["rows"] == 120
    assert answer["total"] == pytest.approx(2 * 30_000)
    assert answer["last_ms"] > 0 < answer["hour_ms"]
