"""Databento Binary Encoding: the vendor's package decodes the head and says how records lie, numpy reads them.

Package databento-dbn, metadata and record types of versions 1 to 3.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

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

    from numpy.typing import NDArray

    from lake.sources.model import Batch, Plan, SourceOptions
    from lake.sources.records import Names
    from lake.sources.sniff import Head

MAGIC = b"DBN"
MAX_METADATA = 64 << 20
"""Bytes of the longest head that is read: all of an options feed's symbols are fewer."""
_PREFIX = struct.Struct("<3sBI")
_HEAD_RECORDS = 1000
_BARS = "ohlcv-"
# schema → the vendor's record type, its rtype; databento_dbn.RType, and dbn's rust/dbn/src/record.rs
_RECORDS = {
    "mbo": ("MBOMsg", 0xA0),
    "trades": ("TradeMsg", 0x00),
    "tbbo": ("MBP1Msg", 0x01),
    "mbp-1": ("MBP1Msg", 0x01),
    "mbp-10": ("MBP10Msg", 0x0A),
    "ohlcv-1s": ("OHLCVMsg", 0x20),
    "ohlcv-1m": ("OHLCVMsg", 0x21),
    "ohlcv-1h": ("OHLCVMsg", 0x22),
    "ohlcv-1d": ("OHLCVMsg", 0x23),
}


