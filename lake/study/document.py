"""The lock as a file: TOML that people can read, the same text for the same rows."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.staging import storage_error
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT = "dl.study/1"
_HEAD = """\
# What a study read of a dl-datalake lake.
# `dl lock FILE --check` tells whether it can still be read; `dl read ADDRESS --lock FILE` reads it.
"""


@dataclass(frozen=True, slots=True)
class PinnedPart:
    """A natural partition as the study saw it: all of its rows, also those outside the study's range."""

    partition: str
    rows: int
    content_hash: str

    def span(self) -> tuple[int, int]:
        """Return the partition's start and end in nanoseconds."""
        parsed = Partition.parse(self.partition)
        return parsed.start_ns, parsed.end_ns


@dataclass(frozen=True, slots=True)
class PinnedSeries:
    """What the study read of one series."""

    address: Address
    start_ns: int | None
    end_ns: int | None
    rows: int
    sha256: str
    """Of all rows of the range in their order, as `lake.study.hashing` says."""
    partitions: tuple[PinnedPart, ...]

    def partial(self, part: PinnedPart) -> bool:
        """Tell whether the range cuts the partition, so that rows of it were not read."""
        start, end = part.span()
        return (self.start_ns is not None and start < self.start_ns) or (self.end_ns is not None and end > self.end_ns)


@dataclass(frozen=True, slots=True)
class Lock:
    """All that a study read, and of which snapshot of which lake."""

    lake: str
    snapshot: int
    at_ns: int
    series: tuple[PinnedSeries, ...]

    def of(self, address: Address) -> PinnedSeries:
        """Return what was read of a series; USAGE when the study did not read it."""
        for pinned in self.series:
            if pinned.address == address:
                return pinned
        raise LakeError(
            "USAGE",
            f"the study did not read {address}",
            where=f"locked at snapshot {self.snapshot}",
            why="A lock holds the series it was made of, and no others.",
            fix=[f"one of {', '.join(str(each.address) for each in self.series)}", "or lock the study anew"],
        )

    def only(self) -> PinnedSeries:
        """Return what was read of the one series there is; AMBIGUOUS with their names when there are several."""
        if len(self.series) == 1:
            return self.series[0]
        raise LakeError(
            "AMBIGUOUS",
            f"the lock pins {len(self.series)} series",
            where=", ".join(str(each.address) for each in self.series),
            why="One read gives the rows of one series.",
            fix=[f"name the one you mean: {self.series[0].address}"],
        )


def refuse_existing(path: Path, *, replace: bool) -> None:
    """Raise USAGE when the file is there already, unless it is to be replaced."""
    if path.exists() and not replace:
        raise LakeError(
            "USAGE",
            f"{path} is there already",
            why="What an earlier study read would be forgotten.",
            fix=["--check compares it with the lake", "another name", "or --replace"],
        )


def save(lock: Lock, path: Path, *, replace: bool = False) -> None:
    """Write the lock, whole or not at all.

    Raises:
        LakeError: USAGE when the file is there already, unless it is to be replaced; STORAGE, DISK_FULL.
    """
    refuse_existing(path, replace=replace)
    staged = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with staged.open("x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(f"{line}\n" for line in _lines(lock))
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        staged.unlink(missing_ok=True)


def _lines(lock: Lock) -> Iterator[str]:
    yield _HEAD
    yield f'format = "{FORMAT}"'
    yield f'lake = "{lock.lake}"'
    yield f"snapshot = {lock.snapshot}"
    yield f"at_ns = {lock.at_ns}  # when the snapshot was made, in nanoseconds since 1970, UTC"
    for series in lock.series:
        yield ""
        yield "[[series]]"
        yield f'address = "{series.address}"'
        if series.start_ns is not None:
            yield f"start_ns = {series.start_ns}"
        if series.end_ns is not None:
            yield f"end_ns = {series.end_ns}"
        yield f"rows = {series.rows}"
        yield f'sha256 = "{series.sha256}"'
        yield "partitions = ["
        for part in series.partitions:
            yield f'  ["{part.partition}", {part.rows}, "{part.content_hash}"],'
        yield "]"


def load(path: Path) -> Lock:
    """Read a lock.

    Raises:
        LakeError: SOURCE_NOT_FOUND when there is no such file, USAGE when it is no lock, or one of a later program.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise LakeError(
            "SOURCE_NOT_FOUND", f"there is no lock {path}", fix=["check the path", "dl lock FILE ADDRESS… makes one"]
        ) from None
    except UnicodeDecodeError:
        raise _no_lock(path, "it is no text") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_lock(path, str(error)) from None
    if document.get("format") != FORMAT:
        raise _no_lock(path, f"its format is {document.get('format')!r}, not {FORMAT!r}")
    try:
        lock = _parsed(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _no_lock(path, f"{type(error).__name__}: {error}") from None
    return lock


def _parsed(document: dict[str, Any]) -> Lock:
    series = tuple(
        PinnedSeries(
            Address.parse(each["address"]),
            _whole(each["start_ns"]) if "start_ns" in each else None,
            _whole(each["end_ns"]) if "end_ns" in each else None,
            _whole(each["rows"]),
            _text(each["sha256"]),
            tuple(PinnedPart(_label(label), _whole(rows), _text(digest)) for label, rows, digest in each["partitions"]),
        )
        for each in document["series"]
    )
    return Lock(_text(document["lake"]), _whole(document["snapshot"]), _whole(document["at_ns"]), series)


def _label(value: object) -> str:
    return Partition.parse(_text(value)).label


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _no_lock(path: Path, why: str) -> LakeError:
    return LakeError(
        "USAGE",
        f"{path} is not the lock of a study",
        why=f"It cannot be read as one: {why}.",
        fix=["name a file that `dl lock` wrote", "or lock the study anew"],
    )
