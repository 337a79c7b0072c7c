"""The inbox: files that are dropped into a folder are ingested, and moved to `done/` or to `refused/` with the reason.

Killed anywhere, it goes on where it was: a file that was ingested and not yet moved is found to be in the lake, and is
moved then. Nothing is ever overwritten, and what could not be decided yet stays where it lies.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lake.errors import Exit, LakeError, printable
from lake.layout import STAGING
from lake.staging import alone, storage_error
from pipelines.requests import plain
from pipelines.retrying import may_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.config import Config
    from lake.ingest import FileReport, IngestReport, IngestRequest

FOLDER = "inbox"
SETTLE_S = 10.0
DONE, REFUSED = "done", "refused"
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".download")
_COMPANION = ".CHECKSUM"
_PLACE = ("exchange", "market", "symbol")
_DECIDED = {Exit.REFUSED, Exit.USAGE, Exit.FINDINGS}
"""Errors that will be the same next time: the file is moved out of the way."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where files are dropped, and when they count as whole."""

    folder: Path
    settle_s: float = SETTLE_S
    """How long a file must have been left alone: neither written to, nor renamed."""


@dataclass(slots=True)
class Taken:
    """A file that is in the lake now, or was before; `moved_to` is empty where another one has its name by now."""

    source: str
    moved_to: str
    report: FileReport


@dataclass(slots=True)
class Refused:
    """A file that was not taken; `moved_to` is empty where it was left for the next time."""

    source: str
    moved_to: str
    error: LakeError


