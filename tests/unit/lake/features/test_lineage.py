"""What feature rows were made from: which series, in which range, at which snapshot, and what a write leaves of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.features.model import Computed, Input, Names
from lake.features.writing import WriteRequest, write
from lake.manifest import Manifest, graph
from schemas.assets import declare
from schemas.features import Serving
from schemas.keys import Address
from tests.feature_rows import (
    DAY,
    NAMES,
    NOON,
    OF_VOL,
    VOL,
    give_bars,
    lake_with,
    lineage,
    series,
    times,
    vols,
)
from tests.manifests import BTC, ETH
from tests.tables import MINUTE_US

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.features.model import FeatureWriteReport

MINUTE_NS = MINUTE_US * 1000
MIDNIGHT = NOON - 600


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return lake_with(tmp_path, VOL)


def put(
    config: Config, minutes: list[int], values: list[float] | None = None, *inputs: Input, code: str = "one"
) -> FeatureWriteReport:
    return write(config, VOL, vols(minutes, values), WriteRequest(NAMES, computed=Computed(inputs, code)))


def content(config: Config, start: int, end: int, snapshot: int | None = None) -> str:
    """Return the content hash of the minute bars' days in a range of minutes."""
    with Manifest.open(config) as manifest:
        row = manifest.find(BTC)
        assert row is not None
        return graph.inputs(graph.parts(manifest, row.id, start * MINUTE_NS, end * MINUTE_NS, snapshot))


def test_every_partition_is_recorded_with_what_it_needs(config: Config) -> None:
    bars = give_bars(config, [NOON, NOON + 1, NOON + DAY, NOON + 2 * DAY])
    report = put(config, [NOON, NOON + 1, NOON + DAY])
    first, second = lineage(config)
    assert (report.lineage, report.code_version) == (2, "one")
    assert (first.partition, first.upstream, first.code_version, first.schema_version) == ("2024-03-05", BTC, "one", 1)
    assert (first.start_ns, first.end_ns) == (MIDNIGHT * MINUTE_NS, (NOON + 2) * MINUTE_NS)
    assert (second.start_ns, second.end_ns) == ((MIDNIGHT + DAY) * MINUTE_NS, (NOON + DAY + 1) * MINUTE_NS)
    assert first.inputs == content(config, MIDNIGHT, NOON + 2)
    assert second.inputs == content(config, MIDNIGHT + DAY, NOON + DAY + 1)
    assert json.loads(first.recipe) == {
        "written": {"code": "one", "end": first.end_ns, "run": report.run, "snapshot": bars, "sources": []}
    }
    assert not any(row.suspect for row in (first, second))


def test_a_lookback_reaches_into_the_days_before(tmp_path: Path) -> None:
    back = replace(VOL, serving=Serving(lookback_us=DAY * MINUTE_US))
    config = lake_with(tmp_path, back)
    give_bars(config, [NOON - DAY, NOON])
    write(config, back, vols([NOON]), WriteRequest(NAMES))
    [row] = lineage(config)
    assert row.start_ns == (MIDNIGHT - DAY) * MINUTE_NS
    assert row.inputs == content(config, MIDNIGHT - DAY, NOON + 1)


def test_what_is_stamped_at_the_close_began_a_bar_before(tmp_path: Path) -> None:
    closed = replace(VOL, serving=Serving(stamp="close"))
    config = lake_with(tmp_path, closed)
    give_bars(config, [MIDNIGHT - 1])
    write(config, closed, vols([MIDNIGHT]), WriteRequest(NAMES))
    [row] = lineage(config)
    assert (row.start_ns, row.end_ns) == ((MIDNIGHT - 1) * MINUTE_NS, MIDNIGHT * MINUTE_NS)
    assert row.inputs == content(config, MIDNIGHT - 1, MIDNIGHT)


def test_rows_without_inputs_in_the_lake_have_no_lineage(config: Config) -> None:
    assert put(config, [NOON]).lineage == 0
    assert lineage(config) == []


def test_a_later_write_of_the_same_rows_tells_what_they_were_made_from(config: Config) -> None:
    put(config, [NOON])
    give_bars(config, [NOON])
    report = put(config, [NOON])
    assert (report.status, report.rows["identical"], report.lineage) == ("committed", 1, 1)
    assert put(config, [NOON]).status == "unchanged"


def test_rows_of_an_older_snapshot_are_not_those_of_the_newest(config: Config) -> None:
    old = give_bars(config, [NOON], 1.0)
    give_bars(config, [NOON], 2.0)
    put(config, [NOON], None, Input((BTC,), old))
    [row] = lineage(config)
    assert (row.inputs, row.suspect) == (content(config, MIDNIGHT, NOON + 1, old), True)
    assert json.loads(row.recipe)["written"]["snapshot"] == old


