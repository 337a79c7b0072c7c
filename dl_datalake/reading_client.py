"""Reading in the Python client: what symbols mean, and the lazy results of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from dl_datalake.dates import parse_as_of, parse_ns, parse_range
from dl_datalake.series import find_one, parse_address
from dl_datalake.study_client import StudyClient
from lake.errors import LakeError
from lake.selection import unknown
from lake.spellings import is_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow.compute as pc

    from dl_datalake.book import BookResult
    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from dl_datalake.result import Result
    from lake.adjust import Adjust
    from lake.joined import Range
    from lake.read import Scan
    from lake.where import Where
    from schemas.columns import Schema
    from schemas.keys import Address

Level = Literal["l2", "l3"]
Symbols = str | list[str] | tuple[str, ...]
Condition: TypeAlias = "str | pc.Expression"
"""Which rows are wanted: text such as `close > 100 and volume > 0`, or an expression of pyarrow.compute."""


class ReadingClient(StudyClient):
    """The part of a `Lake` that reads."""

    def bars(  # noqa: PLR0913 - what, where, when, which columns and which rows
        self,
        symbol: Symbols,
        *,
        exchange: str | None = None,
        market: str | None = None,
        period: str = "1m",
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        where: Condition | None = None,
        adjust: Adjust | None = None,
    ) -> Result:
        """Return bars of one symbol, or of several one after the other, each series once.

        Args:
            symbol: As the lake, its vendor or ccxt (`BTC/USDT`, `BTC/USDT:USDT`) spells it, in any case; a pattern such
                as `BTC*` stands for every series that fits it, of all exchanges and markets; or a list of both. Of an
                instrument whose renames were imported, the rows of its earlier symbols come first, as they are stored.
            exchange: Needed only when several exchanges have the symbol.
            market: Needed only when several markets have it.
            period: `1m`, `1h`, `1d`, …; with side or adjustment `1m-bid`, `1d-split`.
            start: First instant; text such as `2024-03` or a date object; what is naive is UTC.
            end: The instant to stop before.
            columns: Only these, in this order; all when None.
            as_of: A snapshot's number or name, or a time, to read the lake as it was. Digits alone are a number, as
                text too: the start of a year is `2016-01-01`.
            where: Only rows for which this is true: a text such as `close > 100 and volume > 0`, or an expression of
                pyarrow.compute. Files and row groups that cannot have one are not read.
            adjust: `split` or `total`: prices before a split, or before a split or cash dividend, in terms of the
                newest stored ones, by the actions as known at the snapshot; as they are stored when None. A condition
                is then on adjusted prices.

        Raises:
            LakeError: UNKNOWN_SERIES with what there is of the symbol, or with the snapshots that have the series when
                this one has no row of it; AMBIGUOUS with the candidates, BAD_DATE, UNKNOWN_SNAPSHOT;
                USAGE for a column there is not, what is no condition, or what cannot be adjusted; ADJUST when a
                dividend does not fit the prices.
        """
        found = self._resolve(symbol, exchange, market, f"bars/{period}", as_of)
        return self._result(found, start, end, columns, as_of, where, adjust, joined=True)

    def ticks(  # noqa: PLR0913 - as for bars
        self,
        symbol: Symbols,
        *,
        exchange: str | None = None,
        market: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        where: Condition | None = None,
        adjust: Adjust | None = None,
    ) -> Result:
        """Return single trades; the arguments are those of `bars`."""
        found = self._resolve(symbol, exchange, market, "ticks/trade", as_of)
        return self._result(found, start, end, columns, as_of, where, adjust, joined=True)

    def quotes(  # noqa: PLR0913 - as for bars
        self,
        symbol: Symbols,
        *,
        exchange: str | None = None,
        market: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        where: Condition | None = None,
        adjust: Adjust | None = None,
    ) -> Result:
        """Return best bids and asks; the arguments are those of `bars`."""
        found = self._resolve(symbol, exchange, market, "ticks/quote", as_of)
        return self._result(found, start, end, columns, as_of, where, adjust, joined=True)

    def book(  # noqa: PLR0913 - as for bars
        self,
        symbol: Symbols,
        *,
        exchange: str | None = None,
        market: str | None = None,
        level: Level = "l2",
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        where: Condition | None = None,
    ) -> BookResult:
        """Return order-book rows, of levels (`l2`; `.at(ts)` is the book) or of orders (`l3`); else as `bars`."""
        from dl_datalake.book import BookResult

        found = self._resolve(symbol, exchange, market, f"orderbook/{level}", as_of)
        return BookResult(cast("Lake", self), self._result(found, start, end, columns, as_of, where))

    def read(
        self,
        address: str | Address | None = None,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        where: Condition | None = None,
        adjust: Adjust | None = None,
        lock: str | Path | None = None,
    ) -> Result:
        """Return one series by its address, or by a pattern that fits only one; else the arguments of `bars`.

        With `lock`, the file of a study's lock, it is exactly the rows that the study read: their range and snapshot
        are those of the lock, and STUDY_CHANGED is raised when the lake has them no more. The address may be left out
        then when the lock pins only one series; AMBIGUOUS names them when it pins several.
        """
        if lock is not None:
            return self._locked(address, lock, columns, given=(start, end, as_of, where, adjust))
        if address is None:
            raise LakeError(
                "USAGE",
                "no series was named",
                why="Only a lock says itself which series is meant.",
                fix=["name one: dl read ADDRESS", "or give the lock of a study: dl read --lock FILE", "dl list"],
            )
        text = str(address)
        found = find_one(self._manifest, text, self._at(as_of)).address if is_pattern(text) else self._address(text)
        return self._result([found], start, end, columns, as_of, where, adjust)

    def _address(self, text: str) -> Address:
        """Return the series an address means: by what was imported of names, where none has the address."""
        from lake.resolve import renamed

        address = parse_address(text)
        if self._manifest.find(address) is not None:
            return address
        return renamed(self._manifest, address) or address

    def _at(self, as_of: int | DateLike | None) -> int:
        return self._manifest.snapshot(None if as_of is None else parse_as_of(as_of))

    def _resolve(
        self, symbols: Symbols, exchange: str | None, market: str | None, key: str, as_of: int | DateLike | None
    ) -> list[Address]:
        from lake.resolve import resolve_all

        names = [symbols] if isinstance(symbols, str) else [*symbols]
        if not names:
            why = "A list of none is no question about the lake."
            raise LakeError("USAGE", "no symbol was given", why=why, fix=["name at least one"])
        type_, _, period = key.partition("/")
        at = None if as_of is None else self._at(as_of)
        return resolve_all(
            self._manifest, names, type=type_, period=period, exchange=exchange, market=market, snapshot=at
        )

    def _result(
        self,
        addresses: list[Address],
        start: DateLike | None,
        end: DateLike | None,
        columns: Sequence[str] | None,
        as_of: int | DateLike | None,
        where: Condition | None,
        adjust: Adjust | None = None,
        *,
        joined: bool = False,
    ) -> Result:
        """Return the read of some series; `joined` with those of the earlier symbols of their instruments."""
        from dl_datalake.result import Result
        from lake.joined import parts

        start_ns, end_ns = parse_range(start, end)
        at = None if as_of is None else parse_as_of(as_of)
        heads: dict[Address, Address] = {}
        spans: dict[Address, Range] = {}
        if joined:
            found = parts(self._manifest, addresses, None if as_of is None else self._at(as_of))
            addresses, spans, heads = found.addresses, found.spans, found.heads
        make = _made_by(adjust, spans, heads)
        try:
            scan = make(
                self.config,
                self._manifest,
                addresses,
                start_ns=start_ns,
                end_ns=end_ns,
                columns=columns,
                as_of=at,
                where=None if where is None else _fitting(where),
            )
        except LakeError as error:
            if error.code == "E_UNKNOWN_SERIES" and len(addresses) == 1:
                raise unknown(self._manifest, str(addresses[0])) from None
            raise
        self._refuse_empty(scan)
        return Result(scan)

    def _refuse_empty(self, scan: Scan) -> None:
        # No rows in the range are an answer; no rows at all mean that another snapshot is wanted, or another series.
        planned = {file.series_id for file in scan.plan}
        for series, address in scan.series.items():
            if series not in planned and not self._manifest.plan(series, None, None, scan.snapshot):
                raise unknown(self._manifest, str(address), scan.snapshot)


def _made_by(
    adjust: Adjust | None, spans: Mapping[Address, Range], heads: Mapping[Address, Address]
) -> Callable[..., Scan]:
    # Each is imported when it is wanted: what they need takes longer than a cold read of one day.
    if adjust is not None:
        from lake.adjust import Adjusted

        return partial(Adjusted, adjust=adjust, spans=spans, heads=heads)
    if spans:
        from lake.joined import Spanned

        return partial(Spanned, spans=spans)
    from lake.read import Scan

    return Scan


def _fitting(where: Condition) -> Callable[[Schema], Where]:
    from lake.where import Where

    return partial(Where.of, where, moment=parse_ns)
