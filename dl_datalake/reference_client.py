"""Instruments and corporate actions in the Python client: importing them, and what is known of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dl_datalake.dates import parse_as_of
from lake.errors import LakeError
from schemas.keys import decode, encode

if TYPE_CHECKING:
    from dl_datalake.dates import DateLike
    from lake.config import Config
    from lake.manifest import Manifest, ReferenceRow
    from lake.manifest.reference import Kind
    from lake.reference import ImportReport


class ReferenceClient:
    """The part of a `Lake` that knows instruments and their corporate actions."""

    config: Config
    _manifest: Manifest

    def import_instruments(
        self,
        path: str | Path,
        *,
        exchange: str | None = None,
        market: str | None = None,
        message: str = "",
        dry_run: bool = False,
    ) -> ImportReport:
        """Import a CSV or TOML file of instruments, whole or not at all, as one snapshot.

        A field that the file lacks stays as it is known, an empty one is forgotten. What is known already writes
        nothing.

        Args:
            path: The file; docs/instruments.md tells its fields.
            exchange: Holds where the file does not say one.
            market: The same.
            message: Why, for the history.
            dry_run: Say what would change; write nothing.

        Raises:
            LakeError: SOURCE_NOT_FOUND, SOURCE_UNREADABLE; SCHEMA with the lines that cannot be read; LOCKED, STORAGE.
        """
        return self._import("instrument", path, (exchange, market, None), message, dry_run=dry_run)

    def import_actions(
        self,
        path: str | Path,
        *,
        exchange: str | None = None,
        market: str | None = None,
        symbol: str | None = None,
        message: str = "",
        dry_run: bool = False,
    ) -> ImportReport:
        """Import a CSV or TOML file of splits and cash dividends, or a history file of yfinance, as one snapshot.

        The words, and what is raised, are those of `import_instruments`; `symbol` holds where the file says none.
        """
        return self._import("action", path, (exchange, market, symbol), message, dry_run=dry_run)

    def _import(
        self,
        kind: Literal["instrument", "action"],
        path: str | Path,
        places: tuple[str | None, str | None, str | None],
        message: str,
        *,
        dry_run: bool,
    ) -> ImportReport:
        from lake.reference import ImportRequest, import_file

        return import_file(self.config, ImportRequest(kind, Path(path), *places, message=message, dry_run=dry_run))

    def instruments(self, pattern: str | None = None, *, as_of: int | DateLike | None = None) -> list[ReferenceRow]:
        """Return what was imported of instruments, by their keys; each row's `definition` holds its fields.

        Args:
            pattern: A symbol, or `EXCHANGE/MARKET/SYMBOL`; each may hold `*` and `?`.
            as_of: A snapshot's number or name, or a time.
        """
        return known(self._manifest, "instrument", pattern, as_of)

    def actions(self, pattern: str | None = None, *, as_of: int | DateLike | None = None) -> list[ReferenceRow]:
        """Return the imported splits and dividends, by instrument and ex-date; the words are those of `instruments`."""
        return known(self._manifest, "action", pattern, as_of)


def known(
    manifest: Manifest, kind: Kind, pattern: str | None = None, as_of: int | DateLike | None = None
) -> list[ReferenceRow]:
    """Return the records of a kind as `Lake.instruments` does; USAGE for what is neither symbol nor instrument."""
    from lake.manifest.reference import reference

    snapshot = manifest.snapshot(None if as_of is None else parse_as_of(as_of))
    if pattern is None:
        return reference(manifest, kind, snapshot)
    words = [decode(word).upper() for word in pattern.split("/")]
    if len(words) == 1:
        words = ["*", "*", *words]
    if len(words) != 3:
        why = "An instrument is EXCHANGE/MARKET/SYMBOL, or SYMBOL alone; a slash in a name is written %2F."
        raise LakeError("USAGE", f"{pattern!r} is no instrument", why=why, fix=["dl instruments list"])
    # What SQLite's pattern lets through beside, its stars going over slashes, is held against each place.
    wide = "/".join("*" if set(word) & set("*?[") else encode(word) for word in words)
    rows = reference(manifest, kind, snapshot, like=wide + ("/*" if kind == "action" else ""))
    return [row for row in rows if all(map(fnmatchcase, map(decode, row.key.split("/")[:3]), words))]
