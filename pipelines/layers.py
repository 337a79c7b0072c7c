"""In which order assets are made: each after what it is declared to be made from, and after what it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake import lineage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lake.manifest import Manifest
    from schemas.graph import Registry
    from schemas.keys import Address


def sources(manifest: Manifest) -> dict[Address, tuple[Address, ...]]:
    """Return what the derived series of a lake were made from: it need not be what their assets say."""
    tallies = lineage.census(manifest).by_id()
    return {
        tally.address: tuple(tallies[number].address for number in tally.upstreams)
        for tally in tallies.values()
        if tally.derivations
    }


def layers(registry: Registry, keys: Iterable[str], made: Mapping[Address, tuple[Address, ...]]) -> list[list[str]]:
    """Part assets into layers: none is made from another one of its own layer, or of a later one.

    Args:
        registry: The declared assets.
        keys: The assets.
        made: What `sources` says.
    """
    above = _above(registry, keys, made)
    depth = dict.fromkeys(above, 0)
    for _ in above:  # so often at most, also where what was made and what is declared go in a circle
        deeper = {key: max((depth[name] + 1 for name in names), default=0) for key, names in above.items()}
        if deeper == depth:
            break
        depth = deeper
    found: dict[int, list[str]] = {}
    for key in registry.in_order(keys):
        found.setdefault(depth[key], []).append(key)
    return [found[number] for number in sorted(found)]


def _above(
    registry: Registry, keys: Iterable[str], made: Mapping[Address, tuple[Address, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return what assets are made from, and so on up: two of them may hang together by one that is not selected."""
    recorded: dict[str, dict[str, None]] = {}
    for address, upstreams in made.items():
        recorded.setdefault(address.key, {}).update(dict.fromkeys(each.key for each in upstreams))
    found: dict[str, tuple[str, ...]] = {}
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key not in found:
            spec = lineage.resolved(registry, key)
            declared = () if spec is None else spec.upstreams
            found[key] = tuple(dict.fromkeys([*declared, *recorded.get(key, ())]))
            waiting += found[key]
    return found
