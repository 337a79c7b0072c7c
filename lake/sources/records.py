"""Records of fixed width to rows: whole blocks at once, the reasons and the accounting those of text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.sources import times
from lake.sources.arrays import array_of, flags
from lake.sources.careful import is_name, is_price
from lake.sources.categories import coded, fixed
from lake.sources.levels import levels_in, spread
from lake.sources.model import MAX_RAW, Batch, Portion, Reject
from schemas.arrow import arrow_schema
from schemas.columns import few_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lake.sources.dialects import Dialect
    from schemas.columns import Schema

    Flags = NDArray[np.bool_]
    Names = Callable[[NDArray[Any]], tuple[NDArray[np.int64], list[str]]]
    """Gives each record's place in a list of symbols, below 0 for one that has none, and the list."""

_EXACT = 1 << 53


@dataclass(frozen=True, slots=True)
class RecordBlock:
    """Whole records, and the 1-based number of the first."""

    data: bytes
    first: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of one source are to be read.

    Times are counts of `unit_ns` nanoseconds since `origin_ns`. Prices are divided by `price_scale`; an integer that
    is `undefined` stands for no price, and a time that is `timeless` for none. `names` is None where the source has
    one symbol.
    """

    dtype: np.dtype[Any]
    unit_ns: int
    origin_ns: int
    price_scale: int
    undefined: int | None = None
    timeless: int | None = None
    names: Names | None = None
    span_ns: int | None = None
    """How long after `origin_ns` the source's time ends, where that is known."""


