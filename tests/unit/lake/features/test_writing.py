"""Writing feature rows: what is stored, under which series, and what is refused with nothing written."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.errors import LakeError
from lake.features.deleting import FeatureDeleteRequest, delete_features
from lake.features.model import Names
from lake.features.sets import Sets
from lake.features.writing import WriteRequest, write
from lake.ingest.reading import DEFAULT_BAD_ROWS
from lake.manifest import Manifest
from schemas.features import Serving
from tests.feature_rows import (
    NAMES,
    NOON,
    OF_VOL,
    SHARED,
    UTC_US,
    VOL,
    give_bars,
    lake_with,
    lineage,
    series,
    stored,
    times,
    vols,
)
from tests.manifests import newest
from tests.tables import MINUTE_US

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

TO_BTC = WriteRequest(NAMES)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    root = tmp_path / "lake"
    root.mkdir()
    return lake_with(root, VOL)


def quarantined(config: Config) -> list[tuple[int, str, str]]:
    with Manifest.open(config) as manifest:
        rows = [row for run in manifest.quarantine_runs() for row in manifest.quarantine_rows(run.run_id)]
    return [(row.line, row.reason, row.raw) for row in rows]


def ledgers(config: Config) -> list[tuple[Any, ...]]:
    with Manifest.open(config) as manifest:
        return manifest.read(
            lambda connection: connection.execute(
                "SELECT read, new, identical, corrected, superseded, quarantined FROM ledger ORDER BY id"
            ).fetchall()
        )


def test_rows_are_known_when_their_bar_is_over_and_the_delay_too(tmp_path: Path) -> None:
    late = replace(VOL, serving=Serving(delay_us=5_000_000))
    config = lake_with(tmp_path, late)
    given = pa.array([None, (NOON + 9) * MINUTE_US], pa.int64()).cast(UTC_US)
    report = write(config, late, vols([NOON, NOON + 1], known_at=given), TO_BTC)
    assert (report.status, report.rows["new"]) == ("committed", 2)
    assert stored(config) == [
        {"ts": NOON * MINUTE_US, "known_at": (NOON + 1) * MINUTE_US + 5_000_000, "vol": 0.0},
        {"ts": (NOON + 1) * MINUTE_US, "known_at": (NOON + 9) * MINUTE_US, "vol": 1.0},
    ]


def test_a_revision_stands_beside_the_first_and_a_correction_takes_its_place(config: Config) -> None:
    write(config, VOL, vols([NOON], [1.0]), TO_BTC)
    first = newest(config)
    revised = write(config, VOL, vols([NOON], [2.0], known_at=times([NOON + 60])), TO_BTC)
    assert (revised.rows["new"], revised.rows["corrected"]) == (1, 0)
    corrected = write(config, VOL, vols([NOON], [3.0]), TO_BTC)
    assert (corrected.rows["new"], corrected.rows["corrected"]) == (0, 1)
    assert [row["vol"] for row in stored(config)] == [3.0, 2.0]
    assert [row["vol"] for row in stored(config, as_of=first)] == [1.0]


def test_what_is_stored_already_writes_nothing(config: Config) -> None:
    first = write(config, VOL, vols([NOON, NOON + 1]), TO_BTC)
    again = write(config, VOL, vols([NOON, NOON + 1]), TO_BTC)
    assert (again.status, again.snapshot, again.files_written) == ("unchanged", first.snapshot, 0)
    assert again.rows == {"read": 2, "new": 0, "identical": 2, "corrected": 0, "superseded": 0, "quarantined": 0}


def test_the_last_of_several_rows_of_one_key_stays(config: Config) -> None:
    report = write(config, VOL, vols([NOON, NOON, NOON], [1.0, 2.0, 2.0]), TO_BTC)
    assert report.rows == {"read": 3, "new": 1, "identical": 1, "corrected": 0, "superseded": 1, "quarantined": 0}
    assert [row["vol"] for row in stored(config)] == [2.0]


# ---- look-ahead ------------------------------------------------------------------------------------------------------


def test_known_at_the_very_end_of_the_bar_is_no_look_ahead(config: Config) -> None:
    assert write(config, VOL, vols([NOON], known_at=times([NOON + 1])), TO_BTC).rows["new"] == 1


def test_a_microsecond_before_the_end_of_the_bar_is_refused_with_all_others(config: Config) -> None:
    known = pa.array([(NOON + 1) * MINUTE_US - 1, *((NOON + at) * MINUTE_US for at in (1, 2, 99))]).cast(UTC_US)
    with pytest.raises(LakeError) as caught:
        write(config, VOL, vols([NOON, NOON + 1, NOON + 2, NOON + 3], known_at=known), TO_BTC)
    assert (caught.value.code, caught.value.exit) == ("E_LOOKAHEAD", 12)
    assert caught.value.message == "3 feature rows are stamped before their inputs end; nothing was written"
    assert caught.value.where == "vol.v1, first 2024-03-05 10:00 needs bars/1m to 10:01"
    assert (series(config), newest(config)) == ([], 1)


def test_a_row_stamped_at_the_close_is_known_at_its_own_time(tmp_path: Path) -> None:
    closed = replace(VOL, serving=Serving(stamp="close"))
    config = lake_with(tmp_path, closed)
    assert write(config, closed, vols([NOON], known_at=times([NOON])), TO_BTC).rows["new"] == 1
    with pytest.raises(LakeError, match="1 feature row is stamped before its inputs end"):
        write(config, closed, vols([NOON], known_at=times([NOON - 1])), TO_BTC)


def test_look_ahead_is_kept_aside_where_that_is_asked_for(config: Config) -> None:
    asked = replace(TO_BTC, on_bad="quarantine")
    report = write(config, VOL, vols([NOON, NOON + 1], known_at=times([NOON, NOON + 2])), asked)
    assert report.rejected == {"look_ahead": 1}
    assert report.rows == {"read": 2, "new": 1, "identical": 0, "corrected": 0, "superseded": 0, "quarantined": 1}
    [(line, reason, raw)] = quarantined(config)
    assert (line, reason) == (1, "look_ahead")
    assert '"vol": 0.0' in raw
    assert [row["vol"] for row in stored(config)] == [1.0]


# ---- bad rows --------------------------------------------------------------------------------------------------------


def test_rows_that_break_the_schema_are_kept_aside_while_they_are_few(config: Config) -> None:
    values = [float("inf")] * DEFAULT_BAD_ROWS + [1.0]
    report = write(config, VOL, vols(range(NOON, NOON + len(values)), values), TO_BTC)
    assert (report.rejected, report.rows["new"]) == ({"bad_number": DEFAULT_BAD_ROWS}, 1)
    assert ledgers(config) == [(DEFAULT_BAD_ROWS + 1, 1, 0, 0, 0, DEFAULT_BAD_ROWS)]
    assert [line for line, _, _ in quarantined(config)] == list(range(1, DEFAULT_BAD_ROWS + 1))
    with pytest.raises(LakeError, match=r"21 of 22 rows read are bad; nothing was written"):
        write(config, VOL, vols(range(NOON, NOON + 22), [float("inf"), *values]), TO_BTC)


def test_one_bad_row_refuses_where_that_is_asked_for(config: Config) -> None:
    with pytest.raises(LakeError, match="1 of 2 rows read are bad") as caught:
        write(config, VOL, vols([NOON, NOON + 1], [1.0, float("inf")]), replace(TO_BTC, on_bad="refuse"))
    assert caught.value.code == "E_SCHEMA"
    assert "line 2: vol is inf" in caught.value.where
    assert newest(config) == 1


# ---- series ----------------------------------------------------------------------------------------------------------


def test_rows_of_many_series_go_in_one_snapshot(config: Config) -> None:
    table = vols([NOON, NOON, NOON + 1], symbol=["BTC/USDT", "BTC_USDT", "BTC/USDT"])
    report = write(config, VOL, table, WriteRequest(Names("BINANCE", "SPOT")))
    assert report.snapshot == newest(config) == 2
    assert [(each.address, each.rows["new"]) for each in report.series] == [
        ("BINANCE/SPOT/BTC%2FUSDT/features/vol.v1", 2),
        ("BINANCE/SPOT/BTC_USDT/features/vol.v1", 1),
    ]
    assert [row["vol"] for row in stored(config, VOL.address("BINANCE", "SPOT", "BTC/USDT"))] == [0.0, 2.0]
    assert [row["vol"] for row in stored(config, VOL.address("BINANCE", "SPOT", "BTC_USDT"))] == [1.0]


def test_many_series_in_any_order_are_each_what_they_were_given(config: Config) -> None:
    rng = np.random.default_rng(4)
    minutes, numbers = rng.integers(NOON, NOON + 5 * 1440, 20_000), rng.integers(0, 30, 20_000)
    values = rng.normal(size=20_000)
    table = vols(minutes.tolist(), values.tolist(), symbol=[f"S{number}" for number in numbers])
    write(config, VOL, table, WriteRequest(Names("X", "SPOT")))
    expected: dict[int, dict[int, float]] = {}
    for minute, number, value in zip(minutes.tolist(), numbers.tolist(), values.tolist(), strict=True):
        expected.setdefault(number, {})[minute * MINUTE_US] = value
    for number, rows in expected.items():
        found = {row["ts"]: row["vol"] for row in stored(config, VOL.address("X", "SPOT", f"S{number}"))}
        assert found == rows


def test_two_symbols_with_files_of_one_name_never_write_over_each_other(config: Config, tmp_path: Path) -> None:
    for number, symbol in enumerate(("AAA", "BBB")):
        folder = tmp_path / symbol
        folder.mkdir()
        pq.write_table(vols([NOON], [float(number)]), folder / "2024-03-05.parquet")
        write(config, VOL, folder / "2024-03-05.parquet", WriteRequest(Names("X", "SPOT", symbol)))
    found = {name: stored(config, VOL.address("X", "SPOT", name))[0]["vol"] for name in ("AAA", "BBB")}
    assert found == {"AAA": 0.0, "BBB": 1.0}


@pytest.mark.parametrize(
    ("change", "known_at", "warned"),
    [
        ({}, None, 2),
        ({}, times([NOON, NOON]), 0),
        ({"inputs": ("bars/1m",)}, None, 0),
        ({"inputs": ("ticks/trade",)}, None, 0),
        ({"serving": Serving(stamp="close")}, None, 0),
        ({"serving": Serving(delay_us=1)}, None, 0),
    ],
)
def test_rows_of_which_nothing_tells_when_they_were_known_are_told(
    tmp_path: Path, change: dict[str, Any], known_at: pa.Array | None, warned: int
) -> None:
    bare = replace(VOL, **({"inputs": ()} | change))
    rows = vols([NOON - 1, NOON], **({} if known_at is None else {"known_at": known_at}))
    report = write(lake_with(tmp_path, bare), bare, rows, TO_BTC)
    assert [text.partition(",")[0] for text in report.warnings] == ["2 rows do not say known_at"][:warned]


def test_a_shared_set_needs_no_names(tmp_path: Path) -> None:
    config = lake_with(tmp_path, SHARED)
    write(config, SHARED, pa.table({"ts": times([NOON]), "mood": [0.5]}))
    assert series(config, SHARED.key) == ["_ALL/_ALL/_ALL/features/mood.v1"]


def test_what_rows_and_caller_say_must_agree(config: Config) -> None:
    with pytest.raises(LakeError, match=r"rows of symbol 'ETHUSDT', and 'BTCUSDT' was said"):
        write(config, VOL, vols([NOON], symbol=["ETHUSDT"]), TO_BTC)
    assert write(config, VOL, vols([NOON], symbol=["btcusdt"]), TO_BTC).rows["new"] == 1
    with pytest.raises(LakeError, match="the rows do not say their market") as caught:
        write(config, VOL, vols([NOON], symbol=["BTCUSDT"]), WriteRequest(Names("BINANCE")))
    assert caught.value.code == "E_USAGE"


def test_a_symbol_in_two_spellings_is_refused(config: Config) -> None:
    with pytest.raises(LakeError) as caught:
        write(config, VOL, vols([NOON, NOON], symbol=["Aave", "AAVE"]), WriteRequest(Names("X", "SPOT")))
    assert caught.value.code == "E_SYMBOL_CASE"
    assert newest(config) == 1


# ---- modes -----------------------------------------------------------------------------------------------------------


def test_append_refuses_every_series_for_one(config: Config) -> None:
    names = WriteRequest(Names("X", "SPOT"))
    write(config, VOL, vols([NOON, NOON + 9], symbol=["A", "B"]), names)
    with pytest.raises(LakeError) as caught:
        write(config, VOL, vols([NOON + 5, NOON + 5], symbol=["A", "B"]), replace(names, mode="append"))
    assert (caught.value.code, newest(config)) == ("E_CONFLICT", 2)
    report = write(config, VOL, vols([NOON + 5, NOON + 10], symbol=["A", "B"]), replace(names, mode="append"))
    assert report.rows["new"] == 2


def test_replace_puts_rows_in_the_place_of_what_lies_between_them(config: Config) -> None:
    write(config, VOL, vols(range(NOON, NOON + 10)), TO_BTC)
    report = write(config, VOL, vols([NOON + 2, NOON + 7], [8.0, 9.0]), replace(TO_BTC, mode="replace"))
    assert report.status == "committed"
    assert [row["vol"] for row in stored(config)] == [0.0, 1.0, 8.0, 9.0, 8.0, 9.0]


def test_an_unknown_mode_is_refused(config: Config) -> None:
    with pytest.raises(LakeError, match="'merge' is not a mode"):
        write(config, VOL, vols([NOON]), replace(TO_BTC, mode="merge"))  # type: ignore[arg-type]  # that is the point


# ---- files -----------------------------------------------------------------------------------------------------------


def test_an_unknown_way_with_bad_rows_is_refused(config: Config) -> None:
    request = replace(TO_BTC, on_bad="drop")  # type: ignore[arg-type]  # what a caller may say
    with pytest.raises(LakeError, match="'drop' is none of refuse, quarantine"):
        write(config, VOL, vols([NOON]), request)


def test_a_text_that_is_called_parquet_is_refused(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "features.parquet"
    path.write_text("DUMMY PARQUET CONTENT")
    with pytest.raises(LakeError) as caught:
        write(config, VOL, path, TO_BTC)
    assert (caught.value.code, caught.value.exit) == ("E_SOURCE_UNREADABLE", 12)
    assert (series(config), newest(config)) == ([], 1)


def test_a_file_that_is_not_there_is_named(config: Config, tmp_path: Path) -> None:
    with pytest.raises(LakeError) as caught:
        write(config, VOL, tmp_path / "none.parquet", TO_BTC)
    assert caught.value.code == "E_SOURCE_NOT_FOUND"


def test_the_same_file_again_is_a_no_op_until_its_effect_is_gone(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "vol.csv.gz"
    path.write_bytes(gzip.compress(b"ts,vol\n2024-03-05 10:00,1\n2024-03-05 10:01,oops\n"))
    first = write(config, VOL, path, TO_BTC)
    assert (first.rows["new"], first.rejected) == (1, {"bad_number": 1})
    assert quarantined(config) == [(3, "bad_number", "2024-03-05 10:01,oops")]
    again = write(config, VOL, path, TO_BTC)
    assert (again.status, again.snapshot, again.run) == ("unchanged", first.snapshot, first.run)
    assert again.rows == {"read": 2, "new": 0, "identical": 1, "corrected": 0, "superseded": 0, "quarantined": 1}
    assert write(config, VOL, path, WriteRequest(replace(NAMES, symbol="ETHUSDT"))).status == "committed"
    delete_features(config, VOL, FeatureDeleteRequest((OF_VOL,)))
    assert write(config, VOL, path, TO_BTC).rows["new"] == 1


def test_the_same_file_again_renews_what_its_rows_were_made_from(config: Config, tmp_path: Path) -> None:
    give_bars(config, [NOON], 1.0)
    pq.write_table(vols([NOON]), tmp_path / "vol.parquet")
    write(config, VOL, tmp_path / "vol.parquet", TO_BTC)
    give_bars(config, [NOON], 2.0)
    [before] = lineage(config)
    report = write(config, VOL, tmp_path / "vol.parquet", TO_BTC)
    [after] = lineage(config)
    assert (report.status, report.lineage, report.files_written) == ("committed", 1, 0)
    assert (before.suspect, after.suspect) == (True, False)
    assert write(config, VOL, tmp_path / "vol.parquet", TO_BTC).status == "unchanged"


# ---- libraries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "ts", "timestamp", "date", "datetime", "time"])
def test_a_pandas_index_of_times_is_ts(config: Config, name: str | None) -> None:
    index = pd.date_range("2024-03-05 10:00", periods=3, freq="min", tz="UTC", name=name)
    frame = pd.DataFrame({"vol": [1.0, np.nan, 3.0]}, index=index)
    write(config, VOL, frame, TO_BTC)
    assert [(row["ts"] // MINUTE_US - NOON, row.get("vol")) for row in stored(config)] == [
        (0, 1.0),
        (1, None),
        (2, 3.0),
    ]


def test_a_polars_frame_is_taken(config: Config) -> None:
    frame = pl.DataFrame({"ts": [NOON * MINUTE_US], "vol": [1.0]}).with_columns(
        pl.col("ts").cast(pl.Datetime("us", "UTC"))
    )
    assert write(config, VOL, frame, TO_BTC).rows["new"] == 1


def test_the_one_column_of_times_is_taken_for_ts(config: Config) -> None:
    report = write(config, VOL, vols([NOON]).rename_columns(["open_time", "vol"]), TO_BTC)
    assert (report.ts_from, report.rows["new"]) == ("open_time", 1)


# ---- versions --------------------------------------------------------------------------------------------------------


def test_version_10_comes_after_9(tmp_path: Path) -> None:
    sets = [replace(VOL, version=version) for version in ("9", "10")]
    config = lake_with(tmp_path, *sets)
    for each in sets:
        write(config, each, vols([NOON]), TO_BTC)
    with Manifest.open(config) as manifest:
        assert Sets(manifest).named("vol").set.version == "10"


def test_a_version_that_is_deleted_meanwhile_takes_no_rows(config: Config) -> None:
    def then(_progress: object) -> None:
        delete_features(config, VOL, FeatureDeleteRequest())

    with pytest.raises(LakeError) as caught:
        write(config, VOL, vols([NOON]), TO_BTC, progress=then)
    assert caught.value.code == "E_UNKNOWN_FEATURES"
    assert series(config) == []


def test_a_check_of_the_users_own_refuses_the_partition(config: Config) -> None:
    class Sane:
        name, blocking = "sane", True

        def function(self, table: pa.Table) -> object:
            return max(table["vol"].to_pylist()) < 5

    with pytest.raises(LakeError, match="sane") as caught:
        write(config, VOL, vols([NOON], [9.0]), TO_BTC, checks=lambda _key: [Sane()])
    assert caught.value.code == "E_CHECK"
    assert write(config, VOL, vols([NOON], [1.0]), TO_BTC, checks=lambda _key: [Sane()]).rows["new"] == 1


def test_the_ledger_is_stored_for_tables_too(config: Config) -> None:
    write(config, VOL, vols([NOON, NOON], [1.0, 2.0]), TO_BTC)
    assert ledgers(config) == [(2, 1, 0, 0, 1, 0)]
