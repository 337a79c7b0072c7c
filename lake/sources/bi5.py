"""Dukascopy's bi5: big-endian records of fixed width in bare LZMA; what they are of, the path says."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import numpy as np

from lake.errors import LakeError, printable
from lake.sources.containers import Source
from lake.sources.dialects import known
from lake.sources.dialects.declare import SCHEMAS
from lake.sources.recipe import Recipe
from lake.sources.records import Layout, RecordBlock, RecordParser
from lake.sources.resolve import Draft
from lake.sources.stream import StreamReader
from lake.sources.times import DAY_NS, TimeColumn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lake.sources.dialects import Dialect
    from lake.sources.model import Batch, Plan, SourceOptions
    from lake.sources.sniff import Head

_HEAD_RECORDS = 1000
_HOUR_NS = 3600 * 10**9


def draft_bi5(head: Head, options: SourceOptions) -> tuple[Draft, Recipe, Batch]:
    """Look at a bi5 file: instrument, day and hour stand in its path.

    Raises:
        LakeError: AMBIGUOUS where the path does not tell what the records are of, or nobody knows the instrument's
            digits; FORMAT_MISMATCH for another --format; SOURCE_UNREADABLE for damage.
    """
    dialect, told = _told(head.path)
    if options.format not in {None, dialect.name}:
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is in {dialect.name}, not in {options.format}")
    origin = _origin(told, head.path)
    draft = Draft(dialect.asset, {}, dialect, day_ns=origin)
    place = next((place for pattern, place in dialect.kinds if re.fullmatch(pattern, told["symbol"])), None)
    scale = options.words.get("price-scale") or (place.price_scale if place else None)
    if scale is None:
        raise LakeError(
            "AMBIGUOUS",
            f"{head.path.name} has whole numbers for prices, and how many digits of {told['symbol']} are decimals is"
            " not known",
            why="The vendor's files do not say it: 100000 for most pairs of currencies, 1000 for those in yen.",
            fix=["--price-scale 1000"],
        )
    draft.price_scale = int(scale)
    draft.confidence = "asked" if options.format else "named"
    draft.groups = {name: told[name] for name in ("symbol", "period") if name in told}
    if place:
        draft.groups["market"] = place.market
    draft.evidence = [f"path {told['symbol']}, from {_shown(origin)}", f"prices divided by {draft.price_scale}"]
    draft.warnings.append(dialect.caution)
    with Source(head.source) as source:
        dtype = np.dtype(list(dialect.record))
        block = next(_blocks(source, dtype, _HEAD_RECORDS), RecordBlock(b"", 1))
    if not block.data:
        draft.warnings.append("the file is empty: a time without any ticks")
    layout = _layout(dialect, dtype, origin, draft.price_scale)
    batch = RecordParser(dialect, SCHEMAS[dialect.asset], layout).parse(block)
    clock = TimeColumn("ts", (), "epoch", "ns", day_ns=origin)
    return draft, Recipe("bi5", (), (clock,), {}, price_scale=draft.price_scale), batch


def _told(path: Path) -> tuple[Dialect, dict[str, str]]:
    whole = printable(path.absolute().as_posix())
    candidates = [dialect for dialect in known().values() if dialect.container == "bi5"]
    for dialect in candidates:
        found = re.search(dialect.folder, whole)
        if found:
            return dialect, {name: text for name, text in found.groupdict().items() if text}
    raise LakeError(
        "AMBIGUOUS",
        f"{path.name} does not say of which instrument, day and hour its records are",
        why="A bi5 file holds none of that: its path does, with months from 00 to 11.",
        fix=["keep the vendor's folders, as in EURUSD/2024/00/15/09h_ticks.bi5"],
    )


def _origin(told: dict[str, str], path: Path) -> int:
    """Return the time that the records count from, in nanoseconds."""
    try:
        date = dt.date(int(told["year"]), int(told["month"]) + 1, int(told["day"]))
    except ValueError as error:
        what = (
            f"{path.name} lies in folders of a day there is not: {told['year']}, month {told['month']}, {told['day']}"
        )
        raise LakeError("TIME_FORMAT", what, why="The vendor's months begin with 00.") from error
    return (date - dt.date(1970, 1, 1)).days * DAY_NS + int(told.get("hour", 0)) * _HOUR_NS


def _layout(dialect: Dialect, dtype: np.dtype[np.void], origin: int, scale: int) -> Layout:
    span = _HOUR_NS if dialect.asset == "ticks/quote" else DAY_NS
    return Layout(dtype, dialect.unit_ns, origin, scale, span_ns=span)


def _shown(ns: int) -> str:
    return f"{dt.datetime.fromtimestamp(ns // 10**9, dt.UTC):%Y-%m-%d %H:%M}"


def _blocks(source: Source, dtype: np.dtype[np.void], records: int) -> Iterator[RecordBlock]:
    first, size = 1, dtype.itemsize
    while True:
        data = b""
        while len(data) < records * size and (part := source.read(records * size - len(data))):
            data += part
        if len(data) % size:
            what = f"{source.path.name} is no whole number of records of {size} bytes"
            raise LakeError("SOURCE_UNREADABLE", what, where=str(source.path))
        if not data:
            return
        yield RecordBlock(data, first)
        first += len(data) // size


def open_bi5(plan: Plan, *, block_bytes: int) -> StreamReader:
    """Open a planned bi5 source for reading."""
    dialect = known()[plan.dialect]
    dtype = np.dtype(list(dialect.record))
    [clock] = plan.recipe.times
    layout = _layout(dialect, dtype, clock.day_ns, plan.recipe.price_scale)
    parser = RecordParser(dialect, plan.schema, layout)
    source = Source(plan.source)
    return StreamReader(plan, source, parser, _blocks(source, dtype, max(1, block_bytes // dtype.itemsize)))
