"""The last rows of series in the Python client: what is newest of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dl_datalake.dates import parse_as_of
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from dl_datalake.reading_client import Symbols
    from dl_datalake.result import Result


class LastClient:
    """The part of a `Lake` that reads what is newest."""

    def last(
        self,
        symbol: Symbols,
        *,
        asset: str = "bars/1m",
        rows: int = 1,
        exchange: str | None = None,
        market: str | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
    ) -> Result:
        """Return the last rows of each symbol, one series after the other; only the files they lie in are opened.

        Args:
            symbol: One symbol, a pattern, or a list, as `bars` takes them.
            asset: `bars/1m`, `ticks/trade`, …
            rows: How many of each; of a series that has fewer, all.
            exchange: Needed only when several exchanges have the symbol.
            market: Needed only when several markets have it.
            columns: Only these, in this order; all when None.
            as_of: A snapshot's number or name, or a time, to read the lake as it was.

        Raises:
            LakeError: USAGE for rows of none; else as `bars` does.
        """
        from dl_datalake.result import Result
        from lake.last import Last

        if rows < 1:
            why = "A series is asked for its last row, or for more of them."
            raise LakeError("USAGE", f"there are no last {rows} rows", why=why, fix=["rows=1"])
        lake = cast("Lake", self)
        addresses = lake._resolve(symbol, exchange, market, asset, as_of)  # noqa: SLF001 - a part of the lake itself
        at = None if as_of is None else parse_as_of(as_of)
        scan = Last(lake.config, lake._manifest, addresses, rows, columns=columns, as_of=at)  # noqa: SLF001 - as above
        lake._refuse_empty(scan)  # noqa: SLF001 - as above
        return Result(scan)
