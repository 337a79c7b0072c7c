"""What the engine is asked, as plain JSON: a flow's parameters are text, numbers, lists and objects, never pickles."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from lake.errors import LakeError
from pipelines.remembering import remember
from schemas.keys import Address

if TYPE_CHECKING:
    from lake.config import Config

Request = TypeVar("Request")
_CONTAINERS = {Mapping, frozenset, tuple}
_HERE_ONLY = {"checks"}
"""Fields that hold code: a flow takes them from the declared assets."""
SETTINGS = ("data_root", "db_path", "wait")


def options_of(request: object) -> dict[str, Any]:
    """Return a request's fields as JSON, without those that have their default."""
    told: dict[str, Any] = {}
    for field in dataclasses.fields(request):  # type: ignore[arg-type]  # every request is a dataclass
        value = getattr(request, field.name)
        if field.name in _HERE_ONLY:
            continue
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        if value != default:
            told[field.name] = plain(value)
    return told


def request_of(kind: type[Request], options: Mapping[str, Any]) -> Request:
    """Return the request that `options_of` made these options from.

    Raises:
        LakeError: USAGE when there is no such option, or its value is of another kind.
    """
    hints = _hints(kind)
    unknown = sorted(set(options) - set(hints))
    if unknown:
        raise _refused(f"unknown option {unknown[0]!r}", f"known: {', '.join(hints)}")
    values = {name: _typed(name, hints[name], value) for name, value in options.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise _refused(str(error), f"known: {', '.join(hints)}") from error


def place(root: str | None, settings: Mapping[str, Any] | None) -> Config:
    """Return the configuration of the lake that a flow's parameters name; found as `dl` finds it where they do not.

    Raises:
        LakeError: LAKE_NOT_INITIALISED, and USAGE when a setting is not known.
    """
    from lake.config import locate

    given = dict(settings or {})
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise _refused(f"unknown setting {unknown[0]!r}", f"known: {', '.join(SETTINGS)}")
    if "wait" in given:
        given["wait_s"] = given.pop("wait")
    found = locate(root or None, **given)
    remember(found)
    return found


def settings_of(config: Config) -> tuple[str, dict[str, Any]]:
    """Return root and settings that `place` finds the same lake by."""
    return str(config.root), {"data_root": str(config.data), "db_path": str(config.manifest), "wait": config.wait_s}


def plain(value: object) -> Any:  # noqa: ANN401, PLR0911 - whatever JSON knows, a line for each kind
    """Return a request's or report's value as JSON has it; addresses and paths are text, errors objects."""
    if isinstance(value, LakeError):
        told: dict[str, Any] = {"code": value.code, "exit": int(value.exit), "message": value.message}
        return told | {"where": value.where, "why": value.why, "fix": list(value.fix)}
    if isinstance(value, Address | Path):
        return str(value)
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(plain, value))
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _hints(kind: type) -> dict[str, Any]:
    """Return the types of a request's fields; the modules name some of them for type checkers only."""
    known: dict[str, Any] = {"Mapping": Mapping, "Address": Address, "Path": Path, "Any": Any, "Literal": Literal}
    from pipelines.selection import Selection

    known |= {"OnConflict": str, "Sequence": Sequence, "Selection": Selection, "Check": object}
    return get_type_hints(kind, globalns=known | vars(sys.modules[kind.__module__]))


def _typed(name: str, hint: Any, value: Any) -> Any:  # noqa: ANN401 - types and values of any kind
    """Return a JSON value as the field's type has it."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        if value is None and type(None) in inner:
            return None
        [hint] = [each for each in inner if each is not type(None)]
        return _typed(name, hint, value)
    if origin in _CONTAINERS:
        return _contained(name, hint, value)
    if hint is Any or (origin is Literal and value in inner):
        return value
    if hint is Address and isinstance(value, str):
        try:
            return Address.parse(value)
        except ValueError as error:
            raise _refused(f"{name}: {error}", "It names a series of the lake.") from error
    if (isinstance(hint, type) and type(value) is hint) or (hint is float and type(value) is int):
        return value
    raise _refused(f"{name} is {value!r}", "The option is of another kind.")


def _contained(name: str, hint: Any, value: Any) -> Any:  # noqa: ANN401 - the same
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Mapping and isinstance(value, Mapping):
        return {str(key): _typed(name, inner[1], item) for key, item in value.items()}
    if origin is tuple and isinstance(value, list | tuple) and Ellipsis not in inner and len(inner) == len(value):
        return tuple(_typed(name, each, item) for each, item in zip(inner, value, strict=True))
    if origin in {tuple, frozenset} and isinstance(value, list | tuple) and (origin is frozenset or Ellipsis in inner):
        return origin(_typed(name, inner[0], item) for item in value)
    raise _refused(f"{name} is {value!r}", "The option is of another kind.")


def _refused(message: str, why: str) -> LakeError:
    return LakeError("USAGE", message, why=why, fix=["correct the flow's parameters"])
