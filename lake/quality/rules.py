"""The rules that stored rows are held to: one table, each row a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.keys import Address

Severity = Literal["error", "warning", "note"]
"""Errors and warnings fail a check; a note tells what may be as it should."""
PRICED = ("bars", "ticks/trade", "ticks/quote")


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is looked for."""

    name: str
    of: tuple[str, ...]
    """The types of series it applies to; empty: every one."""
    threshold: float
    """What dl.toml may set, in the words of `unit`."""
    unit: str
    severity: Severity
    meaning: str
    remedy: str

    def applies(self, address: Address) -> bool:
        """Whether it can be told of a series."""
        return not self.of or kind_of(address) in self.of


RULES: tuple[Rule, ...] = (
    Rule(
        "unit_error",
        PRICED,
        0.15,
        "of 100, 1,000 and so on is how far a ratio may lie from it",
        "error",
        "prices are 100 times those beside them, 1,000 or more, or such a part: pence for pounds, or another scale",
        "ask the vendor which side is right: rows alone do not tell; write corrected rows over the wrong ones",
    ),
    Rule(
        "price_jump",
        ("bars",),
        50.0,
        "times the usual move around it (median absolute log return over 0.6745), and the root of the periods passed",
        "warning",
        "the close moves far more than it does around that time, or fourfold: a bad print, a split, or news",
        "compare another source; where it was a split, adjust on read instead of changing rows",
    ),
    Rule(
        "tick_jump",
        ("ticks/trade", "ticks/quote"),
        200.0,
        "the same, by the usual time between ticks",
        "warning",
        "the price, or the middle of the quote, moves far more than it does around that time, or fourfold",
        "compare another source; most prints that are wrong are back at once",
    ),
    Rule(
        "price_spike",
        ("bars",),
        30.0,
        "times the usual range around it (median log of high over low)",
        "warning",
        "the high or low lies far beyond open, close and both neighbours, or fourfold: mostly a late or bad print",
        "compare another source, or the trades of that time",
    ),
    Rule(
        "repeated_day",
        PRICED,
        5.0,
        "rows of the day that differ from the one before, at least; of bars of a day and more one is enough",
        "warning",
        "a day holds exactly the values of an earlier day, in the same order: a copy under another date",
        "fetch that day again",
    ),
    Rule(
        "stale_price",
        ("bars",),
        15.0,
        "rows at least, below 1d; a fifth of it from 1d up",
        "warning",
        "the whole bar stays the same, with a volume above 0 or none given",
        "compare another source: feeds that hang repeat their last bar",
    ),
    Rule(
        "moved_without_volume",
        ("bars",),
        1.0,
        "rows at least",
        "warning",
        "the price moves in bars whose volume is 0, while others have volume",
        "take volume from another source, or leave those bars out of what weighs by it",
    ),
    Rule(
        "zero_volume",
        ("bars", "ticks/trade"),
        1.0,
        "rows at least",
        "note",
        "volume is 0 and the price stands still: no trade, filled in; or the source has no volumes at all",
        "nothing, where the source fills in; keep in mind that means over bars count them",
    ),
    Rule(
        "crossed_quote",
        ("ticks/quote",),
        1.0,
        "rows at least",
        "warning",
        "the bid is above the ask",
        "leave these quotes out of mid prices; many of them tell of mixed venues or a delayed side",
    ),
    Rule(
        "locked_quote",
        ("ticks/quote",),
        1.0,
        "rows at least",
        "note",
        "the bid is the ask: it happens, for moments",
        "nothing",
    ),
    Rule(
        "out_of_hours",
        PRICED,
        1.0,
        "rows at least, of less than a day, where a calendar is known",
        "note",
        "there are rows while the market is closed: read in another time zone, or traded in extended hours",
        "look which zone the file is in; [gaps.calendars] of dl.toml names the calendar",
    ),
    Rule(
        "restated",
        (),
        1.0,
        "rows at least",
        "note",
        "rows that were stored came again with other values, and the newer ones count",
        "dl diff shows which; --as-of reads what was there before",
    ),
)
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


def kind_of(address: Address) -> str:
    """Return what rules tell series apart by: `bars`, or the whole key."""
    return "bars" if address.type == "bars" else address.key
