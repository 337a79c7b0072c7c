"""What Tab offers: the series, symbols and snapshots of the lake that the words so far name, from the manifest alone.

A completion never fails and never says a thing: where there is no lake, or it cannot be read, nothing is offered.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, get_args

import typer

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lake.manifest import Manifest

    Complete = Callable[[typer.Context], list[str]]

_PLACES = ("root", "data_root", "db_path")
AS_OF = "N|NAME|TIME"
"""How a command calls a snapshot that it is given."""


def completing(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a command's parameter with what Tab offers for it, if the lake knows that."""
    for info in get_args(parameter.annotation)[1:]:
        complete = _completion(parameter.name, getattr(info, "metavar", None) or "")
        if complete is not None and info.autocompletion is None:
            info.autocompletion = complete
    return parameter


def _completion(name: str, metavar: str) -> Complete | None:
    if "ADDRESS" in metavar:
        return _addresses
    if metavar == AS_OF:
        return _offering(_snapshots)
    if metavar in {"NAME", "PERIOD", "TYPE"}:
        return _PARTS.get(name)
    return None


def _offering(listed: Callable[[Manifest], Iterable[str]]) -> Complete:
    """Return a completion by a list that the manifest gives; Typer takes of it what begins as the word does."""

    def complete(ctx: typer.Context) -> list[str]:
        return _read(ctx, listed)

    return complete


def _read(ctx: typer.Context, listed: Callable[[Manifest], Iterable[str]]) -> list[str]:
    from lake.config import locate
    from lake.manifest import Manifest

    given: dict[str, Any] = {}
    at: Any = ctx
    while at is not None:  # the global options may stand before the command's name
        given = {name: at.params.get(name) for name in _PLACES if at.params.get(name)} | given
        at = at.parent
    try:
        with Manifest.open(locate(given.pop("root", None), **given)) as manifest:
            return sorted(set(listed(manifest)))
    except (LakeError, OSError):
        return []


def _part(place: str) -> Complete:
    return _offering(lambda manifest: [str(getattr(row.address, place)) for row in manifest.series()])


def _snapshots(manifest: Manifest) -> list[str]:
    from lake.manifest.naming import names

    return [row.name for row in names(manifest)]


_addresses = _offering(lambda manifest: [str(row.address) for row in manifest.series()])
_PARTS: dict[str, Complete] = {
    "exchange": _part("exchange"),
    "market": _part("market"),
    "symbol": _part("symbol"),
    "type_": _part("type"),
    "period": _part("period"),
}
