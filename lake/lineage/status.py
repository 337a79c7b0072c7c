"""The state of the graph: of every series how much is there, missing, stale, failed, late; of one, by partition."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Literal

from lake.lineage.expected import Cut, Expectation
from lake.lineage.reasons import is_stale, stale_reasons
from lake.manifest import failures, graph
from lake.manifest.census import Census, Tally, look
from schemas.assets import UnknownAssetError
from schemas.calendars import lateness_ns
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lake.lineage.reasons import Judge
    from lake.manifest import FailureRow, Manifest
    from lake.manifest.census import View
    from lake.manifest.graph import DerivationRow, PartRow
    from schemas.assets import AssetSpec, Made
    from schemas.graph import Registry

State = Literal["materialized", "missing", "stale", "failed"]
# What addresses are ordered by, taken from each once.
_PARTS = attrgetter("exchange", "market", "symbol", "type", "period")
_MONTH_US = 31 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """The state of one series, stored or expected, in numbers of partitions."""

    address: Address
    made: Made
    """How it is made in fact: a series that could be derived may have been ingested."""
    partitions: int
    """Stored."""
    missing: int
    """Expected, and never made."""
    stale: int
    failed: int
    """Could not be made when that was last tried."""
    failed_checks: int
    last_ns: int | None
    """Time of its last row."""
    late_ns: int | None
    """For how long it has been late; None while it is not, and where nothing says when it would be."""
    restated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of rows computed elsewhere: the stale partitions in order of time, and which of their inputs' rows changed."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The state of one partition."""

    partition: str
    state: State
    reasons: tuple[str, ...]
    """Why it is stale, or what it failed with."""
    rows: int
    content_hash: str | None
    """The version of its data; None where it has no rows."""
    snapshot: int | None
    """The one that stored it, or made it and found nothing to store."""
    failed_checks: tuple[str, ...]
    failure: FailureRow | None


def status(
    manifest: Manifest,
    registry: Registry,
    *,
    now_ns: int | None,
    fits: Callable[[Address], bool] = lambda _address: True,
    judge: Judge | None = None,
) -> list[SeriesStatus]:
    """Return the state of the series that are stored or expected, in the order of their addresses.

    Args:
        manifest: The manifest.
        registry: The declared assets.
        now_ns: The present, for what is late; None asks nothing of it, nor of calendars.
        fits: Which series to tell of.
        judge: Tells which partitions of rows computed elsewhere are stale, as rows have to be read for that; without
            it none of them is. It is only called when there is something to ask.
    """

    def work(view: View) -> tuple[list[SeriesStatus], dict[Address, list[DerivationRow]]]:
        asked = _Status(view, registry, now_ns)
        return asked.rows(fits), asked.doubted

    rows, doubted = look(manifest, work)
    if judge is None or not doubted:
        return rows
    told = judge([derivation for derivations in doubted.values() for derivation in derivations])
    return [_judged(row, doubted[row.address], told) if row.address in doubted else row for row in rows]


def _judged(
    row: SeriesStatus, derivations: Iterable[DerivationRow], told: Mapping[int, tuple[str, ...]]
) -> SeriesStatus:
    restated: dict[str, tuple[str, ...]] = {}
    for each in derivations:
        if each.id in told:
            restated[each.partition] = (*restated.get(each.partition, ()), *told[each.id])
    return replace(row, stale=len(restated), restated=restated)


def resolved(registry: Registry, key: str) -> AssetSpec | None:
    """Return the asset of a key; None when it was declared once and is no longer."""
    try:
        return registry.resolve(key)
    except UnknownAssetError:
        return None


def beside(address: Address, key: str) -> Address:
    """Return the series of another asset for the same instrument."""
    kind, _, period = key.partition("/")
    return Address(address.exchange, address.market, address.symbol, kind, period)


