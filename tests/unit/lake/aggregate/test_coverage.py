"""Only whole buckets are stored: what tells that one is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.write import write
from tests.aggregating import SECOND_NS, TRADES, flat, minute, of, opens, read, run
from tests.manifests import BTC, make_lake
from tests.tables import trades

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def test_only_whole_buckets_are_stored_and_empty_ones_make_no_row(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 7))
    write(config, BTC, flat("2024-03-01T00:20", 4))
    report = run(config, "5m")
    assert opens(config, of("5m")) == ["2024-03-01T00:00", "2024-03-01T00:05"]
    assert report.targets[0].withheld_ns == (minute("2024-03-01T00:25")) * 60 * SECOND_NS
    write(config, BTC, flat("2024-03-01T00:24", 1))
    run(config, "5m")
    assert opens(config, of("5m"))[-1] == "2024-03-01T00:20"
    assert read(config, of("5m"))[-1]["volume"] == 0.5


def test_the_user_may_say_that_a_bucket_is_whole_and_it_stays(config: Config) -> None:
    write(config, BTC, flat("2024-03-01T00:00", 7))
    run(config, "5m", complete_to_ns=minute("2024-03-01T00:10") * 60 * SECOND_NS)
    assert len(read(config, of("5m"))) == 2
    assert run(config, "5m").status == "unchanged"
    write(config, BTC, flat("2024-03-01T00:01", 1, 105.0))
    run(config, "5m")
    assert [row["high"] for row in read(config, of("5m"))] == [105.0, 100.0]


def test_what_was_made_here_covers_what_its_upstream_covers(config: Config) -> None:
    """The last minutes of the hour have no trade: only the series the minutes were made from knows that it is over."""
    rows = [{"ts": at * 60 * SECOND_NS, "price": 1.0, "size": 1.0} for at in (0, 10, 61)]
    write(config, TRADES, trades(*rows))
    run(config, "1m", address=TRADES)
    run(config, "1h", address=of("1m", TRADES))
    assert opens(config, of("1h", TRADES)) == ["1970-01-01T00:00"]
    assert run(config, "1h", address=of("1m", TRADES)).status == "unchanged"
    write(config, TRADES, trades({"ts": 180 * 60 * SECOND_NS, "price": 1.0, "size": 1.0}))
    run(config, "1h", address=of("1m", TRADES))  # the minutes are not made yet, and say nothing
    assert len(opens(config, of("1h", TRADES))) == 1
    run(config, "1m", address=TRADES)
    run(config, "1h", address=of("1m", TRADES))
    assert opens(config, of("1h", TRADES)) == ["1970-01-01T00:00", "1970-01-01T01:00"]


def test_a_week_of_sessions_is_not_over_in_an_evening_of_it(config: Config) -> None:
    """The last row lies outside all sessions, on Wednesday after the close: the day is over, the week is not."""
    write(config, BTC, flat("2024-06-24T12:00", 60 * 60, step=30))
    report = run(config, "1d", "1w", calendar="XNYS")
    assert opens(config, of("1d")) == ["2024-06-24T13:30", "2024-06-25T13:30", "2024-06-26T13:30"]
    assert opens(config, of("1w")) == []
    friday = (minute("2024-06-28T20:00")) * 60 * SECOND_NS
    assert [target.withheld_ns for target in report.targets] == [None, friday]
    write(config, BTC, flat("2024-06-28T19:30", 60, step=30))
    run(config, "1w")
    assert opens(config, of("1w")) == ["2024-06-24T13:30"]
