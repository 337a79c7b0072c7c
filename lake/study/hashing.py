"""One SHA-256 over the Arrow content of rows in their order, however they are cut, encoded and laid out in files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake import lists
from schemas.columns import IDENTITY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from schemas.columns import Column, Schema

_VERSION = b"dl.rows/1"


class RowsHash:
    """Hashes rows as they come; the same rows in the same order give the same digest.

    Each column is hashed for itself: where it has values, and which, bit by bit; -0.0 counts as 0.0, as it does in
    content hashes. Names and types are part of it. Exchange, market and symbol are not, for they are the address; nor
    is a column without any value, so a schema that gains a nullable column changes no digest.
    """

    def __init__(self, schema: Schema) -> None:
        """Start with no rows of `schema`."""
        self._columns = [_ColumnHash(column) for column in schema.columns if column not in IDENTITY]
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows that have all columns of the schema."""
        self.rows += batch.num_rows
        for column in self._columns:
            column.update(batch.column(column.name))

    def hexdigest(self) -> str:
        """Return the digest of the rows so far; to be asked for once."""
        whole = hashlib.sha256(_VERSION + self.rows.to_bytes(8, "little"))
        for column in self._columns:
            whole.update(column.digest())
        return whole.hexdigest()


def rows_hash(schema: Schema, batches: Iterable[pa.RecordBatch]) -> RowsHash:
    """Hash rows of all the schema's columns; the result knows how many there were."""
    digest = RowsHash(schema)
    for batch in batches:
        digest.update(batch)
    return digest


class _ColumnHash:
    def __init__(self, column: Column) -> None:
        self.name = column.name
        kind = "text" if column.type == "category" else column.spelled
        self._values = hashlib.sha256(f"{column.name}\0{kind}\0".encode())
        self._lengths = hashlib.sha256()
        self._runs = hashlib.sha256()
        self._present, self._run = True, 0
        self._empty = True

    def update(self, column: pa.Array) -> None:
        """Add values; a null adds nothing to them, but to the runs of values and nulls."""
        nulls = column.null_count
        if not nulls or nulls == len(column):
            self._extend(len(column), present=not nulls)
        else:
            self._mixed(column.is_valid().to_numpy(zero_copy_only=False))
        if nulls == len(column):
            return
        self._empty = False
        values = column.drop_null() if nulls else column
        if pa.types.is_dictionary(values.type):
            values = values.cast(pa.string())
        if pa.types.is_string(values.type):
            offsets = np.frombuffer(values.buffers()[1], "<i4")[values.offset : values.offset + len(values) + 1]
            self._lengths.update(np.diff(offsets).tobytes())
            self._values.update(memoryview(values.buffers()[2] or b"")[offsets[0] : offsets[-1]])
        else:
            self._values.update(_fixed(values).tobytes())

    def _mixed(self, valid: NDArray[np.bool_]) -> None:
        ends = np.append(np.flatnonzero(valid[1:] != valid[:-1]) + 1, len(valid))
        start = 0
        for end in ends.tolist():
            self._extend(end - start, present=bool(valid[start]))
            start = end

    def _extend(self, count: int, *, present: bool) -> None:
        if not count:
            return
        if present != self._present:
            self._runs.update(self._run.to_bytes(8, "little"))
            self._present, self._run = present, 0
        self._run += count

    def digest(self) -> bytes:
        if self._empty:
            return b""
        self._runs.update(self._run.to_bytes(8, "little"))
        return self._values.digest() + self._lengths.digest() + self._runs.digest()


def _fixed(values: pa.Array) -> NDArray[np.generic]:
    if pa.types.is_fixed_size_list(values.type):
        return _signless(lists.elements(values))
    if pa.types.is_timestamp(values.type):
        values = values.view(pa.int64())
    elif pa.types.is_boolean(values.type):
        values = values.cast(pa.int8())
    return _signless(values.to_numpy())


def _signless(values: NDArray[Any]) -> NDArray[np.generic]:
    """Return numbers with one zero, where floats have two."""
    return values + values.dtype.type(0) if values.dtype.kind == "f" else values
