"""Which series of a feature set is meant: the one of an instrument, or the one that instruments share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.manifest.feature_sets import holders
from schemas.features import KEYS
from schemas.keys import normalise

if TYPE_CHECKING:
    from collections.abc import Collection

    from lake.features.sets import Known, Sets
    from lake.manifest import Manifest
    from schemas.keys import Address

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is said of an instrument; None says nothing."""

    exchange: str | None = None
    market: str | None = None
    symbol: str | None = None

    def fits(self, address: Address, keys: Collection[str]) -> bool:
        """Whether a series may be the one that is meant, where a set's series are told apart by some of its names."""
        return all(getattr(address, key) == name for key, name in self.told(keys).items())

    def told(self, keys: Collection[str]) -> dict[str, str]:
        """Return what is said of these names, as the lake spells it; ValueError for impossible ones."""
        said = {key: getattr(self, key) for key in KEYS if key in keys}
        return {key: normalise(name) for key, name in said.items() if name is not None}

    def __str__(self) -> str:
        """Return its names as an address has them, `*` for what is not said."""
        return "/".join(getattr(self, key) or "*" for key in KEYS)


def find(
    manifest: Manifest, sets: Sets, name: str, version: str | None, instrument: Instrument, snapshot: int
) -> tuple[Known, Address]:
    """Return the version that is meant, and its one series that an instrument fits.

    Raises:
        LakeError: UNKNOWN_FEATURES; UNKNOWN_SERIES when no series fits, AMBIGUOUS when several do; USAGE for names that
            no instrument can have.
    """
    try:
        known = sets.named(name, version, holds=lambda each: bool(fitting(manifest, each, instrument, snapshot)))
        found = fitting(manifest, known, instrument, snapshot)
    except ValueError as error:
        why = "No series can have such an address."
        raise LakeError("USAGE", str(error), why=why, fix=["dl features list --series"]) from None
    if len(found) == 1:
        return known, found[0]
    if found:
        names = ", ".join(map(str, found[:_SHOWN])) + (", …" if len(found) > _SHOWN else "")
        raise LakeError(
            "AMBIGUOUS",
            f"{known.label} has {len(found)} series that fit {instrument}",
            where=names,
            fix=[f"--{key}" for key in KEYS if getattr(instrument, key) is None and key in known.set.serving.keys],
        )
    raise unknown(manifest, known, instrument, snapshot)


def unknown(manifest: Manifest, known: Known, instrument: Instrument, snapshot: int) -> LakeError:
    """Return the error for an instrument of which a version has no rows, with those of which it has."""
    stored = sorted(holders(manifest, known.key, snapshot))
    there = ", ".join(f"{each.exchange}/{each.market}/{each.symbol}" for each in stored[:_SHOWN])
    return LakeError(
        "UNKNOWN_SERIES",
        f"{known.label} has no rows of {instrument} at snapshot {snapshot}",
        why=f"It has rows of {there}{' and others' if len(stored) > _SHOWN else ''}." if stored else "It has no rows.",
        fix=["dl features list --series", f"dl features write {known.label} FILE"],
    )


def fitting(manifest: Manifest, known: Known, instrument: Instrument, snapshot: int) -> list[Address]:
    """Return the series of a version that hold rows and that an instrument fits; ValueError for impossible names."""
    return sorted(holders(manifest, known.key, snapshot, **instrument.told(known.set.serving.keys)))
