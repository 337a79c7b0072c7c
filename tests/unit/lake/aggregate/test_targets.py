"""What can be made from what, and how its days are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lake.aggregate import AggregateRequest, aggregate
from lake.manifest import Manifest, graph
from lake.write import write
from tests.aggregating import DAY, FAR_NS, flat, of, opens, refused, run
from tests.manifests import BTC, make_lake
from tests.tables import bars

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


@pytest.mark.parametrize("to", ["1m", "1s", "90s", "1m-bid", "5m-bid", "5m-split", "soon", "5x"])
def test_aggregation_goes_up_only_and_mixes_nothing(config: Config, to: str) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 10))
    refused("PERIOD", lambda: run(config, to))


def test_session_days_are_not_made_of_bars_they_cut(config: Config) -> None:
    write(
        config,
        of("1h"),
        bars(*({"ts": h * 3600 * 10**6, **dict.fromkeys(("open", "high", "low", "close"), 1.0)} for h in range(48))),
    )
    error = refused("PERIOD", lambda: run(config, "1d", address=of("1h"), session_tz="Asia/Kolkata"))
    assert "does not begin where a bar does" in error.why


def test_a_series_is_made_in_one_way_only(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 120))
    write(config, of("1h"), bars({"ts": 0, **dict.fromkeys(("open", "high", "low", "close"), 1.0)}))
    refused("DERIVED", lambda: run(config, "1h"))
    run(config, "5m", "15m")
    refused("DERIVED", lambda: run(config, "15m", address=of("5m")))
    refused("DERIVED", lambda: write(config, of("5m"), flat("2024-03-01T00:00", 1)))


@pytest.mark.parametrize("words", [{"session_start": "25:00"}, {"calendar": "XNYS", "session_tz": "UTC"}, {"to": ()}])
def test_words_that_do_not_fit_are_refused(config: Config, words: dict[str, Any]) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 120))
    refused("USAGE", lambda: aggregate(config, AggregateRequest(BTC, **{"to": ("1d",), **words})))


def test_an_unknown_series_is_named(config: Config) -> None:
    refused("UNKNOWN_SERIES", lambda: run(config, "1h"))


def test_days_of_a_zone_are_kept_to(config: Config) -> None:
    write(config, BTC, flat("2024-03-07T22:00", 5 * DAY, step=30))
    run(config, "1d", session_tz="America/New_York", session_start="17:00")
    # The clocks went forward on the 10th.
    assert opens(config, of("1d"))[:4] == [
        "2024-03-07T22:00",
        "2024-03-08T22:00",
        "2024-03-09T22:00",
        "2024-03-10T21:00",
    ]
    with Manifest.open(config) as manifest:
        series = manifest.find(of("1d"))
        assert series is not None
        assert series.time_zone == "America/New_York"
        assert {row.recipe for row in graph.derivations(manifest, series.id)} == {
            '{"session_start":"17:00","session_tz":"America/New_York"}'
        }
    assert run(config, "1d").status == "unchanged"
    write(config, BTC, flat("2024-03-12T22:00", DAY, step=30))
    run(config, "1d")
    assert opens(config, of("1d"))[-1] == "2024-03-12T21:00"
    refused("DERIVED", lambda: run(config, "1d", session_tz="UTC"))
    # Weeks of such days are made of the same days.
    run(config, "1w", address=of("1d"), complete_to_ns=FAR_NS)
    assert opens(config, of("1w")) == ["2024-03-03T22:00", "2024-03-10T21:00"]


def test_where_long_buckets_of_sessions_begin_does_not_hang_on_the_first_row(config: Config) -> None:
    write(config, BTC, flat("2023-12-01T00:00", 40 * DAY, step=DAY))
    run(config, "24mo", " 800d", session_tz="America/New_York")
    assert opens(config, of("24mo")) == ["2022-01-01T05:00"]
    run(config, "800d", address=BTC, complete_to_ns=FAR_NS)
    # 24 times 800 days after 1970-01-01.
    assert opens(config, of("800d")) == ["2022-07-27T04:00"]
