"""What a backup says of itself, and what is reported of making one and of using it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from lake.errors import LakeError
from lake.staging import storage_error
from lake.tiers import sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tell = Callable[["Progress"], None]

FORMAT = "dl.backup/1"
CARD = "backup.json"
"""What a whole backup says of itself; written last."""
UNFINISHED = "backup.unfinished.json"
"""There while a backup is being taken; what lies beside it is the backup before, or none yet."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: files looked at of all there are, and the bytes of these."""

    done: int
    total: int
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True)
class Left:
    """A file that no place has as it was stored, what was found of it, and whether another copy could be taken."""

    path: str
    tier: str
    found: str
    replaced: bool = False
    """Whether a whole copy lay in another place, and was taken."""


@dataclass(slots=True)
class Copied:
    """What became of the files that a manifest names."""

    files: int = 0
    """Those that are there in the end."""
    bytes: int = 0
    copied_files: int = 0
    copied_bytes: int = 0
    left_out: list[Left] = field(default_factory=list)
    """Files that are not there in the end, and rotten copies of others."""
    elsewhere: dict[str, int] = field(default_factory=dict)
    """Files that stay in their tiers, by tier."""

    @property
    def lost(self) -> list[Left]:
        """The files that are not there in the end."""
        return [left for left in self.left_out if not left.replaced]


@dataclass(slots=True)
class BackupReport:
    """A backup that was taken."""

    folder: str
    lake: str
    snapshot: int = 0
    at_ns: int = 0
    """When the snapshot was made; 0 for a lake that has none."""
    files: Copied = field(default_factory=Copied)
    removed: int = 0
    """Files of the backup before that no snapshot needs any more."""
    tiers: list[str] = field(default_factory=list)
    """The tiers whose files are in the backup."""
    status: Literal["done"] = "done"


@dataclass(slots=True)
class RestoreReport:
    """A lake that was made of a backup."""

    root: str
    lake: str
    snapshot: int = 0
    at_ns: int = 0
    files: Copied = field(default_factory=Copied)
    tiers: dict[str, str] = field(default_factory=dict)
    """Where the files of each tier are now."""
    set_aside: list[str] = field(default_factory=list)
    """What lay in the way, under its new name."""
    verified: bool = True
    chain: list[str] = field(default_factory=list)
    """What is wrong with the manifest."""

    @property
    def ok(self) -> bool:
        """Whether the lake is what was backed up."""
        return not (self.files.lost or self.chain)


def refused(message: str, where: Path | str, *fix: str, why: str = "") -> LakeError:
    """Return the error for a folder that cannot take a backup, or is none."""
    return LakeError("BACKUP", message, where=str(where), why=why, fix=fix)


def read_card(folder: Path, name: str = CARD) -> dict[str, Any] | None:
    """Return what a backup says of itself; None where nothing lies under that name.

    Raises:
        LakeError: BACKUP when it cannot be read, or is of another format.
    """
    path = folder / name
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise refused(f"{name} cannot be read: {error}", folder) from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else None
        raise refused(f"{name} is not of the format {FORMAT} but {found!r}", folder, "upgrade dl-datalake")
    return card


def card_of(folder: Path, snapshot: int) -> dict[str, Any] | None:
    """Return the card of a snapshot: a backup may have been stopped between its manifest and its card."""
    cards = [read_card(folder), read_card(folder, UNFINISHED)]
    return next((card for card in cards if card is not None and card.get("snapshot") == snapshot), None)


def write_card(folder: Path, card: dict[str, Any], name: str = CARD) -> None:
    """Write what a backup says of itself, whole or not at all, and on disk."""
    write_whole(folder / name, json.dumps({"format": FORMAT} | card, indent=2, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Put a small file in place, whole or not at all, and on disk; LakeError DISK_FULL, STORAGE."""
    part = path.with_name(f"{path.name}.new")
    try:
        with part.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(path)
        sync(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error
