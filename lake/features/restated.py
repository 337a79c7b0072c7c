"""Which rows of its inputs are not what a written partition was made from: found by comparing then with now.

Rows that only followed, at or after the end of what a partition needs, restate nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from lake import layout, rows
from lake.amounts import plural
from lake.declared import schema_of
from lake.errors import LakeError
from lake.leases import Lease
from lake.manifest import graph, packed
from lake.merge.windows import windows
from lake.read import Scan
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from lake.config import Config
    from lake.manifest import Manifest, PartRow
    from lake.manifest.graph import DerivationRow
    from schemas.columns import Schema
    from schemas.keys import Address

    Times = NDArray[np.int64]

Kind = Literal["restated", "late", "deleted"]
KINDS: tuple[Kind, ...] = ("restated", "late", "deleted")
SHOWN = 3
"""Times of a kind that are named."""
HELD_TIMES = 4_000_000
"""Times of rows that differ, kept of partitions already compared."""
_WORDS = {"restated": "restated", "late": "came in late", "deleted": "deleted"}
HELD_PARTS = 20_000
"""Partitions of inputs that are kept, each as often as it is in a range that was asked for; a kilobyte each."""
_EMPTY = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Restated:
    """The rows of an input's partition that are not what they were, by their times."""

    upstream: Address
    partition: str
    times: Mapping[Kind, Times]
    """Nanoseconds, ascending, each once, by what became of the rows; only kinds that occur."""
    note: str = ""
    """What is said where the rows cannot be told: then there are no times."""

    @property
    def count(self) -> int:
        """How many times of rows are known to differ."""
        return sum(map(len, self.times.values()))

    def __str__(self) -> str:
        """Say it as `bars/1m 2024-01-05: 2 bars restated (10:00, 10:03), 1 deleted (10:07)`."""
        key = self.upstream.key
        if self.note:
            return f"{key} {self.partition} {self.note}"
        noun = "bar" if self.upstream.type == "bars" else "time"
        said: list[str] = []
        for kind, times in self.times.items():
            count = f"{len(times):,}" if said else plural(len(times), noun)
            named = ", ".join(_clock(int(at), self.upstream) for at in times[:SHOWN])
            said.append(f"{count} {_WORDS[kind]} ({named}{', …' if len(times) > SHOWN else ''})")
        return f"{key} {self.partition}: {', '.join(said)}"


def _clock(at_ns: int, upstream: Address) -> str:
    """Return a time as shortly as it can be told within a partition."""
    seconds, fraction = divmod(at_ns, 10**9)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    clock = f"{moment:%H:%M:%S}" if moment.second or fraction else f"{moment:%H:%M}"
    clock += f".{fraction:09d}".rstrip("0") if fraction else ""
    return clock if upstream.grain == "day" else f"{moment:%Y-%m-%d} {clock}"


def times_named(restated: Restated, most: int) -> tuple[str, ...]:
    """Return the first times of rows that are known to differ, of whatever kind, as a finding names them."""
    first = np.unique(np.concatenate([_EMPTY, *restated.times.values()]))[:most]
    return tuple(f"{restated.upstream.key} {np.datetime_as_string(at, timezone='UTC')}" for at in first.view("M8[ns]"))


def reasons(manifest: Manifest, derivations: Sequence[DerivationRow]) -> dict[int, tuple[str, ...]]:
    """Return why written partitions are stale, by the ids of their derivations; those that are not are left out.

    What they were made from is read in its order, each partition of an input once.
    """
    comparison = Comparison(manifest.config, manifest)
    found = {}
    for row in sorted(derivations, key=lambda row: (row.upstream_id, row.start_ns, row.end_ns)):
        said = tuple(map(str, comparison.of(row)))
        if said:
            found[row.id] = said
    return found


