"""The lakes that verbs are tried on, what is done to them, and what is looked at afterwards."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from lake import layout
from lake import vacuum as vacuuming
from lake.aggregate import AggregateRequest, aggregate
from lake.aggregate import run as aggregation
from lake.backup import backup, restore_backup
from lake.check import verify
from lake.config import locate
from lake.delete import DeleteRequest, delete
from lake.expire import ExpireRequest, expire
from lake.manifest import Manifest, naming
from lake.offload import OffloadRequest, RestoreRequest, model, offload, restore
from lake.reference import ImportRequest, import_file
from lake.rollback import RollbackRequest, rollback
from lake.seal import SealRequest, seal
from lake.seal import run as sealing
from lake.snapshots import create, drop
from lake.vacuum import VacuumRequest, vacuum
from lake.write import write
from pipelines import checking, making
from pipelines.assets import ASSETS
from pipelines.selection import select
from schemas.assets import AssetSpec, declare
from schemas.graph import Registry
from schemas.keys import Address
from tests.fault.harness.lakes import BTC, DAY_NS, FAR_NS, FIRST_DAY, as_of, newest, take, write_source
from tests.tables import bar, bars

if TYPE_CHECKING:
    from lake.config import Config

SELECTED = "BINANCE/SPOT/BTCUSDT/bars/1m"
VERSION_2 = Path(__file__).parent.parent / "version2"
GAP = Address.of("BINANCE", "SPOT", "BTCUSDT", "metrics", "faults-gap")
DAY_MINUTES = 1440


# ---- the lakes before ------------------------------------------------------------------------------------------------


def sources(_config: Config, folder: Path) -> None:
    write_source(folder / "base.csv", range(2), 100.0)
    write_source(folder / "more.csv", range(1, 3), 101.0)


def two_days(config: Config, folder: Path) -> None:
    sources(config, folder)
    Manifest.create(config)
    take(config, folder / "base.csv")


def three_days(config: Config, folder: Path) -> None:
    two_days(config, folder)
    take(config, folder / "more.csv")


def files_of_records(config: Config, folder: Path) -> None:
    three_days(config, folder)
    (folder / "instruments.csv").write_text("tick_size,aliases\n0.01,XBTUSDT\n")
    (folder / "actions.csv").write_text("ex_date,action,ratio\n2022-01-10,split,2\n2022-01-11,split,3\n")


def three_months(config: Config, folder: Path) -> None:
    write_source(folder / "base.csv", range(0, 75, 15), 100.0)
    write_source(folder / "late.csv", (15, 31), 102.0)
    Manifest.create(config)
    take(config, folder / "base.csv")


def sealed_months(config: Config, folder: Path) -> None:
    three_months(config, folder)
    seal_all(config, folder)


def named_months(config: Config, folder: Path) -> None:
    sealed_months(config, folder)
    create(config, "clean")
    take(config, folder / "late.csv")


def aggregated(config: Config, folder: Path) -> None:
    three_days(config, folder)
    aggregate(config, AggregateRequest(BTC, ("5m", "1d"), end_ns=(FIRST_DAY + 1) * DAY_NS))
    write_source(folder / "late.csv", range(2), 103.0)
    take(config, folder / "late.csv")


def offloaded(config: Config, folder: Path) -> None:
    three_months(config, folder)
    offload_all(config, folder)


def forgotten(config: Config, folder: Path) -> None:
    """Lay out a lake with a name, files of which hot, replaced and cold ones are needed no more, and an orphan."""
    named_months(config, folder)
    offload_all(config, folder)
    take(config, folder / "base.csv")
    write_source(folder / "other.csv", (0, 45), 104.0)
    take(config, folder / "other.csv")
    nobodys = config.data / SELECTED / "2022/01/30" / layout.file_name("ab" * 32)
    nobodys.parent.mkdir(parents=True)
    nobodys.write_bytes(b"of a writer that was killed")
    forget(config, folder)


def version_2(config: Config, _folder: Path) -> None:
    """Lay out a lake as the program of manifest version 2 left it: three snapshots, their log, no data files."""
    config.log.parent.mkdir(parents=True)
    shutil.copy(VERSION_2 / "commits.jsonl", config.log)
    connection = sqlite3.connect(config.manifest)
    connection.executescript((VERSION_2 / "manifest.sql").read_text("utf-8"))
    connection.close()


# ---- the acts --------------------------------------------------------------------------------------------------------


def init(config: Config, _folder: Path) -> object:
    return Manifest.create(config)


def ingest_base(config: Config, folder: Path) -> object:
    return take(config, folder / "base.csv")


def ingest_more(config: Config, folder: Path) -> object:
    return take(config, folder / "more.csv")


def ingest_late(config: Config, folder: Path) -> object:
    return take(config, folder / "late.csv")


def write_bars(config: Config, _folder: Path) -> object:
    minute = (FIRST_DAY + 1) * DAY_MINUTES
    return write(config, BTC, bars(*(bar(minute + at, 150.0) for at in (3, 20, DAY_MINUTES))))


def seal_all(config: Config, _folder: Path) -> object:
    """Seal in several commits."""
    sealing.COMMIT_MONTHS = 2
    return seal(config, SealRequest(), now_ns=FAR_NS)


def offload_all(config: Config, folder: Path) -> object:
    """Move everything, in several commits, and remove the hot copies at once."""
    model.BATCH_FILES = 3
    request = OffloadRequest(to=str(folder / "cold"), older_than_ns=0, grace_s=0, force=True)
    report = offload(config, request)
    assert report.findings == []
    return report


def only_cold(config: Config, folder: Path) -> None:
    """Find every live file in the tier, and there only."""
    hot = list(config.data.glob("[A-Z]*/**/*.parquet"))
    assert not hot, hot
    with Manifest.open(config) as manifest:
        paths = {file.path for file in manifest.all_files(live_only=True)}
    cold = folder / "cold"
    there = {path.relative_to(cold).as_posix() for path in cold.rglob("*") if path.suffix in {".parquet", ".tmp"}}
    assert there == paths, there ^ paths


def restore_all(config: Config, _folder: Path) -> object:
    model.BATCH_FILES = 3
    report = restore(config, RestoreRequest((SELECTED,)))
    assert report.findings == []
    return report


def aggregate_all(config: Config, _folder: Path) -> object:
    """Make what is missing and what is stale, in several commits."""
    aggregation.COMMIT_PARTITIONS = 1
    return aggregate(config, AggregateRequest(BTC, ("5m", "1d")))


def delete_some(config: Config, _folder: Path) -> object:
    start = (FIRST_DAY + 15) * DAY_NS + 5 * 60 * 10**9
    return delete(config, DeleteRequest((SELECTED,), start, start + 20 * DAY_NS))


def roll_back(config: Config, _folder: Path) -> object:
    return rollback(config, RollbackRequest((SELECTED,), "clean"))


def name_newest(config: Config, _folder: Path) -> None:
    """Give a name, unless it is given."""
    with Manifest.open(config) as manifest:
        given = {row.name for row in naming.names(manifest)}
    if "clean" not in given:
        create(config, "clean")


def drop_name(config: Config, _folder: Path) -> None:
    with Manifest.open(config) as manifest:
        given = {row.name for row in naming.names(manifest)}
    if "clean" in given:
        drop(config, "clean")


def _import(config: Config, folder: Path, kind: Literal["instrument", "action"]) -> object:
    return import_file(config, ImportRequest(kind, folder / f"{kind}s.csv", "BINANCE", "SPOT", "BTCUSDT"))


def import_instruments(config: Config, folder: Path) -> object:
    return _import(config, folder, "instrument")


def import_actions(config: Config, folder: Path) -> object:
    return _import(config, folder, "action")


def forget(config: Config, _folder: Path) -> object:
    return expire(config, ExpireRequest(keep_last=1, force=True))


def give_back(config: Config, _folder: Path) -> object:
    """Give bytes back in several commits."""
    vacuuming.COMMIT_FILES = 3
    return vacuum(config, VacuumRequest(0, force=True))


def only_named(config: Config, _folder: Path) -> None:
    """Find the newest snapshots and the named one, and no other, in the order they were made."""
    with Manifest.open(config) as manifest:
        kept = [row.snapshot for row in manifest.history() if not row.expired]
        [named] = [row.snapshot for row in naming.names(manifest)]
    assert kept[-1] == named
    assert len(kept) <= len(("named", "newest before", "expire"))


def only_needed(config: Config, folder: Path) -> None:
    """Find on disk what the manifest names, and nothing else."""
    with Manifest.open(config) as manifest:
        named = {file.path for file in manifest.all_files()}
    hot = {path.relative_to(config.data) for path in config.data.rglob("*.parquet")}
    there = {path.as_posix().removeprefix(f"{layout.REPLACED}/") for path in hot}
    there |= {path.relative_to(folder / "cold").as_posix() for path in (folder / "cold").rglob("*.parquet")}
    assert there == named, there ^ named


def migrate(config: Config, _folder: Path) -> None:
    Manifest.open(config).close()


def migrated(config: Config, _folder: Path) -> None:
    with Manifest.open(config) as manifest:
        versions = manifest.versions()
    assert versions.found == versions.supported


def verify_all(config: Config, _folder: Path) -> None:
    report = verify(config)
    assert report.ok


def all_marked(config: Config, _folder: Path) -> None:
    assert verify(config).oldest_ns is not None


def _gaps(table: pa.Table) -> pa.Table:
    return pa.table({"ts": table["ts"], "gap": table["close"]})


def _gap_spec() -> AssetSpec:
    return AssetSpec.of(GAP.key, columns={"gap": "float64"}, upstreams=("bars/1m",), make=_gaps)


def declare_assets() -> None:
    """Declare the asset that a function makes, in this process."""
    spec = _gap_spec()
    declare(spec.key, spec.schema, "faults")


def make_gaps(config: Config, _folder: Path) -> None:
    """Make partitions by a function of the user's, in several commits."""
    making._COMMIT_PARTITIONS = 2
    made = making.make(config, _gap_spec(), GAP, [f"2022-01-{day:02}" for day in (8, 9, 10)])
    assert [each.failure for each in made] == [None] * 3


