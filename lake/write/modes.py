"""In which ways rows are put into a series, and what each demands before they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import pyarrow as pa

from lake import files, layout, rows
from lake.errors import LakeError
from lake.manifest import Manifest
from lake.places import Places
from lake.write.appending import refuse_unless_behind
from lake.write.sealed import live_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lake.config import Config
    from lake.intake import Intake
    from lake.manifest.rows import FileRow
    from lake.write.commit import Delivery
    from schemas.columns import Schema
    from schemas.keys import Address

Mode = Literal["upsert", "append", "replace"]


def refuse_unknown(mode: str, where: str) -> None:
    """Refuse with USAGE what is no mode."""
    if mode not in get_args(Mode):
        why = "A table is merged, added behind the last stored row, or put in the place of a range."
        fix = [f'mode="{known}"' for known in get_args(Mode)]
        raise LakeError("USAGE", f"{mode!r} is not a mode", where=where, why=why, fix=fix)


def prepare(
    config: Config, intake: Intake, schema: Schema, live: Mapping[str, FileRow], mode: Mode, address: Address
) -> list[FileRow]:
    """Make the mode's demands of all that was taken in; return the live files that a replacement empties.

    Raises:
        LakeError: CONFLICT when rows to append are not behind those stored.
    """
    if intake.first is None or intake.last is None or not live:
        return []
    if mode == "append":
        refuse_unless_behind(Places(config), intake, schema, live, address)
    if mode != "replace":
        return []
    scale = layout.NS_PER[rows.unit(schema)]
    first, last = intake.first, intake.last

    def outside(table: pa.Table) -> pa.Table:
        ts = rows.times(table)
        return table.filter(pa.array((ts < first) | (ts > last)))

    intake.keep_stored = outside
    return intake.claim(first * scale, last * scale)


def refuse_overtaken(config: Config, delivery: Delivery) -> None:
    """Refuse rows that another writer's are not before, in whatever partition; their files are in place already."""
    first = delivery.intake.first
    start = None if first is None else first * layout.NS_PER[rows.unit(delivery.schema)]
    with Manifest.open(config) as manifest:
        live = live_files(manifest, delivery.address, span=(start, None))
    try:
        refuse_unless_behind(Places(config), delivery.intake, delivery.schema, live, delivery.address)
    except LakeError:
        written = [s.staged for s in delivery.settled] + [run.file for s in delivery.settled for run in s.runs]
        files.discard(config.data, [file for file in written if file is not None])
        raise
