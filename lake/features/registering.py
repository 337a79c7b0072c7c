"""Registering feature sets, and saying which of their versions is served: each a commit of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lake import write as writing
from lake.errors import LakeError
from lake.features.sets import Sets
from lake.manifest import Change, Conflict, Manifest, NewFeatureSet, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lake.config import Config
    from lake.manifest.feature_sets import Stage
    from schemas.features import FeatureSet

_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Registered:
    """What a registration did."""

    set: FeatureSet
    stage: Stage
    status: Literal["registered", "changed", "unchanged"]
    snapshot: int


def register(
    config: Config,
    new: FeatureSet,
    *,
    declared: Iterable[FeatureSet] = (),
    promote: bool | None = None,
    message: str = "",
) -> Registered:
    """Register a version of a feature set, or add nullable columns to it.

    What is the same already writes nothing. Rows that are stored have no value in a new column.

    Args:
        config: The lake.
        new: The version; its revision is counted here.
        declared: The sets declared in code: these are registered by that.
        promote: Whether it may be the latest version; a new one is promoted, a known one stays as it is, unless said.
        message: Why, for the history.

    Raises:
        LakeError: FEATURE_CHANGED when this version is known and differs in more than new nullable columns; USAGE when
            code declares it; LOCKED, DISK_FULL, STORAGE.
    """
    if any(each.key == new.key for each in declared):
        raise LakeError(
            "USAGE",
            f"{new.label} is declared in code",
            why="A module of this lake declares the asset, and what it says holds.",
            fix=["change it there", "or register another version"],
        )

    def change(sets: Sets) -> NewFeatureSet | None:
        known = sets.find(new.key)
        if known is None:
            return NewFeatureSet(new.key, _stage(promote), replace(new, revision=1).to_json())
        if said := known.set.changed(new):
            following = _next(sets.versions(new.name)[-1].version)
            fix = [f"dl features register {new.name}.v{following}", f"dl features show {new.label}"]
            raise LakeError("FEATURE_CHANGED", f"{new.label}: {said}", where=new.key, fix=fix)
        grown = len(new.columns) > len(known.set.columns)
        set_ = replace(new, revision=known.set.revision + grown)
        stage = known.stage if promote is None else _stage(promote)
        if (set_, stage) == (known.set, known.stage):
            return None
        return NewFeatureSet(new.key, stage, set_.to_json(), known.registration)

    return _commit(config, new.key, change, f"features register {new.label}", message)


def _stage(promote: bool | None) -> Stage:  # noqa: FBT001 -- as it was asked for
    return "staged" if promote is False else "promoted"


def _next(version: str) -> str:
    head, dot, last = version.rpartition(".")
    return f"{head}{dot}{int(last) + 1}"


def set_stage(config: Config, name: str, stage: Stage, *, declared: Iterable[FeatureSet] = ()) -> Registered:
    """Promote a version, so that it may be the latest one, or deprecate it, so that it is no longer.

    Raises:
        LakeError: UNKNOWN_FEATURES; USAGE when no version is named and there are several, or code declares it; LOCKED,
            STORAGE.
    """
    with Manifest.open(config) as manifest:
        known = Sets(manifest, declared).exactly(name)
    if known.registration is None:
        raise LakeError(
            "USAGE",
            f"{known.label} is declared in code",
            why="It is served as it is declared.",
            fix=["change it there"],
        )

    def change(sets: Sets) -> NewFeatureSet | None:
        now = sets.find(known.key)
        if now is None:
            raise LakeError("UNKNOWN_FEATURES", f"{known.label} is no longer registered")
        if now.stage == stage:
            return None
        return NewFeatureSet(now.key, stage, now.set.to_json(), now.registration)

    verb = {"promoted": "promote", "deprecated": "deprecate", "staged": "stage"}[stage]
    return _commit(config, known.key, change, f"features {verb} {known.label}", "")


def _commit(
    config: Config, key: str, change: Callable[[Sets], NewFeatureSet | None], command: str, message: str
) -> Registered:
    """Commit what a change makes of the current registration of a key; anew when another writer was first."""
    with Writer(config) as writer, writing.run(writer, "register", command) as run_id:
        for _ in range(_ATTEMPTS):
            with Manifest.open(config) as manifest:
                sets, newest = Sets(manifest), manifest.snapshot()
            known, new = sets.find(key), change(sets)
            if new is None:
                writer.end_run(run_id, "unchanged")
                if known is None:
                    raise TypeError("nothing was registered, and nothing changed")
                return Registered(known.set, known.stage, "unchanged", known.snapshot or newest)
            try:
                snapshot = writer.commit(Change(run_id, "register", message=message, feature_sets=[new], ends_run=True))
            except Conflict:
                continue
            with Manifest.open(config) as manifest:
                now = Sets(manifest, snapshot=snapshot).find(key)
            if now is None:
                raise TypeError(f"{key} was registered, and is not there")
            return Registered(now.set, now.stage, "registered" if known is None else "changed", snapshot)
    raise LakeError("LOCKED", f"other writers kept registering {key}", where=str(config.root))
