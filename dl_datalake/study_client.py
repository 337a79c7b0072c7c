"""Going back in the Python client: what differs between two states, and reading again what a study read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dl_datalake.dates import parse_as_of, parse_range
from dl_datalake.series import parse_address, stated
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dl_datalake.dates import DateLike
    from dl_datalake.result import Result
    from lake.config import Config
    from lake.diff import DiffReport, Side
    from lake.diff import Progress as DiffProgress
    from lake.manifest import Manifest
    from lake.study import Checked, Lock
    from lake.study import Progress as StudyProgress
    from schemas.keys import Address

SAMPLES = 5


class StudyClient:
    """The part of a `Lake` that compares its states, and locks what a study read."""

    config: Config
    _manifest: Manifest

    def diff(
        self,
        old: str | Address,
        new: str | Address | None = None,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        samples: int = SAMPLES,
        progress: Callable[[DiffProgress], None] = lambda _at: None,
    ) -> DiffReport:
        """Say which rows were added, removed and changed from one state to another.

        Partitions with equal content hashes are not read. Bars and metrics are matched by ts, features by ts and
        known_at, trades by id within a UTC day, and rows without an id by what they are: k of a kind are k rows.

        Args:
            old: `ADDRESS@AS_OF`: a snapshot's number or name, or a time; without `@` it is the present.
            new: The same, of this series or of another of the same schema; the present of `old` when None.
            start: Only rows from here.
            end: Only rows before this.
            samples: How many rows of each kind the report shows.
            progress: Called as rows are read.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, BAD_DATE; USAGE for series that cannot be compared.
        """
        from lake.diff import diff

        if samples < 0:
            raise LakeError(
                "USAGE", f"{samples} samples cannot be shown", why="It is a number of rows.", fix=["0 shows none"]
            )
        present = self._manifest.snapshot()
        before = self._side(str(old), present)
        after = self._side(str(before.address) if new is None else str(new), present)
        return diff(
            self.config,
            self._manifest,
            before,
            after,
            between=parse_range(start, end),
            samples=samples,
            progress=progress,
        )

    def lock(
        self,
        path: str | Path,
        *addresses: str | Address,
        start: DateLike | None = None,
        end: DateLike | None = None,
        as_of: int | DateLike | None = None,
        replace: bool = False,
        progress: Callable[[StudyProgress], None] = lambda _at: None,
    ) -> Lock:
        """Write down what a study reads, with hashes: later the same rows are read again, or are said to have changed.

        Args:
            path: The file to write; TOML, the same text for the same rows.
            addresses: Series, or patterns.
            start: The first instant of the study.
            end: The instant it stops before.
            as_of: The snapshot it reads; the newest unless given.
            replace: Whether a lock that is there already may be overwritten.
            progress: Called as rows are read.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT; USAGE when a series has no row there, or the file is there.
        """
        from lake.study import save, take
        from lake.study.document import refuse_existing

        refuse_existing(Path(path), replace=replace)
        lock = take(
            self.config,
            self._manifest,
            tuple(map(str, addresses)),
            between=parse_range(start, end),
            as_of=None if as_of is None else parse_as_of(as_of),
            progress=progress,
        )
        save(lock, Path(path), replace=replace)
        return lock

    def study(self, path: str | Path) -> dict[str, Result]:
        """Return exactly the rows a study read, a result by address; nothing is read until asked.

        They come from the pinned snapshot, and when that was forgotten from the present, if it has the same rows.

        Raises:
            LakeError: STUDY_CHANGED with the first partition that differs and what happened to it; SOURCE_NOT_FOUND
                and USAGE when there is no such lock.
        """
        from lake.study import load

        lock = load(Path(path))
        return {str(series.address): self._pinned(lock, series.address, None) for series in lock.series}

    def check_study(
        self, path: str | Path, *, progress: Callable[[StudyProgress], None] = lambda _at: None
    ) -> list[Checked]:
        """Read all that a lock pins and compare it with its hashes; raises as `study` does.

        Returns:
            Each series, and whether its rows came from the pinned snapshot or from the present.
        """
        from lake.study import check, load

        return check(self.config, self._manifest, load(Path(path)), progress)

    def _locked(
        self,
        address: str | Address | None,
        path: str | Path,
        columns: Sequence[str] | None,
        *,
        given: tuple[object, ...],
    ) -> Result:
        """Return one of the series of a lock, the only one when none is named; `given` is what a lock says itself."""
        from lake.study import load

        if any(word is not None for word in given):
            raise LakeError(
                "USAGE",
                "a lock goes with neither a start, nor an end, nor a snapshot, nor a condition, nor an adjustment",
                why="It says itself which rows of which snapshot the study read.",
                fix=["leave them out", "or leave the lock out"],
            )
        lock = load(Path(path))
        return self._pinned(lock, lock.only().address if address is None else parse_address(str(address)), columns)

    def _pinned(self, lock: Lock, address: Address, columns: Sequence[str] | None) -> Result:
        from dl_datalake.result import Result
        from lake.study import read

        return Result(read(self.config, self._manifest, lock, address, columns).scan)

    def _side(self, text: str, present: int) -> Side:
        from lake.diff import Side

        return Side(*stated(self._manifest, text, present))
