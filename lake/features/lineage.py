"""What feature rows were made from: the series of their inputs, and a record of it for every partition of a write."""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.features.restated import Comparison
from lake.features.sets import Sets
from lake.ingest.tail import end_ns
from lake.lineage.status import beside
from lake.manifest import graph
from lake.manifest.rows import WRITTEN, NewDerivation
from lake.read import Scan
from schemas.features import ALL, KEYS
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lake.config import Config
    from lake.features.model import Computed, Input
    from lake.intake import Settled
    from lake.manifest import Manifest
    from lake.manifest.graph import DerivationRow, PartRow
    from schemas.features import FeatureSet
    from schemas.keys import Address

_NS = 1_000


@dataclass(frozen=True, slots=True)
class Upstream:
    """A series that rows were made from, at a snapshot, and up to where where that was said."""

    address: Address
    snapshot: int
    start_ns: int | None = None
    end_ns: int | None = None


class Inputs:
    """Finds the series that the rows of a feature series were made from."""

    def __init__(
        self, manifest: Manifest, feature_set: FeatureSet, computed: Computed, declared: Iterable[FeatureSet] = ()
    ) -> None:
        """Look at what was handed over; `declared` are the sets that code declares.

        Raises:
            LakeError: USAGE for an input that the set is not declared to be made from; UNKNOWN_SNAPSHOT,
                SNAPSHOT_EXPIRED.
        """
        self._set, self.newest = feature_set, manifest.snapshot(computed.snapshot)
        manifest.refuse_expired(self.newest)
        self._handed = [_upstreams(each, feature_set, manifest) for each in computed.inputs]
        sets = Sets(manifest, declared)
        found = {key: sets.find(key) for key in feature_set.inputs if key.startswith("features/")}
        self._sets = {key: known.set for key, known in found.items() if known is not None}

    def of(self, address: Address) -> list[Upstream]:
        """Return the series of a feature series, in the order of the set's inputs: those handed over, else its own."""
        found: list[Upstream] = []
        for key in self._set.inputs:
            handed = [
                each
                for some in self._handed
                for each in some
                if each.address.key == key and _fits(each.address, address)
            ]
            own = self._own(address, key)
            found += handed or ([] if own is None else [Upstream(own, self.newest)])
        return list({each.address: each for each in found}.values())

    def _own(self, address: Address, key: str) -> Address | None:
        """Return the input's series for the same instrument; None where the set's own keys do not name one."""
        other = self._sets.get(key)
        needed = KEYS if other is None else other.serving.keys
        if not set(needed) <= set(self._set.serving.keys):
            return None
        return beside(address, key) if other is None else other.address(*(getattr(address, name) for name in KEYS))

    def end_us(self, config: Config, manifest: Manifest, upstreams: Iterable[Upstream]) -> int | None:
        """Return where the last of the bars handed over ends, of all inputs together; None where no bars were."""
        handed = {each for some in self._handed for each in some}
        ends = [_end_us(config, manifest, each) for each in upstreams if each in handed and each.address.type == "bars"]
        return max((end for end in ends if end is not None), default=None)


def _upstreams(given: Input, feature_set: FeatureSet, manifest: Manifest) -> list[Upstream]:
    snapshot = manifest.snapshot(given.snapshot)
    for address in given.addresses:
        if address.key not in feature_set.inputs:
            raise LakeError(
                "USAGE",
                f"{feature_set.label} is not made from {address.key}",
                where=str(address),
                why=f"Its declared inputs are {', '.join(feature_set.inputs) or 'none'}.",
                fix=["hand over those", "or register a version that is made from it"],
            )
    return [Upstream(address, snapshot, given.start_ns, given.end_ns) for address in given.addresses]


def _fits(upstream: Address, address: Address) -> bool:
    """Whether an input's series is of the instrument, or of one of those that a shared series stands for."""
    pairs = ((getattr(upstream, key), getattr(address, key)) for key in KEYS)
    return all(ALL in pair or pair[0] == pair[1] for pair in pairs)


def _end_us(config: Config, manifest: Manifest, upstream: Upstream) -> int | None:
    """Return where the last bar of what was handed over ends, in microseconds; None where it had none."""
    series = manifest.find(upstream.address)
    if series is None:
        return None
    start, end = upstream.start_ns, upstream.end_ns
    for part in reversed(graph.parts(manifest, series.id, start, end, upstream.snapshot)):
        last: int | None = part.last_ns
        if end is not None and part.last_ns >= end:
            last = _last_ns(config, manifest, upstream, part)
        if last is not None and (start is None or last >= start):
            return end_ns(last, Period.parse(upstream.address.period)) // _NS
    return None


def _last_ns(config: Config, manifest: Manifest, upstream: Upstream, part: PartRow) -> int | None:
    """Return the time of the last row before the end, in a partition that goes on after it."""
    scan = Scan(
        config,
        manifest,
        [upstream.address],
        start_ns=part.start_ns,
        end_ns=upstream.end_ns,
        columns=["ts"],
        as_of=upstream.snapshot,
    )
    last = None
    for batch in scan.batches():
        last = int(batch.column("ts")[-1].value) * _NS
    return last


@dataclass(frozen=True, slots=True)
class Made:
    """What is recorded of one write with every partition."""

    feature_set: FeatureSet
    run_id: str
    code_version: str
    sources: tuple[str, ...]
    """SHA-256 of the files the rows came in."""


