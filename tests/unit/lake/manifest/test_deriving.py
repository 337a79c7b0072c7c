"""What a commit records of how partitions were made, and what it puts in doubt."""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.manifest import Conflict, Manifest, NewPart, Writer, graph
from lake.manifest.failures import failures
from schemas.keys import Address, Partition
from tests.manifests import BTC, ETH, HOURLY, commit, derived, live_ids, make_lake, new_file, sealed

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

DAYS = [f"2024-03-{day:02}" for day in range(1, 32)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path)


def suspects(config: Config, address: Address = HOURLY) -> set[str]:
    with Manifest.open(config) as manifest:
        assert manifest.check_chain() == []
        series = manifest.find(address)
        assert series is not None
        return {row.partition for row in graph.derivations(manifest, series.id) if row.suspect}


def two_months(config: Config, **changes: Any) -> None:  # noqa: ANN401 -- any field of a derivation
    """Store every day of March and two of April, and the hourly bars of both months."""
    files = [new_file(label, tag=label) for label in [*DAYS, "2024-04-01", "2024-04-02"]]
    commit(config, *files)
    rows = [derived(config, label, **changes) for label in ("2024-03", "2024-04")]
    commit(config, *(new_file(row.partition, address=HOURLY) for row in rows), derivations=rows)


def test_a_changed_day_puts_in_doubt_what_was_made_from_it_and_nothing_else(config: Config) -> None:
    two_months(config)
    assert suspects(config) == set()
    commit(config, new_file("2024-03-05", tag="b", replaces=live_ids(config)["2024-03-05"]))
    assert suspects(config) == {"2024-03"}


@pytest.mark.parametrize("change", ["added", "removed"])
def test_a_day_that_comes_or_goes_puts_in_doubt_what_its_rows_would_be_in(config: Config, change: str) -> None:
    two_months(config)
    if change == "added":
        commit(config, new_file("2024-04-09"))
    else:
        commit(config, removed=[live_ids(config)["2024-04-02"]])
    assert suspects(config) == {"2024-04"}


def test_rows_of_another_symbol_put_nothing_in_doubt(config: Config) -> None:
    two_months(config)
    commit(config, new_file("2024-03-05", address=ETH))
    assert suspects(config) == set()


def test_a_bucket_left_out_is_in_doubt_as_soon_as_its_upstream_goes_on(config: Config) -> None:
    end = Partition.parse("2024-04-02").end_ns
    two_months(config, withheld_ns=end)
    commit(config, new_file("2024-05-01"))
    assert suspects(config) == {"2024-03", "2024-04"}


def test_what_was_read_before_another_commit_is_in_doubt_at_once(config: Config) -> None:
    commit(config, *(new_file(label, tag=label) for label in DAYS))
    read_before = derived(config, "2024-03")
    commit(config, new_file("2024-03-05", tag="b", replaces=live_ids(config)["2024-03-05"]))
    commit(config, new_file("2024-03", address=HOURLY), derivations=[read_before])
    assert suspects(config) == {"2024-03"}


def test_sealing_keeps_what_was_made_and_the_parts_add_up_to_the_same(config: Config) -> None:
    two_months(config)
    before = derived(config, "2024-03").inputs
    days = {label: number for label, number in live_ids(config).items() if label in DAYS}
    commit(config, sealed(config, "2024-03"), removed=list(days.values()), keeps_content=True, operation="seal")
    assert suspects(config) == set()
    assert derived(config, "2024-03").inputs == before
    with Manifest.open(config) as manifest:
        found = graph.parts(manifest, 1, Partition.parse("2024-03-30").start_ns, Partition.parse("2024-04-01").end_ns)
        assert [(part.partition, part.file.partition) for part in found] == [
            ("2024-03-30", "2024-03"),
            ("2024-03-31", "2024-03"),
            ("2024-04-01", "2024-04-01"),
        ]
        [row] = manifest.listing(period="1m")
        assert (row.files, row.gaps) == (3, 0)
        # As it was before, the days are day files still.
        assert [part.file.partition for part in graph.parts(manifest, 1, None, None, snapshot=1)][:2] == DAYS[:2]


