"""Ours for the writing of features: `source LAKE FOLDER ROWS` makes what is written, `table ROOT FILE` writes it.

The source is one long series, without a time at which its rows were known: as an Arrow file, which is mapped into
memory, and as one Parquet file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

SET = "wide"
ARROW, PARQUET = "rows.arrow", "rows.parquet"


def source(root: str, folder: str, rows: str) -> dict[str, Any]:
    """Register the set in a lake, and make the files of its rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    import dl_datalake
    from tests.bench.programs.lake_features import NAMES, pieces

    with dl_datalake.open(root) as lake:
        lake.features.register(SET, dict.fromkeys(NAMES, "float64"), inputs=["bars/1m"])
    table = pa.Table.from_batches(pieces(0, 0, int(rows))).drop_columns("known_at")
    arrow, parquet = Path(folder, ARROW), Path(folder, PARQUET)
    with pa.ipc.new_file(arrow, table.schema) as writer:
        writer.write_table(table)
    pq.write_table(table, parquet)
    return {"rows": table.num_rows, "bytes": arrow.stat().st_size, "parquet_bytes": parquet.stat().st_size}


def table(root: str, file: str) -> dict[str, Any]:
    """Write an Arrow table to the set; its rows by what became of them."""
    import pyarrow as pa

    import dl_datalake
    from tests.bench.programs.lake_features import EXCHANGE, MARKET, SYMBOL

    with dl_datalake.open(root) as lake, pa.memory_map(file) as mapped:
        rows = pa.ipc.open_file(mapped).read_all()
        report = lake.features.write(SET, rows, exchange=EXCHANGE, market=MARKET, symbol=SYMBOL)
    return dict(report.rows)


if __name__ == "__main__":
    program = source if sys.argv[1] == "source" else table
    sys.stdout.write(json.dumps(program(*sys.argv[2:])) + "\n")
