"""Exporting in the Python client: rows as the files that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from dl_datalake.dates import parse_as_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from dl_datalake.exports.model import ExportReport, Progress
    from dl_datalake.exports.words import Layout, Name
    from dl_datalake.reading_client import Condition
    from dl_datalake.result import Result
    from lake.adjust import Adjust
    from lake.config import Config
    from lake.manifest import Manifest
    from schemas.keys import Address


class ExportClient:
    """The part of a `Lake` that exports."""

    config: Config
    _manifest: Manifest

    def export(  # noqa: PLR0913 - as many words as the command has options
        self,
        address: str | Address,
        to: Name,
        folder: str | Path,
        *,
        start: DateLike | None = None,
        end: DateLike | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
        where: Condition | None = None,
        adjust: Adjust | None = None,
        layout: Layout = "path",
        pairs: Mapping[str, str] | None = None,
        place: str | None = None,
        tz: str | None = None,
        force: bool = False,
        progress: Callable[[Progress], None] = lambda _at: None,
    ) -> ExportReport:
        """Write series as files of another program: all of them, each whole, or none.

        Args:
            address: A series, or a pattern of many; of these, ones that the target does not take are left out.
            to: The program or format, such as `parquet`, `freqtrade` or `backtesting`.
            folder: Where files go; made if need be.
            start: The first instant.
            end: The instant to stop before.
            columns: Those of a table, in this order; of some programs, those to write behind their own.
            as_of: A snapshot's number or name, or a time.
            where: Only rows for which it is true, `close > 100`; not for hftbacktest, whose books need all.
            adjust: `split` or `total`: prices adjusted as those of `bars` are; as they are stored when None.
            layout: How the files of tables are laid out: `path`, `flat` or `hive`.
            pairs: Symbol → `BASE/QUOTE[:SETTLE]`, where a symbol does not say it.
            place: What LEAN calls the place of an instrument, `equity/usa`.
            tz: The zone of times of day, where the place does not tell.
            force: Whether files that are there may be replaced.
            progress: Told as rows are written.

        Returns:
            The files with their rows, what was left out, and what could not be told exactly.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, BAD_DATE; USAGE for what the target cannot hold, what cannot be
                adjusted, and for files that are there already; AMBIGUOUS for a symbol that does not say which pair it
                is; ADJUST.
        """
        from dl_datalake.exports.model import Wishes
        from dl_datalake.exports.run import export
        from dl_datalake.exports.targets import target_of

        lake = cast("Lake", self)
        snapshot = self._manifest.snapshot(None if as_of is None else parse_as_of(as_of))

        def read(series: Address, names: tuple[str, ...] | None) -> Result:
            return lake.read(series, start=start, end=end, columns=names, as_of=snapshot, where=where, adjust=adjust)

        wishes = Wishes(
            layout=layout,
            columns=None if columns is None else tuple(columns),
            pairs={symbol.upper(): pair for symbol, pair in (pairs or {}).items()},
            place=place,
            tz=tz,
            filtered=where is not None,
            force=force,
        )
        return export(
            self.config,
            self._manifest,
            str(address),
            snapshot,
            target=target_of(to),
            wishes=wishes,
            read=read,
            folder=Path(folder),
            progress=progress,
        )
