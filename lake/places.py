"""Opening a file of the manifest wherever it lies: in the data root, among the replaced ones, or in a tier."""

from __future__ import annotations

import datetime as dt
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from lake import files, tiers
from lake.config import HOT
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.manifest.tiers import tier_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lake.checksums import StoredFile
    from lake.config import Config
    from lake.manifest.rows import FileRow
    from lake.tiers import Tier
    from schemas.columns import Schema
    from schemas.keys import Address

DAY_NS = 86_400 * 10**9


class Places:
    """All the places of one lake; cheap to make, and safe in threads.

    A file's path is never used twice, so whatever lies under it, in whichever place, is that file. The data root is
    looked at first, also for a file of another tier: its hot copy is kept for a while. Files may move while a plan is
    being read, in any direction; then they are found where they went.
    """

    def __init__(self, config: Config) -> None:
        """Prepare; the tiers are looked up when the first file is not in the data root."""
        self._config = config
        self._data = str(config.data)
        self._lock = threading.Lock()
        self._tiers: dict[str, Tier] | None = None

    def parquet(self, file: FileRow, schema: Schema) -> StoredFile:
        """Open a file of the manifest as `files.open_parquet` does; of several copies the first whose footer is whole.

        Raises:
            LakeError: FILE_DAMAGED, naming the copy that was tried first; FILE_MISSING; TIER_UNAVAILABLE or
                TIER_FOREIGN when it can only be in a tier that is not there; FEATURE_CHANGED when it has columns that
                its feature set gained after the schema was looked up.
        """
        damaged: LakeError | None = None
        for path, place in self._named(file):
            try:
                return files.open_parquet(path, schema, place)
            except LakeError as error:
                if error.code == "E_FILE_DAMAGED":
                    damaged = damaged or error
                elif error.code != "E_FILE_MISSING":
                    raise
        if damaged and schema.registration and file.schema_version > schema.version:
            raise _overtaken(schema) from damaged
        raise damaged or self._lost(file) or files.missing(self._config.data / file.path)

    def _named(self, file: FileRow) -> Iterator[tuple[Path | str, str]]:
        """Yield every path that a file may lie at, and what to call the place; tiers are looked up last of all."""
        yield f"{self._data}/{file.path}", ""  # not a Path: of a small file making one is a tenth of what it takes
        yield files.retired(self._config.data, file.path), ""
        for tier in self._candidates(file):
            if (local := tier.local(file.path)) is not None:
                yield local, f"{tier.name}:{file.path}"

    def stream(self, file: FileRow) -> BinaryIO:
        """Open a file of the manifest to read its bytes; raises as `parquet` does."""
        for path in (self._config.data / file.path, files.retired(self._config.data, file.path)):
            with suppress(FileNotFoundError, NotADirectoryError):
                return path.open("rb")
        for tier in self._candidates(file):
            with suppress(FileNotFoundError, NotADirectoryError):
                return tier.open(file.path)
        raise self._lost(file) or files.missing(self._config.data / file.path)

    def copies(self, file: FileRow) -> Iterator[tuple[str, BinaryIO]]:
        """Yield every copy of a file that can be opened, with the name of its tier, to be closed by who takes it.

        A file that moves meanwhile may be met twice, but is not missed: it is looked for once more where it went.
        """
        seen = False
        for _ in range(2):
            for path in (self._config.data / file.path, files.retired(self._config.data, file.path)):
                if (stream := _opened(path.open, "rb")) is not None:
                    seen = True
                    yield HOT, stream
            for tier in self._candidates(file):
                if (stream := _opened(tier.open, file.path)) is not None:
                    seen = True
                    yield tier.name, stream
            if seen:
                return
            self._known(anew=True)  # it may be in a tier that was first used just now

    def require(self, plan: Sequence[FileRow], series: Mapping[int, Address]) -> None:
        """Make sure, before the first row is read, that every file of a plan is in a place that is there.

        Args:
            plan: The files.
            series: The addresses of their series, by id.

        Raises:
            LakeError: TIER_UNAVAILABLE or TIER_FOREIGN, naming the tier, the series, and what can be read without it.
        """
        for name in sorted({file.tier for file in plan} - {HOT}):
            try:
                self.tier(name).check()
            except LakeError as error:
                away = [file for file in plan if file.tier == name and not self.is_hot(file)]
                if away:
                    raise _without(error, plan, away, series) from None

    def is_hot(self, file: FileRow) -> bool:
        """Tell whether the data root holds a copy of the file now."""
        data = self._config.data
        return (data / file.path).exists() or files.retired(data, file.path).exists()

    def tier(self, name: str) -> Tier:
        """Return a tier by its name; LakeError UNKNOWN_TIER when neither dl.toml nor the manifest knows it."""
        found = self._known().get(name) or self._known(anew=True).get(name)
        if found is None:
            raise LakeError("UNKNOWN_TIER", f"there is no tier {name!r}", where=str(self._config.root))
        return found

    def _known(self, *, anew: bool = False) -> dict[str, Tier]:
        with self._lock:
            if self._tiers is None or anew:
                with Manifest.open(self._config) as manifest:
                    self._tiers = tiers.known(self._config, manifest)
            return self._tiers

    def _candidates(self, file: FileRow) -> Iterator[Tier]:
        """Yield the tiers that are there, the one the plan names first."""
        known = self._known()
        if file.tier not in known:  # first used after they were looked up
            known = self._known(anew=True)
        for name in sorted(known, key=lambda name: name != file.tier):
            with suppress(LakeError):
                known[name].check()
                yield known[name]

    def _lost(self, file: FileRow) -> LakeError | None:
        """Return why a file is nowhere to be found, when it is in a tier that is not there."""
        name = file.tier
        if name == HOT:  # it may have moved since the plan was made
            with Manifest.open(self._config) as manifest:
                now = tier_of(manifest, file.id)
            if now is None or now == HOT:
                return None
            name = now
        try:
            self.tier(name).check()
        except LakeError as error:
            return error
        return None


