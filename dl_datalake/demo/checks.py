"""How the demo says what it found and what was expected, and compares stored rows with rows read elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_datalake.client import Lake
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dl_datalake.demo.samples import Row
    from lake.config import Config


def check(step: str, what: str, found: object, *, wanted: object) -> None:
    """Raise UNEXPECTED unless what was found is what was wanted."""
    if found != wanted:
        raise LakeError("UNEXPECTED", f"demo step {step}: {what}: found {found!r}, expected {wanted!r}")


def compare(config: Config, step: str, address: str, columns: Sequence[str], wanted: Sequence[Row]) -> None:
    """Read a series through the lake and check every row of it."""
    stored = stored_rows(config, address, columns)
    check(step, f"{address}: number of rows", len(stored), wanted=len(wanted))
    for place, (left, right) in enumerate(zip(stored, wanted, strict=True)):
        check(step, f"{address}: row {place + 1}", left, wanted=right)


def stored_rows(config: Config, address: str, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a series as plain numbers, times in nanoseconds."""
    rows: list[Row] = []
    with Lake(config) as lake:
        for batch in lake.read(address, columns=list(columns)).batches():
            rows += zip(*(_values(column) for column in batch.columns), strict=True)
    return rows


def _values(column: Any) -> list[Any]:  # noqa: ANN401 - pyarrow has no types
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return list(column.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist())
    return list(column.to_pylist())
