"""Our Python client: `warm|cold ROOT READS` times books at random times; cold ones with nothing held in memory."""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

import dl_datalake
from lake.book import forget


def moments(first_ns: int, last_ns: int, reads: int) -> list[int]:
    """The same times for every program: whole milliseconds, as the source has them."""
    draw = random.Random(23)  # noqa: S311 - a repeatable choice of times, nothing secret
    return [draw.randrange(first_ns, last_ns + 1) // 10**6 * 10**6 for _ in range(reads)]


def read(form: str, root: str, reads: int) -> dict[str, Any]:
    """Ask for the book at each time, anew each time; the first call makes the checkpoints when there are none."""
    with dl_datalake.open(root) as lake:
        [row] = lake.list(type="orderbook")
        exchange, market, symbol = row.address.exchange, row.address.market, row.address.symbol
        times, total = [], 0.0
        for at in [row.last_ns, *moments(row.first_ns, row.last_ns, reads)]:
            if form == "cold":
                forget()
            start = time.perf_counter()
            ladder = lake.book(symbol, exchange=exchange, market=market).at(at, 20)
            times.append((time.perf_counter() - start) * 1e3)
            total += sum(price * size for side in (ladder.bids, ladder.asks) for price, size in side.pairs())
    return {"rows": row.rows, "total": total, "times_ms": times}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read(sys.argv[1], sys.argv[2], int(sys.argv[3]))) + "\n")
