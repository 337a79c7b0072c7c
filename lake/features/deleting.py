"""Deleting feature rows, or a whole version with its registration: the snapshots before still have them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake import write as writing
from lake.amounts import plural
from lake.delete import DeletedSeries, DeleteRequest, delete
from lake.errors import LakeError
from lake.features.model import FeatureDeleteReport
from lake.features.sets import Sets
from lake.manifest import Change, Conflict, Manifest, Writer, graph
from lake.manifest.feature_sets import feature_sets
from lake.outcome import no_checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.config import Config
    from lake.manifest import FileRow, SeriesRow
    from lake.outcome import Check
    from schemas.features import FeatureSet
    from schemas.keys import Address

COMMIT_FILES = 20_000
"""Files that go in one commit, at most, but for those of one series, which go together."""


@dataclass(frozen=True, slots=True)
class FeatureDeleteRequest:
    """What to delete of a version: rows of `[start_ns, end_ns)` of some series; where nothing is said, the version."""

    series: tuple[Address, ...] = ()
    """Its series; all of them when none is named."""
    start_ns: int | None = None
    end_ns: int | None = None
    message: str = ""
    dry_run: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing of the version is to stay."""
        return not self.series and self.start_ns is None and self.end_ns is None


def delete_features(
    config: Config,
    feature_set: FeatureSet,
    request: FeatureDeleteRequest,
    *,
    checks: Callable[[str], Sequence[Check]] = no_checks,
    progress: Callable[[int, int, Address], None] | None = None,
) -> FeatureDeleteReport:
    """Delete rows of a version of a feature set, or the version: then it is no longer registered.

    A whole version goes in one commit when it has no more than `COMMIT_FILES` files, else in several, the last of which
    ends its registration; stopped in between, the next delete goes on. A version that code declares loses its rows.

    Args:
        config: The lake.
        feature_set: The version.
        request: What to delete of it.
        checks: Gives the user's own checks of an asset, for partitions that keep some rows.
        progress: Told how many series of how many are done, and the last one.

    Raises:
        LakeError: UNKNOWN_SERIES for a series that is not there; USAGE for a version that other sets are made from;
            DERIVED when a partition that the lake made would be cut; CHECK, LOCKED, DISK_FULL, STORAGE.
    """
    if request.whole:
        return _Version(config, feature_set, request).delete(progress)
    with Manifest.open(config) as manifest:
        stored = _stored(manifest, feature_set)
        before = manifest.snapshot()
    selection = tuple(map(str, request.series)) or tuple(str(series.address) for series in stored)
    if not selection:
        return FeatureDeleteReport(feature_set.label, before, before, "unchanged", [], ended=False)
    asked = DeleteRequest(
        selection,
        request.start_ns,
        request.end_ns,
        all_exchanges=True,
        message=request.message,
        dry_run=request.dry_run,
    )
    report = delete(config, asked, progress, checks=checks)
    return FeatureDeleteReport(
        feature_set.label, report.before, report.snapshot, report.status, report.series, ended=False, run=report.run
    )


def _stored(manifest: Manifest, feature_set: FeatureSet) -> list[SeriesRow]:
    type_, _, period = feature_set.key.partition("/")
    return manifest.series(type=type_, period=period)


@dataclass(frozen=True, slots=True)
class _Series:
    """A series that goes, and the live files of its partitions: a sealed one stands for each of its days."""

    files: list[FileRow]
    told: DeletedSeries

    @property
    def ids(self) -> set[int]:
        return {file.id for file in self.files}


