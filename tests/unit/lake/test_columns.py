"""A set that gained nullable columns: its older files are read with nulls there, by whatever reads files."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake import files, study
from lake.backup import backup, restore_backup
from lake.check import verify
from lake.config import locate
from lake.delete import DeleteRequest, delete
from lake.diff import Side, diff
from lake.errors import LakeError
from lake.manifest import Manifest, graph
from lake.offload import RestoreRequest, restore
from lake.places import Places
from lake.read import Scan
from lake.repair import RepairRequest, repair
from lake.rollback import RollbackRequest, rollback
from lake.seal import SealRequest, seal
from lake.write import write
from schemas import assets
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY, Column, Schema
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import FEATURES, MINUTE_US, Row, feature, plain, table
from tests.tiers import hot_files, move_away

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lake.config import Config

DAY = 1440
DAY_NS = DAY * MINUTE_US * 1000
GAINED = (
    Column("extra", "float64", nullable=True),
    Column("count", "int64", nullable=True),
    Column("sure", "bool", nullable=True),
    Column("word", "category", nullable=True),
    Column("note", "text", nullable=True),
    Column("seen", "timestamp_us", nullable=True),
    Column("small", "float32", nullable=True),
    Column("vector", "float32", nullable=True, length=3),
)
NAMES = [column.name for column in GAINED]
METRIC = Schema("metrics_gained", 1, (Column("ts", "timestamp_us"), Column("value", "float64"), *IDENTITY), key=("ts",))
OLD = {"features/gained.v1": FEATURES, "metrics/gained": METRIC}
KEYS = pytest.mark.parametrize("key", OLD, indirect=True)


def widened(schema: Schema) -> Schema:
    own = schema.columns[: -len(IDENTITY)]
    return dataclasses.replace(schema, version=2, columns=(*own, *GAINED, *IDENTITY))


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "features/gained.v1"))


@pytest.fixture
def address(key: str) -> Address:
    return Address.of("X", "SPOT", "Y", *key.split("/"))


def known(minute: int, **values: object) -> Row:
    """Return a row that both kinds of set can have; of a metric, known_at is left out by `rows_for`."""
    return feature(minute, 1, float(minute), **values)


BEFORE = [known(minute) for minute in (0, 1, DAY, DAY + 1, DAY + 2)]
NEW = known(
    DAY + 3, extra=0.5, count=7, sure=True, word="up", note="n", seen=MINUTE_US, small=0.5, vector=[1.0, 2.0, 3.0]
)


def rows_for(schema: Schema, rows: Sequence[Row]) -> list[Row]:
    return [{name: value for name, value in row.items() if name in schema.names} for row in rows]


def put(config: Config, address: Address, *rows: Row) -> dict[str, int]:
    schema = assets.schema_of(address.key)
    return write(config, address, table(schema, rows_for(schema, rows))).rows


@pytest.fixture
def lake(tmp_path: Path, key: str, address: Address, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return a lake with two days of before the set gained its columns; it has them now."""
    monkeypatch.setattr(assets, "_SCHEMAS", dict(assets._SCHEMAS))
    monkeypatch.setattr(assets, "_ORIGINS", dict(assets._ORIGINS))
    config = make_lake(tmp_path / "lake")
    assets.declare(key, OLD[key], "columns")
    put(config, address, *BEFORE)
    assets.declare(key, widened(OLD[key]), "columns")
    return config


def scanned(config: Config, address: Address, **asked: Any) -> pa.Table:  # noqa: ANN401 -- what a scan may be asked
    with Manifest.open(config) as manifest:
        return Scan(config, manifest, [address], **asked).to_arrow()


def held(config: Config, address: Address, **asked: Any) -> list[Row]:  # noqa: ANN401 -- as above
    return plain(scanned(config, address, **asked))


def contents(config: Config, address: Address) -> dict[str, str]:
    """Return the content hash of every live file by its partition."""
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        assert series is not None
        return {label: file.content_hash for label, file in manifest.current(series.id).items()}


def columns_of(config: Config) -> list[list[str]]:
    """Return the columns of the hot files in order of time, but for those that older ones have too."""
    paths = sorted(hot_files(config))
    return [[name for name in pq.read_schema(config.data / path).names if name in NAMES] for path in paths]


def of(schema: Schema, rows: Sequence[Row]) -> list[Row]:
    """Return rows as a read gives them plainly: without nulls, in the order of the columns."""
    return plain(table(schema, rows_for(schema, rows)))


# ---- reading ---------------------------------------------------------------------------------------------------------


