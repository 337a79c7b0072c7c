"""The Python client: `dl_datalake.open()` gives a `Lake`, its queries give lazy results.

with dl_datalake.open("/srv/lake") as lake:
    frame = lake.bars("BTCUSDT", exchange="BINANCE", period="1m", start="2024", end="2025").to_pandas()
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

from dl_datalake.care_client import CareClient
from dl_datalake.export_client import ExportClient
from dl_datalake.last_client import LastClient
from dl_datalake.quality_client import QualityClient
from dl_datalake.reading_client import ReadingClient
from dl_datalake.reference_client import ReferenceClient
from dl_datalake.replay_client import ReplayClient
from dl_datalake.series import Filters, find_one, parse_address
from dl_datalake.sql_client import SqlClient
from dl_datalake.travel_client import TravelClient

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

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


class Lake(
    CareClient,
    ExportClient,
    LastClient,
    QualityClient,
    ReadingClient,
    ReferenceClient,
    ReplayClient,
    SqlClient,
    TravelClient,
):
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
