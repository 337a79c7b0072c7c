"""Rows that are only to be added behind the last one that is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lake import files, layout, merge, rows
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lake.intake import Intake
    from lake.manifest.rows import FileRow
    from lake.merge.model import Place
    from lake.places import Places
    from schemas.columns import Schema
    from schemas.keys import Address


def refuse_unless_behind(
    places: Places, intake: Intake, schema: Schema, live: Mapping[str, FileRow], address: Address
) -> None:
    """Refuse what was taken in unless each row of it comes behind the last stored one.

    Where rows are keyed by several times, a row of the last stored ts may come behind it by the others.

    Args:
        places: Where stored files are opened.
        intake: What was taken in.
        schema: The rows' schema.
        live: What the partitions hold, by label.
        address: The series.

    Raises:
        LakeError: CONFLICT; FILE_DAMAGED, FILE_MISSING when the last stored row had to be read, and could not be.
    """
    if intake.first is None or not live:
        return
    last = max(live.values(), key=lambda file: file.last_ns)
    first_ns = intake.first * layout.NS_PER[rows.unit(schema)]
    if first_ns > last.last_ns:
        return
    if first_ns < last.last_ns or intake.head is None or intake.head <= _last_key(places, schema, last):
        raise not_behind(address)


def _last_key(places: Places, schema: Schema, file: FileRow) -> Place:
    """Return the times that the last row of a partition is keyed by; its file may hold others too."""
    clocks = merge.clocks(schema)
    with places.parquet(file, schema) as parquet:
        group = files.groups_between(parquet, schema, file.last_ns, file.last_ns + 1)[-1]
        table = files.read_group(parquet, group, list(clocks))
    last = file.last_ns // layout.NS_PER[rows.unit(schema)]
    at = int(np.searchsorted(rows.times(table), last, side="right")) - 1
    return tuple(int(rows.times(table, name)[at]) for name in clocks)


def not_behind(address: Address) -> LakeError:
    """Return the error for rows that are not behind those stored."""
    why, fix = "mode append only adds behind the last stored row.", ['mode="upsert"', 'or mode="replace"']
    return LakeError("CONFLICT", "the rows to append are not behind those stored", where=str(address), why=why, fix=fix)
