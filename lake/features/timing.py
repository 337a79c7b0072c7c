"""Which column of given rows is ts, where none is called so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Collection

ALIASES = ("timestamp", "time", "datetime", "date", "open_time")
_INDEX = "__index_level_0__"
_DELIMITERS = ";\t|"
_SHOWN = 8


def is_alias(name: str) -> bool:
    """Whether a column may be ts by its name, in any case: one of ALIASES, or the index of a file that pandas wrote."""
    return name == _INDEX or name.lower().replace(" ", "_") in ALIASES


def time_column(schema: pa.Schema, own: Collection[str], where: str) -> str | None:
    """Return the one column of a time type that may be taken for ts; None where ts is there.

    Args:
        schema: The columns that were given.
        own: Those that are the set's own, whatever they are called.
        where: What was given, for what is said of it.

    Raises:
        LakeError: COLUMN_MISSING when there is none, or more than one.
    """
    if "ts" in schema.names:
        return None
    found: list[str] = [
        name
        for name in schema.names
        if is_alias(name) and schema.names.count(name) == 1 and name not in own and _is_time(schema.field(name).type)
    ]
    if len(found) != 1:
        names = ", ".join(map(repr, schema.names[:_SHOWN])) + (", …" if len(schema.names) > _SHOWN else "")
        several = f"{' and '.join(found)} may each be it" if found else f"the rows have {names}"
        joined = len(schema.names) == 1 and any(each in schema.names[0] for each in _DELIMITERS)
        raise LakeError(
            "COLUMN_MISSING",
            f"column 'ts' is missing: {several}",
            where=where,
            why=f"Without it, one of {', '.join(ALIASES)} is taken for it, when it is of a time type and the only one.",
            fix=["separate the cells by commas" if joined else "call the column of times ts"],
        )
    return found[0]


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))
