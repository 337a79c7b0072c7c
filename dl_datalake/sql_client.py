"""SQL in the Python client: one statement over the lake's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_datalake.dates import parse_as_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dl_datalake.dates import DateLike
    from dl_datalake.sql_result import SqlResult
    from lake.config import Config
    from lake.manifest import Manifest


class SqlClient:
    """The part of a `Lake` that speaks SQL."""

    config: Config
    _manifest: Manifest

    def sql(
        self,
        statement: str,
        parameters: Mapping[str, Any] | None = None,
        /,
        *,
        as_of: int | DateLike | None = None,
        memory_mb: int | None = None,
        **values: Any,  # noqa: ANN401 - whatever DuckDB takes
    ) -> SqlResult:
        """Return the rows of one query, in DuckDB's SQL, over the lake's tables at one snapshot.

        The tables are bars, ticks, quotes, book, book_l3, features."set.v1" and metrics."name" with the rows of all
        series of a kind, and assets, series, partitions and ledger with what the manifest tells. Filters on series and
        time open only the files they need.

            lake.sql("select max(high) from bars where symbol = $symbol and period = '1m'", symbol="BTCUSDT").fetchone()

        Args:
            statement: One SELECT, or FROM, WITH, VALUES, DESCRIBE or SUMMARIZE.
            parameters: Values for `$name` in it, where they cannot be keywords.
            as_of: A snapshot's number or name, or a time, to read the lake as it was.
            memory_mb: Megabytes that DuckDB may hold; 160 unless given. What is more goes to a temporary folder.
            values: Values for `$name` in it.

        Raises:
            LakeError: SQL with what is wrong, and the names that are near it; UNKNOWN_SNAPSHOT, BAD_DATE.
        """
        from dl_datalake.sql_result import SqlResult
        from lake.sql import MEMORY_MB, Query

        return SqlResult(
            Query(
                self.config,
                self._manifest,
                statement,
                {**(parameters or {}), **values},
                as_of=None if as_of is None else parse_as_of(as_of),
                memory_mb=MEMORY_MB if memory_mb is None else memory_mb,
            )
        )
