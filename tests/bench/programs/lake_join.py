"""Our join with three feature sets as of each close: `series ROOT` of one long series, `universe ROOT` of many."""

from __future__ import annotations

import json
import sys
from typing import Any

import pyarrow.compute as pc

import dl_datalake
from tests.bench.programs.lake_features import EXCHANGE, MARKET, NAMES, SETS, SYMBOL, symbols


def join(what: str, root: str) -> dict[str, Any]:
    """Join; count the rows and add up one column of each set."""
    rows, total = 0, 0.0
    wanted = [SYMBOL] if what == "series" else symbols()
    with dl_datalake.open(root) as lake:
        bars = lake.bars(wanted, exchange=EXCHANGE, market=MARKET)
        for batch in lake.training_set(bars, features=list(SETS)).batches():
            rows += batch.num_rows
            total += sum(pc.sum(batch.column(f"{name}__{NAMES[-1]}")).as_py() or 0.0 for name in SETS)
    return {"rows": rows, "total": total}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(join(*sys.argv[1:])) + "\n")
