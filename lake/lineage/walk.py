"""Lineage: what one partition was made from, up to the vendors' files, and what was made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.manifest import graph, origins
from schemas.keys import Partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lake.manifest import Manifest, SeriesRow
    from lake.manifest.graph import DerivationRow, PartRow
    from lake.manifest.origins import Origin
    from schemas.keys import Address


@dataclass(frozen=True, slots=True)
class LineageNode:
    """One partition in the graph, with those it was made from (going up) or those made from it (going down)."""

    address: Address
    partition: str
    rows: int
    content_hash: str | None
    """None where it has no rows, or is not stored any more."""
    snapshot: int | None
    """The one that stored it, or made it and found nothing to store."""
    run_id: str | None
    code_version: str | None
    """Of the code that made it, in the lake or elsewhere; None where it was ingested."""
    made_from: int | None
    """The snapshot whose rows it was made from, where it was made elsewhere and written."""
    sources: tuple[Origin, ...]
    """The ingests it came with, going up."""
    nodes: tuple[LineageNode, ...]


def up(manifest: Manifest, address: Address, label: str) -> LineageNode | None:
    """Return what a partition was made from, and what that was made from; None when there is no such partition."""
    return _Walk(manifest).up(address, label)


def down(manifest: Manifest, address: Address, label: str) -> LineageNode | None:
    """Return what was made from a partition, and what was made from that; None when there is no such partition."""
    return _Walk(manifest).down(address, label)


def behind(manifest: Manifest, address: Address, between: tuple[int | None, int | None], at: int) -> list[LineageNode]:
    """Return what the partitions of a series were made from that hold rows of a range at a snapshot, oldest first.

    Of one that was stored anew since it is only known which files came into it until then.
    """
    series = manifest.find(address)
    if series is None:
        return []
    walk, now = _Walk(manifest), {part.partition: part for part in graph.parts(manifest, series.id, None, None)}
    found = []
    for part in graph.parts(manifest, series.id, *between, at):
        live = now.get(part.partition)
        node = walk.up(address, part.partition) if live is not None and live.file.id == part.file.id else None
        found.append(node or _of_then(manifest, series, part, at))
    return found


def _of_then(manifest: Manifest, series: SeriesRow, part: PartRow, at: int) -> LineageNode:
    came = tuple(each for each in origins.of_partition(manifest, series.id, part.partition) if each.snapshot <= at)
    stored = part.file
    return LineageNode(
        series.address,
        part.partition,
        part.rows,
        part.content_hash,
        stored.from_snapshot,
        stored.run_id,
        None,
        None,
        came,
        (),
    )


class _Walk:
    """Walks the graph, reading each series once."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._series: dict[Address, SeriesRow | None] = {}
        self._parts: dict[int, dict[str, PartRow]] = {}
        self._made: dict[int, dict[str, list[DerivationRow]]] = {}
        self._addresses: dict[int, Address] = {}

    def up(self, address: Address, label: str) -> LineageNode | None:
        series = self._find(address)
        if series is None or not self._is_known(series.id, label):
            return None
        made = self._made_of(series.id).get(label, [])
        nodes = [
            self.up(row.upstream, part.partition)
            for row in made
            for part in self._parts_of(row.upstream_id).values()
            if part.start_ns < row.end_ns and part.end_ns > row.start_ns
        ]
        sources = () if made else tuple(origins.of_partition(self._manifest, series.id, label))
        return self._node(series, label, nodes, sources)

    def down(self, address: Address, label: str) -> LineageNode | None:
        series = self._find(address)
        if series is None or not self._is_known(series.id, label):
            return None
        partition = Partition.parse(label)
        rows = graph.made_from(self._manifest, series.id, partition.start_ns, partition.end_ns)
        return self._node(series, label, [self.down(self._address(row.series_id), row.partition) for row in rows], ())

    def _node(
        self, series: SeriesRow, label: str, nodes: Iterable[LineageNode | None], sources: tuple[Origin, ...]
    ) -> LineageNode:
        part, made = self._parts_of(series.id).get(label), self._made_of(series.id).get(label, [])
        return LineageNode(
            series.address,
            label,
            part.rows if part else 0,
            part.content_hash if part else None,
            part.file.from_snapshot if part else max((row.from_snapshot for row in made), default=None),
            part.file.run_id if part else None,
            made[0].code_version if made else None,
            (made[0].written or {}).get("snapshot") if made else None,
            sources,
            tuple(node for node in nodes if node is not None),
        )

    def _find(self, address: Address) -> SeriesRow | None:
        if address not in self._series:
            found = self._series[address] = self._manifest.find(address)
            if found is not None:
                self._addresses[found.id] = address
        return self._series[address]

    def _address(self, series_id: int) -> Address:
        if series_id not in self._addresses:
            self._addresses |= graph.addresses(self._manifest)
        return self._addresses[series_id]

    def _is_known(self, series_id: int, label: str) -> bool:
        return label in self._parts_of(series_id) or label in self._made_of(series_id)

    def _parts_of(self, series_id: int) -> dict[str, PartRow]:
        if series_id not in self._parts:
            parts = graph.parts(self._manifest, series_id, None, None)
            self._parts[series_id] = {part.partition: part for part in parts}
        return self._parts[series_id]

    def _made_of(self, series_id: int) -> dict[str, list[DerivationRow]]:
        if series_id not in self._made:
            made = self._made[series_id] = {}
            for row in graph.derivations(self._manifest, series_id):
                made.setdefault(row.partition, []).append(row)
        return self._made[series_id]
