"""What must hold of any file whatever its bytes: the ledger adds up, or the lake is as it was."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.check import verify
from lake.errors import CODES, Exit, LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.read import Scan
from lake.sources import SourceOptions, detect, open_reader
from lake.sources.text import TextBlock, TextParser, _Odd
from schemas.columns import REASONS

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config
    from lake.ingest import FileReport
    from lake.sources import Batch, Plan, Portion

SOURCE_EXITS = {Exit.REFUSED, Exit.USAGE, Exit.NOT_FOUND}
"""What a refused source may exit with: nothing else is the file's own fault."""


_LOCKS = {".leases", ".gate"}
"""Files of the lake that are only ever locked, and hold nothing."""


ONE_ROW_KINDS = {"text", "parquet", "arrow"}
"""Kinds of sources of which every record makes one row, or none."""


class BrokenError(AssertionError):
    """Something that must hold does not."""


def hold(truth: object, said: str) -> None:
    """Demand a truth, with or without `python -O`."""
    if not truth:
        raise BrokenError(said)


def refusal_is_declared(error: LakeError) -> None:
    """Demand of a refusal that it is about the source, and says what, where, why and what to do."""
    hold(error.code.removeprefix("E_") in CODES, f"{error.code} is no declared code")
    hold(error.exit in SOURCE_EXITS, f"{error.code} exits with {error.exit}: {error}")
    hold(error.message and error.where and error.why and error.fix, f"{error.code} does not say all: {error}")
    json.dumps([error.message, error.where, error.why, error.fix]).encode()


def read_adds_up(path: Path, options: SourceOptions) -> str:
    """Detect and read a source, without a lake; return the dialect, or the code it was refused with."""
    try:
        plan = detect(path, options)
        blocks = _read(plan, 1 << 20)
        small = _read(plan, 256)
    except LakeError as refusal:
        refusal_is_declared(refusal)
        return refusal.code
    batches = [batch for _, batch in blocks]
    for batch in batches:
        batch_adds_up(batch, plan)
    hold(_together(batches) == _together([batch for _, batch in small]), "the size of a block changes what is read")
    for block, batch in blocks:
        if isinstance(block, TextBlock):
            _ways_agree(plan, block, batch)
    return plan.dialect


def _read(plan: Plan, block_bytes: int) -> list[tuple[Any, Batch]]:
    reader = open_reader(plan, block_bytes=block_bytes)
    try:
        return [(block, reader.parse(block)) for block in reader.blocks()]
    finally:
        reader.close()


def batch_adds_up(batch: Batch, plan: Plan) -> None:
    """Demand of a batch that every record is somewhere, and every row what the schema says."""
    gone = len(batch.rejects) + sum(batch.skipped.values())
    made = sum(portion.rows.num_rows for portion in batch.portions)
    if plan.recipe.kind in ONE_ROW_KINDS and len(plan.channels) > 1:
        hold(batch.records <= made + gone, f"{batch.records} records, {made} rows and {gone} without one")
    elif plan.recipe.kind in ONE_ROW_KINDS:
        hold(batch.records == made + gone, f"{batch.records} records, {made} rows and {gone} without one")
    else:
        hold(batch.records >= gone, f"{batch.records} records, {gone} of them without rows")
    hold(all(count > 0 for count in batch.skipped.values()), "a reason for none skipped")
    for reject in batch.rejects:
        hold(reject.reason in REASONS, f"{reject.reason} is no declared reason")
        hold(reject.line >= 1 and reject.detail, "a reject without its place or detail")
        json.dumps([reject.raw, reject.detail]).encode()
    for portion in batch.portions:
        _portion_is_sound(portion, plan)


def _portion_is_sound(portion: Portion, plan: Plan) -> None:
    portion.rows.validate(full=True)
    for column in plan.channels[portion.channel].schema.columns:
        if column.name not in portion.rows.schema.names:
            continue
        values = portion.rows.column(column.name)
        hold(column.nullable or not values.null_count, f"{column.name} holds nulls")
        if pa.types.is_floating(values.type) and len(values):
            hold(pc.all(pc.is_finite(values)).as_py() is not False, f"{column.name} holds what is no number")
    if portion.symbols is not None:
        hold(len(portion.symbols) == portion.rows.num_rows, "a symbol for each row")
        hold(not portion.symbols.null_count, "a row without a symbol")
    last = 0
    for row in range(portion.rows.num_rows):
        line, raw = portion.locate(row)
        hold(line >= last, "lines go backwards")
        last = line
        json.dumps(raw).encode()


def _rows_of(portion: Portion) -> list[tuple[Any, ...]]:
    return [((portion.channel, line), *cells) for line, *cells in _cells(portion)]


