"""Corporate actions in the history files that yfinance writes: columns Dividends and Stock Splits beside the prices.

Yahoo states dividends in today's shares: each amount is divided by all later splits. That is undone here, by the splits
of the same file, which therefore must reach to the day it was fetched: amounts are kept as they were paid.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

COLUMNS = frozenset({"dividends", "stock_splits"})
_DATES = ("date", "datetime")
_DATE_LETTERS = 10
_DIGITS = 8
"""So many digits after the point are kept of an amount: Yahoo rounds to six."""


def actions(
    path: Path, names: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the splits and dividends of a file with the lines they stand in; days of neither say nothing.

    Raises:
        LakeError: SCHEMA with the line where a number cannot be read.
    """
    date = next((names.index(name) for name in _DATES if name in names), 0)  # the first one, where it has no name
    dividends, splits = names.index("dividends"), names.index("stock_splits")
    told: list[tuple[int, str, Fraction, Fraction]] = []
    for line, row in rows:
        try:
            paid, ratio = (Fraction(row[place].strip() or "0") for place in (dividends, splits))
            told.append((line, row[date].strip()[:_DATE_LETTERS], paid, ratio))
        except (ValueError, IndexError, ZeroDivisionError) as error:
            why = "A file of records is imported whole or not at all."
            raise LakeError(
                "SCHEMA", f"line {line}: {error}", where=str(path), why=why, fix=["fetch it anew"]
            ) from None
    after = Fraction(1)
    found: list[tuple[int, dict[str, Any]]] = []
    # From the newest day back; a dividend of the very day of a split is of the new shares already.
    for line, day, paid, ratio in sorted(told, key=lambda each: each[1], reverse=True):
        if paid:
            amount = f"{float(paid * after):.{_DIGITS}f}".rstrip("0").rstrip(".")
            found.append((line, {"ex_date": day, "action": "dividend", "amount": amount}))
        if ratio:
            found.append((line, {"ex_date": day, "action": "split", "ratio": str(ratio)}))
            after *= ratio
    yield from sorted(found, key=lambda each: each[0])
