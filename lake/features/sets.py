"""Which feature sets there are, registered in the lake or declared in code, and which version a name means."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.manifest.feature_sets import feature_sets
from schemas.features import split_name, version_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lake.manifest import Manifest
    from lake.manifest.feature_sets import FeatureSetRow, Stage
    from schemas.features import FeatureSet

LATEST = "latest"


class Known:
    """One version of a feature set, and where it is known from; what it declares is read when it is asked for."""

    def __init__(self, declared: FeatureSet | None = None, row: FeatureSetRow | None = None) -> None:
        """Take a set that is declared in code, or a registration."""
        self._declared, self._row = declared, row
        self.key: str = row.key if row else declared.key if declared else ""
        self.name, _, self.version = self.key.removeprefix("features/").partition(".v")
        self.stage: Stage = row.stage if row else "promoted"
        self.registration: int | None = row.id if row else None
        """Its id in the manifest; None where it is declared in code."""
        self.snapshot: int | None = row.from_snapshot if row else None
        """The one that registered it as it is."""

    def __repr__(self) -> str:
        return f"<{self.label}, {self.stage}>"

    @property
    def label(self) -> str:
        """`returns.v2`."""
        return f"{self.name}.v{self.version}"

    @cached_property
    def set(self) -> FeatureSet:
        """What it declares."""
        if self._declared is not None:
            return self._declared
        if self._row is None:
            raise TypeError("neither a declaration nor a registration was given")
        return self._row.set


class Sets:
    """The feature sets of a lake at one snapshot."""

    def __init__(self, manifest: Manifest, declared: Iterable[FeatureSet] = (), snapshot: int | None = None) -> None:
        """Read what is registered.

        Args:
            manifest: The lake's manifest.
            declared: The sets that are declared in code; what the lake itself knows of the same key goes first.
            snapshot: The snapshot; the newest unless given.
        """
        self._at = "" if snapshot is None else f" at snapshot {snapshot}"
        found = {each.key: Known(each) for each in declared}
        for row in feature_sets(manifest, snapshot):
            found[row.key] = Known(row=row)
        known = sorted(found.values(), key=lambda each: (each.name, version_numbers(each.version)))
        self._known = {each.key: each for each in known}
        self._versions = {name: list(each) for name, each in groupby(known, key=lambda known: known.name)}

    def all(self) -> list[Known]:
        """Return every version of every set, by name and version."""
        return list(self._known.values())

    def versions(self, name: str) -> list[Known]:
        """Return the versions of a set, the oldest first."""
        return self._versions.get(name, [])

    def find(self, key: str) -> Known | None:
        """Return what is known under a key such as `features/returns.v2`; None when nothing is."""
        return self._known.get(key)

    def named(self, text: str, version: str | None = None, *, holds: Callable[[Known], bool] | None = None) -> Known:
        """Return the version that a name means: `returns.v2`, or `returns` for the latest.

        The latest is the highest promoted one that holds rows where they are looked for; when none does, the highest
        promoted one; when none is promoted, the highest staged.

        Args:
            text: The name, with its version or without.
            version: The version, if it is not in the name; `latest` is as good as none.
            holds: Whether a version has rows; unless given, that is not asked.

        Raises:
            LakeError: UNKNOWN_FEATURES with the nearest names or the versions there are; USAGE when it is no name.
        """
        name, wanted = one_version(text, None if version == LATEST else version)
        versions = self.versions(name)
        if not versions:
            near = get_close_matches(name, {known.name for known in self._known.values()}, 3)
            why = f"Near it: {', '.join(sorted(near))}." if near else ""
            raise LakeError("UNKNOWN_FEATURES", f'no feature set "{name}" is registered{self._at}', why=why)
        if wanted is not None:
            found = self._known.get(f"features/{name}.v{wanted}")
            if found is None:
                there = ", ".join(known.version for known in versions)
                raise LakeError("UNKNOWN_FEATURES", f"{name} has no version {wanted}{self._at}", why=f"It has {there}.")
            return found
        staged = [known for known in versions if known.stage == "staged"]
        return self.latest(name, holds) or (staged or versions)[-1]

    def exactly(self, text: str, version: str | None = None) -> Known:
        """Return the version that a name means where it must not be another one; raises as `named` does.

        Raises:
            LakeError: AMBIGUOUS when no version is named, and there are several.
        """
        known = self.named(text, version)
        others = self.versions(known.name)
        if version is None and len(others) > 1 and parse_name(text)[1] is None:
            raise LakeError(
                "AMBIGUOUS",
                f"{known.name} has versions {', '.join(each.version for each in others)}",
                fix=[each.label for each in others[-1:]],
            )
        return known

    def latest(self, name: str, holds: Callable[[Known], bool] | None = None) -> Known | None:
        """Return the highest promoted version of a set, of those that hold rows if any does; None when none is."""
        promoted = [known for known in self.versions(name) if known.stage == "promoted"]
        held = [known for known in promoted if holds(known)] if holds else []
        return next(reversed(held or promoted), None)


def parse_name(text: str) -> tuple[str, str | None]:
    """Return name and version of a set as a user writes it, in any case; USAGE when it is no name."""
    try:
        return split_name(text.lower())
    except ValueError as error:
        fix = ["returns", "returns.v2"]
        raise LakeError("USAGE", str(error), why="A set is named, and may be named with a version.", fix=fix) from None


def one_version(text: str, version: str | None) -> tuple[str, str | None]:
    """Return name and version where the version may stand in the name or beside it; USAGE when these are two."""
    name, own = parse_name(text)
    if own is not None and version not in (None, own):
        message = f"{text} names version {own}, and version {version} was asked for"
        raise LakeError("USAGE", message, why="A version is named once.", fix=["leave one of them out"])
    return name, own or version
