"""Holding one series to its rules, piece after piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lake.quality.flags import PRICES, ClosedHours, Quotes, Stale, Volumes
from lake.quality.pieces import pieces
from lake.quality.prices import Jumps, Spikes, Units
from lake.quality.repeats import Repeats
from lake.quality.rules import BY_NAME, kind_of
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from lake.quality.collecting import Findings
    from lake.quality.flags import Opening
    from lake.quality.pieces import Piece
    from lake.quality.prices import Split
    from schemas.keys import Address

COLUMNS = {
    "bars": (*PRICES, "volume"),
    "ticks/trade": ("price", "size"),
    "ticks/quote": ("bid", "ask", "bid_size", "ask_size"),
}
_MONTH_NS = 30 * 86_400 * 10**9
_SINGLE_PART = 1 / 5
"""Bars of a day and more stand still for so much of the rows that shorter ones have to."""


class _Look(Protocol):
    def feed(self, piece: Piece) -> None: ...

    def end(self) -> None: ...


def look(
    batches: Iterable[pa.RecordBatch],
    unit_ns: int,
    address: Address,
    thresholds: Mapping[str, float],
    findings: Findings,
    told: Callable[[int], None] = lambda _rows: None,
    *,
    splits: Sequence[Split] = (),
    opening: Opening | None = None,
) -> None:
    """Look at the rows of a series for what its rules speak of.

    Args:
        batches: Its rows in order, with `ts` and the columns of its kind.
        unit_ns: How many nanoseconds its times count in.
        address: Which series.
        thresholds: What counts, by rule.
        findings: Takes up what is found.
        told: Told how many rows came by since it last was.
        splits: Those that are known: what they explain is no jump.
        opening: When the market is open; None where it always is, or nobody knows.
    """
    looks = list(_each(address, thresholds, findings, splits))
    if opening is not None and "out_of_hours" in thresholds:
        looks.append(ClosedHours(findings, thresholds["out_of_hours"], opening))
    if not looks:
        return
    for piece in pieces(batches, COLUMNS[kind_of(address)], unit_ns):
        for each in looks:
            each.feed(piece)
        told(piece.high - piece.low)
    for each in looks:
        each.end()


def needs_rows(thresholds: Mapping[str, float]) -> bool:
    """Whether any of the rules has to see rows."""
    return any(BY_NAME[name].of for name in thresholds)


def _each(
    address: Address, thresholds: Mapping[str, float], findings: Findings, splits: Sequence[Split]
) -> Iterator[_Look]:
    period = Period.parse(address.period) if address.type == "bars" else None
    single = period is not None and period.grid_us is None
    if "unit_error" in thresholds:
        yield Units(findings, thresholds["unit_error"])
    jump = "tick_jump" if period is None else "price_jump"
    if jump in thresholds:
        yield Jumps(findings, jump, thresholds[jump], thresholds.get("unit_error"), _step_ns(period), splits)
    if "price_spike" in thresholds:
        yield Spikes(findings, thresholds["price_spike"])
    if "repeated_day" in thresholds:
        yield Repeats(findings, thresholds["repeated_day"], single=single)
    if "stale_price" in thresholds:
        yield Stale(findings, thresholds["stale_price"] * (_SINGLE_PART if single else 1))
    if {"zero_volume", "moved_without_volume"} & thresholds.keys():
        yield Volumes(findings, thresholds.get("zero_volume"), thresholds.get("moved_without_volume"))
    if {"crossed_quote", "locked_quote"} & thresholds.keys():
        yield Quotes(findings, thresholds.get("crossed_quote"), thresholds.get("locked_quote"))


def _step_ns(period: Period | None) -> int | None:
    if period is None:
        return None
    return _MONTH_NS * period.n if period.fixed_us is None else period.fixed_us * 1000