class _Version:
    """The delete of a whole version."""

    def __init__(self, config: Config, feature_set: FeatureSet, request: FeatureDeleteRequest) -> None:
        self._config, self._set, self._request = config, feature_set, request

    def delete(self, progress: Callable[[int, int, Address], None] | None) -> FeatureDeleteReport:
        with Manifest.open(self._config) as manifest:
            self._refuse_needed(manifest)
            before, registration = manifest.snapshot(), self._registration(manifest)
            count = len(_stored(manifest, self._set))
            report = FeatureDeleteReport(
                self._set.label, before, before, "unchanged", [], ended=registration is not None
            )
            if self._request.dry_run:
                report.status = "dry_run"
                report.series = [each.told for group in self._groups(manifest) for each in group]
                return report
        if not count and registration is None:
            return report
        command = f"features delete {self._set.label}"
        with Writer(self._config) as writer, writing.run(writer, "delete", command) as run_id:
            report.run = run_id
            is_last = False
            while not is_last and (done := self._commit(writer, run_id)) is not None:
                snapshot, gone, is_last = done
                report.snapshot, report.status = snapshot, "committed"
                for each in gone:
                    each.told.snapshot = snapshot
                    report.series.append(each.told)
                    if progress is not None:
                        progress(len(report.series), max(count, len(report.series)), each.told.address)
            writer.end_run(run_id, "ok" if report.status == "committed" else "unchanged")
        return report

    def _refuse_needed(self, manifest: Manifest) -> None:
        """Refuse to delete what other sets are made from: these could be neither written nor registered again."""
        made = [each.label for each in Sets(manifest).all() if self._set.key in each.set.inputs]
        if made:
            raise LakeError(
                "USAGE",
                f"{', '.join(made)} {'is' if len(made) == 1 else 'are'} made from {self._set.label}",
                where=self._set.key,
                why="What is made from a set needs it, to be written and to be told apart from what it was.",
                fix=[f"dl features delete {made[0]}", f"dl features deprecate {self._set.label}"],
            )

    def _registration(self, manifest: Manifest) -> int | None:
        found = feature_sets(manifest, None, self._set.key)
        return found[0].id if found else None

    def _groups(self, manifest: Manifest) -> Iterator[list[_Series]]:
        """Yield the series that go together."""
        group: list[_Series] = []
        for row in _stored(manifest, self._set):
            live = list(writing.live_files(manifest, row.address).values())
            if group and sum(len(each.ids) for each in group) + len(live) > COMMIT_FILES:
                yield group
                group = []
            upstream = graph.upstream_at(manifest, row.id, manifest.snapshot())
            rows = sum(file.rows for file in live)
            group.append(_Series(live, DeletedSeries(row.address, rows, len(live), upstream=upstream)))
        if group:
            yield group

    def _commit(self, writer: Writer, run_id: str) -> tuple[int, list[_Series], bool] | None:
        """Commit the delete of the next series, and with the last ones the end of the registration.

        Returns the snapshot, the series, and whether these were the last; None where nothing is left to delete.
        """
        deadline: float | None = None
        while True:
            with Manifest.open(self._config) as manifest:
                groups = self._groups(manifest)
                gone = next(groups, [])
                is_last = next(groups, None) is None
                registration = self._registration(manifest)
            if not gone and registration is None:
                return None
            try:
                return self._swapped(writer, run_id, gone, registration if is_last else None), gone, is_last
            except Conflict:
                if deadline is None:
                    deadline = time.monotonic() + self._config.wait_s
                elif time.monotonic() > deadline:
                    message = "other writers kept changing what is to be deleted"
                    raise LakeError("LOCKED", message, where=self._set.label) from None

    def _swapped(self, writer: Writer, run_id: str, gone: list[_Series], registration: int | None) -> int:
        rows = sum(each.told.rows for each in gone)
        change = Change(run_id, "delete", message=self._request.message or f"{plural(rows, 'row')} deleted")
        change.removed = sorted(set().union(*(each.ids for each in gone)))
        change.corrected = [(each.told.address, file.partition) for each in gone for file in each.files]
        change.ended_feature_sets = [] if registration is None else [(self._set.key, registration)]
        return writing.swap(self._config, writer, change, [], [file for each in gone for file in each.files])
