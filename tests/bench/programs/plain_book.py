"""A book replayed without a lake: `CSV READS` applies every row of a T_DEPTH file to dictionaries, in Python."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from tests.bench.programs.lake_book import moments

LEVELS = 20


def worth(bids: dict[float, float], asks: dict[float, float]) -> float:
    """Price times size of the best levels."""
    best = sorted(bids.items(), reverse=True)[:LEVELS] + sorted(asks.items())[:LEVELS]
    return sum(price * size for price, size in best)


def replay(source: Path, reads: int) -> dict[str, float]:
    """Go through the file once, and stop at each of the times."""
    with source.open(newline="") as file:
        rows = [
            (int(row["timestamp"]), row["side"] == "b", float(row["price"]), float(row["qty"]))
            for row in csv.DictReader(file)
        ]
    wanted = sorted([rows[-1][0], *(at // 10**6 for at in moments(rows[0][0] * 10**6, rows[-1][0] * 10**6, reads))])
    sides: tuple[dict[float, float], dict[float, float]] = ({}, {})
    total, place = 0.0, 0
    for at in wanted:
        while place < len(rows) and rows[place][0] <= at:
            _, is_bid, price, size = rows[place]
            side = sides[0 if is_bid else 1]
            if size:
                side[price] = size
            else:
                side.pop(price, None)
            place += 1
        total += worth(*sides)
    return {"rows": len(rows), "total": total}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(replay(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
