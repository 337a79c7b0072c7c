"""What is wrong with stored rows, in the Python client: missing ones, what looks like a mistake, how sources differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_datalake.dates import parse_as_of, parse_range
from dl_datalake.series import Filters, stated
from lake.selection import unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dl_datalake.dates import DateLike
    from lake.gaps import GapReport
    from lake.gaps import Progress as GapProgress
    from lake.manifest import Manifest, SeriesRow
    from lake.quality import Progress as QualityProgress
    from lake.quality import QualityReport, QualityRequest
    from lake.reconcile import Progress as ReconcileProgress
    from lake.reconcile import ReconcileReport, ReconcileRequest, Reconciliation
    from schemas.keys import Address

_ALL = "*/*/*/*/*"
FINDINGS = 1_000
DIFFERENCES = 1_000


class QualityClient:
    """The part of a `Lake` that looks for gaps, for what looks like a mistake, and at how sources differ."""

    _manifest: Manifest

    def gaps(
        self,
        *patterns: str | Address,
        start: DateLike | None = None,
        end: DateLike | None = None,
        calendar: str | None = None,
        min_length: str | None = None,
        kinds: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        progress: Callable[[GapProgress], None] = lambda _at: None,
    ) -> GapReport:
        """Say where series have no rows, and why; without patterns all series there are.

        Args:
            patterns: Addresses, or patterns of them.
            start: From here; the first row when None.
            end: Up to here; the end of the last row when None.
            calendar: `24/7`, `FX`, or an exchange's name such as `XNYS`; else what dl.toml or the market tells.
            min_length: The shortest gap to be told of, such as `5m`; an hour for what has no period.
            kinds: The kinds of gaps to list, `all` for every one; all but `market_closed` when None. Totals are of all.
            as_of: A snapshot's number or name, or a time.
            progress: Told after each partition.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, BAD_DATE; USAGE for a calendar, kind or length there is not.
        """
        return find_gaps(
            self._manifest,
            tuple(map(str, patterns)),
            between=parse_range(start, end),
            calendar=calendar,
            min_length=min_length,
            kinds=kinds,
            as_of=None if as_of is None else parse_as_of(as_of),
            progress=progress,
        )

    def quality(
        self,
        *patterns: str | Address,
        start: DateLike | None = None,
        end: DateLike | None = None,
        rules: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        record: bool = True,
        limit: int = FINDINGS,
        progress: Callable[[QualityProgress], None] = lambda _at: None,
    ) -> QualityReport:
        """Say what looks like a mistake in series, rule by rule; without patterns in all there are.

        No row is changed. Of the present the outcome is kept as check results, in a snapshot of its own.

        Args:
            patterns: Addresses, or patterns of them.
            start: From here; the first row when None.
            end: Up to here; after the last row when None.
            rules: Only these rules; all that apply to a series when None.
            as_of: A snapshot's number or name, or a time; of the past nothing is kept.
            record: Whether to keep the outcome.
            limit: How many findings of one rule in one series the report holds; all are counted.
            progress: Told as rows come by.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, BAD_DATE; USAGE for a rule there is not; FILE_DAMAGED,
                FILE_MISSING, TIER_UNAVAILABLE; LOCKED, STORAGE.
        """
        from lake.quality import QualityRequest, rules_of

        request = QualityRequest(*parse_range(start, end), rules_of(rules), record, limit)
        at = None if as_of is None else parse_as_of(as_of)
        return find_mistakes(self._manifest, tuple(map(str, patterns)), request, at, progress)

    def reconcile(  # noqa: PLR0913 - as many words as the command has options
        self,
        *sources: str | Address,
        prefer: Sequence[str | Address] = (),
        start: DateLike | None = None,
        end: DateLike | None = None,
        whole: bool = False,
        columns: Sequence[str] = (),
        absolute: float = 0.0,
        ticks: float = 0.0,
        relative: float = 0.0,
        limit: int | None = DIFFERENCES,
        progress: Callable[[ReconcileProgress], None] = lambda _at: None,
    ) -> ReconcileReport:
        """Say how the same instrument differs from source to source, against the one that is trusted most.

        Rows are matched by ts. For each the most trusted source that has one is preferred, and the others are held
        against it. A value that one of both lacks is counted, and is no difference.

        Args:
            sources: `ADDRESS`, or `ADDRESS@AS_OF`: series of one schema and length.
            prefer: Addresses or patterns, the most trusted first; else those of dl.toml, else the order of `sources`.
            start: Only rows from here.
            end: Only rows before this.
            whole: Look beyond the time that all sources have: what one lacks there is missing.
            columns: Only these; every one of numbers when empty.
            absolute: Prices that are no farther apart are the same.
            ticks: The same, in tick sizes of the most trusted source's instrument.
            relative: Values that are no farther apart, as a part of the greater one, are the same.
            limit: How many differences the report holds; None for all.
            progress: Told as rows are read.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, BAD_DATE; USAGE for what cannot be compared; FILE_DAMAGED,
                FILE_MISSING, TIER_UNAVAILABLE.
        """
        from lake.reconcile import ReconcileRequest

        request = ReconcileRequest(
            tuple(map(str, prefer)), *parse_range(start, end), whole, tuple(columns), absolute, ticks, relative, limit
        )
        comparison = compare_sources(self._manifest, tuple(map(str, sources)), request, progress)
        for _ in comparison.batches():
            pass
        return comparison.report()


def find_gaps(
    manifest: Manifest,
    patterns: tuple[str, ...],
    *,
    between: tuple[int | None, int | None] = (None, None),
    calendar: str | None = None,
    min_length: str | None = None,
    kinds: Sequence[str] | None = None,
    as_of: int | str | None = None,
    progress: Callable[[GapProgress], None] = lambda _at: None,
) -> GapReport:
    """Look for gaps as `Lake.gaps` does; what a light command calls."""
    from lake.amounts import duration_ns
    from lake.gaps import GapRequest, find, kinds_of

    least = None if min_length is None else duration_ns(min_length)
    request = GapRequest(*between, calendar, least, kinds_of(kinds))
    at = manifest.snapshot(as_of)
    return find(manifest.config, manifest, _fitting(manifest, patterns, at), at, request, progress=progress)


def find_mistakes(
    manifest: Manifest,
    patterns: tuple[str, ...],
    request: QualityRequest,
    as_of: int | str | None = None,
    progress: Callable[[QualityProgress], None] = lambda _at: None,
) -> QualityReport:
    """Look for mistakes as `Lake.quality` does."""
    from lake.quality import find

    at = manifest.snapshot(as_of)
    return find(manifest.config, manifest, _fitting(manifest, patterns, at), at, request, progress=progress)


def compare_sources(
    manifest: Manifest,
    sources: tuple[str, ...],
    request: ReconcileRequest,
    progress: Callable[[ReconcileProgress], None] = lambda _at: None,
) -> Reconciliation:
    """Return what compares sources as `Lake.reconcile` does; nothing is read until its batches are."""
    from lake.reconcile import Reconciliation, Source

    present = manifest.snapshot()
    found = [Source(*stated(manifest, text, present)) for text in sources]
    return Reconciliation(manifest.config, manifest, found, request, progress)


def _fitting(manifest: Manifest, patterns: tuple[str, ...], at: int) -> list[SeriesRow]:
    """Return the series that patterns name at a snapshot, each once; UNKNOWN_SERIES where one names none."""
    found: dict[int, SeriesRow] = {}
    for text in patterns or (_ALL,):
        fitting = manifest.series(**Filters.parse(text).words(), snapshot=at)
        if not fitting and patterns:
            raise unknown(manifest, text, at)
        found |= {row.id: row for row in fitting}
    return list(found.values())