def _cells(portion: Portion) -> list[tuple[Any, ...]]:
    """Return the rows with their line and symbol."""
    columns = [
        column.cast(pa.int64()).to_pylist() if pa.types.is_timestamp(column.type) else column.to_pylist()
        for column in portion.rows.columns
    ]
    count = portion.rows.num_rows
    symbols = [None] * count if portion.symbols is None else portion.symbols.to_pylist()
    lines = [portion.locate(row)[0] for row in range(count)]
    return list(zip(lines, symbols, *columns, strict=True))


def _plain(batch: Batch) -> tuple[list[tuple[Any, ...]], list[tuple[str, int, str]]]:
    rows = [row for portion in batch.portions for row in _rows_of(portion)]
    return rows, [(r.reason, r.line, r.raw) for r in batch.rejects]


def _together(batches: list[Batch]) -> tuple[list[tuple[Any, ...]], list[tuple[str, int, str]]]:
    parts = [_plain(batch) for batch in batches]
    rows = [row for rows, _ in parts for row in rows]
    return sorted(rows, key=lambda row: row[0]), [reject for _, rejects in parts for reject in rejects]


def _ways_agree(plan: Plan, block: TextBlock, batch: Batch) -> None:
    """Demand that the fast way through a block and the careful one come to the same."""
    parsers = [TextParser(*each) for each in ((plan.recipe, plan.schema), *plan.recipe.others)]
    try:
        for parser in parsers:
            parser._parse_fast(block)
    except (_Odd, pa.ArrowInvalid):
        return  # `batch` is of the careful way already
    careful = [parser.parse_carefully(block) for parser in parsers]
    said = "the fast way reads other values than the careful one"
    hold([_cells(c.portions[0]) for c in careful] == [_cells(p) for p in batch.portions], said)
    rejects = [(r.reason, r.line, r.raw) for c in careful for r in c.rejects]
    hold(rejects == [(r.reason, r.line, r.raw) for r in batch.rejects], said)


@dataclass(frozen=True)
class Content:
    """All that a lake holds: the number of its snapshot, its listing, the rows of its history, its files."""

    snapshot: int
    listing: tuple[Any, ...]
    history: tuple[Any, ...]
    files: tuple[tuple[str, int], ...]


def content(config: Config) -> Content:
    """Return what a lake holds."""
    with Manifest.open(config) as manifest:
        snapshot = manifest.snapshot()
        listing, history = tuple(manifest.listing()), tuple(manifest.history())
    found = [path for path in config.data.rglob("*") if path.is_file() and path.name not in _LOCKS]
    files = sorted((path.relative_to(config.data).as_posix(), path.stat().st_size) for path in found)
    return Content(snapshot, listing, history, tuple(files))


def ingest_adds_up(config: Config, request: IngestRequest) -> FileReport | LakeError:
    """Ingest one source into an empty lake; return its report, or its refusal when the lake is as it was."""
    before = content(config)
    try:
        [report] = ingest(config, request).files
    except LakeError as refusal:
        refusal_is_declared(refusal)
        hold(content(config) == before, f"{refusal.code}, and the lake has changed")
        return refusal
    ledger_adds_up(config, report, before)
    again = ingest(config, request).files[0]
    hold(again.status == "unchanged", f"the same bytes again are {again.status}")
    return report


def ledger_adds_up(config: Config, report: FileReport, before: Content) -> None:
    """Demand of a report that it adds up, and of the lake that it holds what the report says."""
    rows = report.rows
    placed = {name: count for name, count in rows.items() if name != "read"}
    hold(rows["read"] == sum(placed.values()), f"{rows['read']} read, {placed}")
    hold(rows["quarantined"] == sum(report.rejected.values()), "quarantined is not the sum of its reasons")
    hold(rows["skipped"] == sum(report.skipped.values()), "skipped is not the sum of its reasons")
    with Manifest.open(config) as manifest:
        kept = sum(1 for _ in manifest.quarantine_rows(str(report.run)))
        series = [row.address for row in manifest.listing()]
        stored = [row for address in series for row in _rows(config, manifest, address)]
    hold(kept == rows["quarantined"], f"{rows['quarantined']} quarantined, {kept} kept")
    hold(len(stored) == rows["new"], f"{rows['new']} new, {len(stored)} stored")
    hold(all(math.isfinite(v) for row in stored for v in row.values() if isinstance(v, float)), "no number is stored")
    found = verify(config)
    hold(found.ok and not found.orphans, f"verify: {found}")
    hold(found.files_ok == report.files_written, f"{report.files_written} files written, {found.files_ok} verified")
    outside = [name for name, _ in content(config).files if not re.fullmatch(r"[\w.%/-]+", name)]
    hold(not outside, f"strange names in the lake: {outside}")
    hold(before.snapshot <= report.snapshot, "the snapshot went back")


def _rows(config: Config, manifest: Manifest, address: Any) -> list[dict[str, Any]]:  # noqa: ANN401 -- Address
    table = Scan(config, manifest, [address]).to_arrow()
    columns = [name for name in table.schema.names if not pa.types.is_timestamp(table.schema.field(name).type)]
    return list(table.select(columns).to_pylist())