class _Status:
    """Answers for the whole lake, inside one read."""

    def __init__(self, view: View, registry: Registry, now_ns: int | None) -> None:
        self._view, self._registry, self._now_ns = view, registry, now_ns
        self._counted = view.census()
        self._expectation = Expectation(view)
        self._by_id = self._counted.by_id()
        self._specs: dict[str, AssetSpec | None] = {}
        self._cuts: dict[str, Cut] = {}
        self.doubted: dict[Address, list[DerivationRow]] = {}
        """What rows have to be read for; filled by `rows`."""

    def rows(self, fits: Callable[[Address], bool]) -> list[SeriesStatus]:
        tallies = self._counted.tallies
        there = [tally.address for tally in tallies.values() if tally.partitions or tally.derivations]
        addresses = {*there, *self._expected(there), *self._counted.failures}
        return [self._row(address) for address in sorted(addresses, key=_PARTS) if fits(address)]

    def _spec(self, key: str) -> AssetSpec | None:
        if key not in self._specs:
            self._specs[key] = resolved(self._registry, key)
        return self._specs[key]

    def _expected(self, stored: Iterable[Address]) -> Iterable[Address]:
        """Yield the series that are to be made of those stored, whether or not they are there."""
        below = {key: self._registry.downstreams(key) for key in {address.key for address in stored}}
        for address in stored:
            for key in below[address.key]:
                spec = self._spec(key)
                if spec is not None and spec.made == "derived":
                    other = beside(address, key)
                    if all(self._stored(beside(address, upstream)) for upstream in spec.upstreams):
                        yield other

    def _stored(self, address: Address) -> bool:
        tally = self._counted.tallies.get(address)
        return tally is not None and tally.partitions > 0

    def _row(self, address: Address) -> SeriesStatus:
        spec = self._spec(address.key)
        tally = self._counted.tallies.get(address) or Tally(0, address)
        failed = self._counted.failures.get(address, set())
        made: Made = spec.made if spec else "external"
        missing = stale = 0
        if tally.written:
            made = "external"
            found = self._view.doubted(tally.id) if tally.suspects else []
            if found:
                self.doubted[address] = found
        elif tally.derivations or (made == "derived" and not tally.partitions):
            made = "derived"
            missing = self._missing(tally, spec)
            stale = self._stale(tally, spec)
        elif made == "derived":
            made = "source"
        late_ns = _lateness(self._registry, tally, self._now_ns)
        return SeriesStatus(
            address, made, tally.partitions, missing, stale, len(failed), tally.failed_checks, tally.last_ns, late_ns
        )

    def _missing(self, tally: Tally, spec: AssetSpec | None) -> int:
        upstreams = self._upstreams(tally, spec)
        if spec is None or not upstreams:
            return 0
        cut = self._cuts.get(spec.key) or self._cuts.setdefault(spec.key, Cut.of(spec))
        if tally.derivations and len(upstreams) == 1 and self._is_cut_alike(upstreams[0], cut):
            return len(self._view.underived(upstreams[0], tally.id))
        return len(self._expectation.missing(upstreams, cut, tally.id if tally.derivations else None))

    def _is_cut_alike(self, upstream: int, cut: Cut) -> bool:
        """Whether each partition of an upstream stands for the one of the same days."""
        return cut.period is None and self._by_id[upstream].address.grain == cut.grain

    def _upstreams(self, tally: Tally, spec: AssetSpec | None) -> tuple[int, ...]:
        """Return the ids of what a series was made from or, when it was not yet, is to be made from."""
        if tally.derivations:
            return self._view.upstreams(tally.id) if len(tally.upstreams) > 1 else tally.upstreams
        found = [self._counted.tallies.get(beside(tally.address, key)) for key in (spec.upstreams if spec else ())]
        there = tuple(each.id for each in found if each is not None and each.partitions)
        return there if len(there) == len(found) else ()

    def _stale(self, tally: Tally, spec: AssetSpec | None) -> int:
        if spec is None or not tally.derivations:
            return 0
        same = tally.codes == (spec.code_version,) and tally.schemas == (spec.schema.version,)
        if same and not tally.suspects:
            return 0
        rows = self._view.derivations(tally.id, suspect_only=same)
        return len({row.partition for row in rows if is_stale(self._view, row, spec)})


