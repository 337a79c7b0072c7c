"""When the market of a series is open, by the calendar that its gaps are told by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.gaps.calendars import calendar_of, unusable
from lake.instruments import facts
from lake.quality.flags import Opening
from schemas.calendars import ALWAYS, CalendarError, open_spans
from schemas.periods import Period

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest
    from schemas.keys import Address


def calendar_with_hours(config: Config, manifest: Manifest, address: Address, snapshot: int) -> str | None:
    """Return the calendar of a series whose rows can lie out of hours: one is known, and they are of less than a day.

    Raises:
        LakeError: USAGE when a calendar that dl.toml or the instrument's record names cannot be had.
    """
    if address.type not in {"bars", "ticks"} or (
        address.type == "bars" and Period.parse(address.period).grid_us is None
    ):
        return None
    imported = facts(manifest, address, snapshot).get("calendar")
    calendar, _ = calendar_of(config, address, None, imported)
    return None if calendar == ALWAYS else calendar


def opening(calendar: str, address: Address, start_ns: int, end_ns: int) -> Opening:
    """Return when the market is open in a range; USAGE when its calendar does not reach that far."""
    grid_us = Period.parse(address.period).grid_us if address.type == "bars" else None
    step_ns = 1 if grid_us is None else grid_us * 1000
    try:
        spans = open_spans(calendar, start_ns - step_ns, end_ns + step_ns)
    except CalendarError as error:
        raise unusable(error, str(address)) from error
    return Opening(calendar, spans, step_ns)
