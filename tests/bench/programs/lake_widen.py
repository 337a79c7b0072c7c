"""`ROOT SERIES`: multiply the one series of a lake in its manifest, files and all, without writing any data.

For measuring plans over many partitions: the rows are real ones copied, the data files of the copies do not exist.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

OLD = "BTCUSDT"


def copy_rows(db: sqlite3.Connection, table: str, changed: dict[str, str], values: dict[str, object]) -> None:
    """Append a copy of the first series' rows, with some columns computed anew."""
    names = [str(column[1]) for column in db.execute(f"PRAGMA table_info({table})")]
    expressions = [changed.get(name, name) for name in names]
    key = "id" if table == "series" else "series_id"
    query = f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(expressions)} FROM {table} WHERE {key} = :from"  # noqa: S608 - names come from the table itself
    db.execute(query, values)


def widen(manifest: Path, series: int) -> int:
    """Copy the first series until there are so many; return the number of live partitions."""
    db = sqlite3.connect(manifest)
    with db:
        (first,) = db.execute("SELECT id FROM series").fetchone()
        for number in range(1, series):
            values = {"from": first, "id": first + number, "old": OLD, "new": f"SYM{number:03d}"}
            renamed = {name: f"replace({name}, :old, :new)" for name in ("address", "symbol", "vendor_symbol", "path")}
            copy_rows(db, "series", renamed | {"id": ":id"}, values)
            copy_rows(db, "files", renamed | {"id": "NULL", "series_id": ":id"}, values)
    (partitions,) = db.execute("SELECT count(*) FROM files WHERE to_snapshot IS NULL").fetchone()
    db.close()
    return int(partitions)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"partitions": widen(Path(sys.argv[1]) / "manifest.db", int(sys.argv[2]))}) + "\n")
