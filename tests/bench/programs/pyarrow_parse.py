"""Arrow's own streaming parse of an aggTrades file, nothing written: the floor for ticks."""

from __future__ import annotations

import json
import sys

import pyarrow as pa
import pyarrow.csv as pacsv

TYPES = {
    "agg_trade_id": pa.int64(),
    "price": pa.float64(),
    "quantity": pa.float64(),
    "first_trade_id": pa.int64(),
    "last_trade_id": pa.int64(),
    "transact_time": pa.int64(),
    "is_buyer_maker": pa.bool_(),
}


def parse(source: str) -> int:
    """Read a file to its end and count its rows."""
    reader = pacsv.open_csv(
        source,
        read_options=pacsv.ReadOptions(column_names=[*TYPES, "is_best_match"], block_size=1 << 20),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(TYPES), column_types=TYPES, true_values=["True"], false_values=["False"]
        ),
    )
    return sum(batch.num_rows for batch in reader)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"rows": parse(sys.argv[1])}) + "\n")
