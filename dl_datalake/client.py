"""The Python client: `dl_datalake.open()` gives a `Lake`, its queries give lazy results.

with dl_datalake.open("/srv/lake") as lake:
    frame = lake.bars("BTCUSDT", exchange="BINANCE", period="1m", start="2024", end="2025").to_pandas()
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from dl_datalake.care_client import CareClient
from dl_datalake.dates import parse_as_of, parse_range
from dl_datalake.quality_client import QualityClient
from dl_datalake.replay_client import ReplayClient
from dl_datalake.series import Filters, find_one, is_pattern, parse_address
from dl_datalake.sql_client import SqlClient
from dl_datalake.study_client import StudyClient
from dl_datalake.travel_client import TravelClient
from lake.errors import LakeError
from lake.selection import unknown

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from dl_datalake.book import BookResult
    from dl_datalake.dates import DateLike
    from dl_datalake.features import FeatureClient, Length
    from dl_datalake.result import Result
    from dl_datalake.training import Wanted
    from lake.aggregate import AggregateReport
    from lake.aggregate import Progress as AggregateProgress
    from lake.config import Config
    from lake.features.join import By, Decide
    from lake.manifest import HistoryRow, ListRow
    from lake.write import WriteResult
    from schemas.keys import Address

Mode = Literal["upsert", "append", "replace"]
Level = Literal["l2", "l3"]
Symbols = str | list[str] | tuple[str, ...]


def open(  # noqa: A001 - reads as gzip.open does: dl_datalake.open
    root: str | Path | None = None,
    *,
    data_root: str | Path | None = None,
    db_path: str | Path | None = None,
    wait: float | None = None,
) -> Lake:
    """Open the lake in `root`, or the one found upwards from the current folder as git does.

    Args:
        root: The lake's folder; else DL_ROOT.
        data_root: The data folder, if it is not `root/data`.
        db_path: The manifest, if it is not `root/manifest.db`.
        wait: Seconds a write waits for another process that writes.

    Raises:
        LakeError: LAKE_NOT_INITIALISED when there is none, MANIFEST_TOO_NEW when it is a newer program's.
    """
    from lake.config import locate

    return Lake(locate(root, data_root=data_root, db_path=db_path, wait_s=wait))


class Lake(CareClient, QualityClient, ReplayClient, SqlClient, StudyClient, TravelClient):
    """An open lake; a context manager. Use it in the process that opened it: a forked one must open its own."""

    def __init__(self, config: Config) -> None:
        """Open the manifest of the lake that `config` describes."""
        from lake.manifest import Manifest
        from pipelines.remembering import remember

        self.config = config
        remember(config, warnings.warn)
        self._manifest = Manifest.open(config)

    def __enter__(self) -> Self:
        """Return the lake itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the lake."""
        self.close()

    def __repr__(self) -> str:
        return f"<Lake {self.config.root}>"

    def close(self) -> None:
        """Close the manifest; results made from this lake can no longer be read."""
        self._manifest.close()

    @property
    def snapshot(self) -> int:
        """The number of the newest snapshot; 0 in an empty lake."""
        return self._manifest.snapshot()

    def bars(
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
    ) -> Result:
        """Return bars of one symbol, or of several one after the other.

        Args:
            symbol: As the lake or its vendor spells it, in any case.
            exchange: Needed only when several exchanges have the symbol.
            market: Needed only when several markets have it.
            period: `1m`, `1h`, `1d`, …; with side or adjustment `1m-bid`, `1d-split`.
            start: First instant; text such as `2024-03` or a date object; what is naive is UTC.
            end: The instant to stop before.
            columns: Only these, in this order; all when None.
            as_of: A snapshot's number or name, or a time, to read the lake as it was. Digits alone are a number, as
                text too: the start of a year is `2016-01-01`.

        Raises:
            LakeError: UNKNOWN_SERIES with what there is of the symbol, or with the snapshots that have the series when
                this one has no row of it; AMBIGUOUS with the candidates, BAD_DATE, UNKNOWN_SNAPSHOT.
        """
        found = self._resolve(symbol, exchange, market, f"bars/{period}", as_of)
        return self._result(found, start, end, columns, as_of)

    def ticks(
        self,
        symbol: Symbols,
        *,
        exchange: str | None = None,
        market: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
    ) -> Result:
        """Return single trades; the arguments are those of `bars`."""
        found = self._resolve(symbol, exchange, market, "ticks/trade", as_of)
        return self._result(found, start, end, columns, as_of)

    def quotes(
        self,
        symbol: Symbols,
        *,
        exchange: str | None = None,
        market: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
    ) -> Result:
        """Return best bids and asks; the arguments are those of `bars`."""
        found = self._resolve(symbol, exchange, market, "ticks/quote", as_of)
        return self._result(found, start, end, columns, as_of)

    def book(
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
    ) -> BookResult:
        """Return order-book rows, of levels (`l2`; `.at(ts)` is the book) or of orders (`l3`); else as `bars`."""
        from dl_datalake.book import BookResult

        found = self._resolve(symbol, exchange, market, f"orderbook/{level}", as_of)
        return BookResult(self, self._result(found, start, end, columns, as_of))

    def read(
        self,
        address: str | Address | None = None,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        lock: str | Path | None = None,
    ) -> Result:
        """Return one series by its address, or by a pattern that fits only one; else the arguments of `bars`.

        With `lock`, the file of a study's lock, it is exactly the rows that the study read: their range and snapshot
        are those of the lock, and STUDY_CHANGED is raised when the lake has them no more. The address may be left out
        then when the lock pins only one series; AMBIGUOUS names them when it pins several.
        """
        if lock is not None:
            return self._locked(address, lock, columns, given=(start, end, as_of))
        if address is None:
            raise LakeError(
                "USAGE",
                "no series was named",
                why="Only a lock says itself which series is meant.",
                fix=["name one: dl read ADDRESS", "or give the lock of a study: dl read --lock FILE", "dl list"],
            )
        text = str(address)
        found = find_one(self._manifest, text, self._at(as_of)).address if is_pattern(text) else parse_address(text)
        return self._result([found], start, end, columns, as_of)

    @property
    def features(self) -> FeatureClient:
        """The feature sets: registering, writing and reading them."""
        from dl_datalake.features import FeatureClient

        return FeatureClient(self)

    def training_set(
        self,
        bars: Result,
        features: Sequence[Wanted] | Mapping[str, str | Sequence[str] | None],
        *,
        by: By = "known_at",
        tolerance: Length | None = None,
        strict: bool = False,
        ttl: bool | Length = True,
        decide: Decide = "close",
        as_of: int | DateLike | None = None,
    ) -> Result:
        """Return bars with the columns of feature sets as they were known when each bar was decided on.

        A bar gets of each set the row with the latest ts among those known by then, and of that ts the one known last;
        never a later one. Columns are called `<set>__<column>`, and are null where there is no such row.

        Args:
            bars: The bars, of one symbol or of several.
            features: The sets, with their versions or without; each by its name, as a pair of name and columns, or in
                a mapping of names to columns.
            by: `known_at`; `ts` ignores when rows became known, and leaks: it is there to see how much.
            tolerance: How long before the decision a row's ts may lie; the stricter of this and the ttl holds.
            strict: Whether a row must be known before the decision, and not at it.
            ttl: Whether the sets' own ttl holds; or one for all.
            decide: Whether a bar is decided on at its `close` or at its `open`.
            as_of: A snapshot's number or name, or a time: what this lake would have served then, bars and features
                alike. Else that as of which the bars were read, or the newest.

        Raises:
            LakeError: USAGE, UNKNOWN_FEATURES, UNKNOWN_SNAPSHOT; when it is read LOOKAHEAD for a row that says it was
                known before its own ts.
        """
        from dl_datalake.training import Joining, training_set

        return training_set(self, bars, features, Joining(by, tolerance, strict, ttl, decide), as_of)

    def write(self, address: str | Address, data: Any, mode: Mode = "upsert", message: str = "") -> WriteResult:  # noqa: ANN401 - anything Arrow can read
        """Store rows under an address, as one snapshot; those of a feature set as `features.write` does.

        Args:
            address: The series, made if it is new; its type decides the schema.
            data: An Arrow table or stream, a pandas or Polars frame, or anything with `__arrow_c_stream__`.
            mode: `upsert` merges by the natural key, `append` refuses rows that are not behind the last stored one (of
                features, by ts and then by known_at), `replace` puts the rows in the place of everything stored between
                the first and the last of them.
            message: Why, for the history.

        Raises:
            LakeError: USAGE for another mode, UNKNOWN_ASSET when the address has no schema, SCHEMA when rows break it
                or name another series, CHECK when a partition fails a blocking one of its asset's, CONFLICT, LOCKED;
                LOOKAHEAD for a feature set.
        """
        from lake.write import write

        place = parse_address(str(address))
        if place.type == "features" and self.features.sets().find(place.key) is not None:
            return self.features.store(place, data, mode, message)
        return write(self.config, place, data, mode=mode, message=message, checks=self.registry.checks)

    def aggregate(  # noqa: PLR0913 - as many words as the command has options
        self,
        address: str | Address,
        to: str | Sequence[str],
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        session_tz: str | None = None,
        session_start: str | None = None,
        calendar: str | None = None,
        complete_to: DateLike | None = None,
        force: bool = False,
        dry_run: bool = False,
        progress: Callable[[AggregateProgress], None] | None = None,
    ) -> AggregateReport:
        """Make coarser bars of a series: what is missing or out of date, all periods in one pass.

        Args:
            address: The series, or a pattern that fits only one.
            to: Periods such as `["5m", "1h", "1d"]`; of quotes also `1m-bid`, `1m-ask`, `1m-mid`.
            start: Only partitions of the targets that end after this.
            end: Only partitions of the targets that begin before this.
            session_tz: Cut days and what is longer in this zone instead of UTC.
            session_start: When such a day begins, `17:00`; else at midnight.
            calendar: Cut days and what is longer by an exchange's sessions, `XNYS`.
            complete_to: Up to here no row is missing, whatever the last one is.
            force: Make anew what is up to date, too.
            dry_run: Say what would be made; write nothing.
            progress: Called as rows are read.

        Raises:
            LakeError: UNKNOWN_SERIES, PERIOD, DERIVED when a target came into the lake in another way, CHECK, LOCKED.
        """
        from dl_datalake.aggregation import request_of
        from lake.aggregate import aggregate

        found = find_one(self._manifest, str(address)).address
        request = request_of(
            self.config,
            found,
            to.split(",") if isinstance(to, str) else to,
            start=start,
            end=end,
            session_tz=session_tz,
            session_start=session_start,
            calendar=calendar,
            complete_to=complete_to,
            force=force,
            dry_run=dry_run,
        )
        return aggregate(self.config, request, progress=progress)

    def list(
        self,
        symbol: str | None = None,
        *,
        exchange: str | None = None,
        market: str | None = None,
        type: str | None = None,  # noqa: A002 - the lake's word
        period: str | None = None,
        as_of: int | DateLike | None = None,
    ) -> list[ListRow]:
        """Return what the lake holds, a row a series; each word may hold `*` and `?`."""
        words = Filters(exchange, market, symbol, type, period).words()
        return self._manifest.listing(**words, snapshot=self._at(as_of))

    def history(self, address: str | Address | None = None, limit: int | None = None) -> builtins.list[HistoryRow]:
        """Return the snapshots, newest first; with an address those that changed it, empty now or not."""
        found = None if address is None else find_one(self._manifest, str(address), ever=True).address
        return self._manifest.history(found, limit)

    def _at(self, as_of: int | DateLike | None) -> int:
        return self._manifest.snapshot(None if as_of is None else parse_as_of(as_of))

    def _resolve(
        self, symbols: Symbols, exchange: str | None, market: str | None, key: str, as_of: int | DateLike | None
    ) -> builtins.list[Address]:
        from lake.read import resolve

        names = [symbols] if isinstance(symbols, str) else [*symbols]
        if not names:
            why = "A list of none is no question about the lake."
            raise LakeError("USAGE", "no symbol was given", why=why, fix=["name at least one"])
        type_, _, period = key.partition("/")
        at = None if as_of is None else self._at(as_of)
        return [
            resolve(self._manifest, name, type=type_, period=period, exchange=exchange, market=market, snapshot=at)
            for name in names
        ]

    def _result(
        self,
        addresses: builtins.list[Address],
        start: DateLike | None,
        end: DateLike | None,
        columns: Sequence[str] | None,
        as_of: int | DateLike | None,
    ) -> Result:
        from dl_datalake.result import Result
        from lake.read import Scan

        start_ns, end_ns = parse_range(start, end)
        at = None if as_of is None else parse_as_of(as_of)
        try:
            scan = Scan(
                self.config, self._manifest, addresses, start_ns=start_ns, end_ns=end_ns, columns=columns, as_of=at
            )
        except LakeError as error:
            if error.code == "E_UNKNOWN_SERIES" and len(addresses) == 1:
                raise unknown(self._manifest, str(addresses[0])) from None
            raise
        # No rows in the range are an answer; no rows at all mean that another snapshot is wanted, or another series.
        planned = {file.series_id for file in scan.plan}
        for address in addresses:
            series = self._manifest.find(address)
            if series and series.id not in planned and not self._manifest.plan(series.id, None, None, scan.snapshot):
                raise unknown(self._manifest, str(address), scan.snapshot)
        return Result(scan)
