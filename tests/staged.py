"""Files as a run stages them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.files import FileWriter
from schemas.keys import Address, Partition
from tests.tables import Row, table

if TYPE_CHECKING:
    from lake.files import StagedFile
    from lake.staging import Staging
    from schemas.columns import Schema

TICKS = Address.of("X", "SPOT", "Y", "ticks", "trade")
DAY = Partition.parse("1970-01-01")


def stage(staging: Staging, address: Address, schema: Schema, rows: list[Row]) -> StagedFile:
    """Write rows of the first day of 1970 to a file, not yet published."""
    writer = FileWriter(staging, address, DAY, schema, "run-1")
    writer.write(table(schema, rows))
    staged = writer.finish()
    assert staged is not None
    return staged
