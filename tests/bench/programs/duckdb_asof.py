"""`DATA MEMORY` joins the same files in DuckDB: three ASOF joins in a row on known_at, streamed as Arrow batches."""

from __future__ import annotations

import json
import sys
from typing import Any

import duckdb
import pyarrow.compute as pc

from tests.bench.programs.lake_features import EXCHANGE, MARKET, NAMES, SETS, SYMBOL

PLACE = f"{EXCHANGE}/{MARKET}/{SYMBOL}"
BATCH_ROWS = 65_536


def query(data: str) -> str:
    """The join in SQL; a bar is decided on at its close."""
    names = ", ".join(f"{name}.{column} as {name}__{column}" for name in SETS for column in NAMES)
    joins = " ".join(
        f"asof left join read_parquet('{data}/{PLACE}/features/{name}.v1/**/*.parquet') {name} "
        f"on {name}.known_at <= bars.ts + interval 1 minute"
        for name in SETS
    )
    bars = f"read_parquet('{data}/{PLACE}/bars/1m/**/*.parquet') bars"
    return f"select bars.*, {names} from {bars} {joins}"  # noqa: S608 -- of the constants above


def join(data: str, memory: str) -> dict[str, Any]:
    """Join; count the rows and add up one column of each set."""
    rows, total = 0, 0.0
    with duckdb.connect() as database:
        database.execute(f"set threads = 2; set memory_limit = '{memory}'; set preserve_insertion_order = false")
        for batch in database.sql(query(data)).to_arrow_reader(BATCH_ROWS):
            rows += batch.num_rows
            total += sum(pc.sum(batch.column(f"{name}__{NAMES[-1]}")).as_py() or 0.0 for name in SETS)
    return {"rows": rows, "total": total}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(join(*sys.argv[1:])) + "\n")
