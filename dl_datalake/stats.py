"""Figures computed from the stored files, for `dl show --stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_datalake.dates import format_ns
from lake.read import Scan
from lake.stats import stats

if TYPE_CHECKING:
    from lake.manifest import Manifest
    from schemas.keys import Address


def stats_data(manifest: Manifest, address: Address, snapshot: int) -> dict[str, Any]:
    """Return what is computed of one series at a snapshot, as scripts read it."""
    found = stats(Scan(manifest.config, manifest, [address], as_of=snapshot))
    return {
        "rows": found.rows,
        "first": _time(found.first_ns),
        "last": _time(found.last_ns),
        "first_recv": _time(found.first_recv_ns),
        "last_recv": _time(found.last_recv_ns),
        "sum_volume": found.sum_volume,
        "min_low": found.min_low,
        "max_high": found.max_high,
        "prices": found.prices,
        "exact_duplicate_rows": found.exact_duplicate_rows,
    }


def _time(ns: int | None) -> str | None:
    return None if ns is None else format_ns(ns)
