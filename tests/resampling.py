"""Bars made coarser in the plainest Python there is: decimals, dictionaries, one row after the other."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa

Row = dict[str, Any]
SUMS = ("volume", "quote_volume", "trades", "taker_buy_volume", "taker_buy_quote_volume")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY = dt.timedelta(days=1)


def bucket(ts: dt.datetime, period: str) -> dt.datetime:
    """Return the open of a time's bucket in UTC."""
    unit, count = period.lstrip("0123456789"), int(period.rstrip("smhdwo"))
    midnight = ts.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "mo":
        months = (ts.year * 12 + ts.month - 1 - 1970 * 12) // count * count + 1970 * 12
        return midnight.replace(year=months // 12, month=months % 12 + 1, day=1)
    if unit == "w":
        monday = midnight - ts.weekday() * _DAY
        weeks = (monday - (EPOCH - 3 * _DAY)).days // 7
        return monday - 7 * (weeks % count) * _DAY
    length = dt.timedelta(**{{"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[unit]: count})
    return EPOCH + (ts - EPOCH) // length * length


def coarser(rows: Iterable[Row], period: str | Callable[[dt.datetime], dt.datetime | None]) -> list[Row]:
    """Return the bars that rows, in order of time, make; times are datetimes."""
    buckets: dict[dt.datetime, list[Row]] = {}
    for row in rows:
        start = bucket(row["ts"], period) if isinstance(period, str) else period(row["ts"])
        if start is not None:
            buckets.setdefault(start, []).append(row)
    return [_bar(start, inside) for start, inside in sorted(buckets.items())]


def _bar(start: dt.datetime, rows: list[Row]) -> Row:
    bar: Row = {
        "ts": start,
        "open": rows[0]["open"],
        "high": max(row["high"] for row in rows),
        "low": min(row["low"] for row in rows),
        "close": rows[-1]["close"],
    }
    for name in SUMS:
        bar[name] = _sum([row.get(name) for row in rows])
    bar["vwap"] = None
    if bar["quote_volume"] is not None and bar["volume"]:
        mean = bar["quote_volume"] / bar["volume"]
        bar["vwap"] = mean if math.isfinite(mean) else None
    elif bar["quote_volume"] is None:
        bar["vwap"] = _mean([(row.get("vwap"), row.get("volume")) for row in rows])
    for name in ("open_interest", "spread"):
        bar[name] = next((row[name] for row in reversed(rows) if row.get(name) is not None), None)
    return bar


def _sum(values: list[Any]) -> Any:  # noqa: ANN401 -- an int where all are, else a float
    there = [value for value in values if value is not None]
    if not there:
        return None
    if all(isinstance(value, int) for value in there):
        return sum(there)
    with localcontext(prec=800):
        return float(sum(value if isinstance(value, Decimal) else Decimal(repr(value)) for value in there))


def _mean(pairs: list[tuple[Any, Any]]) -> float | None:
    with localcontext(prec=800):
        there = [
            (Decimal(repr(price)), Decimal(repr(weight))) for price, weight in pairs if None not in (price, weight)
        ]
        total = sum(weight for _, weight in there)
        return float(sum(price * weight for price, weight in there)) / float(total) if total else None


def trade_bar(row: Row) -> Row:
    """Return a trade as a bar of one price."""
    with localcontext(prec=800):
        quote = Decimal(repr(row["price"])) * Decimal(repr(row["size"]))
    bought = {None: None, "buy": 1, "sell": 0}[row["side"]]
    return {
        "ts": row["ts"],
        **dict.fromkeys(("open", "high", "low", "close"), row["price"]),
        "volume": row["size"],
        "quote_volume": quote,
        "trades": 1,
        "taker_buy_volume": None if bought is None else row["size"] if bought else 0.0,
        "taker_buy_quote_volume": None if bought is None else quote if bought else Decimal(0),
    }


def plain_rows(table: pa.Table) -> list[Row]:
    """Return a table's rows without the identity columns, times as datetimes without a zone's name."""
    kept = [name for name in table.column_names if name not in {"exchange", "market", "symbol"}]
    rows: list[Row] = table.select(kept).to_pylist()
    for row in rows:
        row["ts"] = row["ts"].astimezone(dt.UTC)
    return rows