def _opened(way: Callable[[str], Any], word: str) -> BinaryIO | None:
    """Return what opening gives; None when it cannot be opened."""
    try:
        stream: BinaryIO = way(word)
    except OSError:
        return None
    return stream


def _without(
    error: LakeError, plan: Sequence[FileRow], away: Sequence[FileRow], series: Mapping[int, Address]
) -> LakeError:
    """Return the error for a plan some of whose files are in a tier that is not there."""
    first, last = min(away, key=lambda f: f.start_ns), max(away, key=lambda f: f.start_ns)
    names = list(dict.fromkeys(str(series[file.series_id]) for file in away if file.series_id in series))
    told = names[0] if len(names) == 1 else f"{len(names)} series"
    fix = list(error.fix)
    if any(file.start_ns >= last.end_ns for file in plan):
        fix.append(f"or read from {_day(last.end_ns)} on (--start), which lies in the data folder")
    elif any(file.end_ns <= first.start_ns for file in plan):
        fix.append(f"or read up to {_day(first.start_ns)} (--end), which lies in the data folder")
    return LakeError(
        error.code.removeprefix("E_"),
        error.message,
        where=f"{error.where}: {told} {first.partition} … {last.partition}",
        why=f"Files that are to be read lie there and nowhere else: {len(away):,} of {len(plan):,}.",
        fix=fix,
    )


def _overtaken(schema: Schema) -> LakeError:
    name = schema.name.removeprefix("features_")
    why = "Its columns were looked up when the work began, and what is stored by now has more."
    return LakeError("FEATURE_CHANGED", f"{name} gained columns meanwhile", why=why, fix=["run it again"])


def _day(ns: int) -> str:
    return (dt.date(1970, 1, 1) + dt.timedelta(days=ns // DAY_NS)).isoformat()
