"""What DuckDB says of a statement that fails, said as the lake says it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lake.sql.dataset import Rows
    from lake.sql.views import Name, Views

_KIND = re.compile(r"^(?:[A-Za-z-]+ )+Error: ")
_COLUMN = re.compile(r'(?:Referenced column|does not have a column named) "([^"]+)"')
_LINE = re.compile(r"^LINE \d+: .*$", re.MULTILINE)
_STOPPED = "Query interrupted"
_UNHELPFUL = re.compile(r' ?Did you mean "[^"]*"\??')


@contextmanager
def explained(opened: Mapping[Name, Rows]) -> Iterator[None]:
    """Raise what DuckDB raises as LakeError SQL; as it was, what stopped the reading of one of the opened tables."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, RuntimeError, OSError) as error:
        for rows in opened.values():
            if rows.failure is not None:
                raise rows.failure from None
        if isinstance(error, duckdb.InterruptException) or str(error) == _STOPPED:
            raise KeyboardInterrupt from error
        # What fails while rows come is told by the stream, as an OSError with DuckDB's words.
        if isinstance(error, OSError) and not _KIND.match(str(error)):
            raise
        raise _of(error, opened) from error


def unknown_table(name: Name, views: Views) -> LakeError:
    """Return the error for a table that is not there, with those whose names are like it."""
    known = [str(each) for each in views.names()]
    asked = f"{name.schema}.{name.table}" if name.schema else name.table
    plain = {each.replace('"', "").lower(): each for each in known}
    near = [plain[match] for match in get_close_matches(asked.lower(), plain, 3)]
    near += [each for each in known if each.endswith(f'."{asked.lower()}"')]
    why = f"Near it: {', '.join(dict.fromkeys(near))}." if near else f"There are {', '.join(known)}."
    if not near and ("/" in asked or "." in name.table):
        why = f"A statement sees the lake's tables, and no file. {why}"
    return LakeError("SQL", f'there is no table "{asked}"', why=why, fix=("dl sql 'describe bars'", "docs/sql.md"))


def _of(error: Exception, opened: Mapping[Name, Rows]) -> LakeError:
    text = str(error)
    message = _UNHELPFUL.sub("", _KIND.sub("", text.partition("\n")[0]))
    line = _LINE.search(text)
    where = "" if line is None else line[0].replace("LINE", "line")
    if isinstance(error, duckdb.OutOfMemoryException) or text.startswith("Out of Memory Error"):
        return LakeError(
            "SQL",
            f"the statement needs more memory than it may have: {message}",
            why="What can be put on disk meanwhile was; the rest did not fit.",
            fix=("--memory MB, or memory_mb=", "ask for less at a time: by symbol, or by time"),
        )
    if isinstance(error, duckdb.BinderException) and (column := _COLUMN.search(text)):
        return LakeError("SQL", f'there is no column "{column[1]}"', where=where, why=_columns(column[1], opened))
    return LakeError("SQL", message, where=where)


def _columns(asked: str, opened: Mapping[Name, Rows]) -> str:
    """Return a sentence on the columns of the tables read that are like one that is not there."""
    known = [name for rows in opened.values() for name in rows.schema.names]
    near = get_close_matches(asked.lower(), list(dict.fromkeys(known)), 3)
    if near:
        return f"Near it: {', '.join(near)}."
    told = [f"{name} has {', '.join(rows.schema.names)}." for name, rows in opened.items()]
    return " ".join(told)
