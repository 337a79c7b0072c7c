"""Which statements are run: one that only reads, of the lake's own tables and of functions that look at nothing else.

DuckDB's own locks stand behind this (no file, no extension, no setting can be reached); this says it in words, and
keeps what those locks leave open, such as DuckDB's own tables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.sql.views import Name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Queries that only read."""
TABLE_FUNCTIONS = frozenset({"generate_series", "range", "unnest"})
"""Functions that make rows of their arguments alone."""
_REFUSED_FUNCTIONS = frozenset(
    {"current_setting", "currval", "getenv", "getvariable", "nextval", "sleep_ms", "write_log"}
)
"""Functions that tell of the machine, or do something."""
_DESCRIBING = frozenset({"DESCRIBE", "SUMMARY"})


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may be run."""

    text: str
    tables: tuple[Name, ...]
    """What it reads, apart from what it names itself."""
    parameters: frozenset[str]


def refused(message: str, why: str, *fix: str) -> LakeError:
    """Return the error for a statement that is not run."""
    return LakeError("SQL", message, why=why, fix=fix)


def parse(connection: duckdb.DuckDBPyConnection, text: str) -> Statement:
    """Parse a statement and look at all that it names.

    Raises:
        LakeError: SQL when it is none, several, or another one than a query of tables.
        duckdb.Error: It cannot be parsed.
    """
    import duckdb

    if not text.isprintable() and text.encode("utf-8", "replace").decode() != text:
        raise refused("the statement is no text", "It holds bytes that are no UTF-8.")
    found = connection.extract_statements(text)
    if len(found) != 1:
        count = f"{len(found)} statements were" if found else "no statement was"
        raise refused(f"{count} given", "One query is run at a time.")
    if found[0].type != duckdb.StatementType.SELECT:
        kind = str(found[0].type).rpartition(".")[2]
        if kind == "MULTI":
            raise refused(
                "a PIVOT that does not name its columns is not run",
                "It would first write down which there are.",
                "name them: from bars pivot (last(close) for symbol in ('BTCUSDT', 'ETHUSDT'))",
            )
        why = "The lake is only read: by SELECT, FROM, WITH, VALUES, DESCRIBE, SUMMARIZE."
        raise refused(f"{kind} is not run", why)
    tree = _tree(connection, text)
    nodes = list(_nodes(tree))
    named = {str(entry["key"]).lower() for node in nodes for entry in _entries(node)}
    _refuse_shadows(connection, named)
    tables = [_table(node) for node in nodes if node.get("type") == "BASE_TABLE"]
    for node in nodes:
        _refuse_node(node)
    own = [name for name in tables if name.schema or name.table.lower() not in named]
    return Statement(text, tuple(dict.fromkeys(own)), frozenset(found[0].named_parameters))


def _tree(connection: duckdb.DuckDBPyConnection, text: str) -> Any:  # noqa: ANN401 -- whatever JSON there is
    [(told,)] = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()
    try:
        tree = json.loads(told)
    except RecursionError:
        tree = {"error": True, "error_message": "it is nested too deeply"}
    if tree["error"]:
        said = tree["error_message"]
        raise refused(f"the statement cannot be looked at: {said}", "What is not understood is not run.")
    return tree["statements"]


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 -- whatever JSON there is
    """Yield every object of a tree, however deep it is."""
    left = [tree]
    while left:
        at = left.pop()
        if isinstance(at, dict):
            yield at
            left += at.values()
        elif isinstance(at, list):
            left += at


def _entries(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the queries that a WITH names."""
    found = (node.get("cte_map") or {}).get("map", [])
    return found if isinstance(found, list) else []


def _table(node: dict[str, Any]) -> Name:
    path = [part for part in (node["catalog_name"], node["schema_name"]) if part]
    return Name(".".join(path), node["table_name"])


def _refuse_node(node: dict[str, Any]) -> None:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in _NODES:
        verb = kind.removesuffix("_NODE").removesuffix("_QUERY").replace("_", " ")
        raise refused(f"{verb} is not run", "The lake is only read.")
    if kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", ""))
        if name.lower() not in TABLE_FUNCTIONS or node["function"].get("schema"):
            made = ", ".join(sorted(TABLE_FUNCTIONS))
            why = f"A statement sees the lake's tables, and no file; rows can be made by {made}."
            raise refused(f"{name}() cannot be read from", why)
    elif kind == "SHOW_REF" and node["show_type"] not in _DESCRIBING:
        raise refused("SHOW is not run", "Only tables can be told of.", "describe one: describe bars")
    elif str(node.get("function_name", "")).lower() in _REFUSED_FUNCTIONS:
        raise refused(f"{node['function_name']}() is not run", "A statement only computes from the lake's tables.")


def _refuse_shadows(connection: duckdb.DuckDBPyConnection, named: set[str]) -> None:
    """Refuse a WITH that names one of DuckDB's own tables: outside of it the name would be that table's."""
    if not named:
        return
    rows = connection.execute("SELECT lower(view_name) FROM duckdb_views() WHERE internal").fetchall()
    for name in sorted(named & {str(row[0]) for row in rows}):
        raise refused(f'"{name}" is a name of DuckDB\'s own', "WITH needs names that nothing else has.", "another name")
