"""Every verb that writes to a lake, for faults to strike: one entry each.

A test of the architecture holds this table to the code: a module that opens the manifest to write is named by an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fault.harness import acts, features, repairs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config


def nothing(_config: Config, _folder: Path) -> None:
    """Leave all as it is."""


def unchecked(_report: object, _finished: bool) -> None:  # noqa: FBT001 -- as Verb says
    """Ask nothing of what is reported."""


def told(report: Any, finished: bool) -> None:  # noqa: ANN401, FBT001 -- as Verb says
    """Ask that what had been done is not done again, and what had not is."""
    assert report.status == ("unchanged" if finished else "committed")


def told_of_file(report: Any, finished: bool) -> None:  # noqa: ANN401, FBT001 -- as Verb says
    """Ask the same of an ingest of one file."""
    [file] = report.files
    told(file, finished)


@dataclass(frozen=True)
class Verb:
    """A verb: what the lake is before it, and what is done; all is given a lake and a folder of sources and tiers."""

    prepare: Callable[[Config, Path], object]
    acts: tuple[Callable[[Config, Path], Any], ...]
    """What is done, one after the other, each acknowledged when it returns."""
    covers: tuple[str, ...]
    """The modules whose writing this is about."""
    at_once: bool = False
    """Whether each act is one commit, or none."""
    changes: bool = True
    """Whether the lake holds something else afterwards, or only more is known of it."""
    read: bool = True
    """Whether the lake has its files; else only the manifest can be looked at."""
    mends: bool = False
    """Whether verification finds something until the verb has done its work."""
    forgets: bool = False
    """Whether snapshots that were there before may be gone afterwards."""
    again: Callable[[Any, bool], object] = unchecked
    """Looks at what the run after the fault reports; told whether the first one had done everything."""
    left: Callable[[Config, Path], object] = nothing
    """Looks at what the fault left beside the lake."""
    settled: Callable[[Config, Path], object] = nothing
    """Looks at the lake when all is done."""


VERBS: dict[str, Verb] = {
    "ingest": Verb(
        acts.sources,
        (acts.init, acts.ingest_base, acts.ingest_more),
        ("lake.ingest.run", "lake.manifest.migrations"),
        at_once=True,
        again=told_of_file,
    ),
    "late rows": Verb(acts.sealed_months, (acts.ingest_late,), ("lake.ingest.run",), at_once=True, again=told_of_file),
    "write": Verb(acts.three_days, (acts.write_bars,), ("lake.write.table",), at_once=True),
    "aggregate": Verb(acts.aggregated, (acts.aggregate_all,), ("lake.aggregate.run",), again=told),
    "seal": Verb(acts.three_months, (acts.seal_all,), ("lake.seal.run",), again=told),
    "offload": Verb(
        acts.three_months, (acts.offload_all,), ("lake.offload.moving",), again=told, settled=acts.only_cold
    ),
    "restore": Verb(acts.offloaded, (acts.restore_all,), ("lake.offload.restoring",), again=told),
    "migrate": Verb(
        acts.version_2, (acts.migrate,), ("lake.manifest.migrations",), changes=False, read=False, settled=acts.migrated
    ),
    "verify": Verb(acts.three_days, (acts.verify_all,), ("lake.check",), changes=False, settled=acts.all_marked),
    "delete": Verb(acts.sealed_months, (acts.delete_some,), ("lake.delete",), at_once=True, again=told),
    "rollback": Verb(acts.named_months, (acts.roll_back,), ("lake.rollback",), at_once=True, again=told),
    "expire": Verb(
        acts.named_months,
        (acts.forget,),
        ("lake.expire",),
        at_once=True,
        changes=False,
        forgets=True,
        settled=acts.only_named,
    ),
    "vacuum": Verb(
        acts.forgotten, (acts.give_back,), ("lake.vacuum",), changes=False, forgets=True, settled=acts.only_needed
    ),
    "snapshot names": Verb(
        acts.three_days, (acts.name_newest, acts.drop_name), ("lake.snapshots",), at_once=True, changes=False
    ),
    "import": Verb(
        acts.files_of_records,
        (acts.import_instruments, acts.import_actions),
        ("lake.reference.importing",),
        at_once=True,
        again=told,
    ),
    "materialize": Verb(acts.three_days, (acts.make_gaps,), ("pipelines.making",)),
    "backup": Verb(
        acts.backed_up,
        (acts.back_up,),
        ("lake.backup.run",),
        changes=False,
        left=acts.copy_is_whole,
        settled=acts.copy_is_new,
    ),
    "restore-backup": Verb(
        acts.backed_up,
        (acts.make_again,),
        ("lake.backup.restoring",),
        changes=False,
        left=acts.again_is_whole,
        settled=acts.again_is_there,
    ),
    "repair log": Verb(
        repairs.without_manifest,
        (repairs.repair_log,),
        ("lake.manifest.rebuilding",),
        at_once=True,
        again=repairs.told_of_repair,
    ),
    "repair manifest": Verb(
        repairs.without_log, (repairs.repair_manifest,), ("lake.manifest.relogging",), changes=False, mends=True
    ),
    "repair files": Verb(
        repairs.without_records,
        (repairs.repair_log,),
        ("lake.repair.footers",),
        at_once=True,
        again=repairs.told_of_repair,
    ),
    "repair copies": Verb(
        repairs.spoilt_copies,
        (repairs.repair_copies,),
        ("lake.repair.copies",),
        changes=False,
        read=False,
        settled=repairs.all_whole,
    ),
    "repair sources": Verb(
        repairs.spoilt_files,
        (repairs.repair_sources,),
        ("lake.repair.sources", "lake.repair.remaking"),
        changes=False,
        read=False,
        settled=repairs.all_whole,
    ),
    "repair sources anew": Verb(
        repairs.spoilt_files,
        (repairs.repair_sources_anew,),
        ("lake.repair.remaking",),
        changes=False,
        read=False,
        settled=repairs.present_whole,
    ),
    "features register": Verb(
        acts.three_days,
        (features.register_set, features.grow_set, features.deprecate_set),
        ("lake.features.registering",),
        at_once=True,
    ),
    "features write": Verb(
        features.registered,
        (features.write_file, features.correct_rows),
        ("lake.features.writing",),
        at_once=True,
        settled=features.all_quarantined,
    ),
    "features delete": Verb(
        features.written,
        (features.delete_version,),
        ("lake.features.deleting",),
        at_once=True,
        again=told,
        settled=features.first_version_is_latest,
    ),
    "features delete in parts": Verb(
        features.written,
        (features.delete_series,),
        ("lake.features.deleting",),
        again=told,
        settled=features.first_version_is_latest,
    ),
    "check": Verb(acts.three_days, (acts.check_assets,), ("pipelines.checking",), changes=False),
}
RECORDS_ONLY = {
    "pipelines.materialize": "records which partitions could not be made: no rows, and the next run makes them anew",
    "lake.quality.run": "records what a look found: no rows, and the next look finds it anew",
}
"""Modules that open the manifest to write and need no entry, and why."""