def test_a_seal_that_would_change_rows_is_refused(config: Config) -> None:
    commit(config, *(new_file(label, tag=label) for label in DAYS))
    whole = sealed(config, "2024-03")
    lost = dataclasses.replace(whole, parts=whole.parts[1:])
    other = dataclasses.replace(whole.parts[3], content_hash=new_file("2024-03-04", tag="z").content_hash)
    for file in (lost, dataclasses.replace(whole, parts=(*whole.parts[:3], other, *whole.parts[4:]))):
        with pytest.raises(LakeError) as caught:
            commit(config, file, removed=list(live_ids(config).values()), keeps_content=True)
        assert caught.value.code == "E_UNEXPECTED"
    commit(config, whole, removed=list(live_ids(config).values()), keeps_content=True)


def test_a_sealed_month_counts_the_days_it_has_not_as_gaps(config: Config) -> None:
    files = [new_file(label, tag=label) for label in DAYS if label not in {"2024-03-01", "2024-03-09"}]
    commit(config, *files)
    commit(config, sealed(config, "2024-03"), removed=list(live_ids(config).values()), keeps_content=True)
    with Manifest.open(config) as manifest:
        assert [row.gaps for row in manifest.listing()] == [1]


def test_opening_a_sealed_month_again_puts_in_doubt_what_the_changed_day_is_in(config: Config) -> None:
    files = [new_file(label, tag=label) for label in DAYS]
    commit(config, *files)
    month = derived(config, "2024-03")
    commit(config, new_file("2024-03", address=HOURLY), derivations=[month])
    weekly = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1w")
    commit(config, sealed(config, "2024-03"), removed=list(live_ids(config).values()), keeps_content=True)
    whole = live_ids(config)["2024-03"]
    early = derived(
        config, "2024", address=weekly, start_ns=Partition.parse("2024-03-04").start_ns,
        end_ns=Partition.parse("2024-03-11").start_ns,
    )  # fmt: skip
    commit(config, new_file("2024", address=weekly), derivations=[early])
    days = [new_file(label, tag="late" if label == "2024-03-20" else label, replaces=whole) for label in DAYS]
    commit(config, *days)
    assert suspects(config) == {"2024-03"}
    assert suspects(config, weekly) == set()


def test_days_of_a_sealed_month_are_compared_with_the_file_around_them(config: Config) -> None:
    commit(config, *(new_file(label, tag=label) for label in DAYS))
    old = live_ids(config)
    commit(config, sealed(config, "2024-03"), removed=list(old.values()), keeps_content=True)
    month = live_ids(config)["2024-03"]
    with Manifest.open(config) as manifest:
        assert {row.id for row in manifest.current(1, ["2024-03-05", "2024-03-06"]).values()} == {month}
        assert list(manifest.current(1, ["2024-03-05", "2024-04-01"])) == ["2024-03-05"]
    with pytest.raises(Conflict) as caught:
        commit(config, new_file("2024-03-05", tag="b", replaces=old["2024-03-05"]))
    assert caught.value.partitions == [(BTC, "2024-03-05")]
    with pytest.raises(Conflict) as caught:
        commit(config, expected=[(BTC, "2024-03-05", None)])
    commit(config, expected=[(BTC, "2024-03-05", month), (BTC, "2024-04-05", None)])


def test_a_new_derivation_ends_the_one_before_and_history_tells_both(config: Config) -> None:
    two_months(config)
    commit(config, new_file("2024-03-05", tag="b", replaces=live_ids(config)["2024-03-05"]))
    old = live_ids(config, HOURLY)["2024-03"]
    file = new_file("2024-03", address=HOURLY, tag="b", replaces=old)
    commit(config, file, derivations=[derived(config, "2024-03", code_version="2")], operation="aggregate")
    assert suspects(config) == set()
    with Manifest.open(config) as manifest:
        hourly = manifest.find(HOURLY)
        assert hourly is not None
        rows = graph.derivations(manifest, hourly.id)
        assert [(row.partition, row.code_version, row.from_snapshot) for row in rows] == [
            ("2024-03", "2", 4),
            ("2024-04", "1", 2),
        ]
        assert [row.derived for row in manifest.history(HOURLY)] == [1, 2]


