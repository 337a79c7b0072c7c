"""Where a lake lies and what it may use; read once, handed down, never changed.

Each setting comes from the first of: an argument, the environment, `dl.toml` in the lake's root, the default. Its
`[lake]` table takes data_root, db_path, memory_mb, threads and wait; a `[tiers.NAME]` table takes the tier's path; an
`[assets]` table the modules that declare assets, and how late is late; a `[gaps]` table a file of known outages, and
calendars by patterns of addresses; a `[quality]` table what counts for a rule, or false; a `[reconcile]` table which
sources are preferred. Paths in it are relative to its folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lake import document
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.calendars import FreshnessPolicy

HOT = "hot"
"""The tier that is the data root."""
TIER_NAME = re.compile("[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
MANIFEST_NAME = "manifest.db"
FILE_NAME = "dl.toml"
LOG = "_log/commits.jsonl"
"""The log of commits, from the data root."""
_VARIABLES = {
    "data_root": "DL_DATA_ROOT",
    "db_path": "DL_DB_PATH",
    "memory_mb": "DL_MEMORY_MB",
    "threads": "DL_THREADS",
    "wait": "DL_WAIT",
}
MIN_MEMORY_MB = 16
MEMORY_MB = 128
THREADS = min(2, os.cpu_count() or 1)
WAIT_S = 30.0
_TABLES = ("lake", "tiers", "assets", "inbox", "gaps", "quality", "reconcile")
_TIER_SETTINGS = ("path",)
_ASSET_SETTINGS = ("modules", "freshness")


@dataclass(frozen=True, slots=True)
class TierSettings:
    """What dl.toml says of a tier."""

    path: Path
    """Its folder, absolute."""


@dataclass(frozen=True, slots=True)
class Config:
    """One lake's folders and limits; every path is absolute."""

    root: Path
    data: Path
    manifest: Path
    memory_mb: int = MEMORY_MB
    """Rows a command may buffer before it spills; the interpreter and its libraries come on top."""
    threads: int = THREADS
    wait_s: float = WAIT_S
    """How long to wait for another writer."""
    tiers: Mapping[str, TierSettings] = field(default_factory=dict, hash=False)
    """The tiers that dl.toml names; the manifest knows those that were given by path."""
    modules: tuple[str, ...] = ()
    """The modules beside dl.toml, or installed, that declare assets of one's own."""
    freshness: tuple[tuple[str, FreshnessPolicy], ...] = ()
    """How late is late, by an asset's key or a pattern of addresses; the last that fits counts."""
    outages: Path | None = None
    """A file of hours in which exchanges were shut, beside those that come along."""
    calendars: tuple[tuple[str, str], ...] = ()
    """When markets are open, by a pattern of addresses; the last that fits counts."""
    quality: tuple[tuple[str, Mapping[str, float | None]], ...] = field(default=(), hash=False)
    """What counts for which rule, None for a rule that is off, by a pattern of addresses; the last that fits counts."""
    reconcile: tuple[str, ...] = ()
    """Patterns of the sources that are preferred to others, the most trusted first."""

    @property
    def log(self) -> Path:
        """The append-only mirror of the snapshots, beside the data."""
        return self.data / LOG


def locate(
    root: str | Path | None = None,
    *,
    data_root: str | Path | None = None,
    db_path: str | Path | None = None,
    memory_mb: int | None = None,
    threads: int | None = None,
    wait_s: float | None = None,
    must_exist: bool = True,
) -> Config:
    """Find the lake and settle its configuration.

    Args:
        root: The lake's folder; without it (and DL_ROOT) the nearest of the current folder and those above it that
            holds manifest.db or dl.toml.
        data_root: Where the data files lie; `<root>/data` unless set.
        db_path: The manifest; `<root>/manifest.db` unless set.
        memory_mb: Megabytes to buffer.
        threads: Worker threads.
        wait_s: Seconds to wait for another writer.
        must_exist: Refuse when there is no manifest yet; without it the current folder may become a lake.

    Raises:
        LakeError: LAKE_NOT_INITIALISED when there is no lake, USAGE when a setting cannot be read.
    """
    given = {"data_root": data_root, "db_path": db_path, "memory_mb": memory_mb, "threads": threads, "wait": wait_s}
    outside, names = _outside_settings(given)
    home = _root(root or os.environ.get("DL_ROOT") or None, outside.get("db_path"), must_exist=must_exist)
    written = document.read(home / FILE_NAME)
    document.refuse_unknown(written, _TABLES, "table", home / FILE_NAME)
    inside = document.settings(written, "lake", _VARIABLES, home / FILE_NAME)

    def path(key: str, default: Path) -> Path:
        if key in outside:
            return document.absolute(outside[key])
        return home / str(inside[key]) if key in inside else default

    def number(key: str, default: float, least: float) -> float:
        for source, name in ((outside, names.get(key, key)), (inside, f"{home / FILE_NAME}: {key}")):
            if key in source:
                return _number(source[key], name, least)
        return default

    config = Config(
        root=home,
        data=path("data_root", home / "data"),
        manifest=path("db_path", home / MANIFEST_NAME),
        memory_mb=int(number("memory_mb", MEMORY_MB, MIN_MEMORY_MB)),
        threads=int(number("threads", THREADS, 1)),
        wait_s=number("wait", WAIT_S, 0),
        tiers=_tiers(written, home / FILE_NAME),
        **_assets(written, home / FILE_NAME),
        **document.gaps(written, home / FILE_NAME),
        quality=document.quality(written, home / FILE_NAME),
        reconcile=document.reconcile(written, home / FILE_NAME),
    )
    if must_exist:
        refuse_lost(config)
    if must_exist and not config.manifest.is_file():
        raise LakeError("LAKE_NOT_INITIALISED", f"no lake here: {config.manifest} does not exist", where=str(home))
    return config