@dataclass(slots=True)
class InboxReport:
    """What became of the files in the inbox."""

    folder: str
    taken: list[Taken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    left: list[Refused] = field(default_factory=list)
    """Files that could not be taken this time, and may be next time."""
    waiting: list[str] = field(default_factory=list)
    """Files that may still be written to."""


def settings(config: Config, *, folder: str | Path | None = None, settle_s: float | None = None) -> Inbox:
    """Return the inbox of a lake: what is given here, else `[inbox]` of dl.toml, else `inbox` in the lake's folder.

    Raises:
        LakeError: USAGE when dl.toml says what cannot be.
    """
    told = _table(config)
    where = folder or told.get("folder", FOLDER)
    settle = told.get("settle", SETTLE_S) if settle_s is None else settle_s
    if not isinstance(where, str | Path) or not str(where):
        raise _unusable(f"folder is {where!r}: expected a path", config)
    if isinstance(settle, bool) or not isinstance(settle, int | float) or not 0 <= settle < float("inf"):
        raise _unusable(f"settle is {settle!r}: expected seconds, 0 or more", config)
    # A folder that was named is relative to here, one of the settings to the lake.
    path = Path(where).expanduser()
    return Inbox((path if folder else config.root / path).absolute(), float(settle))


def empty(
    config: Config,
    inbox: Inbox,
    request: IngestRequest,
    take_in: Callable[[IngestRequest], IngestReport],
) -> InboxReport:
    """Take every file that is whole into the lake, each in a commit of its own, and move it out of the inbox.

    Files in EXCHANGE, EXCHANGE/MARKET or EXCHANGE/MARKET/SYMBOL below the inbox belong there; deeper folders are a
    vendor's own.

    Args:
        config: The lake.
        inbox: The folder.
        request: How to ingest; its sources are filled in here.
        take_in: Ingests one file.

    Raises:
        LakeError: LOCKED when another process empties the same inbox; STORAGE when the inbox cannot be used; and
            whatever keeps the lake itself from being used.
    """
    report = InboxReport(str(inbox.folder))
    try:
        inbox.folder.mkdir(parents=True, exist_ok=True)
        with alone(config.data / STAGING, f"inbox {inbox.folder.resolve()}", config.wait_s):
            _follow(inbox.folder)
            for path in list(_files(inbox.folder)):
                try:
                    _one(inbox, path, request, take_in, report)
                except OSError as error:  # such as a name too long for another one to be made of it
                    report.left.append(Refused(_shown(path, inbox.folder), "", storage_error(error, path)))
    except OSError as error:
        raise storage_error(error, inbox.folder) from error
    return report


def _one(
    inbox: Inbox,
    path: Path,
    request: IngestRequest,
    take_in: Callable[[IngestRequest], IngestReport],
    report: InboxReport,
) -> None:
    shown = _shown(path, inbox.folder)
    try:
        if not _settled(path, inbox.settle_s):
            report.waiting.append(shown)
            return
        before = _state(path)
    except FileNotFoundError:  # taken away again
        return
    try:
        done = take_in(_addressed(request, path, inbox.folder))
    except LakeError as error:
        if error.exit in _DECIDED and not may_pass(error):
            _refuse(path, before, inbox.folder, error, report)
        elif error.exit == Exit.NOT_INITIALISED:
            raise
        elif error.exit != Exit.NOT_FOUND or path.exists():
            report.left.append(Refused(shown, "", error))
    except Exception as bug:  # noqa: BLE001 - one file that brings a bug to light must not keep out the others
        report.left.append(Refused(shown, "", LakeError("UNEXPECTED", f"{type(bug).__name__}: {bug}", where=str(path))))
    else:
        _put_away(path, before, inbox.folder, done, report)


def _put_away(path: Path, before: tuple[int, ...], folder: Path, done: IngestReport, report: InboxReport) -> None:
    """Move a file that was read; an archive of which a member was refused is no finished one."""
    shown = _shown(path, folder)
    taken = [Taken(shown, "", file) for file in done.files]
    report.taken += taken
    if done.errors:
        _refuse(path, before, folder, done.errors[0], report)
    elif _is_as_read(path, before, shown, report):
        moved_to = _move(path, folder, DONE)
        for each in taken:
            each.moved_to = moved_to


def _refuse(path: Path, before: tuple[int, ...], folder: Path, error: LakeError, report: InboxReport) -> None:
    shown = _shown(path, folder)
    if _is_as_read(path, before, shown, report):
        report.refused.append(Refused(shown, _move(path, folder, REFUSED, error), error))


def _shown(path: Path, folder: Path) -> str:
    return printable(path.relative_to(folder).as_posix())


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _is_as_read(path: Path, before: tuple[int, ...], shown: str, report: InboxReport) -> bool:
    """Return whether a file is still the one that was read; what was put in its place has its own turn."""
    try:
        same = _state(path) == before
    except FileNotFoundError:
        return False
    if not same:
        report.waiting.append(shown)
    return same


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files to take, the oldest first, so that a vendor's corrections come after what they correct."""
    found = []
    for where, folders, names in os.walk(folder):
        top = Path(where) == folder
        folders[:] = sorted(n for n in folders if not n.startswith(".") and not (top and n in {DONE, REFUSED}))
        for name in names:
            path = Path(where, name)
            if name.startswith(".") or name.lower().endswith(_UNFINISHED) or name.endswith(_COMPANION):
                continue
            with suppress(FileNotFoundError):
                if path.is_file() and not path.is_symlink():
                    found.append((path.stat().st_mtime_ns, str(path), path))
    return (path for _, _, path in sorted(found))


def _settled(path: Path, settle_s: float) -> bool:
    """Return whether a file was left alone: what is written, renamed or touched has a new change time."""
    if settle_s == 0:
        return True
    changed = path.stat().st_ctime
    return abs(time.time() - changed) >= settle_s


def _addressed(request: IngestRequest, path: Path, folder: Path) -> IngestRequest:
    parts = path.relative_to(folder).parts[:-1]
    given: dict[str, Any] = dict(zip(_PLACE, parts, strict=False)) if len(parts) <= len(_PLACE) else {}
    return dataclasses.replace(request, sources=(str(path),), **given)


# ---- moving ----------------------------------------------------------------------------------------------------------


def _move(path: Path, folder: Path, verdict: str, error: LakeError | None = None) -> str:
    """Move a file to done/ or refused/, its .CHECKSUM after it; return where to, relative to the inbox."""
    relative = path.relative_to(folder)
    where = folder / verdict / relative.parent
    where.mkdir(parents=True, exist_ok=True)
    target, linked = _claim(path, where)
    if error is not None:
        _explain(target, error)
    if linked:
        path.unlink()
    else:
        path.replace(target)
    beside = path.with_name(path.name + _COMPANION)
    if beside.exists():
        _along(beside, target)
    return _shown(target, folder)


def _claim(path: Path, where: Path) -> tuple[Path, bool]:
    """Find a name nothing has and take it, by a second link to the file, or an empty file where links cannot be made.

    A name that is the file's own link already was claimed by a run that was killed.
    """
    number = 1
    while True:
        target = where / (path.name if number == 1 else f"{path.stem}~{number}{path.suffix}")
        try:
            os.link(path, target, follow_symlinks=False)
        except FileExistsError:
            if target.samefile(path):
                return target, True
            number += 1
        except OSError:
            with suppress(FileExistsError):
                target.touch(exist_ok=False)
                return target, False
            number += 1
        else:
            return target, True


def _along(companion: Path, target: Path) -> None:
    """Move a .CHECKSUM beside its file; it stays where another one has its name."""
    beside = target.with_name(target.name + _COMPANION)
    if not beside.exists():
        companion.rename(beside)


def _follow(folder: Path) -> None:
    """Move on the .CHECKSUM files whose own files a killed run had already moved."""
    for companion in folder.rglob(f"*{_COMPANION}"):
        relative = companion.relative_to(folder)
        if relative.parts[0] in {DONE, REFUSED} or companion.with_suffix("").exists():
            continue
        for verdict in (DONE, REFUSED):
            target = (folder / verdict / relative).with_suffix("")
            if target.exists():
                _along(companion, target)
                break


def _explain(target: Path, error: LakeError) -> None:
    """Write the reason beside a refused file, for people and for scripts."""
    lines = [f"{error.code}: {error.message}", f"where: {error.where or printable(target.name)}", f"why:   {error.why}"]
    lines += [f"fix:   {fix}" for fix in error.fix]
    lines.append("then:  move the file back into the inbox")
    _write(target.with_name(target.name + ".reason.txt"), "\n".join(lines) + "\n")
    document = json.dumps({"source": printable(target.name), "error": plain(error)}, ensure_ascii=False, indent=2)
    _write(target.with_name(target.name + ".reason.json"), document + "\n")


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, "utf-8")
    shutil.move(temporary, path)


def _table(config: Config) -> dict[str, Any]:
    try:
        table = tomllib.loads((config.root / "dl.toml").read_text("utf-8")).get("inbox", {})
    except FileNotFoundError:
        return {}
    if not isinstance(table, dict):
        raise _unusable("inbox is not a table", config)
    unknown = sorted(set(table) - {"folder", "settle"})
    if unknown:
        raise _unusable(f"unknown setting {unknown[0]!r}: known: folder, settle", config)
    return table


def _unusable(message: str, config: Config) -> LakeError:
    where = str(config.root / "dl.toml")
    return LakeError(
        "USAGE", f"[inbox]: {message}", where=where, why="It names the inbox's folder.", fix=["correct it"]
    )
