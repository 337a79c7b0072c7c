"""DuckDB's native table: `write STORE` puts the bars of a hundred symbols into it, `ask STORE` times what is asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.programs import universe


def main(verb: str, store: str) -> dict[str, Any]:
    """Do one of the two."""
    with duckdb.connect(str(Path(store) / "universe.duckdb"), read_only=verb == "ask") as database:
        database.execute("set threads = 2")
        if verb == "write":
            for name, table in universe.bars():
                made = "insert into" if name != universe.names()[0] else "create table"
                rows = "select ? as symbol, epoch_ms(ts) as ts, * exclude ts from given"
                database.register("given", table)
                database.execute(f"{made} bars {'as ' if made == 'create table' else ''}{rows}", [name])
            return {"rows": universe.SYMBOLS * universe.MINUTES}
        closes = "select sum(close) from (select arg_max(close, ts) as close from bars group by symbol)"
        hour = "select * from bars where ts >= epoch_ms(?) and ts < epoch_ms(?)"
        return universe.asked(
            lambda: float(database.execute(closes).fetchall()[0][0]),
            lambda: len(database.sql(hour, params=[*universe.HOUR_MS]).to_arrow_table()),
        )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
