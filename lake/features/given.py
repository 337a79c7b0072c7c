"""Feature rows as they are given: a table in memory, or a file of rows, in blocks with the place of each row."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from lake import space
from lake import write as writing
from lake.errors import LakeError, printable
from lake.manifest.rows import QuarantineRecord, SourceRecord
from lake.sources import Source, SourceFile
from lake.sources.model import MAX_RAW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.write import Tabular
    from schemas.features import FeatureSet
    from schemas.keys import Address

DIALECT = "features"
"""What the manifest says a file of feature rows was read by."""
BLOCK_BYTES = 1 << 22
_BUFFER_BYTES = 1 << 20
"""Read at a time of a column: else whole row groups are, which may be the whole file."""
_MAGIC = 8
_PARQUET, _ARROW_FILE, _ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"
_BINARY = (".parquet", ".pq", ".feather", ".arrow", ".arrows", ".ipc")
_DAMAGE = (pa.ArrowException, OSError, UnicodeError)

Locate = Callable[[int], tuple[int, str]]
"""Gives the 1-based line or number of a row of a block, and its text."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of a block, in their order, under the names and types they were given."""

    rows: pa.RecordBatch
    locate: Locate
    bad: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Why rows cannot be stored of which a cell could not be read: reason and detail, by index."""
    lost: tuple[QuarantineRecord, ...] = ()
    """Records that make no row at all."""


class Given(Protocol):
    """Rows to be written: blocks come in order on one thread, any thread may parse one."""

    nbytes: int
    """How many bytes there are, as far as that is known; stored they take about as many at most."""

    def blocks(self) -> Iterator[object]:
        """Yield the rows, a block at a time."""

    def parse(self, block: Any) -> Parsed:  # noqa: ANN401 -- each has its own kind of block
        """Return the rows of a block."""

    def consumed(self) -> int:
        """Return how many of the bytes are read."""

    def source(self) -> SourceRecord | None:
        """Return what is kept of the file once it was read through; None of a table."""

    def close(self) -> None:
        """Let go of the file."""


def given(data: Tabular | str | os.PathLike[str], feature_set: FeatureSet, address: Address) -> Given:
    """Return the rows of a table, or of a file by what is in it.

    Args:
        data: Anything with `__arrow_c_stream__`, a pandas frame by its index of times too; or the path of a Parquet
            file, an Arrow or Feather file, or comma-separated text, compressed perhaps.
        feature_set: Whose rows they are.
        address: Their series, for what is said of a table.

    Raises:
        LakeError: SOURCE_NOT_FOUND, SOURCE_UNREADABLE, SOURCE_UNSAFE; USAGE when it is no table.
    """
    if not isinstance(data, str | os.PathLike):
        return Table(data, feature_set, address)
    path = Path(data)
    kind = kind_of(path)
    if kind != "text":
        return Columnar(path, parquet=kind == "parquet")
    from lake.features.text import Text

    return Text(path, feature_set)


def kind_of(path: Path) -> Literal["parquet", "arrow", "text"]:
    """Return what a file is, by how it begins.

    Raises:
        LakeError: SOURCE_NOT_FOUND; SOURCE_UNREADABLE for one that is not what its name says; SOURCE_UNSAFE.
    """
    with Source(path) as source:
        packed, start = source.packed, source.read(_MAGIC)
    if not packed and start.startswith(_PARQUET):
        return "parquet"
    if not packed and start.startswith((_ARROW_FILE, _ARROW_STREAM)):
        return "arrow"
    if path.name.lower().endswith(_BINARY):
        raise LakeError("SOURCE_UNREADABLE", f"{path.name} is no {path.suffix[1:]} file", where=str(path))
    return "text"


def source_of(path: Path, sha256: str) -> SourceRecord:
    """Return what is kept of a file of feature rows."""
    file = SourceFile(path)
    return SourceRecord(sha256, path.name, printable(file.resolved()), file.nbytes, DIALECT)


def unreadable(path: Path, said: object) -> LakeError:
    """Return the error for a file that cannot be read."""
    first = str(said).splitlines()[0][:200] if str(said) else type(said).__name__
    return LakeError("SOURCE_UNREADABLE", f"{path.name} cannot be read: {first}", where=str(path))


@dataclass(frozen=True, slots=True)
class Rows:
    """A block of rows that are typed already, and how many came before them."""

    batch: pa.RecordBatch
    before: int

    def parsed(self) -> Parsed:
        """Return them with the number of each, and its text as JSON."""

        def locate(row: int) -> tuple[int, str]:
            [values] = self.batch.slice(row, 1).to_pylist()
            return self.before + row + 1, json.dumps(values, default=str, ensure_ascii=False)[:MAX_RAW]

        return Parsed(self.batch, locate)


class Table:
    """A table of any library."""

    def __init__(self, data: Tabular, feature_set: FeatureSet, address: Address) -> None:
        self.nbytes = space.size_of(data)
        self._data, self._address = _with_times(data, feature_set), address

    def blocks(self) -> Iterator[Rows]:
        """Yield the rows, few at a time."""
        before = 0
        for batch in writing.slices(self._data, self._address):
            yield Rows(batch, before)
            before += batch.num_rows

    def parse(self, block: Rows) -> Parsed:
        """Return the rows of a block."""
        return block.parsed()

    def consumed(self) -> int:
        """Return how many bytes are read."""
        return 0

    def source(self) -> SourceRecord | None:
        """Return None: a table is no file."""
        return None

    def close(self) -> None:
        """Leave the table to who gave it."""


def _with_times(data: Tabular, feature_set: FeatureSet) -> Tabular:
    """Return a pandas frame whose index are times with these as the column ts; any other table as it is.

    An index that is called as another column of the set is that column.
    """
    index = getattr(data, "index", None)
    if type(index).__name__ != "DatetimeIndex" or "ts" in getattr(data, "columns", ()):
        return data
    if index.name in feature_set.schema.names:  # type: ignore[union-attr]  # pandas is not imported here
        return data
    return cast("Tabular", cast("Any", data).rename_axis("ts").reset_index())


def _decoded(group: Any) -> int:  # noqa: ANN401 -- pyarrow has no types
    """Return about how many bytes the rows of a row group are once they are read, however well they are packed."""
    values = sum(group.column(place).num_values for place in range(group.num_columns))
    return max(int(group.total_byte_size), 8 * int(values))


class Columnar:
    """A Parquet file, or an Arrow one, Feather included."""

    def __init__(self, path: Path, *, parquet: bool) -> None:
        self._path, self._file = path, SourceFile(path)
        self.nbytes = self._file.nbytes
        self._source = pa.OSFile(os.fsencode(path), "rb")
        try:
            self._reader: Any = self._opened(parquet=parquet)
        except _DAMAGE as error:
            self._source.close()
            raise unreadable(path, error) from error
        self._parquet = parquet

    def _opened(self, *, parquet: bool) -> Any:  # noqa: ANN401 -- pyarrow has no types
        if parquet:
            return pq.ParquetFile(
                self._source, pre_buffer=False, buffer_size=_BUFFER_BYTES, page_checksum_verification=True
            )
        is_file = self._source.read(len(_ARROW_FILE)) == _ARROW_FILE
        self._source.seek(0)
        options = ipc.IpcReadOptions(use_threads=False)
        return (ipc.open_file if is_file else ipc.open_stream)(self._source, options=options)

    def blocks(self) -> Iterator[Rows]:
        """Yield the rows, few at a time."""
        before = 0
        try:
            for batch in self._batches():
                batch.validate(full=True)  # nobody else looks at offsets and encodings, and Arrow trusts them
                for piece in writing.few(batch):
                    yield Rows(piece, before)
                    before += piece.num_rows
        except _DAMAGE as error:
            raise unreadable(self._path, error) from error

    @property
    def schema(self) -> pa.Schema:
        """The columns as the file has them."""
        return self._reader.schema_arrow if self._parquet else self._reader.schema

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if self._parquet:
            yield from self._reader.iter_batches(self._few(), use_threads=False)
        elif hasattr(self._reader, "num_record_batches"):
            yield from (self._reader.get_batch(number) for number in range(self._reader.num_record_batches))
        else:
            yield from self._reader

    def _few(self) -> int:
        """Return how many rows are decoded at a time: long lists make rows of many bytes."""
        found = self._reader.metadata
        groups = [found.row_group(number) for number in range(found.num_row_groups)]
        return min((writing.few_of(each.num_rows, _decoded(each)) for each in groups), default=1)

    def parse(self, block: Rows) -> Parsed:
        """Return the rows of a block."""
        return block.parsed()

    def consumed(self) -> int:
        """Return how many bytes are read."""
        return int(self._source.tell())

    def source(self) -> SourceRecord | None:
        """Return what is kept of the file."""
        return source_of(self._path, self._file.digest())

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()