@KEYS
def test_what_older_files_lack_is_null_and_typed(lake: Config, address: Address) -> None:
    schema = widened(OLD[address.key])
    found = scanned(lake, address)
    assert columns_of(lake) == [[], []]
    assert found.schema.equals(arrow_schema(schema))
    assert plain(found) == of(schema, BEFORE)
    assert [found.column(name).null_count for name in NAMES] == [len(BEFORE)] * len(NAMES)


@KEYS
def test_the_new_columns_may_be_all_that_is_read(lake: Config, address: Address) -> None:
    put(lake, address, known(2 * DAY, extra=1.5))
    for names in (["extra"], ["word", "extra"], ["extra", "ts"]):
        found = scanned(lake, address, columns=names)
        assert found.column_names == names
        assert found.column("extra").to_pylist() == [None] * 5 + [1.5]


@pytest.mark.parametrize("names", [None, ["extra"], ["note", "ts", "value"]])
def test_the_edges_of_a_range_are_cut_too(lake: Config, address: Address, names: list[str] | None) -> None:
    between: dict[str, Any] = {"start_ns": MINUTE_US * 1000, "end_ns": DAY_NS + MINUTE_US * 1000}
    assert scanned(lake, address, columns=names, **between).num_rows == 2
    with Manifest.open(lake) as manifest:
        scan = Scan(lake, manifest, [address], columns=names, **between)
        assert scan.count() == 2
        assert [batch.num_rows for batch in scan.batches(1)] == [1, 1]
        assert scan.reader().read_all().num_rows == 2


