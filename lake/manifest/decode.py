"""From the manifest's rows to records, and from a user's filters and times to query parameters."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError
from lake.manifest.rows import (
    VENDOR_SYMBOL,
    FileRow,
    HistoryRow,
    IngestRow,
    ListRow,
    SeriesRow,
)
from lake.manifest.runs import QuarantineRow, QuarantineRun, RunRow
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lake.manifest.rows import RunStatus

MIN_NS, MAX_NS = -(2**63), 2**63 - 1
MIN_DAY, MAX_DAY = -(2**31), 2**31
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

FILE_COLUMNS = (
    "id",
    "series_id",
    "partition",
    "part_start_ns",
    "part_end_ns",
    "path",
    "rows",
    "bytes",
    "first_ns",
    "last_ns",
    "sha256",
    "content_hash",
    "schema_version",
    "tier",
    "unproven",
    "replaces",
    "run_id",
    "from_snapshot",
    "to_snapshot",
    "verified_at_ns",
)
_PATH = FILE_COLUMNS.index("path")
_UNPROVEN = FILE_COLUMNS.index("unproven")
SERIES_COLUMNS = (
    "id",
    "address",
    "vendor_symbol",
    "tick_size",
    "price_may_be_negative",
    "time_zone",
    "created_snapshot",
)
SPELLING = f"""coalesce(nullif(series.vendor_symbol, ''), (SELECT detail FROM checks WHERE series_id = series.id
    AND partition IS NULL AND name = '{VENDOR_SYMBOL}' ORDER BY checks.id LIMIT 1), '')"""
"""A series' vendor symbol: of the snapshot that made it, else the first that came later; rows are never changed."""
PATH = """CASE WHEN name LIKE '/%' THEN substr(name, 2) ELSE (SELECT address FROM series WHERE series.id = series_id)
    || '/' || replace(partition, '-', '/') || '/' || name END"""
RUN_ID = "(SELECT run_id FROM snapshots WHERE snapshots.id = from_snapshot)"
STORED = {"path": PATH, "run_id": RUN_ID}
"""Columns of a file that follow from others."""
FILES = ", ".join(STORED.get(column, column) for column in FILE_COLUMNS)
_IMPORTED = """coalesce((SELECT json_extract(definition, '$.{0}') FROM reference WHERE kind = 'instrument'
    AND key = substr(series.address, 1, length(series.address) - length(type) - length(period) - 2)
    AND to_snapshot IS NULL), series.{0})"""
_FOLLOWING = {"vendor_symbol": SPELLING} | {
    column: _IMPORTED.format(column) for column in ("tick_size", "price_may_be_negative")
}
"""Columns of a series that follow from others: what is imported of its instrument goes first."""
SERIES = ", ".join(_FOLLOWING.get(column, f"series.{column}") for column in SERIES_COLUMNS)


def parsed(text: str, kind: type = dict) -> Any:  # noqa: ANN401 -- whatever JSON there is
    """Read JSON that the manifest holds; LakeError MANIFEST_DAMAGED when it is none any more, or of another kind."""
    with suppress(ValueError, TypeError):
        found = json.loads(text)
        if isinstance(found, kind):
            return found
    raise LakeError("MANIFEST_DAMAGED", f"the manifest holds {text!r} where there was JSON")


def file_row(row: tuple[Any, ...]) -> FileRow:
    """Make a FileRow of FILE_COLUMNS."""
    unproven = row[_UNPROVEN]
    if not isinstance(row[_PATH], str):
        raise LakeError("MANIFEST_DAMAGED", f"file {row[0]} is of no series that the manifest has")
    times = () if unproven == "[]" else tuple(parsed(unproven, list))
    return FileRow(*(*row[:_UNPROVEN], times, *row[_UNPROVEN + 1 :]))


def series_row(row: tuple[Any, ...]) -> SeriesRow:
    """Make a SeriesRow of SERIES_COLUMNS."""
    number, address, vendor_symbol, tick_size, negative, time_zone, created = row
    try:
        place = Address.parse(address)
    except ValueError as error:
        raise LakeError("MANIFEST_DAMAGED", f"series {number} has no address: {error}") from error
    return SeriesRow(number, place, vendor_symbol, tick_size, bool(negative), time_zone, created)