def _lateness(registry: Registry, tally: Tally, now_ns: int | None) -> int | None:
    policy = registry.freshness(tally.address)
    if policy is None or tally.last_ns is None or now_ns is None:
        return None
    return lateness_ns(policy, tally.last_ns, step_ns(registry, tally.address), now_ns)


def step_ns(registry: Registry, address: Address) -> int:
    """Return how much time one row of a series covers, at most; 0 for events."""
    spec = resolved(registry, address.key)
    period = spec.period if spec else None
    if period is None:
        return 0
    return (period.fixed_us or period.n * _MONTH_US) * 1000


def census(manifest: Manifest) -> Census:
    """Return what `partition_states` counts of the whole lake, for those that ask it of many series."""
    return look(manifest, lambda view: view.census())


def partition_states(
    manifest: Manifest,
    registry: Registry,
    address: Address,
    counted: Census | None = None,
    *,
    judge: Judge | None = None,
) -> list[PartitionState]:
    """Return the state of every partition of a series, stored or expected, in order of time; `judge` as for `status`.

    Where `counted` is given, it saves counting again.
    """
    counted = counted or census(manifest)
    tally = counted.tallies.get(address) or Tally(0, address)
    spec = resolved(registry, address.key)
    parts = {part.partition: part for part in graph.parts(manifest, tally.id, None, None)} if tally.id else {}
    made: dict[str, list[DerivationRow]] = {}
    for row in graph.derivations(manifest, tally.id) if tally.id else []:
        made.setdefault(row.partition, []).append(row)
    failed = {row.partition: row for row in failures.failures(manifest) if row.address == address}
    missing = set(missing_partitions(manifest, registry, address, counted))
    checks = graph.failed_checks(manifest, tally.id) if tally.id else {}
    doubted = look(manifest, lambda view: view.doubted(tally.id)) if judge and tally.written and tally.suspects else []
    restated = judge(doubted) if judge and doubted else {}
    found = []
    for label in sorted({*parts, *made, *failed, *missing}, key=lambda label: Partition.parse(label).day):
        if tally.written:
            stale = tuple(reason for row in made.get(label, ()) for reason in restated.get(row.id, ()))
        else:
            stale = () if spec is None else _reasons(manifest, made.get(label, ()), spec)
        found.append(
            _state(label, parts.get(label), made.get(label, ()), stale, failed.get(label), checks.get(label, ()))
        )
    return found


def missing_partitions(
    manifest: Manifest, registry: Registry, address: Address, counted: Census | None = None
) -> list[str]:
    """Return the labels of the partitions of a series that are expected, and were never made."""
    found = counted or census(manifest)
    spec = resolved(registry, address.key)
    tally = found.tallies.get(address) or Tally(0, address)
    if spec is None or tally.written or (not tally.derivations and (spec.made != "derived" or tally.partitions)):
        return []

    def work(view: View) -> list[str]:
        upstreams: tuple[int, ...] = view.upstreams(tally.id) if tally.derivations else ()
        if not tally.derivations:
            beneath = [found.tallies.get(beside(address, key)) for key in spec.upstreams]
            if not beneath or any(each is None or not each.partitions for each in beneath):
                return []
            upstreams = tuple(each.id for each in beneath if each is not None)
        made = tally.id if tally.derivations else None
        return [partition.label for partition in Expectation(view).missing(upstreams, Cut.of(spec), made)]

    return look(manifest, work)


def _reasons(manifest: Manifest, rows: Iterable[DerivationRow], spec: AssetSpec) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for row in rows for reason in stale_reasons(manifest, row, spec)))


def _state(
    label: str,
    part: PartRow | None,
    made: Iterable[DerivationRow],
    stale: tuple[str, ...],
    failure: FailureRow | None,
    checks: tuple[str, ...],
) -> PartitionState:
    state: State = "failed" if failure else "stale" if stale else "materialized" if part or made else "missing"
    reasons = (f"{failure.code}: {failure.message}", *stale) if failure else stale
    snapshots = [row.from_snapshot for row in made] + ([part.file.from_snapshot] if part else [])
    return PartitionState(
        label,
        state,
        reasons,
        part.rows if part else 0,
        part.content_hash if part else None,
        max(snapshots, default=None),
        checks,
        failure,
    )
