"""`load STORE CSV` puts 1-minute bars into DuckDB's native table; `aggregate STORE` makes hours and days of them.

`keyed STORE CSV` makes the table with a primary key, `upsert STORE CSV` inserts or replaces rows of that one, of a file
the last for each ts; `arrow STORE` reads everything.
"""

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
ROWS = """select make_timestamp(column00 * 1000) as ts, column01 as open, column02 as high, column03 as low,
    column04 as close, column05 as volume, column07 as quote_volume, column08 as trades,
    column09 as taker_buy_volume, column10 as taker_buy_quote_volume from read_csv(?, header = false)"""
LOAD = f"create table bars as {ROWS} order by ts"
KEYED = """create table bars (ts timestamp primary key, open double, high double, low double, close double,
    volume double, quote_volume double, trades bigint, taker_buy_volume double, taker_buy_quote_volume double)"""
INSERT = f"insert into bars {ROWS} order by ts"
UPSERT = f"""insert or replace into bars select * exclude line from
    (select *, row_number() over () as line from ({ROWS}))
    qualify row_number() over (partition by ts order by line desc) = 1 order by ts"""  # noqa: S608 - as above


def main(verb: str, store: str, *source: str) -> dict[str, Any]:
    """Do one of these; say how many rows there are, or were made."""
    with duckdb.connect(str(Path(store) / "bars.duckdb")) as database:
        database.execute("set threads = 2")
        if verb == "load":
            database.execute(LOAD, [*source])
        if verb == "keyed":
            database.execute(KEYED)
            database.execute(INSERT, [*source])
        if verb == "upsert":
            database.execute(UPSERT, [*source])
        if verb == "arrow":
            return {"rows": len(database.sql("select * from bars").to_arrow_table())}
        if verb != "aggregate":
            (rows,) = database.execute("select count(*) from bars").fetchall()[0]
            return {"rows": rows}
        made = [database.execute(COARSER.format(step)).fetchnumpy() for step in ("1 hour", "1 day")]
        return {"rows": sum(len(columns["t"]) for columns in made)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])) + "\n")
