"""Why a partition is stale, exactly and by name: what it was made from is compared with what is stored now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.manifest import graph
from lake.manifest.census import look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lake.manifest import Manifest
    from lake.manifest.census import View
    from lake.manifest.graph import DerivationRow
    from schemas.assets import AssetSpec

    Judge = Callable[[Sequence[DerivationRow]], Mapping[int, tuple[str, ...]]]
    """Tells of written partitions, whose inputs hold other content now, why which of them, by id, are stale: whether
    rows they were made from changed or others only followed, the rows themselves tell."""


def is_stale(view: View, row: DerivationRow, spec: AssetSpec) -> bool:
    """Whether a partition is to be made anew."""
    same = (row.code_version, row.schema_version) == (spec.code_version, spec.schema.version)
    return not same or (row.suspect and not view.is_current(row))


def stale_reasons(manifest: Manifest, derivation: DerivationRow, spec: AssetSpec) -> tuple[str, ...]:
    """Return why a partition that the lake made is stale; nothing when it is as it would be made now.

    Args:
        manifest: The manifest.
        derivation: How it was made.
        spec: Its asset as it is declared now.
    """
    reasons = []
    if derivation.code_version != spec.code_version:
        reasons.append(f"code {derivation.code_version} -> {spec.code_version}")
    if derivation.schema_version != spec.schema.version:
        reasons.append(f"schema {derivation.schema_version} -> {spec.schema.version}")
    # Nothing touched what it was made from: there is nothing to compare.
    if derivation.suspect:
        changed, went_on = look(
            manifest, lambda view: (view.inputs_of(derivation) != derivation.inputs, view.went_on(derivation))
        )
        if changed:
            reasons.append(_changed(manifest, derivation))
        elif went_on:
            reasons.append(f"{derivation.upstream.key} went on")
    return tuple(reasons)


def _changed(manifest: Manifest, derivation: DerivationRow) -> str:
    """Name the upstream's partitions that are not what they were when the derivation was made."""
    start, end, key = derivation.start_ns, derivation.end_ns, derivation.upstream.key
    before, after = (
        {part.partition: part.content_hash for part in graph.parts(manifest, derivation.upstream_id, start, end, at)}
        for at in (derivation.from_snapshot, None)
    )
    labels = sorted(label for label in before.keys() | after.keys() if before.get(label) != after.get(label))
    if not labels:
        return f"{key} changed"
    more = f" and {len(labels) - 1} more" if len(labels) > 1 else ""
    return f"{key} {labels[0]}{more} changed"
