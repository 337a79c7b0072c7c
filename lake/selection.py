"""Selecting series of the lake by what a user writes: addresses, and patterns with `*`, `?` and `[` in any place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.lookup import near_series, parse_pattern
from lake.manifest import graph
from lake.manifest.presence import presences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lake.manifest import Manifest, SeriesRow
    from lake.manifest.presence import Presence


def select(manifest: Manifest, patterns: Sequence[str]) -> list[SeriesRow]:
    """Return the series that fit one of the patterns, each once; all of them where there is no pattern.

    Raises:
        LakeError: USAGE for what is no address; UNKNOWN_SERIES when nothing fits one of them, with what is near it.
    """
    if not patterns:
        return manifest.series()
    found: dict[int, SeriesRow] = {}
    for text in patterns:
        fitting = manifest.series(**parse_pattern(text), snapshot=None)
        if not fitting:
            raise unknown(manifest, text)
        found |= {row.id: row for row in fitting}
    return list(found.values())


def unknown(manifest: Manifest, text: str, snapshot: int | None = None) -> LakeError:
    """Return the error for a series that holds no rows at a snapshot, the newest unless given.

    One that the lake knows from other snapshots is told with these, and how to have it; else it is what the lake
    holds of the symbol.
    """
    asked = parse_pattern(text)
    elsewhen = absent(manifest, asked, snapshot)
    if elsewhen is not None:
        return elsewhen
    newest = manifest.snapshot()
    at = newest if snapshot is None else snapshot
    stored = [row.address for row in manifest.series(snapshot=at)]
    names = {place: name or "" for place, name in asked.items()}
    key, place = f"{names['type']}/{names['period']}", f"{names['exchange']}/{names['market']}"
    return LakeError(
        "UNKNOWN_SERIES",
        f'"{text}" is not in the lake' + ("" if at == newest else f" at snapshot {at}"),
        why=near_series(stored, names["symbol"], key, place),
        fix=["dl list" if at == newest else f"dl list --as-of {at}"],
    )


def absent(manifest: Manifest, words: Mapping[str, str | None], snapshot: int | None = None) -> LakeError | None:
    """Return the error for the one series that fits, and of which the snapshot has no rows; None for none or several.

    Args:
        manifest: The lake's.
        words: What is asked for in each place of an address; globs allowed.
        snapshot: The newest when None.
    """
    newest = manifest.snapshot()
    at = newest if snapshot is None else snapshot
    known = presences(manifest, at, **words)
    if len(known) != 1 or manifest.series(**words, snapshot=at):
        return None
    return _absent(manifest, known[0], at, newest)


def _absent(manifest: Manifest, known: Presence, at: int, newest: int) -> LakeError:
    address = known.series.address
    history = f"dl history {address}"
    if known.first is None:
        why = "The lake knows it, but has never held a row of it."
        return LakeError("UNKNOWN_SERIES", f'"{address}" holds no rows', why=why, fix=[history])
    if known.gone is None:
        fix = [f"--as-of {known.first}, or a later one", history] if known.readable else [history]
        why = f"Its first rows came with snapshot {known.first}."
        return LakeError("UNKNOWN_SERIES", f'"{address}" is not in the lake yet at snapshot {at}', why=why, fix=fix)
    last = known.gone - 1
    verb = {"delete": "It was deleted", "rollback": "A rollback took it away"}.get(known.operation, "It was emptied")
    why = f"{verb} at snapshot {known.gone}; "
    if not known.readable:
        why += f"snapshot {last}, which had it, was forgotten."
        return LakeError("UNKNOWN_SERIES", f'"{address}" holds no rows at snapshot {at}', why=why, fix=[history])
    why += f"snapshot {last} has it still."
    fix = [f"--as-of {last}", history]
    if at == newest:
        upstream = graph.upstream_at(manifest, known.series.id, last)
        again = f"dl rollback {address} --to {last}" if upstream is None else f"make it again from {upstream}"
        fix = [again, f"dl read {address} --as-of {last}", history]
    return LakeError("UNKNOWN_SERIES", f'"{address}" holds no rows at snapshot {at}', why=why, fix=fix)