def test_rows_that_survive_a_write_stay_made_from_what_they_were(config: Config) -> None:
    give_bars(config, range(NOON, NOON + 3), 1.0)
    put(config, [NOON, NOON + 1])
    [before] = lineage(config)
    give_bars(config, [NOON], 2.0)
    put(config, [NOON + 1], [9.0], code="two")
    [after] = lineage(config)
    assert (after.inputs, after.code_version, after.suspect) == (before.inputs, "one", True)
    put(config, [NOON, NOON + 1], [8.0, 9.0], code="two")
    [renewed] = lineage(config)
    assert (renewed.inputs, renewed.code_version, renewed.suspect) == (
        content(config, MIDNIGHT, NOON + 2),
        "two",
        False,
    )


def test_new_rows_beside_those_that_are_up_to_date_are_recorded_together(config: Config) -> None:
    give_bars(config, [NOON])
    put(config, [NOON])
    give_bars(config, [NOON + 1])
    put(config, [NOON + 1], code="two")
    [row] = lineage(config)
    assert (row.end_ns, row.code_version, row.suspect) == ((NOON + 2) * MINUTE_NS, "two", False)


def test_growth_behind_rows_is_no_reason_to_record_them_anew(config: Config) -> None:
    give_bars(config, [NOON])
    put(config, [NOON])
    give_bars(config, [NOON + 1])
    assert put(config, [NOON]).status == "unchanged"


def test_the_same_values_made_anew_are_recorded_and_keep_all_content(config: Config) -> None:
    give_bars(config, [NOON], 1.0)
    first = put(config, [NOON])
    give_bars(config, [NOON], 2.0)
    again = put(config, [NOON])
    assert (again.status, again.files_written, again.lineage) == ("committed", 0, 1)
    assert again.snapshot == first.snapshot + 2
    [row] = lineage(config)
    assert (row.suspect, row.inputs) == (False, content(config, MIDNIGHT, NOON + 1))


def test_part_of_a_partition_does_not_speak_for_the_rest(config: Config) -> None:
    give_bars(config, [NOON, NOON + 1], 1.0)
    put(config, [NOON, NOON + 1])
    give_bars(config, [NOON], 2.0)
    assert put(config, [NOON]).status == "unchanged"
    assert lineage(config)[0].suspect


# ---- which series ----------------------------------------------------------------------------------------------------


def test_each_series_is_made_from_its_own_instruments(config: Config) -> None:
    give_bars(config, [NOON])
    give_bars(config, [NOON], 3.0, ETH)
    table = vols([NOON, NOON], symbol=["BTCUSDT", "ETHUSDT"])
    write(config, VOL, table, WriteRequest(Names("BINANCE", "SPOT")))
    assert [row.upstream for row in lineage(config)] == [BTC]
    assert [row.upstream for row in lineage(config, VOL.address("BINANCE", "SPOT", "ETHUSDT"))] == [ETH]


def test_a_shared_set_is_made_from_the_series_that_were_handed_over(tmp_path: Path) -> None:
    shared = replace(VOL, serving=Serving(keys=()))
    config = lake_with(tmp_path, shared)
    give_bars(config, [NOON])
    snapshot = give_bars(config, [NOON], 3.0, ETH)
    address = shared.address("", "", "")
    write(config, shared, vols([NOON]))
    assert lineage(config, address) == []
    write(config, shared, vols([NOON], [5.0]), WriteRequest(computed=Computed([Input((BTC, ETH), snapshot)])))
    assert [row.upstream for row in lineage(config, address)] == [BTC, ETH]


def test_only_declared_inputs_may_be_handed_over(config: Config) -> None:
    hourly = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
    with pytest.raises(LakeError, match=r"vol\.v1 is not made from bars/1h") as caught:
        put(config, [NOON], None, Input((hourly,), 1))
    assert caught.value.code == "E_USAGE"


# ---- rows that their inputs are not there for ------------------------------------------------------------------------


def test_rows_newer_than_the_bars_handed_over_are_look_ahead(config: Config) -> None:
    snapshot = give_bars(config, [NOON, NOON + 1])
    give_bars(config, [NOON + 2])
    assert put(config, [NOON + 1], None, Input((BTC,), snapshot)).status == "committed"
    with pytest.raises(LakeError) as caught:
        put(config, [NOON + 2], None, Input((BTC,), snapshot))
    assert caught.value.code == "E_LOOKAHEAD"
    said = "vol.v1, first 2024-03-05 10:02 needs later rows than bars/1m had, which ended 2024-03-05 10:02"
    assert caught.value.where == said