class RecordParser:
    """Converts blocks of records by what a dialect declares of their fields; has no state of its own."""

    def __init__(self, dialect: Dialect, schema: Schema, layout: Layout) -> None:
        self.dialect, self.schema, self.layout = dialect, schema, layout
        self.arrow = arrow_schema(schema, identity=False)

    def parse(self, block: RecordBlock) -> Batch:
        """Convert one block."""
        records = np.frombuffer(block.data, self.layout.dtype)
        verdicts = _Verdicts(len(records))
        for name, words, reason in self.dialect.skips:
            verdicts.skip(np.isin(records[name], np.array(words).astype(records[name].dtype)), reason)
        made: dict[str, Any] = {}
        null: dict[str, Flags] = {}
        for name, target in self.dialect.by_name.items():
            made[target], null[target] = self._column(target, name, records[name], verdicts)
        for target, reason in self.dialect.lacking.items():
            verdicts.skip(null[target], reason)
        self._require(made, null, verdicts)
        codes, names = self._symbols(records, verdicts)
        kept = np.flatnonzero(verdicts.good)
        picked = pa.array(kept)
        whole = len(kept) == len(records)
        columns = {target: column if whole else column.take(picked) for target, column in made.items()}
        symbols = None if names is None else coded(codes[kept], tuple(names))
        rows, symbols, places = self._rows(columns, records[kept], symbols)
        if self.dialect.levels:
            bare = ~np.isin(np.arange(len(kept)), places)
            verdicts.skip(np.isin(np.arange(len(records)), kept[bare]), "empty_book")

        def locate(row: int) -> tuple[int, str]:
            place = int(kept[places[row]])
            return block.first + place, shown(records[place])

        rejects = [
            Reject(reason, block.first + row, shown(records[row]), detail) for row, reason, detail in verdicts.bad()
        ]
        return Batch([Portion(rows, locate, symbols=symbols)], len(records), rejects, verdicts.skipped())

    def _rows(self, columns: dict[str, Any], records: NDArray[Any], symbols: Any) -> tuple[Any, Any, NDArray[Any]]:  # noqa: ANN401 -- pa.Array
        count = len(records)
        columns |= {target: fixed(self.schema, target, word, count) for target, word in self.dialect.fixed.items()}
        fields = self.layout.dtype.names or ()
        levels = [(each.side, fields[each.price], fields[each.size]) for each in levels_in(fields, self.dialect.levels)]
        if not levels:
            arrays = [columns[f.name] if f.name in columns else pa.nulls(count, f.type) for f in self.arrow]
            return pa.RecordBatch.from_arrays(arrays, schema=self.arrow), symbols, np.arange(count)
        prices, sizes, there = [], [], []
        for _, price, size in levels:
            value, nothing = self._prices(records[price])
            prices.append(value)
            sizes.append(records[size].astype(np.float64))
            there.append(~nothing)
        sides = [few_words(self.schema, "side").index(side) for side, _, _ in levels]
        return spread(
            self.schema, columns, symbols, np.array(sides, dtype=np.int32), np.stack(prices, 1), np.stack(sizes, 1),
            np.stack(there, 1),
        )  # fmt: skip

    def _column(self, target: str, name: str, values: NDArray[Any], verdicts: _Verdicts) -> tuple[Any, Flags]:
        """Return one column in the schema's type, and where it is null."""
        kind = self.schema.column(target).type
        none = np.zeros(len(values), dtype=np.bool_)
        if kind.startswith("timestamp"):
            return self._times(target, values, verdicts, is_us=kind == "timestamp_us")
        if kind in {"category", "bool"}:
            return self._words(target, values, verdicts)
        if kind == "float64":
            number, none = self._prices(values) if is_price(target) else (_float64(values), none)
            verdicts.reject(~np.isfinite(number), "bad_number", f"{name} is no number")
            return array_of(np.where(none, 0.0, number), pa.float64(), none), none
        whole = pa.array(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="))))
        return whole.cast(pa.int64() if kind == "int64" else pa.string()), none

    def _times(self, target: str, values: NDArray[Any], verdicts: _Verdicts, *, is_us: bool) -> tuple[Any, Flags]:
        layout = self.layout
        none = np.zeros(len(values), dtype=np.bool_) if layout.timeless is None else values == layout.timeless
        most = np.uint64(((1 << 62) - layout.origin_ns) // layout.unit_ns)
        far = (values > most) & ~none
        ns = np.where(none | far, 0, values).astype(np.int64) * layout.unit_ns + layout.origin_ns
        bad = far | (~none & ~times.in_years(ns))
        if layout.span_ns is not None:
            bad |= ns >= layout.origin_ns + layout.span_ns
        if target == "ts":
            bad |= none
        if is_us:
            bad |= ns % 1000 != 0
            ns //= 1000
        verdicts.reject(bad, "bad_timestamp", f"{target} is no time")
        return array_of(ns, self.arrow.field(target).type, none), none

    def _prices(self, values: NDArray[Any]) -> tuple[NDArray[np.float64], Flags]:
        """Return prices, divided and rounded once, and which are none."""
        none = np.zeros(len(values), dtype=np.bool_)
        if self.layout.undefined is not None:
            none = values == self.layout.undefined
        scale = self.layout.price_scale
        made = _float64(values) / scale if scale != 1 else _float64(values)
        for row in np.flatnonzero(np.abs(np.where(none, 0, values).astype(np.float64)) > _EXACT):
            made[row] = float(Decimal(int(values[row])) / scale)
        return np.where(none, 0.0, made), none

    def _words(self, target: str, values: NDArray[Any], verdicts: _Verdicts) -> tuple[Any, Flags]:
        said = self.dialect.sides if target == "side" else self.dialect.words[target]
        ours = few_words(self.schema, target)
        place = np.full(256, -2, dtype=np.int64)
        for word, name in said.items():
            place[ord(word)] = ours.index(name) if name else -1
        codes = place[np.ascontiguousarray(values).view(np.uint8)]
        verdicts.reject(codes == -2, "bad_value", f"{target} is none of {', '.join(said)}")
        column = flags(codes == 1) if self.schema.column(target).type == "bool" else coded(codes, ours)
        return column, codes < 0

    def _require(self, made: dict[str, Any], null: dict[str, Flags], verdicts: _Verdicts) -> None:
        """Reject records without what they need."""
        for target, none in null.items():
            if target != "ts" and not self.schema.column(target).nullable:
                verdicts.reject(none, "missing_value", f"{target} is missing")
        if "action" in made:  # of one order: only a clear concerns no price, and what has no side is no order
            code = np.asarray(made["action"].indices.fill_null(0))
            words = few_words(self.schema, "action")
            verdicts.reject(null["price"] & (code != words.index("clear")), "missing_value", "price is missing")
            orders = np.isin(code, [words.index(word) for word in ("add", "change", "cancel")])
            verdicts.reject(null["side"] & orders, "missing_value", "side is missing")

    def _symbols(self, records: NDArray[Any], verdicts: _Verdicts) -> tuple[NDArray[np.int64], list[str] | None]:
        if self.layout.names is None:
            return np.zeros(0, dtype=np.int64), None
        codes, names = self.layout.names(records)
        verdicts.reject(codes < 0, "bad_value", "the file does not say its symbol on that day")
        nameless = [code for code, name in enumerate(names) if not is_name(name)]
        verdicts.reject(np.isin(codes, nameless), "bad_value", "its symbol names no series")
        return codes, names


class _Verdicts:
    """What is to become of each record; the first word on one stands."""

    def __init__(self, count: int) -> None:
        self.good: Flags = np.ones(count, dtype=np.bool_)
        self._skipped: dict[str, int] = {}
        self._bad: dict[int, tuple[str, str]] = {}

    def skip(self, which: Flags, reason: str) -> None:
        count = int((which & self.good).sum())
        if count:
            self._skipped[reason] = self._skipped.get(reason, 0) + count
            self.good &= ~which

    def reject(self, which: Flags, reason: str, detail: str) -> None:
        for row in np.flatnonzero(which & self.good):
            self._bad[int(row)] = reason, detail
        self.good &= ~which

    def bad(self) -> list[tuple[int, str, str]]:
        return [(row, *said) for row, said in sorted(self._bad.items())]

    def skipped(self) -> dict[str, int]:
        return self._skipped


def _float64(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return float64; a float32 as the number whose shortest text it has."""
    if values.dtype.kind == "f" and values.dtype.itemsize == 4:
        return values.astype(values.dtype.newbyteorder("=")).astype("U32").astype(np.float64)
    return values.astype(np.float64)


def shown(record: Any) -> str:  # noqa: ANN401 -- np.void
    """Return a record's fields as text."""
    said = {name: record[name].item() for name in record.dtype.names}
    words = {name: word.decode("latin-1") if isinstance(word, bytes) else word for name, word in said.items()}
    return json.dumps(words)[:MAX_RAW]
