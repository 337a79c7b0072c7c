"""`ROOT FILE [THREADS]`: the rows of an Arrow or Parquet file, written by pyarrow as our day files and made durable.

Names, columns, compression and encodings are ours. Nothing is checked, hashed or recorded.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lake.encoding import encoding
from schemas.arrow import arrow_schema
from schemas.columns import Column
from schemas.features import FeatureSet
from tests.bench.programs.lake_features import EXCHANGE, MARKET, MINUTE_US, NAMES, SYMBOL
from tests.bench.programs.lake_write import SET

DAY_US = 86_400_000_000


def completed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows with when they were known, and the names of their series."""
    ts = rows.column("ts").combine_chunks().view(pa.int64()).to_numpy()
    words = (
        pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(ts), np.int32)), pa.array([word]))
        for word in (EXCHANGE, MARKET, SYMBOL)
    )
    known_at = pa.array(ts + MINUTE_US).view(schema.field("known_at").type)
    return pa.Table.from_arrays([rows.column("ts"), known_at, *map(rows.column, NAMES), *words], schema=schema)


def durable(path: Path) -> None:
    """Have the kernel write a file or a folder out."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def write(root: str, file: str, threads: str = "1") -> int:
    """Write a file a day; the number of rows."""
    schema = FeatureSet(SET, "1", tuple(Column(name, "float64", unit="") for name in NAMES)).schema
    options = encoding(schema)
    rows = pq.read_table(file) if file.endswith(".parquet") else pa.ipc.open_file(pa.memory_map(file)).read_all()
    table = completed(rows, arrow_schema(schema))
    days = table.column("ts").combine_chunks().view(pa.int64()).to_numpy() // DAY_US
    starts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]

    def one(at: int) -> None:
        start, stop = starts[at : at + 2]
        day = np.datetime64(int(days[start]), "D").item()
        path = Path(root, f"year={day:%Y}", f"month={day:%m}", f"day={day:%d}", "rows.parquet")
        path.parent.mkdir(parents=True)
        pq.write_table(table.slice(start, stop - start), path, **options)
        durable(path)
        durable(path.parent)

    with ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(one, range(len(starts) - 1)))
    for folder in {Path(root), *Path(root).glob("*"), *Path(root).glob("*/*")}:
        durable(folder)
    return len(days)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"new": write(*sys.argv[1:])}) + "\n")
