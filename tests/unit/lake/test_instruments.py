"""What is known of names: the symbols an instrument had, and what a symbol that no series has may mean."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from lake.instruments import first_instant, members, spellings
from lake.manifest import Instrument, Manifest, NewReference
from schemas.keys import Address
from tests.manifests import commit, make_lake, new_file

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

META = Address.of("NASDAQ", "EQUITY", "META", "bars", "1d")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def know(config: Config, kind: str = "instrument", **records: object) -> None:
    """Let the lake know records, those of instruments by their symbols."""
    place = "NASDAQ/EQUITY/" if kind == "instrument" else ""
    news = [NewReference(kind, f"{place}{name}", json.dumps(facts)) for name, facts in records.items()]
    commit(config, reference=news)


def had(config: Config, symbol: str) -> list[tuple[str, str | None, str | None]]:
    address = Address.of("NASDAQ", "EQUITY", symbol, "bars", "1d")
    with Manifest.open(config) as manifest:
        found = members(manifest, address)
    days = [[day.isoformat() if day else None for day in (each.start, each.end)] for each in found]
    return [(each.symbol, start, end) for each, (start, end) in zip(found, days, strict=True)]


def renamed(symbol: str, day: str) -> dict[str, str]:
    return {"from": symbol, "on": day}


def test_renames_of_one_record_and_of_several_make_the_same_history(config: Config) -> None:
    history = [("FBX", None, "2012-05-18"), ("FB", "2012-05-18", "2022-06-09"), ("META", "2022-06-09", None)]
    assert had(config, "META") == [("META", None, None)]
    know(config, META={"renames": [renamed("FBX", "2012-05-18"), renamed("FB", "2022-06-09")]})
    assert had(config, "META") == history
    know(config, METAB={"renames": [renamed("FBB", "2022-06-09")]}, FBB={"renames": [renamed("FBXB", "2012-05-18")]})
    assert had(config, "METAB") == [(f"{name}B", start, end) for name, start, end in history]
    assert had(config, "FBB") == [("FBXB", None, "2012-05-18"), ("FBB", "2012-05-18", None)]


def test_a_symbol_that_is_given_away_and_taken_back_ends_the_history(config: Config) -> None:
    know(config, A={"renames": [renamed("B", "2020-01-01")]}, B={"renames": [renamed("A", "2019-01-01")]})
    assert had(config, "A") == [("B", None, "2020-01-01"), ("A", "2020-01-01", None)]


def test_a_symbol_may_mean_instruments_and_other_spellings(config: Config) -> None:
    know(config, META={"renames": [renamed("FB", "2022-06-09")]}, XBTUSD={"aliases": ["BTCUSD.P"]})
    know(config, "alias", XBT={"of": "BTC"})
    with Manifest.open(config) as manifest:
        assert spellings(manifest, "FB") == ({"NASDAQ/EQUITY/META"}, set())
        assert spellings(manifest, "FB", 0) == (set(), set())
        assert spellings(manifest, "BTCUSD.P") == ({"NASDAQ/EQUITY/XBTUSD"}, {"XBTUSD.P"})
        assert spellings(manifest, "ETHXBT") == (set(), {"ETHBTC"})
        assert spellings(manifest, "XBT/USD:XBT")[1] == {"BTC/USD:XBT", "XBT/USD:BTC", "BTC/USD:BTC"}


def test_days_begin_by_the_record_but_for_bars_of_days(config: Config) -> None:
    day = dt.date(2024, 7, 1)
    minutes = Address.of("NASDAQ", "EQUITY", "META", "bars", "1m")
    tokyo = Instrument("META", time_zone="Asia/Tokyo")
    files = [new_file(label, address=each) for label, each in (("2024", META), ("2024-07-01", minutes))]
    commit(config, *files, instruments={META: tokyo, minutes: tokyo})
    with Manifest.open(config) as manifest:
        midnight = 1_719_792_000 * 10**9  # date -u -d 2024-07-01 +%s
        hours = [
            (first_instant(manifest, address, day, zone) - midnight) / 3600e9
            for address in (META, minutes)
            for zone in (None, "America/New_York")
        ]
    assert hours == [-9, -9, -9, 4]