def refuse_lost(config: Config) -> None:
    """Raise MANIFEST_DAMAGED when a log of commits lies where there is no manifest, or an empty one."""
    if _size(config.manifest) or not _size(config.log):
        return
    what = "is empty" if config.manifest.is_file() else "is gone"
    raise LakeError(
        "MANIFEST_DAMAGED",
        f"{config.manifest.name} {what}, and the lake's commit log is there",
        where=str(config.manifest),
        why="The manifest can be made of the log, every snapshot of it.",
        fix=["dl repair --from log", "or restore a backup: dl restore-backup"],
    )


def _size(path: Path) -> int:
    """Return the bytes of a file; 0 where there is none to be seen."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _outside_settings(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings from arguments and environment, and what to call each in a message."""
    settings: dict[str, Any] = {}
    names: dict[str, str] = {}
    for key, variable in _VARIABLES.items():
        if given[key] is not None:
            settings[key], names[key] = given[key], key
        elif os.environ.get(variable):
            settings[key], names[key] = os.environ[variable], variable
    return settings, names


def _root(root: str | Path | None, db_path: str | Path | None, *, must_exist: bool) -> Path:
    if root is not None:
        return document.absolute(root)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if any((folder / name).is_file() for name in (MANIFEST_NAME, FILE_NAME, f"data/{LOG}")):
            return folder
    if db_path is not None:
        return document.absolute(db_path).parent
    if must_exist:
        raise LakeError("LAKE_NOT_INITIALISED", "no lake here", where=f"{here} (looked up to {here.anchor})")
    return here


def _tiers(written: Mapping[str, Any], file: Path) -> dict[str, TierSettings]:
    tiers = written.get("tiers", {})
    if not isinstance(tiers, dict):
        _refuse_tier("tiers is not a table", file)
    found = {}
    for name in tiers:
        if name == HOT or not TIER_NAME.fullmatch(name):
            _refuse_tier(f"{name!r} cannot be the name of a tier", file)
        settings = document.settings(tiers, f"tiers.{name}", _TIER_SETTINGS, file)
        path = settings.get("path")
        if not isinstance(path, str) or not path:
            _refuse_tier(f"[tiers.{name}] names no path", file)
        found[name] = TierSettings(document.absolute(file.parent / Path(path).expanduser()))
    return found


def _refuse_tier(message: str, file: Path) -> NoReturn:
    raise LakeError(
        "USAGE",
        message,
        where=str(file),
        why=f"A tier has a name of a-z, 0-9 and -, other than {HOT}, and a folder.",
        fix=['[tiers.cold]\npath = "/mnt/cold"'],
    )


def _assets(written: Mapping[str, Any], file: Path) -> dict[str, Any]:
    table = document.settings(written, "assets", _ASSET_SETTINGS, file)
    modules, freshness = table.get("modules", []), table.get("freshness", {})
    if not isinstance(modules, list) or not all(isinstance(name, str) and name for name in modules):
        _refuse_assets("modules is not a list of names", file)
    if not isinstance(freshness, dict):
        _refuse_assets("freshness is not a table", file)
    policies = []
    if freshness:
        from schemas.calendars import FreshnessPolicy

        for pattern, given in freshness.items():
            if not isinstance(given, dict | str):
                _refuse_assets(f"the freshness of {pattern} is {given!r}", file)
            try:
                policies.append((pattern, FreshnessPolicy.of(given)))
            except ValueError as error:
                _refuse_assets(f"the freshness of {pattern}: {error}", file)
    return {"modules": tuple(modules), "freshness": tuple(policies)}


def _refuse_assets(message: str, file: Path) -> NoReturn:
    raise LakeError(
        "USAGE",
        message,
        where=str(file),
        why="[assets] names modules, and how late is late by asset or by pattern of addresses.",
        fix=['[assets]\nmodules = ["my_assets"]', '[assets.freshness]\n"bars/1m" = "2h"'],
    )


def _number(value: object, name: str, least: float) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if isinstance(value, bool) or not least <= number < float("inf"):
        raise LakeError(
            "USAGE",
            f"{name} is {value!r}: expected a number, {least:g} or more",
            why="A setting that cannot be read is not guessed.",
            fix=["correct the value"],
        )
    return number
