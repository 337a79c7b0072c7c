"""`load STORE CSV` puts 1-minute bars into DuckDB's native table; `aggregate STORE` makes hours and days of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

OPEN, CLOSE = "arg_min(open, ts)", "arg_max(close, ts)"
SUMS = ", ".join(f"sum({name})" for name in ("volume", "quote_volume", "trades", "taker_buy_volume"))
COARSER = (
    f"select time_bucket(interval '{{}}', ts) as t, {OPEN}, max(high), min(low), {CLOSE}, {SUMS} "  # noqa: S608 - of the constants above
    "from bars group by t"
)
LOAD = """create table bars as select make_timestamp(column00 * 1000) as ts, column01 as open, column02 as high,
    column03 as low, column04 as close, column05 as volume, column07 as quote_volume, column08 as trades,
    column09 as taker_buy_volume from read_csv(?, header = false) order by ts"""


def main(verb: str, store: str, *source: str) -> dict[str, Any]:
    """Do one of the two; say how many rows were made."""
    with duckdb.connect(str(Path(store) / "bars.duckdb")) as database:
        database.execute("set threads = 2")
        if verb == "load":
            database.execute(LOAD, [*source])
            (rows,) = database.execute("select count(*) from bars").fetchall()[0]
            return {"rows": rows}
        made = [database.execute(COARSER.format(step)).fetchnumpy() for step in ("1 hour", "1 day")]
        return {"rows": sum(len(columns["t"]) for columns in made)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