def test_small_pieces_and_row_groups_are_filled_as_well(
    lake: Config, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_ROWS", 1)
    with Manifest.open(lake) as manifest:
        [first, _] = Scan(lake, manifest, [address]).plan
    with Places(lake).parquet(first, widened(FEATURES)) as parquet:
        pieces = list(files.read_pieces(parquet, ["extra"]))
        assert [piece.to_pylist() for piece in pieces] == [[{"extra": None}]] * 2
        assert files.read_group(parquet, 0, ["word", "value"]).to_pylist() == [
            {"word": None, "value": 0.0},
            {"word": None, "value": 1.0},
        ]


# ---- what makes files anew -------------------------------------------------------------------------------------------


@KEYS
def test_a_write_into_an_older_partition_gives_it_the_columns(lake: Config, address: Address) -> None:
    schema = widened(OLD[address.key])
    assert put(lake, address, NEW) == {"read": 1, "new": 1, "identical": 0, "corrected": 0, "superseded": 0}
    assert columns_of(lake) == [[], NAMES]
    assert held(lake, address) == of(schema, [*BEFORE, NEW])
    assert held(lake, address, as_of=1) == of(schema, BEFORE)
    assert verify(lake).ok


@KEYS
def test_the_same_rows_write_nothing_and_a_value_is_a_correction(lake: Config, address: Address) -> None:
    assert put(lake, address, *BEFORE)["identical"] == len(BEFORE)
    assert columns_of(lake) == [[], []]
    assert put(lake, address, BEFORE[0], BEFORE[1] | {"count": 3})["corrected"] == 1
    assert columns_of(lake) == [NAMES, []]
    schema = widened(OLD[address.key])
    assert held(lake, address) == of(schema, [BEFORE[0], BEFORE[1] | {"count": 3}, *BEFORE[2:]])


@KEYS
def test_sealing_keeps_rows_and_content_hashes(lake: Config, address: Address) -> None:
    put(lake, address, known(2 * DAY, extra=1.0))
    days, rows = contents(lake, address), held(lake, address)
    report = seal(lake, SealRequest())
    assert [month.rows for month in report.months] == [6]
    assert columns_of(lake) == [NAMES]
    assert held(lake, address) == rows
    with Manifest.open(lake) as manifest:
        series = manifest.find(address)
        assert series is not None
        parts = graph.parts(manifest, series.id, None, None)
    assert {part.partition: part.content_hash for part in parts} == days


def test_a_delete_at_the_edge_and_a_rollback_keep_the_others(lake: Config, address: Address) -> None:
    before = contents(lake, address)
    delete(lake, DeleteRequest((str(address),), DAY_NS, DAY_NS + 1))
    schema = widened(FEATURES)
    assert columns_of(lake) == [[], NAMES]
    assert held(lake, address) == of(schema, [*BEFORE[:2], *BEFORE[3:]])
    rollback(lake, RollbackRequest((str(address),), 1))
    assert held(lake, address) == of(schema, BEFORE)
    assert columns_of(lake) == [[], NAMES]
    assert contents(lake, address) == before


def test_rows_are_appended_behind_older_ones(lake: Config, address: Address) -> None:
    schema = widened(FEATURES)
    later = [feature(DAY + 2, 2, 9.0, extra=1.0)]
    write(lake, address, table(schema, later), mode="append")
    assert held(lake, address) == of(schema, [*BEFORE, *later])
    with pytest.raises(LakeError, match="not behind"):
        write(lake, address, table(schema, later), mode="append")


# ---- comparing, keeping, mending -------------------------------------------------------------------------------------


@KEYS
def test_a_difference_is_told_of_the_new_columns(lake: Config, address: Address) -> None:
    put(lake, address, BEFORE[0] | {"extra": 2.0}, BEFORE[1])
    with Manifest.open(lake) as manifest:
        report = diff(lake, manifest, Side(address, 1), Side(address, 2))
    assert report.tally.columns == {"extra": 1}
    assert (report.tally.changed, report.tally.added, report.tally.removed) == (1, 0, 0)
    assert [row.get("extra") for row in plain(report.changed_old) + plain(report.changed_new)] == [None, 2.0]


def test_a_study_of_before_holds(lake: Config, address: Address) -> None:
    assets.declare(address.key, FEATURES, "columns")
    with Manifest.open(lake) as manifest:
        lock = study.take(lake, manifest, [str(address)])
    assets.declare(address.key, widened(FEATURES), "columns")
    with Manifest.open(lake) as manifest:
        [checked] = study.check(lake, manifest, lock)
    assert checked.origin == "snapshot"
    assert seal(lake, SealRequest()).months
    with Manifest.open(lake) as manifest:
        assert len(study.check(lake, manifest, lock)) == 1


def test_older_files_move_and_are_kept_as_they_are(lake: Config, address: Address, tmp_path: Path) -> None:
    rows = held(lake, address)
    assert move_away(lake, tmp_path / "cold", older_than_ns=0).status == "committed"
    assert hot_files(lake) == set()
    assert held(lake, address) == rows
    backup(lake, tmp_path / "copy")
    assert restore(lake, RestoreRequest((str(address),))).status == "committed"
    assert (held(lake, address), columns_of(lake)) == (rows, [[], []])
    restore_backup(locate(tmp_path / "new", must_exist=False), tmp_path / "copy")
    assert held(locate(tmp_path / "new"), address) == rows
    assert verify(locate(tmp_path / "new")).ok


@KEYS
def test_a_manifest_is_made_again_from_older_footers(lake: Config, address: Address) -> None:
    put(lake, address, known(2 * DAY, extra=1.0))
    rows, hashes = held(lake, address), contents(lake, address)
    lake.manifest.unlink()
    shutil.rmtree(lake.log.parent)
    assert repair(lake, RepairRequest("log")).ok
    assert (held(lake, address), contents(lake, address)) == (rows, hashes)
    with Manifest.open(lake) as manifest:
        assert sorted(file.schema_version for file in manifest.all_files()) == [1, 1, 2]


# ---- what is no gain -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ((*FEATURES.columns[:3], Column("must", "float64"), *IDENTITY), "lacks the column must"),
        ((*FEATURES.columns[:2], *GAINED, *IDENTITY), "has no such columns: value"),
        ((*FEATURES.columns[:2], Column("other", "float64", nullable=True), *IDENTITY), "no such columns: value"),
        ((*FEATURES.columns[:2], Column("value", "int64"), *IDENTITY), "its column value is double, and int64"),
        ((*FEATURES.columns[:2], Column("value", "text"), *GAINED, *IDENTITY), "its column value is double"),
    ],
)
def test_other_columns_than_the_schema_allows_are_an_error(
    lake: Config, address: Address, columns: tuple[Column, ...], told: str
) -> None:
    assets.declare(address.key, dataclasses.replace(FEATURES, version=3, columns=columns), "columns")
    for names in (None, ["ts"]):
        with pytest.raises(LakeError, match=told) as caught:
            scanned(lake, address, columns=names)
        assert caught.value.code == "E_FILE_DAMAGED"


# ---- other engines ---------------------------------------------------------------------------------------------------


def test_a_glob_over_both_wants_the_union_by_name(lake: Config, address: Address) -> None:
    put(lake, address, known(2 * DAY, extra=1.5))
    pattern = str(lake.data / "X" / "**" / "*.parquet")
    both = duckdb.read_parquet(pattern, union_by_name=True)
    assert both.order("ts").project("extra").fetchall() == [(None,)] * 5 + [(1.5,)]
    assert "extra" not in duckdb.read_parquet(pattern).columns  # the first file decides, and it is the oldest
    newest_first = sorted(map(str, lake.data.glob("X/**/*.parquet")), reverse=True)
    with pytest.raises(duckdb.InvalidInputException, match="schema mismatch in glob"):
        duckdb.read_parquet(newest_first).fetchall()
    assert seal(lake, SealRequest()).months
    assert duckdb.read_parquet(pattern).order("ts").project("extra").fetchall() == [(None,)] * 5 + [(1.5,)]
