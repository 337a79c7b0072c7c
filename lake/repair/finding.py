"""Finding the files that are not as they were stored, and the places that hold whole copies of them."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from lake import files, tiers
from lake.config import HOT
from lake.errors import LakeError
from lake.repair.model import Broken, Progress
from lake.selection import select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lake.config import Config
    from lake.manifest import FileRow, Manifest
    from lake.tiers import Tier

    Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Bad:
    """A file that is missing or not as it was stored where the manifest says it lies."""

    file: FileRow
    found: str
    """What was found there, `missing` or in words."""
    spare: str | None = None
    """The tier this copy lies in, if it is one besides the copy that the manifest names, which is whole."""

    @property
    def shown(self) -> str:
        """Its path, behind the tier's name where it lies in one."""
        tier = self.file.tier if self.spare is None else self.spare
        return self.file.path if tier == HOT else f"{tier}:{self.file.path}"


class Places:
    """Every place that a file may lie in, those tiers among them that are there."""

    def __init__(self, config: Config, manifest: Manifest) -> None:
        """Look up the tiers."""
        self.data = config.data
        self.tiers: dict[str, Tier] = {}
        self.away: dict[str, str] = {}
        """Tiers that are not there, and why."""
        for name, tier in tiers.known(config, manifest).items():
            try:
                tier.check()
            except LakeError as error:
                self.away[name] = error.message
            else:
                self.tiers[name] = tier

    def hot(self, file: FileRow) -> Path | None:
        """Return where the data root has a file, whole or not."""
        for path in (self.data / file.path, files.retired(self.data, file.path)):
            if path.is_file():
                return path
        return None

    def wrong(self, file: FileRow) -> str | None:
        """Say what is wrong with a file where it should lie; None when nothing is."""
        if file.tier == HOT:
            path = self.hot(file)
            return "missing" if path is None else _differs(lambda: path.open("rb"), file)
        tier = self.tiers[file.tier]
        if tier.size(file.path) is None:
            return "missing"
        return _differs(lambda: tier.open(file.path), file)

    def wrong_spares(self, file: FileRow) -> Iterator[tuple[str, str]]:
        """Yield the tiers with a bad copy besides the one the manifest names, and what is wrong; reads may use it."""
        path = self.hot(file) if file.tier != HOT else None
        if path is not None and (wrong := _differs(lambda: path.open("rb"), file)) is not None:
            yield HOT, wrong
        for name, tier in self.tiers.items():
            if name != file.tier and tier.size(file.path) is not None:
                wrong = _differs(lambda tier=tier: tier.open(file.path), file)  # type: ignore[misc]  # bound to this tier
                if wrong is not None:
                    yield name, wrong

    def whole_copy(self, file: FileRow) -> str | None:
        """Return the name of another place that has the file whole; None where there is none."""
        for name, opened in self._copies(file):
            if _differs(opened, file) is None:
                return name
        return None

    @contextmanager
    def open(self, name: str, file: FileRow) -> Iterator[BinaryIO]:
        """Open the copy of a file in a place that `whole_copy` named."""
        with dict(self._copies(file))[name]() as stream:
            yield stream

    def _copies(self, file: FileRow) -> Iterator[tuple[str, Callable[[], BinaryIO]]]:
        """Yield the places that may have a file, each with how to open it there."""
        hot, old = self.data / file.path, files.retired(self.data, file.path)
        yield HOT, lambda: hot.open("rb")
        yield "replaced", lambda: old.open("rb")
        for name, tier in self.tiers.items():
            yield name, lambda tier=tier: tier.open(file.path)  # type: ignore[misc]  # bound to this tier


def _differs(opened: Callable[[], BinaryIO], file: FileRow) -> str | None:
    """Say how a copy of a file differs from what was stored; None when it does not."""
    try:
        with opened() as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file will do
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if digest == file.sha256 else f"sha256:{digest}"


def bad_files(manifest: Manifest, places: Places, selection: Sequence[str], tell: Tell) -> Iterator[Bad]:
    """Yield the files of a selection that are not as they were stored; those of tiers that are away are passed over.

    Raises:
        LakeError: UNKNOWN_SERIES.
    """
    chosen = {series.id for series in select(manifest, selection)} if selection else None
    total = manifest.count_files()
    for done, file in enumerate(manifest.all_files(), 1):
        tell(Progress("looking at files", done, max(total, done)))
        if (chosen is not None and file.series_id not in chosen) or file.tier in places.away:
            continue
        wrong = places.wrong(file)
        if wrong is not None:
            yield Bad(file, wrong)
            continue
        for name, found in places.wrong_spares(file):
            yield Bad(file, found, spare=name)


def away(manifest: Manifest, places: Places) -> dict[str, int]:
    """Return how many files of each tier cannot be looked at, because it is not there."""
    counts = dict.fromkeys(places.away, 0)
    if counts:
        for file in manifest.all_files():
            if file.tier in counts:
                counts[file.tier] += 1
    return {name: count for name, count in counts.items() if count}


def not_looked_at(places: Places, name: str, count: int) -> Broken:
    """Return what is to be said of the files of a tier that is away."""
    what = f"tier {name}"
    which = "1 file was" if count == 1 else f"{count:,} files were"
    return Broken(what, f"{places.away[name].removeprefix(f'{what}: ')}: {which} not looked at")
