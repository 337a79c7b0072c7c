"""The tiers of a lake whose manifest is gone: those that dl.toml names, and those whose markers lie near the lake."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lake import tiers
from lake.config import HOT, TIER_NAME
from lake.errors import LakeError
from lake.repair.model import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.config import Config
    from lake.repair.model import RepairReport

_DEPTH = 2
"""How far below the lake's own folder markers are looked for; of the folders beside it only the top is looked at."""
_OTHERS = (
    "data in tiers that were not looked at stays out: name each in dl.toml before repairing, [tiers.NAME] with its "
    "path; afterwards, move manifest.db and {log} away as well, and repair again"
)


def tiers_near(config: Config, lake: str, report: RepairReport) -> list[tiers.DirectoryTier]:
    """Return the tiers of a lake that are there; say which were looked at, and what of the others."""
    found: list[tiers.DirectoryTier] = []
    told: list[str] = []
    for name, settings in config.tiers.items():
        tier = tiers.DirectoryTier(name, settings.path, lake)
        try:
            tier.check()
        except LakeError as error:
            report.broken.append(Broken(f"tier {name}", error.message))
        else:
            found.append(tier)
            told.append(f"{name} ({tier.location}, by dl.toml)")
    for name, folders in sorted(_unnamed(config, lake).items()):
        if len(folders) > 1:
            where = " and ".join(map(str, folders))
            fix = f'say in dl.toml which it is: [tiers.{name}] path = "…"'
            report.broken.append(Broken(f"tier {name}", f"there are two of that name, {where}: {fix}"))
            continue
        found.append(tiers.DirectoryTier(name, folders[0], lake))
        told.append(f"{name} ({folders[0]}, by its marker)")
    looked = (
        ", ".join(told) or "none: dl.toml names none that is there, and none of this lake is in its folder or beside"
    )
    report.notes.append(f"tiers looked at: {looked}")
    report.notes.append(_OTHERS.format(log=config.log.parent))
    return found


def lake_told(config: Config) -> str:
    """Return the lake's id as the markers of its tiers tell it; empty where they tell none, or several."""
    named = {lake for settings in config.tiers.values() for lake, _ in _marker(settings.path)}
    inside = {lake for folder in _below(config.root, {config.data}, _DEPTH) for lake, _ in _marker(folder)}
    return next((next(iter(ids)) for ids in (named, inside) if len(ids) == 1), "")


def _unnamed(config: Config, lake: str) -> dict[str, list[Path]]:
    """Return the folders near a lake that are marked as a tier of it, by the tiers' names, dl.toml's left out."""
    found: dict[str, list[Path]] = {}
    root, data = (Path(os.path.abspath(path)) for path in (config.root, config.data))  # noqa: PTH100 -- links stay
    for folder in (*_below(root, {data}, _DEPTH), *_below(root.parent, {root, data}, 1)):
        for of, name in _marker(folder):
            if of == lake and name not in config.tiers:
                found.setdefault(name, []).append(folder)
    return found


def _below(folder: Path, left_out: set[Path], depth: int) -> Iterator[Path]:
    """Yield the folders below a folder, so many levels deep; links are not followed."""
    with suppress(OSError):
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = Path(entry.path)
            if path in left_out or not entry.is_dir(follow_symlinks=False):
                continue
            yield path
            if depth > 1:
                yield from _below(path, left_out, depth - 1)


def _marker(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the lake and the name of the tier that a folder is marked as, if it is."""
    with suppress(OSError, ValueError, AttributeError):
        marker = json.loads((folder / tiers.MARKER).read_text(encoding="utf-8"))
        lake, name = marker.get("lake"), marker.get("tier")
        if isinstance(lake, str) and isinstance(name, str) and lake and name != HOT and TIER_NAME.fullmatch(name):
            yield lake, name