class Recorder:
    """Records what the partitions of one feature series were made from, as they are to be committed."""

    def __init__(self, config: Config, manifest: Manifest, made: Made, address: Address) -> None:
        """Look at what is known of the series."""
        self._config, self._manifest, self._made, self._address = config, manifest, made, address
        self._comparison = Comparison(config, manifest)
        serving = made.feature_set.serving
        opened = replace(made.feature_set, serving=replace(serving, stamp="open"))
        # What is stamped at the close of a bar was made from one that began before.
        self._before_us = serving.lookback_us + (opened.wait_us if serving.stamp == "close" else 0)
        series = manifest.find(address)
        self._known: dict[str, dict[Address, DerivationRow]] = {}
        for row in graph.written_at(manifest, series.id, manifest.snapshot()) if series is not None else ():
            self._known.setdefault(row.partition, {})[row.upstream] = row
        self._restated: dict[int, bool] = {}
        self.unmade: list[tuple[Address, str]] = []
        """Partitions of which no row is left of an earlier write, nor is what these were made from; by `record`."""

    def record(self, settled: Sequence[Settled], upstreams: Sequence[Upstream]) -> list[NewDerivation]:
        """Return what is to be recorded of a write's partitions: of those it changes, and of those it makes up to date.

        A partition that keeps rows of an earlier write of which the inputs were restated since stays what it was.
        """
        parts = {each: self._parts(each, settled) for each in upstreams} if settled else {}
        found: list[NewDerivation] = []
        for each in settled:
            found += self._of(each, {upstream: own for upstream, own in parts.items() if own is not None})
        return found

    def _parts(self, upstream: Upstream, settled: Sequence[Settled]) -> list[PartRow] | None:
        """Return the upstream's partitions over the whole range of a write; None where the lake has none of it."""
        series = self._manifest.find(upstream.address)
        if series is None:
            return None
        start = min(self._start_ns(each) for each in settled)
        end = max(self._end_ns(each, upstream) for each in settled)
        parts = graph.parts(self._manifest, series.id, start, end, upstream.snapshot)
        if parts or graph.parts(self._manifest, series.id, None, None, upstream.snapshot):
            return parts
        told = any(upstream.address in known for known in self._known.values())
        return [] if told else None

    def _of(self, settled: Settled, parts: dict[Upstream, list[PartRow]]) -> list[NewDerivation]:
        label = settled.partition.label
        known = self._known.get(label, {})
        counts = settled.counts
        covered = counts.new + counts.corrected + counts.identical - settled.own.identical
        if not covered:
            return []
        after = settled.staged or settled.replaces
        survive = after is not None and covered != after.rows
        new = {each.address: self._new(settled, each, own) for each, own in parts.items()}
        kept = {address for address, row in known.items() if survive and self.restated(row)}
        if settled.staged is not None and not survive:
            self.unmade.append((self._address, label))
        if settled.staged is None:
            stale = any(
                address not in known or (self.restated(known[address]) and _differs(known[address], derivation))
                for address, derivation in new.items()
            )
            if survive or not stale:
                return []
        gone = known.keys() - new.keys() if survive else set()
        again = [graph.again(self._address, known[address]) for address in sorted(kept | gone)]
        return again + [derivation for address, derivation in new.items() if address not in kept]

    def any_restated(self) -> bool:
        """Whether any partition was made from rows that are others by now."""
        return any(self.restated(row) for rows in self._known.values() for row in rows.values())

    def restated(self, row: DerivationRow) -> bool:
        """Whether the rows that a partition was made from are others by now."""
        if row.id not in self._restated:
            self._restated[row.id] = bool(self._comparison.of(row))
        return self._restated[row.id]

    def _new(self, settled: Settled, upstream: Upstream, parts: list[PartRow]) -> NewDerivation:
        made, start, end = self._made, self._start_ns(settled), self._end_ns(settled, upstream)
        first = bisect_left(parts, start + 1, key=lambda part: part.end_ns)
        behind = bisect_left(parts, end, key=lambda part: part.start_ns)
        return NewDerivation(
            address=self._address,
            partition=settled.partition.label,
            upstream=upstream.address,
            start_ns=start,
            end_ns=end,
            inputs=graph.inputs(parts[first:behind]),
            code_version=made.code_version,
            schema_version=made.feature_set.revision,
            recipe=_recipe(
                code=made.code_version, end=end, run=made.run_id, snapshot=upstream.snapshot, sources=list(made.sources)
            ),
        )

    def _start_ns(self, settled: Settled) -> int:
        """Return from where on the inputs of a partition's rows lie."""
        return settled.partition.start_ns - self._before_us * _NS

    def _end_ns(self, settled: Settled, upstream: Upstream) -> int:
        """Return up to where they lie: the end of what the last row needs; but for bars, also what is of its own ts."""
        after = settled.staged or settled.replaces
        last = settled.partition.start_ns if after is None else after.last_ns
        own_ns = 0 if upstream.address.type == "bars" else 1
        return max(self._made.feature_set.complete_us(last // _NS) * _NS, last + own_ns)


def _differs(row: DerivationRow, new: NewDerivation) -> bool:
    return (row.inputs, row.code_version) != (new.inputs, new.code_version)


def _recipe(**told: Any) -> str:  # noqa: ANN401 -- what JSON holds
    text = json.dumps({"written": told}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if not text.startswith(WRITTEN):
        raise ValueError(text)
    return text
