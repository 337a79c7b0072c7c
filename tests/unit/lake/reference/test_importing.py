"""Imports: one snapshot each, nothing where nothing is new, and what was known stays known of earlier snapshots."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.instruments import actions, facts, may_be_negative
from lake.manifest import Manifest
from lake.manifest.reference import reference, with_negative_prices
from lake.reference import ImportReport, ImportRequest, import_file, remove
from lake.reference import importing as module
from lake.repair import RepairRequest, repair
from lake.write import write
from schemas.keys import Address
from tests.manifests import make_lake, newest
from tests.tables import bar, bars

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import ReferenceRow
    from lake.manifest.reference import Kind

CL = Address.of("NYMEX", "FUTURES", "CL", "bars", "1m")
KINDS: tuple[Kind, ...] = ("instrument", "action")
SPLIT = "NYMEX/FUTURES/CL/2024-03-05/split"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def bring(config: Config, text: str, kind: Any = "instrument", **words: Any) -> ImportReport:  # noqa: ANN401 -- a request's
    path = config.root.parent / f"{kind}s.csv"
    path.write_text(text)
    return import_file(config, ImportRequest(kind, path, "NYMEX", "FUTURES", "CL", **words))


def test_what_is_known_is_merged_by_field_and_as_of_keeps_what_was(config: Config) -> None:
    first = bring(config, "tick_size,currency,calendar\n0.01,USD,XNYS\n")
    assert (first.status, first.snapshot, first.count("new")) == ("committed", 1, 1)
    assert bring(config, "tick_size\n0.01\n").status == "unchanged"
    second = bring(config, "tick_size,calendar\n0.02,\n")
    assert (second.status, second.snapshot, second.count("changed")) == ("committed", 2, 1)
    with Manifest.open(config) as manifest:
        assert facts(manifest, CL) == {"tick_size": 0.02, "currency": "USD"}
        assert facts(manifest, CL, 1) == {"tick_size": 0.01, "currency": "USD", "calendar": "XNYS"}
        assert facts(manifest, Address.of("NYMEX", "FUTURES", "CLX", "bars", "1m")) == {}
        [row] = reference(manifest, "instrument")
        assert (row.source, row.sha256, row.line, row.snapshot) == ("instruments.csv", second.sha256, 2, 2)
        assert [run.kind for run in manifest.runs()] == ["import"] * 3


def test_actions_are_replaced_whole_and_can_be_taken_back(config: Config) -> None:
    head = "ex_date,action,ratio,amount,currency,label\n"
    bring(config, head + "2024-03-05,split,2,,,\n2024-03-01,dividend,,0.5,USD,special\n", "action")
    bring(config, head + "2024-03-05,split,3,,,\n", "action")
    assert remove(config, "action", SPLIT) == 3
    with Manifest.open(config) as manifest:
        known = [[(a.kind, a.label, str(a.value), a.currency) for a in actions(manifest, CL, at)] for at in (1, 2, 3)]
    dividend = ("dividend", "special", "1/2", "USD")
    assert known == [[dividend, ("split", "", "2", None)], [dividend, ("split", "", "3", None)], [dividend]]
    with pytest.raises(LakeError, match="there is no action") as caught:
        remove(config, "action", SPLIT)
    assert caught.value.code == "E_USAGE"
    # What was taken back may come again.
    assert bring(config, head + "2024-03-05,split,2,,,\n", "action").status == "committed"


def test_a_bad_line_leaves_the_lake_as_it_is(config: Config) -> None:
    with pytest.raises(LakeError, match="line 3"):
        bring(config, "tick_size,symbol\n0.01,A\nx,B\n")
    assert newest(config) == 0


def test_a_dry_run_says_what_would_be(config: Config) -> None:
    report = bring(config, "tick_size\n0.01\n", dry_run=True)
    assert (report.status, report.count("new"), report.run, newest(config)) == ("dry_run", 1, None, 0)


def test_a_lost_race_is_tried_again_on_what_is_known_by_then(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = module._compare
    raced: list[bool] = []

    def overtaken(*words: Any) -> Any:  # noqa: ANN401 -- as the function has them
        news = compare(*words)
        if not raced:
            raced.append(True)
            bring(config, "tick_size\n0.5\n")
        return news

    monkeypatch.setattr(module, "_compare", overtaken)
    report = bring(config, "currency\nUSD\n")
    assert (report.snapshot, report.count("changed")) == (2, 1)
    with Manifest.open(config) as manifest:
        assert facts(manifest, CL) == {"tick_size": 0.5, "currency": "USD"}


def test_a_file_that_is_not_there_is_told(config: Config) -> None:
    with pytest.raises(LakeError) as caught:
        import_file(config, ImportRequest("action", config.root / "none.csv"))
    assert caught.value.code == "E_SOURCE_NOT_FOUND"


def test_prices_of_zero_and_less_are_right_where_the_record_says_so(config: Config) -> None:
    low = bars(bar(0, close=-1.0, low=-2.0))
    with pytest.raises(LakeError) as caught:
        write(config, CL, low)
    assert caught.value.code == "E_SCHEMA"
    report = bring(config, "price_may_be_negative,tick_size\ntrue,0.01\n")
    assert report.unmatched == ["NYMEX/FUTURES/CL"]
    with Manifest.open(config) as manifest:
        assert with_negative_prices(manifest) == {"NYMEX/FUTURES/CL"}
        assert may_be_negative(manifest, CL)
    assert write(config, CL, low).rows["new"] == 1
    with Manifest.open(config) as manifest:
        [series] = manifest.series()
        assert (series.tick_size, series.price_may_be_negative) == (0.01, True)
    assert bring(config, "price_may_be_negative\nfalse\n").unmatched == []
    with Manifest.open(config) as manifest:
        [series] = manifest.series()
        assert (series.tick_size, series.price_may_be_negative) == (0.01, False)


def test_the_manifest_made_anew_of_its_log_knows_the_same(config: Config) -> None:
    bring(config, "tick_size\n0.01\n")
    bring(config, "ex_date,action,ratio\n2024-03-05,split,2\n", "action")
    bring(config, "tick_size\n0.02\n")
    remove(config, "action", SPLIT)

    def known() -> list[list[ReferenceRow]]:
        with Manifest.open(config) as manifest:
            assert manifest.check_chain() == manifest.check_integrity() == []
            return [reference(manifest, kind, at) for kind in KINDS for at in range(5)]

    before = known()
    assert [len(rows) for rows in before] == [0, 1, 1, 1, 1, 0, 0, 1, 1, 0]
    config.manifest.unlink()
    assert repair(config, RepairRequest("log")).status == "repaired"
    assert known() == before


def test_a_record_changed_in_the_manifest_is_found(config: Config) -> None:
    bring(config, "ex_date,action,ratio\n2024-03-05,split,2\n", "action")
    with closing(sqlite3.connect(config.manifest)) as connection, connection:
        connection.execute('UPDATE reference SET definition = \'{"ratio":"3"}\'')
    with Manifest.open(config) as manifest:
        [finding] = manifest.check_chain()
    assert finding.startswith("snapshot 1: reference is ")