def check_assets(config: Config, _folder: Path) -> None:
    registry = Registry([*ASSETS, _gap_spec()])
    checking.check(config, registry, select("bars/1m", registry, [BTC]))


def back_up(config: Config, folder: Path) -> None:
    assert backup(config, folder / "copy").files.left_out == []


def backed_up(config: Config, folder: Path) -> None:
    """Back a lake up, and go on: a day is corrected, and others move to a tier."""
    three_months(config, folder)
    back_up(config, folder)
    take(config, folder / "late.csv")
    offload(config, OffloadRequest((SELECTED,), to=str(folder / "cold"), grace_s=0, force=True, older_than_ns=0))


def copy_is_whole(config: Config, folder: Path) -> int:
    """Make a lake of the backup, and compare it; return its snapshot."""
    shutil.rmtree(folder / "again", ignore_errors=True)
    snapshot = make_again(config, folder, "again")
    again_is_whole(config, folder, "again")
    return snapshot


def copy_is_new(config: Config, folder: Path) -> None:
    assert copy_is_whole(config, folder) == newest(config)
    found = verify(locate(folder / "copy"))
    assert (found.ok, found.orphans) == (True, [])


def make_again(_config: Config, folder: Path, name: str = "new") -> int:
    target = locate(folder / name, must_exist=False)
    if not target.manifest.exists():
        report = restore_backup(target, folder / "copy")
        assert report.ok
    return newest(target)


def again_is_whole(config: Config, folder: Path, name: str = "new") -> None:
    """Compare the lake that was made of the backup with the one it is of, unless it is not there yet."""
    if (folder / name / "manifest.db").exists():
        again = locate(folder / name)
        found = verify(again)
        assert (found.ok, found.orphans) == (True, [])
        assert as_of(again, newest(again)) == as_of(config, newest(again))


def again_is_there(config: Config, folder: Path) -> None:
    again_is_whole(config, folder)
    assert newest(locate(folder / "new")) == newest(locate(folder / "copy"))