class _File:
    """An opened DBN file, behind its head."""

    def __init__(self, source: Source) -> None:
        self._source, self._name = source, source.path.name
        dbn = _package(source)
        prefix = self._exactly(_PREFIX.size)
        magic, version, length = _PREFIX.unpack(prefix)
        if magic != MAGIC or length > MAX_METADATA:
            raise self.damaged("its head is not one of DBN")
        try:
            self.metadata = dbn.Metadata.decode(prefix + self._exactly(length))
        except (dbn.DBNError, ValueError) as error:
            raise self.damaged(f"its head cannot be read: {error}") from error
        self.schema = str(self.metadata.schema or "")
        if self.schema not in _RECORDS:
            said = f"records of the schema {self.schema}" if self.schema else "records of several schemas"
            raise LakeError(
                "FORMAT_UNKNOWN",
                f"{self._name} is Databento DBN, version {version}, with {said}",
                where=str(source.path),
                why=f"DBN is read of the schemas {', '.join(_RECORDS)}.",
                fix=["split it by schema with the vendor's tools"] if not self.schema else [],
            )
        kind, self._rtype = _RECORDS[self.schema]
        fields = list(getattr(dbn, kind)._dtypes)  # noqa: SLF001 -- how the vendor's own client makes arrays of records
        self.dtype = np.dtype(fields + [("ts_out", "u8")] * bool(self.metadata.ts_out))
        self._undefined = int(dbn.UNDEF_PRICE), int(dbn.UNDEF_TIMESTAMP)

    def damaged(self, what: str) -> LakeError:
        """Return the error for a file that is not what its head says."""
        return LakeError("SOURCE_UNREADABLE", f"{self._name} cannot be read: {what}", where=str(self._source.path))

    def _exactly(self, size: int) -> bytes:
        data = self._some(size)
        if len(data) < size:
            raise self.damaged("it ends in its head")
        return data

    def _some(self, size: int) -> bytes:
        parts = []
        while size and (part := self._source.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def blocks(self, records: int) -> Iterator[RecordBlock]:
        """Yield the records, so many at a time; SOURCE_UNREADABLE where one is cut or of another kind."""
        first, size = 1, self.dtype.itemsize
        while data := self._some(records * size):
            whole = np.frombuffer(data, self.dtype, count=len(data) // size)
            wrong = (whole["length"].astype(np.int64) * 4 != size) | (whole["rtype"] != self._rtype)
            if wrong.any():
                number = first + int(np.flatnonzero(wrong)[0])
                raise self.damaged(f"record {number} is none of {self.schema}, which its head says it holds")
            if len(data) % size:
                raise self.damaged(f"it ends in the middle of record {first + len(whole)}")
            yield RecordBlock(data, first)
            first += len(whole)

    def layout(self, *, many: bool) -> Layout:
        """Return how its records are to be read."""
        price, timeless = self._undefined
        names = _names(self.metadata.mappings) if many else None
        return Layout(self.dtype, 1, 0, 10**9, price, timeless, names)


def _package(source: Source) -> Any:  # noqa: ANN401 -- the module
    try:
        import databento_dbn
    except ImportError as error:
        raise LakeError(
            "FORMAT_UNKNOWN",
            f"{source.path.name} is Databento DBN, which needs the vendor's package",
            where=str(source.path),
            why="Databento's files are decoded by databento-dbn, which is not installed with the lake.",
            fix=["pip install 'dl-datalake[databento]'"],
        ) from error
    return databento_dbn


def _names(mappings: dict[str, list[dict[str, Any]]]) -> Names:
    """Return what gives each record's symbol, by its instrument and its day."""
    names = sorted(mappings)
    spans = [
        (int(interval["symbol"]), _day(interval["start_date"]), _day(interval["end_date"]), code)
        for code, name in enumerate(names)
        for interval in mappings[name]
        if interval["symbol"]
    ]
    spans.sort()
    ids, starts, ends, codes = (np.array(column, dtype=np.int64) for column in zip(*spans, strict=True))

    def named(records: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
        pairs = np.stack([records["instrument_id"].astype(np.int64), (records["ts_event"] // DAY_NS).astype(np.int64)])
        wanted, where = np.unique(pairs, axis=1, return_inverse=True)
        found = np.full(wanted.shape[1], -1, dtype=np.int64)
        for place, (instrument, day) in enumerate(wanted.T):
            fits = np.flatnonzero((ids == instrument) & (starts <= day) & (day < ends))
            if len(fits):
                found[place] = codes[fits[0]]
        return found[where.reshape(-1)], names

    return named


def _day(date: dt.date) -> int:
    return (date - dt.date(1970, 1, 1)).days


def draft_dbn(head: Head, options: SourceOptions) -> tuple[Draft, Recipe, Batch]:
    """Look at a DBN file: its dialect follows from the schema in its head.

    Raises:
        LakeError: SOURCE_UNREADABLE for damage, FORMAT_UNKNOWN for a schema that is not read or the package absent,
            FORMAT_MISMATCH for another --format, AMBIGUOUS where symbols cannot be told apart.
    """
    with Source(head.source) as source:
        file = _File(source)
        name = "databento-ohlcv" if file.schema.startswith(_BARS) else f"databento-{file.schema}"
        if options.format not in {None, name}:
            raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is in {name}, not in {options.format}")
        dialect = known()[name]
        _check_symbols(file, options)
        many = options.symbol is None
        block = next(file.blocks(_HEAD_RECORDS), None)
        if block is None:
            raise LakeError("FORMAT_UNKNOWN", f"{head.path.name} is a head and no records")
        batch = RecordParser(dialect, SCHEMAS[dialect.asset], file.layout(many=many)).parse(block)
    draft = Draft(dialect.asset, {}, dialect, many=many, price_scale=dialect.price_scale)
    draft.confidence = "asked" if options.format else "header"
    metadata = file.metadata
    dataset = str(metadata.dataset)
    draft.groups = {"exchange": dataset.partition(".")[0], "period": file.schema.removeprefix(_BARS)}
    place = next((place for pattern, place in dialect.kinds if re.fullmatch(pattern, dataset)), None)
    if place is not None:
        draft.groups["market"] = place.market
    draft.evidence = [f"DBN version {metadata.version}: {metadata.dataset}, schema {file.schema}"]
    if dialect.caution:
        draft.warnings.append(dialect.caution)
    recipe = Recipe("dbn", (), (TimeColumn("ts", (), "epoch"),), {}, symbol=0 if many else None)
    return draft, recipe, batch


def _check_symbols(file: _File, options: SourceOptions) -> None:
    """Refuse a file whose rows cannot be given to symbols."""
    mappings = {name: spans for name, spans in file.metadata.mappings.items() if any(span["symbol"] for span in spans)}
    if any(span["symbol"] and not span["symbol"].isdecimal() for spans in mappings.values() for span in spans):
        raise file.damaged("its head calls an instrument by what is no number")
    if options.symbol is not None:
        if len(mappings) > 1:
            said = ", ".join(sorted(mappings)[:4])
            fix = ["leave --symbol out: the rows are parted by it"]
            raise LakeError("AMBIGUOUS", f"the file holds more than one symbol: {said}", fix=fix)
        return
    mixed = next((name for name, spans in mappings.items() if _overlap(spans)), None)
    if not mappings or mixed or str(file.metadata.stype_out) != "instrument_id":
        what = (
            f"its symbol {printable(mixed)} is several contracts on one day" if mixed else "its head names no symbols"
        )
        raise LakeError(
            "AMBIGUOUS",
            f"the rows cannot be told apart: {what}",
            why="Each record says a number, and the head of the file which symbol that was on which days.",
            fix=["ask the vendor for raw symbols: stype_in=raw_symbol"] if mixed else ["--symbol NAME"],
        )


def _overlap(spans: list[dict[str, Any]]) -> bool:
    """Return whether a symbol is two instruments on some day."""
    ordered = sorted((span["start_date"], span["end_date"], span["symbol"]) for span in spans if span["symbol"])
    return any(before[1] > after[0] and before[2] != after[2] for before, after in pairwise(ordered))


def open_dbn(plan: Plan, *, block_bytes: int) -> StreamReader:
    """Open a planned DBN source for reading."""
    source = Source(plan.source)
    try:
        file = _File(source)
        parser = RecordParser(known()[plan.dialect], plan.schema, file.layout(many=plan.many))
    except BaseException:
        source.close()
        raise
    return StreamReader(plan, source, parser, file.blocks(max(1, block_bytes // file.dtype.itemsize)))