def test_a_partition_may_be_made_and_have_no_rows(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    commit(config, derivations=[derived(config, "2024-03")], operation="aggregate")
    with Manifest.open(config) as manifest:
        hourly = manifest.find(HOURLY)
        assert hourly is not None
        assert [row.partition for row in graph.derivations(manifest, hourly.id)] == ["2024-03"]
        assert graph.parts(manifest, hourly.id, None, None) == []
        assert [row.address for row in manifest.history(limit=1)] == [HOURLY]


def test_removing_a_derived_file_forgets_how_it_was_made(config: Config) -> None:
    two_months(config)
    commit(config, removed=[live_ids(config, HOURLY)["2024-03"]])
    with Manifest.open(config) as manifest:
        hourly = manifest.find(HOURLY)
        assert hourly is not None
        assert [row.partition for row in graph.derivations(manifest, hourly.id)] == ["2024-04"]
        assert manifest.check_chain() == []


def test_rows_by_hand_do_not_go_into_a_derived_series(config: Config) -> None:
    two_months(config)
    for label, replaces in (("2024-05", None), ("2024-03", live_ids(config, HOURLY)["2024-03"])):
        with pytest.raises(LakeError) as caught:
            commit(config, new_file(label, address=HOURLY, tag="hand", replaces=replaces))
        assert caught.value.code == "E_DERIVED"
        assert "bars/1m" in caught.value.message


def test_a_series_that_was_ingested_is_not_derived_over(config: Config) -> None:
    commit(config, new_file("2024-03-01"), new_file("2024-02", address=HOURLY))
    with pytest.raises(LakeError) as caught:
        commit(config, new_file("2024-03", address=HOURLY), derivations=[derived(config, "2024-03")])
    assert caught.value.code == "E_DERIVED"
    assert live_ids(config, HOURLY).keys() == {"2024-02"}
    # Once what was ingested is gone, it may be made.
    commit(config, removed=list(live_ids(config, HOURLY).values()))
    commit(config, new_file("2024-03", address=HOURLY), derivations=[derived(config, "2024-03")])


def test_a_failure_stands_until_its_partition_is_committed(config: Config) -> None:
    commit(config, new_file("2024-03-01"))
    with Writer(config) as writer:
        run = writer.start_run("aggregate", "dl aggregate")
        writer.record_failures(run, [(HOURLY, "2024-03", "E_CHECK", "high < low"), (HOURLY, "2024-04", "E_MAKE", "x")])
        writer.record_failures(run, [(HOURLY, "2024-03", "E_CHECK", "again")])
    with Manifest.open(config) as manifest:
        assert [(row.partition, row.code, row.message) for row in failures(manifest)] == [
            ("2024-03", "E_CHECK", "again"),
            ("2024-04", "E_MAKE", "x"),
        ]
        assert manifest.check_chain() == []
    commit(config, derivations=[derived(config, "2024-03")])
    with Manifest.open(config) as manifest:
        assert [(row.address, row.partition) for row in failures(manifest)] == [(HOURLY, "2024-04")]


def test_a_random_walk_of_changes_puts_in_doubt_exactly_what_changed(config: Config) -> None:
    """Against a model that keeps each day's content and what every month saw of it."""
    chance = random.Random(7)  # noqa: S311 -- a fixed walk, no secret
    commit(config, *(new_file(label, tag=label) for label in DAYS))
    content = {label: label for label in DAYS}
    weeks = {f"2024-03-{day:02}": range(day, min(day + 7, 32)) for day in (1, 8, 15, 22, 29)}
    target = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1s")
    ranges = {
        label: (
            Partition.parse(label).start_ns,
            Partition.parse(label).start_ns + 7 * (Partition.parse(label).end_ns - Partition.parse(label).start_ns),
        )
        for label in weeks
    }
    rows = [derived(config, label, address=target, start_ns=a, end_ns=b) for label, (a, b) in ranges.items()]
    commit(config, *(new_file(label, address=target) for label in weeks), derivations=rows)
    expected: set[str] = set()
    for step in range(40):
        live = live_ids(config)
        labels = chance.sample(DAYS, chance.randint(1, 3))
        files, removed = [], []
        for label in labels:
            tag = chance.choice([content.get(label, "new"), f"step{step}"])
            if label in live and chance.random() < 0.2:
                removed.append(live[label])
                content.pop(label)
                changed = True
            else:
                name = f"{tag}" if label not in live else tag
                files.append(new_file(label, tag=name, path=f"{BTC}/x/{step}{label}", replaces=live.get(label)))
                changed = content.get(label) != name
                content[label] = name
            if changed:
                expected |= {week for week, days in weeks.items() if int(label[-2:]) in days}
        commit(config, *files, removed=removed)
        assert suspects(config, target) == expected, step


def test_two_upstreams_of_one_partition_are_told_apart(config: Config) -> None:
    mine = Address("BINANCE", "SPOT", "BTCUSDT", "features", "mine.v1")
    funding = Address("BINANCE", "SPOT", "BTCUSDT", "metrics", "funding")
    commit(config, new_file("2024-03-01"), new_file("2024-03-01", address=funding))
    rows = [derived(config, "2024-03-01", address=mine, upstream=upstream) for upstream in (BTC, funding)]
    commit(config, new_file("2024-03-01", address=mine), derivations=rows)
    changed = live_ids(config, funding)["2024-03-01"]
    commit(config, new_file("2024-03-01", address=funding, tag="b", replaces=changed))
    with Manifest.open(config) as manifest:
        series = manifest.find(mine)
        assert series is not None
        found = graph.derivations(manifest, series.id)
        assert {row.upstream: row.suspect for row in found} == {BTC: False, funding: True}


def test_a_sealed_file_of_no_parts_is_one_partition(config: Config) -> None:
    commit(config, new_file("2024", address=Address("X", "SPOT", "Y", "bars", "1d")))
    with Manifest.open(config) as manifest:
        assert [part.partition for part in graph.parts(manifest, 1, None, None)] == ["2024"]


def test_parts_outlive_the_change_that_made_them(config: Config) -> None:
    part = NewPart("2024-03-02", 5, 6, 7, new_file("2024-03-02").content_hash)
    commit(config, new_file("2024-03", parts=(part,)))
    with Manifest.open(config) as manifest:
        [row] = graph.parts(manifest, 1, None, None)
        assert (row.partition, row.rows, row.first_ns, row.last_ns) == ("2024-03-02", 5, 6, 7)
        assert manifest.check_chain() == []


def test_a_sealed_month_that_is_opened_leaves_the_days_made_empty_as_they_were(config: Config) -> None:
    five = dataclasses.replace(BTC, period="5m")
    days = DAYS[:3]
    commit(config, *(new_file(label, tag=label) for label in days))
    kept = [new_file(label, address=five, tag=label) for label in (days[0], days[2])]
    commit(config, *kept, derivations=[derived(config, label, address=five) for label in days])
    month = sealed(config, "2024-03", five)
    commit(config, month, removed=list(live_ids(config, five).values()), operation="seal", keeps_content=True)
    again = [derived(config, days[2], address=five)]
    opened = [live_ids(config, five)["2024-03"]]
    anew = new_file(days[2], address=five, tag="b")
    same = new_file(days[0], address=five, tag="again", content_hash=kept[0].content_hash)
    commit(config, same, anew, removed=opened, derivations=again)
    with Manifest.open(config) as manifest:
        series = manifest.find(five)
        assert series is not None
        assert [row.partition for row in graph.derivations(manifest, series.id)] == days
