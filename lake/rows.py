"""Facts about rows of Arrow data: order, equality, and a hash of content that does not depend on how files are cut.

The content hash of some rows is made of two sums modulo 2**64: of a 64-bit hash a row, and of its square. So it is the
hash of a multiset, and two pieces' sums make those of the whole. Where rows have ids, a row's rank among those of equal
ts is hashed with it: then the order is part of the content too. Columns without a value add nothing, so a schema that
gains a nullable column keeps its hashes. It finds differences; it is no defence against somebody who builds
collisions, which is what the files' SHA-256 is for.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake import lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from numpy.typing import NDArray

    from schemas.columns import Schema

_CACHE_ROWS = 16_384
"""Rows hashed at a time, so that intermediate arrays stay in the processor's cache."""
_CACHE_ELEMENTS = 65_536
"""And elements of lists."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a table before it is written: its first and last ts, its content hash's sums, and its bytes."""

    first: int
    last: int
    total: int
    squares: int
    bytes: int


def times(data: pa.RecordBatch | pa.Table, column: str = "ts") -> NDArray[np.int64]:
    """Return a time column as int64 in its own unit; a view where it lies in one piece."""
    values = data.column(column)
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    if values.null_count or not len(values):
        return values.view(pa.int64()).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]  # pyarrow is untyped
    # Not its to_numpy(): that imports pandas, which takes longer than a cold read of one day.
    return np.frombuffer(values.buffers()[1], np.int64, len(values), values.offset * 8)