def test_the_range_of_what_was_handed_over_counts(config: Config) -> None:
    snapshot = give_bars(config, range(NOON, NOON + 5))
    handed = Input((BTC,), snapshot, start_ns=NOON * MINUTE_NS, end_ns=(NOON + 3) * MINUTE_NS)
    assert put(config, [NOON + 2], None, handed).status == "committed"
    with pytest.raises(LakeError, match="1 feature row is stamped before its inputs end"):
        put(config, [NOON + 3], None, handed)


def test_what_is_stamped_at_the_close_may_be_stamped_where_the_last_bar_ends(tmp_path: Path) -> None:
    closed = replace(VOL, serving=Serving(stamp="close"))
    config = lake_with(tmp_path, closed)
    asked = WriteRequest(NAMES, computed=Computed([Input((BTC,), give_bars(config, [NOON]))]))
    assert write(config, closed, vols([NOON + 1]), asked).status == "committed"
    with pytest.raises(LakeError, match="1 feature row is"):
        write(config, closed, vols([NOON + 2]), asked)


def test_a_row_is_known_no_sooner_than_the_row_of_the_set_it_was_made_from(tmp_path: Path) -> None:
    above = replace(VOL, name="above", inputs=(VOL.key,))
    config = lake_with(tmp_path, VOL, above)
    write(config, VOL, vols([NOON, NOON + 1], known_at=times([NOON + 5, NOON + 2])), WriteRequest(NAMES))
    with pytest.raises(LakeError) as caught:
        write(config, above, vols([NOON, NOON + 1], known_at=times([NOON + 4, NOON + 2])), WriteRequest(NAMES))
    assert caught.value.code == "E_LOOKAHEAD"
    said = "above.v1, first 2024-03-05 10:00 needs a row of features/vol.v1 that was known 2024-03-05 10:05"
    assert caught.value.where == said
    known = times([NOON + 5, NOON + 2, NOON + 2])
    report = write(config, above, vols([NOON, NOON + 1, NOON + 2], known_at=known), WriteRequest(NAMES))
    assert report.rows["new"] == 3
    [row] = lineage(config, above.address("BINANCE", "SPOT", "BTCUSDT"))
    assert row.upstream == OF_VOL
    aside = WriteRequest(NAMES, on_bad="quarantine")
    report = write(config, above, vols([NOON], [7.0], known_at=times([NOON + 4])), aside)
    assert (report.status, report.rejected) == ("committed", {"look_ahead": 1})


def test_the_first_revision_of_an_input_is_what_counts(tmp_path: Path) -> None:
    above = replace(VOL, name="above", inputs=(VOL.key,))
    config = lake_with(tmp_path, VOL, above)
    write(config, VOL, vols([NOON, NOON], known_at=times([NOON + 5, NOON + 9])), WriteRequest(NAMES))
    assert write(config, above, vols([NOON], known_at=times([NOON + 5])), WriteRequest(NAMES)).rows["new"] == 1
    assert series(config, above.key) == ["BINANCE/SPOT/BTCUSDT/features/above.v1"]


def test_rows_of_unknown_making_in_the_place_of_all_others_are_not_said_to_be_made_like_those(tmp_path: Path) -> None:
    shared = replace(VOL, serving=Serving(keys=()))
    config = lake_with(tmp_path, shared)
    snapshot = give_bars(config, [NOON, NOON + 1])
    handed = WriteRequest(computed=Computed([Input((BTC,), snapshot)]))
    address = shared.address("", "", "")
    write(config, shared, vols([NOON, NOON + 1]), handed)
    made = lineage(config, address)
    write(config, shared, vols([NOON], [5.0]))
    assert [(row.upstream, row.inputs) for row in lineage(config, address)] == [(BTC, made[0].inputs)]
    write(config, shared, vols([NOON, NOON + 1], [6.0, 7.0]))
    assert lineage(config, address) == []


def test_an_input_that_code_declares_is_one_by_the_keys_it_has(tmp_path: Path) -> None:
    mood = replace(VOL, name="declared-mood", inputs=(), serving=Serving(keys=()))
    declare(mood.key, mood.schema)
    above = replace(VOL, name="above", inputs=(mood.key,))
    config = lake_with(tmp_path, above)
    write(config, mood, vols([NOON], known_at=times([NOON + 5])))
    early = vols([NOON], known_at=times([NOON + 4]))
    with pytest.raises(LakeError, match="1 feature row is stamped before its inputs end"):
        write(config, above, early, WriteRequest(NAMES), declared=[mood])
    write(config, above, vols([NOON], known_at=times([NOON + 5])), WriteRequest(NAMES), declared=[mood])
    [row] = lineage(config, above.address("BINANCE", "SPOT", "BTCUSDT"))
    assert row.upstream == mood.address("", "", "")