def list_row(row: tuple[Any, ...]) -> ListRow:
    """Make a ListRow of a row of the listing query."""
    address = Address.parse(row[0])
    first_ns, last_ns, rows, size, held, tiers, snapshot, verified, start_day, end_day, covered, files = row[1:]
    # By partitions, not by files: a sealed month is one file.
    gaps = (end_day - start_day - covered) if address.grain == "day" else _places(address, start_day, end_day) - held
    tier = "/".join(sorted(tiers.split(","), key=lambda name: (name != "hot", name)))
    return ListRow(address, first_ns, last_ns, rows, size, files, gaps, tier, snapshot, verified)


def _places(address: Address, start_day: int, end_day: int) -> int:
    """Return how many month or year partitions lie in [start, end)."""
    first = Partition(start_day, address.grain).first
    last = Partition(end_day, address.grain).first
    years = last.year - first.year
    return years if address.grain == "year" else years * 12 + last.month - first.month


def history_row(row: tuple[Any, ...]) -> HistoryRow:
    """Make a HistoryRow of a row of the history query."""
    series, address = row[5:7]
    named = Address.parse(address) if series == 1 else None
    return HistoryRow(*(*row[:6], named, *row[7:-1], bool(row[-1])))


def ingest_row(row: tuple[Any, ...]) -> IngestRow:
    """Make an IngestRow of a row of the ingest query."""
    return IngestRow(*(*row[:-1], parsed(row[-1])))


def run_row(row: tuple[Any, ...], *, interrupted: bool) -> RunRow:
    """Make a RunRow of a row of the runs query; one that runs is shown as interrupted where it was."""
    number, kind, status, started_ns, ended_ns, pid, host, boot_id, _, command, error, snapshot, cause = row
    ended: RunStatus = "interrupted" if interrupted and status == "running" else status
    failure = parsed(error) if error else None
    return RunRow(number, kind, ended, started_ns, ended_ns, pid, host, boot_id, command, failure, snapshot, cause)


def quarantine_run(row: tuple[Any, ...]) -> QuarantineRun:
    """Make a QuarantineRun of a row of the quarantine query."""
    return QuarantineRun(*(*row[:-1], parsed(row[-1])))


def quarantine_rows(rows: Iterable[tuple[Any, ...]], limit: int | None) -> Iterator[QuarantineRow]:
    """Make QuarantineRows of rows that begin with the record's id; stop after `limit`."""
    for count, row in enumerate(rows):
        if count == limit:
            return
        yield QuarantineRow(*row[1:])


def filters(
    exchange: str | None, market: str | None, symbol: str | None, kind: str | None, period: str | None
) -> tuple[str, dict[str, str]]:
    """Return the condition and parameters for the parts of an address that are given, globs allowed.

    `[!A]` is what SQLite writes `[^A]`.
    """
    names = {"exchange": exchange, "market": market, "symbol": symbol}
    given = {key: unicodedata.normalize("NFC", text).upper() for key, text in names.items() if text is not None}
    given |= {key: text for key, text in (("type", kind), ("period", period)) if text is not None}
    globs = {key: text.replace("[!", "[^") for key, text in given.items()}
    return " AND ".join(["1", *(f"series.{key} GLOB :{key}" for key in globs)]), globs


def moment_ns(moment: str | dt.datetime) -> int:
    """Return a time as nanoseconds since the epoch; without a zone it is UTC."""
    if isinstance(moment, str):
        try:
            moment = dt.datetime.fromisoformat(moment)
        except ValueError:
            raise LakeError("BAD_DATE", f"{moment!r} is neither a snapshot's number nor a time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return clamp((moment - _EPOCH) // dt.timedelta(microseconds=1) * 1000)


def clamp(at_ns: int) -> int:
    """Return the nearest time that fits 64 bits; these reach from the year 1677 to 2262."""
    return min(max(at_ns, MIN_NS), MAX_NS)


def text_of(at_ns: int) -> str:
    """Return a time as RFC 3339 text, to the microsecond."""
    return (_EPOCH + dt.timedelta(microseconds=at_ns // 1000)).isoformat().replace("+00:00", "Z")