def plain_words(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a column of words with these as plain strings: Arrow can take none from the views that Polars has."""
    if not pa.types.is_string_view(column.dictionary.type):
        return column
    return pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.string()))


def unit(schema: Schema) -> str:
    """Return the unit of the schema's ts: `us` or `ns`."""
    return schema.column("ts").type.removeprefix("timestamp_")


def is_sorted(ts: NDArray[np.int64], *minor: NDArray[np.int64], strictly: bool = False) -> bool:
    """Whether times never go back, or, strictly, always go on; `minor` columns order the rows of equal times."""
    ahead, behind = ts[1:], ts[:-1]
    if not minor:
        return bool((ahead > behind).all() if strictly else (ahead >= behind).all())
    if not (ahead >= behind).all():
        return False
    tied = np.flatnonzero(ahead == behind)
    for column in minor:
        before, after = column[tied], column[tied + 1]
        if (after < before).any():
            return False
        tied = tied[after == before]
    return not (strictly and len(tied))


def key_numbers(tables: Sequence[pa.Table], key: Sequence[str]) -> list[NDArray[np.int64]]:
    """Return for each table one number a row: of equal rows the same, and in their order, by a key made of times.

    Of a key of one column they are its times themselves; of several, ranks among the rows of these tables.
    """
    columns = [[times(table, name) for table in tables] for name in key]
    if len(columns) == 1:
        return columns[0]
    joined = [np.concatenate(column) for column in columns]
    order = np.lexsort(joined[::-1])
    steps = np.zeros(len(order), dtype=bool)
    for column in joined:
        ordered = column[order]
        steps[1:] |= ordered[1:] != ordered[:-1]
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(steps)
    return np.split(numbers, np.cumsum([table.num_rows for table in tables[:-1]], dtype=np.int64))


def _compute() -> ModuleType:
    """Import late what a read of rows can do without: it takes as long as the rest of pyarrow."""
    import pyarrow.compute as pc

    return pc  # type: ignore[no-any-return]  # pyarrow is untyped


def whole_numbers(ids: pa.Array | pa.ChunkedArray) -> NDArray[np.int64] | None:
    """Return ids as integers when each is a plain decimal of at most 18 digits without leading zeros, else None."""
    if ids.null_count or not len(ids):
        return None
    try:
        numbers = ids.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    values: NDArray[np.int64] = numbers.to_numpy()
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= 10**18:
        return None
    lengths = _compute().binary_length(ids).to_numpy()
    if len(str(low)) == len(str(high)):
        return values if bool((lengths == len(str(low))).all()) else None
    digits = np.searchsorted(_POWERS, values, side="right") + 1
    return values if bool((lengths == digits).all()) else None


_POWERS = np.array([10**k for k in range(1, 19)], dtype=np.int64)


class ContentHash:
    """Adds up the hashes of rows that come in order; `hexdigest` may be asked for at any time."""

    def __init__(self, schema: Schema) -> None:
        """Start with no rows of `schema`."""
        self._ranked = schema.key == ("trade_id",)
        self._sum = self._squares = 0
        self._last: int | None = None
        self._rank = 0

    def add(self, total: int, squares: int) -> None:
        """Add rows by the sums of their hashes and of these squared; not for rows with ids, whose ranks count."""
        self._sum += total
        self._squares += squares

    def include(self, digest: str) -> None:
        """Add rows by the hash of theirs; of rows with ids, those of one ts must have been hashed together."""
        words = digest.removeprefix("rows128:")
        self.add(int(words[:16], 16), int(words[16:], 16))

    def update(self, rows: pa.RecordBatch | pa.Table) -> None:
        """Add rows; where they have ids they must come in stored order."""
        ranked = self._ranked and rows.column("trade_id").null_count < rows.num_rows
        for start in range(0, rows.num_rows, _CACHE_ROWS):
            piece = rows.slice(start, _CACHE_ROWS)
            hashes = row_hashes(piece, self._ranks(piece) if ranked else None)
            self._sum += int(hashes.sum(dtype=np.uint64))
            hashes *= hashes
            self._squares += int(hashes.sum(dtype=np.uint64))

    def _ranks(self, rows: pa.RecordBatch | pa.Table) -> NDArray[np.uint64]:
        """Number the rows with an id within their ts; 0 for the others."""
        ids = rows.column("trade_id")
        if not ids.null_count:
            return self._numbers(times(rows))
        ranks = np.zeros(rows.num_rows, np.uint64)
        present = ids.is_valid().to_numpy(zero_copy_only=False)
        if present.any():
            ranks[present] = self._numbers(times(rows)[present])
        return ranks

    def _numbers(self, ts: NDArray[np.int64]) -> NDArray[np.uint64]:
        index = np.arange(len(ts), dtype=np.int64)
        starts = np.empty(len(ts), dtype=bool)
        starts[0] = True
        np.not_equal(ts[1:], ts[:-1], out=starts[1:])
        ranks = index - np.maximum.accumulate(np.where(starts, index, 0))
        if self._last == ts[0]:
            first_group = len(ts) if starts.sum() == 1 else int(np.flatnonzero(starts)[1])
            ranks[:first_group] += self._rank
        self._last, self._rank = int(ts[-1]), int(ranks[-1]) + 1
        return ranks.astype(np.uint64)

    def hexdigest(self) -> str:
        """Return the hash as text: `rows128:` and 32 hexadecimal digits."""
        return f"rows128:{self._sum % 2**64:016x}{self._squares % 2**64:016x}"


def sequence_hash(tables: Iterable[pa.Table]) -> str:
    """Return a hash of rows in their order, however they are cut into tables."""
    digest = hashlib.sha256()
    for table in tables:
        digest.update(row_hashes(table).tobytes())
    return digest.hexdigest()


def row_hashes(rows: pa.RecordBatch | pa.Table, ranks: NDArray[np.uint64] | None = None) -> NDArray[np.uint64]:
    """Return a 64-bit hash a row, over all columns but the identity ones."""
    sums = np.zeros(rows.num_rows, np.uint64)
    for name in rows.schema.names:
        if name not in _CONSTANT:
            _add_column(sums, name, rows.column(name))
    if ranks is not None:
        present = rows.column("trade_id").is_valid().to_numpy(zero_copy_only=False)
        _add_words(sums, "#rank", 0, ranks, None if present.all() else present)
    return _finish(sums)


_CONSTANT = frozenset({"exchange", "market", "symbol"})


def _finish(h: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # The 64-bit finalizer of MurmurHash3.
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(33)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    h ^= h >> np.uint64(33)
    return h


@lru_cache(maxsize=4096)
def _constants(name: str, word: int) -> tuple[np.uint64, np.uint64]:
    return _derived(name, word)


@lru_cache(maxsize=32)
def _element_constants(name: str, length: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    factors, offsets = zip(*(_derived(name, word) for word in range(length)), strict=True)
    return np.array(factors), np.array(offsets)


def _derived(name: str, word: int) -> tuple[np.uint64, np.uint64]:
    digest = hashlib.sha256(f"{name}\0{word}".encode()).digest()
    return np.uint64(int.from_bytes(digest[:8], "little") | 1), np.uint64(int.from_bytes(digest[8:16], "little") | 1)


def _mixed(
    values: NDArray[np.uint64], factor: np.uint64 | NDArray[np.uint64], offset: np.uint64 | NDArray[np.uint64]
) -> NDArray[np.uint64]:
    # Folding the high half in first: round doubles have no low bits for the multiplication to spread.
    mixed = values >> np.uint64(32)
    mixed ^= values
    mixed *= factor
    mixed += offset
    return mixed


def _add_words(
    sums: NDArray[np.uint64], name: str, word: int, values: NDArray[np.uint64], present: NDArray[np.bool_] | None
) -> None:
    mixed = _mixed(values, *_constants(name, word))
    if present is not None:
        mixed *= present
    sums += mixed


def _add_column(sums: NDArray[np.uint64], name: str, column: pa.Array | pa.ChunkedArray) -> None:
    if column.null_count == len(column):
        return
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.unify_dictionaries().chunks)
    present = None if not column.null_count else column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_string(column.type):
        _add_text(sums, name, column, present)
    elif pa.types.is_fixed_size_list(column.type):
        _add_lists(sums, name, column, present)
    else:
        _add_words(sums, name, 0, _words(column), present)


def _words(column: pa.Array) -> NDArray[np.uint64]:
    """Return the values of a column of fixed width as 64-bit words; whatever, where there is a null."""
    if pa.types.is_dictionary(column.type):
        codes = column.indices.fill_null(0) if column.null_count else column.indices
        words = [_constants(value, 0)[0] for value in column.dictionary.to_pylist()]
        chosen: NDArray[np.uint64] = np.array(words, dtype=np.uint64)[codes.to_numpy()]
        return chosen
    if pa.types.is_timestamp(column.type):
        column = column.view(pa.int64())
    elif pa.types.is_boolean(column.type):
        column = column.cast(pa.int64())
    values: NDArray[Any] = (column.fill_null(0) if column.null_count else column).to_numpy()
    return _as_words(values)


def _as_words(values: NDArray[Any]) -> NDArray[np.uint64]:
    if values.dtype.kind == "f":
        return (values.astype(np.float64, copy=False) + 0.0).view(np.uint64)  # -0.0 and 0.0 are one value
    return values.astype(np.int64, copy=False).view(np.uint64)


def _add_lists(
    sums: NDArray[np.uint64], name: str, column: pa.FixedSizeListArray, present: NDArray[np.bool_] | None
) -> None:
    """Add each element as a word of its place, as a text's are."""
    values = lists.elements(column)
    factors, offsets = _element_constants(name, values.shape[1])
    step = max(1, _CACHE_ELEMENTS // values.shape[1])
    for start in range(0, len(values), step):
        mixed = _mixed(_as_words(values[start : start + step]), factors, offsets)
        total = mixed.sum(axis=1, dtype=np.uint64)
        sums[start : start + step] += total if present is None else total * present[start : start + step]


def _add_text(sums: NDArray[np.uint64], name: str, column: pa.StringArray, present: NDArray[np.bool_] | None) -> None:
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
    start, stop = int(offsets[0]), int(offsets[-1])
    data = np.zeros(stop - start + 8, np.uint8)
    if stop > start:
        data[:-8] = np.frombuffer(column.buffers()[2], np.uint8)[start:stop]
    at_byte = np.ndarray((len(data) - 7,), "<u8", buffer=data, strides=(1,))
    begin = offsets[:-1].astype(np.int64) - start
    length = np.diff(offsets).astype(np.int64)
    _add_words(sums, name + "#length", 0, length.view(np.uint64), present)
    shortest = int(length.min())
    for word in range(-(-int(length.max()) // 8)):
        left = np.clip(length - 8 * word, 0, 8)
        values = at_byte[np.minimum(begin + 8 * word, len(at_byte) - 1)] & _MASKS[left]
        # Only where the text has that word: its hash must not depend on the longest text beside it.
        has_word = present if shortest > 8 * word else left > 0
        _add_words(sums, name, word, values, has_word if present is None or has_word is None else has_word & present)


_MASKS = np.array([(1 << (8 * k)) - 1 for k in range(9)], dtype=np.uint64)


def equal_rows(a: pa.Table, b: pa.Table, columns: list[str]) -> NDArray[np.bool_]:
    """Compare two tables of equal length row by row over `columns`; two nulls are equal."""
    pc = _compute()
    same = np.ones(a.num_rows, dtype=bool)
    for name in columns:
        x, y = a.column(name), b.column(name)
        if x.null_count == len(x) and y.null_count == len(y):
            continue
        if pa.types.is_fixed_size_list(x.type):
            same &= equal_lists(x, y)
            continue
        if pa.types.is_dictionary(x.type):
            x, y = x.cast(pa.string()), y.cast(pa.string())
        equal = pc.fill_null(pc.equal(x, y), fill_value=False)
        if x.null_count or y.null_count:
            equal = pc.or_(equal, pc.and_(pc.is_null(x), pc.is_null(y)))
        same &= equal.to_numpy()
    return same


def equal_lists(x: pa.ChunkedArray, y: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Compare two list columns of equal length list by list; two nulls are equal."""
    same = np.ones(len(x), dtype=bool)
    step = max(1, _CACHE_ELEMENTS // x.type.list_size)
    for start in range(0, len(x), step):
        a, b = (pa.concat_arrays(column.slice(start, step).chunks) for column in (x, y))
        equal = (lists.elements(a) == lists.elements(b)).all(axis=1)
        if a.null_count or b.null_count:
            there, here = (array.is_valid().to_numpy(zero_copy_only=False) for array in (a, b))
            equal = np.where(there & here, equal, ~(there | here))
        same[start : start + step] = equal
    return same
