"""Relations between the values of a row that tell one vendor's columns from another's that look the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.sources.written import NUMBER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ENOUGH = 0.9
_ROUNDING = 2e-3
_CONTRACTS = (100.0, 10.0)
"""What one COIN-M contract is worth, in dollars."""

Row = list[float]


def _numbers(row: Sequence[str]) -> Row:
    return [float(cell) if NUMBER.fullmatch(cell.strip()) else float("nan") for cell in row]


def _between(value: float, row: Row) -> bool:
    return row[3] * (1 - _ROUNDING) <= value <= row[2] * (1 + _ROUNDING)


def _near(value: float, other: float) -> bool:
    return abs(value - other) <= _ROUNDING * abs(other) + 1e-6


def _interval(row: Row) -> bool | None:
    return row[6] > row[0]


def _quote_volume(row: Row) -> bool | None:
    return _between(row[7] / row[5], row) if row[5] > 0 else None


def _no_volume(row: Row) -> bool | None:
    return row[5] == 0 and row[7] == 0 and row[8] > 0


def _okx_currency_volume(row: Row) -> bool | None:
    return _between(row[7] / row[6], row) if row[6] > 0 else None


def _klines_contracts(row: Row) -> bool | None:
    return any(_between(row[5] * worth / row[7], row) for worth in _CONTRACTS) if row[7] > 0 else None


def _agg_trade_ids(row: Row) -> bool | None:
    return row[3] <= row[4]


def _quote_quantity(row: Row) -> bool | None:
    return _near(row[3], row[1] * row[2])


def _trades_contracts(row: Row) -> bool | None:
    return any(_near(row[3], row[2] * worth / row[1]) for worth in _CONTRACTS) if row[1] > 0 else None


def _bid_ask(row: Row) -> bool | None:
    return row[1] < row[2] if row[1] != row[2] else None


def _candle(opened: int, high: int, low: int, close: int) -> Callable[[Row], bool | None]:
    """Return the check that these columns are such prices; a row whose prices are all the same cannot tell."""

    def check(row: Row) -> bool | None:
        inner, top, bottom = (row[opened], row[close]), row[high], row[low]
        if top == bottom == inner[0] == inner[1]:
            return None
        return top >= max(inner) and bottom <= min(inner)

    return check


RELATIONS: dict[str, tuple[Callable[[Row], bool | None], str]] = {
    "bid_ask": (_bid_ask, "bids are below asks"),
    "klines_interval": (_interval, "close times follow open times"),
    "klines_quote_volume": (_quote_volume, "quote volume / volume lies between low and high"),
    "klines_contracts": (_klines_contracts, "contracts * 100 (or 10) / base volume lies between low and high"),
    "open_high_low_close": (_candle(1, 2, 3, 4), "columns 1 to 4 can be open, high, low, close"),
    "open_close_high_low": (_candle(1, 3, 4, 2), "columns 1 to 4 can be open, close, high, low"),
    "low_high_open_close": (_candle(3, 2, 1, 4), "columns 1 to 4 can be low, high, open, close"),
    "no_volume": (_no_volume, "trades are counted but no volume"),
    "okx_currency_volume": (_okx_currency_volume, "quote volume / volume in currency lies between low and high"),
    "agg_trade_ids": (_agg_trade_ids, "first trade ids are not above last ones"),
    "trades_quote_quantity": (_quote_quantity, "quote quantity is price * quantity"),
    "trades_contracts": (_trades_contracts, "base quantity is contracts * 100 (or 10) / price"),
}


def holds(name: str, rows: Sequence[Sequence[str]]) -> bool | None:
    """Return whether nearly all rows that can tell satisfy the relation; None when no row can."""
    check = RELATIONS[name][0]
    told = [answer for answer in map(check, map(_numbers, rows)) if answer is not None]
    return sum(told) >= _ENOUGH * len(told) if told else None
