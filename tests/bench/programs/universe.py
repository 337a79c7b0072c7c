"""Thirty days of 1-minute bars of each of a hundred symbols, for all contenders the same; and what is asked of them."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from tests.bench.generate import epoch_ms, klines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

SYMBOLS, DAYS, MINUTES = 100, 30, 30 * 1440
FIRST_MS = epoch_ms(2024, 6)
HOUR_MS = (epoch_ms(2024, 6, 12) + 14 * 3_600_000, epoch_ms(2024, 6, 12) + 15 * 3_600_000)
HOUR_ROWS = SYMBOLS * 60
REPEATS = 20


def names() -> list[str]:
    """The symbols."""
    return [f"SYM{number:02d}USDT" for number in range(SYMBOLS)]


def bars() -> Iterator[tuple[str, pa.Table]]:
    """Each symbol with its bars: ts in milliseconds, and numbers."""
    import pyarrow as pa

    for number, name in enumerate(names()):
        table = pa.concat_tables(klines(FIRST_MS, MINUTES, seed=number))
        numbers = {c: table[c].cast(pa.float64()) for c in ("open", "high", "low", "close", "volume", "quote_volume")}
        yield name, pa.table({"ts": table["open_time"], **numbers, "trades": table["count"]})


def asked(last: Callable[[], float], hour: Callable[[], int]) -> dict[str, Any]:
    """Time both questions in turn, the first time of each apart; the closes are added up, the rows counted."""
    found: dict[str, Any] = {}
    for name, ask in (("last", last), ("hour", hour)):
        times = []
        for _ in range(REPEATS + 1):
            start = time.perf_counter()
            found[name] = ask()
            times.append((time.perf_counter() - start) * 1e3)
        found |= {f"{name}_first_ms": times[0], f"{name}_ms": statistics.median(times[1:])}
    return found | {"rows": found["hour"], "total": found["last"]}
