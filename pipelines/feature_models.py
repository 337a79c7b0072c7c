"""A Pandera model as the declaration of a feature set: `module:Model`, beside the lake's dl.toml or installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from pipelines.modules import imported
from schemas.columns import IDENTITY
from schemas.features import CLOCKS

if TYPE_CHECKING:
    from pathlib import Path

    from pandera.pandas import Check
    from pandera.pandas import Column as PanderaColumn

_TYPES = (
    (re.compile(r"(?:float|double)(?:64)?(?:\[pyarrow\])?"), "float64"),
    (re.compile(r"float32(?:\[pyarrow\])?|float\[pyarrow\]"), "float32"),
    (re.compile(r"int64(?:\[pyarrow\])?"), "int64"),
    (re.compile(r"int32(?:\[pyarrow\])?"), "int32"),
    (re.compile(r"int8(?:\[pyarrow\])?"), "int8"),
    (re.compile(r"bool(?:ean)?(?:\[pyarrow\])?"), "bool"),
    (re.compile(r"str|string(?:\[\w+\])?|object"), "text"),
    (re.compile(r"category"), "category"),
    (re.compile(r"(?:datetime64|timestamp)\[.*"), "timestamp_us"),
)
_WHY = "A registered set keeps types, nulls, ge, le, in_range and isin of a model; the lake checks every row by them."


def columns_of(text: str, root: Path) -> dict[str, dict[str, Any]]:
    """Return the columns of a Pandera model in words, as `lake.features.declaring` takes them.

    Args:
        text: `module:Model`: a DataFrameModel, or a DataFrameSchema by its name.
        root: Where the module is looked for, before the installed ones.

    Raises:
        LakeError: USAGE when there is no such model, or when it demands what a registered set cannot keep; ASSETS when
            the module cannot be loaded.
    """
    module, _, name = text.partition(":")
    found = getattr(imported(root, module, text)[0], name, None)
    to_schema = getattr(found, "to_schema", None)
    schema = to_schema() if callable(to_schema) else found
    if schema is None or not hasattr(schema, "columns") or not hasattr(schema, "checks"):
        fix = ["--schema module:Model", "--schema FILE.toml"]
        raise LakeError("USAGE", f"{module} has no Pandera model {name!r}", where=text, why=_WHY, fix=fix)
    if schema.checks:
        raise _refused(text, f"the check {_name(schema.checks[0])} looks at whole rows")
    if schema.unique:
        raise _refused(text, f"{', '.join(schema.unique)} are to be unique")
    clocks = {column.name for column in (*CLOCKS, *IDENTITY)}
    return {name: _words(text, name, column) for name, column in schema.columns.items() if name not in clocks}


def _words(text: str, name: str, column: PanderaColumn) -> dict[str, Any]:
    spelled = str(column.dtype).lower()
    types = [type_ for pattern, type_ in _TYPES if pattern.fullmatch(spelled)]
    if not types:
        raise _refused(text, f"{name} is {spelled}, which no column can be")
    words: dict[str, Any] = {"type": types[0], "nullable": bool(column.nullable)}
    for said, what in ((column.unique, "unique"), (column.regex, "a pattern"), (not column.required, "not required")):
        if said:
            raise _refused(text, f"{name} is {what}")
    words |= {"description": column.description} if column.description else {}
    words |= {"unit": column.metadata["unit"]} if column.metadata and "unit" in column.metadata else {}
    for check in column.checks:
        found = _bounds(text, name, check)
        if twice := found.keys() & words.keys():
            raise _refused(text, f"{name} says {min(twice)} twice")
        words |= found
    return words


def _bounds(text: str, name: str, check: Check) -> dict[str, Any]:
    told = check.statistics or {}
    if check.name == "greater_than_or_equal_to":
        return {"ge": told["min_value"]}
    if check.name == "less_than_or_equal_to":
        return {"le": told["max_value"]}
    if check.name == "in_range" and told.get("include_min", True) and told.get("include_max", True):
        return {"ge": told["min_value"], "le": told["max_value"]}
    if check.name == "isin":
        return {"isin": list(told["allowed_values"])}
    raise _refused(text, f"{name} has the check {_name(check)}")


def _name(check: Check) -> str:
    return str(check.name or check.error or "without a name")


def _refused(text: str, message: str) -> LakeError:
    fix = ["say it by ge, le, in_range or isin", "or declare the asset in code: docs/assets.md has checks of one's own"]
    return LakeError("USAGE", f"{text}: {message}", why=_WHY, fix=fix)