class Comparison:
    """Compares what partitions were made from with what is stored now, and remembers it within one call."""

    def __init__(self, config: Config, manifest: Manifest) -> None:
        """Take the lake, open to read."""
        self._config, self._manifest = config, manifest
        self._now = manifest.snapshot()
        self._parts: dict[tuple[int, int, int, int], dict[str, PartRow]] = {}
        self._schemas: dict[tuple[str, int], Schema] = {}
        self._compared: dict[tuple[object, ...], Restated] = {}
        self._grown: dict[tuple[object, ...], str] = {}
        self._held = self._held_parts = 0

    def of(self, row: DerivationRow) -> list[Restated]:
        """Return what was restated of the rows that a written partition was made from, by the input's partitions.

        Of an input whose former rows are forgotten, or cannot be read, only that is said.
        """
        if not row.suspect or row.written is None:
            return []
        made_from = int(row.written["snapshot"])
        after = self._parts_of(row, self._now)
        try:
            self._manifest.refuse_expired(made_from)
        except LakeError:
            return self._unless_grown(row, after)
        before = self._parts_of(row, made_from)
        found: list[Restated] = []
        for label in sorted(before.keys() | after.keys()):
            old, new = before.get(label), after.get(label)
            if old is not None and new is not None and old.content_hash == new.content_hash:
                continue
            try:
                whole = self._of_part(row, old, new, made_from)
            except _ForgottenError:
                return self._unless_grown(row, after)
            restated = _within(whole, row.start_ns, row.end_ns)
            if restated is not None:
                found.append(restated)
        return found

    def _parts_of(self, row: DerivationRow, snapshot: int) -> dict[str, PartRow]:
        """Return the natural partitions of what a partition was made from, by label, as they were at a snapshot."""
        key = (row.upstream_id, row.start_ns, row.end_ns, snapshot)
        if key not in self._parts:
            parts = graph.parts(self._manifest, row.upstream_id, row.start_ns, row.end_ns, snapshot)
            if self._held_parts > HELD_PARTS:
                self._parts.clear()
                self._held_parts = 0
            self._held_parts += 1 + len(parts)
            self._parts[key] = {part.partition: part for part in parts}
        return self._parts[key]

    def _of_part(self, row: DerivationRow, old: PartRow | None, new: PartRow | None, made_from: int) -> Restated:
        """Return what differs between two versions of a natural partition, either of which may be missing."""
        key = (row.upstream_id, *((part.partition, part.content_hash) if part else None for part in (old, new)))
        if key not in self._compared:
            if self._held > HELD_TIMES:
                self._compared.clear()
                self._held = 0
            label = (new or old).partition  # type: ignore[union-attr]  # one of them is there
            try:
                with Lease(self._config, made_from):
                    times = self._differing(row.upstream, old, new, made_from)
                note = "" if any(map(len, times.values())) else "holds the same rows in another order"
            except _ForgottenError:
                raise
            except LakeError as error:
                times, note = {}, f"changed, and cannot be read: {error.message}"
            self._compared[key] = Restated(row.upstream, label, times, note)
            self._held += self._compared[key].count
        return self._compared[key]

    def _differing(
        self, upstream: Address, old: PartRow | None, new: PartRow | None, made_from: int
    ) -> dict[Kind, Times]:
        """Return the times of the rows that only one version has, or that differ; both are streamed."""
        pieces: dict[Kind, list[Times]] = {kind: [] for kind in KINDS}
        for a, b in windows([self._past(upstream, old, made_from), self._stream(upstream, new, self._now)]):
            gone, fresh = _alone(a, b)
            both = np.intersect1d(gone, fresh, assume_unique=True)
            pieces["restated"].append(both)
            pieces["late"].append(np.setdiff1d(fresh, both, assume_unique=True))
            pieces["deleted"].append(np.setdiff1d(gone, both, assume_unique=True))
        scale = layout.NS_PER[rows.unit(self._schema(upstream, self._now))]
        return {kind: np.concatenate([_EMPTY, *found]) * scale for kind, found in pieces.items()}

    def _past(self, upstream: Address, part: PartRow | None, snapshot: int) -> Iterator[pa.Table]:
        """Stream the rows of a former version; raise where its file is no longer there."""
        try:
            yield from self._stream(upstream, part, snapshot)
        except LakeError as error:
            if error.code in {"E_FILE_MISSING", "E_SNAPSHOT_EXPIRED"}:
                raise _ForgottenError from error
            raise

    def _stream(self, upstream: Address, part: PartRow | None, snapshot: int) -> Iterator[pa.Table]:
        schema = arrow_schema(self._schema(upstream, snapshot), identity=False)
        yield schema.empty_table()
        if part is None:
            return
        scan = Scan(
            self._config,
            self._manifest,
            [upstream],
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            columns=schema.names,
            as_of=snapshot,
        )
        for batch in scan.batches():
            yield pa.Table.from_batches([batch])

    def _schema(self, upstream: Address, snapshot: int) -> Schema:
        """Return the schema at a snapshot: a feature set may have got columns since, which add nothing to a hash."""
        key = (upstream.key, snapshot if upstream.type == "features" else self._now)
        if key not in self._schemas:
            self._schemas[key] = schema_of(self._config, *key)
        return self._schemas[key]

    def _unless_grown(self, row: DerivationRow, after: Mapping[str, PartRow]) -> list[Restated]:
        """Say that the former rows are forgotten; nothing where those that there were are all there as they were."""
        try:
            if self._hash_before(row, after) == row.inputs:
                return []
            note = "changed, and what it was is forgotten"
        except LakeError as error:
            note = f"changed, and cannot be read: {error.message}"
        labels = sorted(after) or [packed.label(row.start_ns // packed.DAY_NS, row.start_ns // packed.DAY_NS + 1)]
        return [Restated(row.upstream, " … ".join(dict.fromkeys((labels[0], labels[-1]))), {}, note)]

    def _hash_before(self, row: DerivationRow, after: Mapping[str, PartRow]) -> str:
        """Return the content hash of an input's partitions now, without the rows from the end of what was needed on."""
        pieces = []
        for part in after.values():
            if part.last_ns < row.end_ns:
                pieces.append(part.content_hash)
                continue
            key = (row.upstream_id, part.partition, part.content_hash, row.end_ns)
            if key not in self._grown:
                content = rows.ContentHash(self._schema(row.upstream, self._now))
                cut = dataclasses.replace(part, end_ns=min(part.end_ns, row.end_ns))
                for table in self._stream(row.upstream, cut, self._now):
                    content.update(table)
                self._grown[key] = content.hexdigest()
            pieces.append(self._grown[key])
        return packed.added(pieces)


class _ForgottenError(Exception):
    """A former version's file is gone."""


def _within(restated: Restated, start_ns: int, end_ns: int) -> Restated | None:
    """Return what of a partition's differences lies in [start, end); None where nothing does."""
    if restated.note:
        return restated
    inside: dict[Kind, Times] = {}
    for kind, times in restated.times.items():
        low, high = np.searchsorted(times, [start_ns, end_ns])
        if low < high:
            inside[kind] = times[low:high]
    return Restated(restated.upstream, restated.partition, inside) if inside else None


def _alone(a: pa.Table, b: pa.Table) -> tuple[Times, Times]:
    """Return the times at which one of two windows has rows that the other has not, each once; k like rows are k."""
    x, y = rows.row_hashes(a), rows.row_hashes(b)
    if len(x) == len(y) and bool((x == y).all()):
        return _EMPTY, _EMPTY
    values, kinds = np.unique(np.concatenate([x, y]), return_inverse=True)
    old, new = kinds[: len(x)], kinds[len(x) :]
    more = np.bincount(old, minlength=len(values)) - np.bincount(new, minlength=len(values))
    return np.unique(rows.times(a)[more[old] > 0]), np.unique(rows.times(b)[more[new] < 0])
