"""Known outages: those that come along, and those of a user's own file."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.gaps import outages
from lake.gaps.outages import Outage
from schemas.keys import Address
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600 * 10**9
ABC = Address.parse("KRAKEN/SPOT/ABCUSD/bars/1m")
GOOD = """
[[outage]]
series = "KRAKEN/SPOT/*/*/*"
start = 2024-01-05T10:00:00+01:00
end = 2024-01-05T10:30:00Z
why = "maintenance"
source = "https://example.org"
"""


def test_an_own_file_adds_to_those_that_come_along(tmp_path: Path) -> None:
    config = make_lake(tmp_path / "lake")
    before = outages.known(config)
    (tmp_path / "mine.toml").write_text(GOOD)
    after = outages.known(replace(config, outages=tmp_path / "mine.toml"))
    [mine] = [each for each in after if each not in before]
    begin = int(dt.datetime(2024, 1, 5, 9, tzinfo=dt.UTC).timestamp()) * 10**9
    assert (mine.start_ns, mine.end_ns, mine.why) == (begin, begin + 3 * HOUR // 2, "maintenance")
    assert len(after) == len(before) + 1
    assert after == sorted(after, key=lambda each: each.start_ns)


def test_those_that_come_along_are_of_binance_spot_and_say_who_says_so(tmp_path: Path) -> None:
    known = outages.known(make_lake(tmp_path))
    assert {each.pattern for each in known} == {"BINANCE/SPOT/*/*/*"}
    assert all(each.source.startswith("https://") and each.start_ns < each.end_ns for each in known)
    assert outages.of(known, ABC) == []
    assert outages.of(known, Address.parse("BINANCE/SPOT/BTCUSDT/bars/1m")) == known


def test_of_outages_that_overlap_the_later_begins_where_the_one_before_ends() -> None:
    given = [
        Outage("KRAKEN/*", start * HOUR, end * HOUR, why, "x")
        for start, end, why in ((0, 3, "a"), (1, 2, "b"), (2, 5, "c"))
    ]
    found = outages.of(given, ABC)
    assert [(each.start_ns // HOUR, each.end_ns // HOUR, each.why) for each in found] == [(0, 3, "a"), (3, 5, "c")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[outage", "cannot be read"),
        ("[other]\n", r"holds \[\[outage\]\] tables"),
        (GOOD.replace('why = "maintenance"\n', ""), "an outage has series, why, source, start, end"),
        (GOOD.replace('"maintenance"', "1"), "are texts"),
        (GOOD.replace("KRAKEN/SPOT/*/*/*", "KRAKEN"), "is no pattern of series"),
        (GOOD.replace("10:30:00Z", "10:30:00"), "are times with a zone"),
        (GOOD.replace("10:30:00Z", "08:30:00Z"), "ends before it starts"),
    ],
)
def test_a_file_that_says_too_little_is_refused_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    config = replace(make_lake(tmp_path / "lake"), outages=tmp_path / "mine.toml")
    with pytest.raises(LakeError, match=said) as caught:
        outages.known(config)
    assert caught.value.code == "E_USAGE"
    assert caught.value.where == str(tmp_path / "mine.toml")
