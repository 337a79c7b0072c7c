"""Rows as a dataset that DuckDB scans: it says which columns it wants and what it filters by, and gets a stream.

DuckDB does not look again at what it handed over as a filter, so every row that comes must pass it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import acero

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lake.sql.pruning import Expression

    Read = Callable[[Sequence[str], Expression | None], Iterator[pa.Table]]
    """Reads columns of the rows that pass a filter, in this order of columns."""

BATCH_ROWS = 65_536


class Rows(ds.Dataset):  # type: ignore[misc]  # pyarrow is untyped
    """Rows that are read when DuckDB scans them, as often as it does."""

    def __init__(self, schema: pa.Schema, read: Read) -> None:
        """Take the columns and what reads them."""
        self._columns = schema
        self._read = read
        self.failure: BaseException | None = None
        """What stopped a scan: DuckDB passes on nothing but its text."""

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self._columns

    def scanner(
        self,
        columns: Sequence[str] | None = None,
        filter: Expression | None = None,  # noqa: A002 -- pyarrow's word
        **_options: Any,  # noqa: ANN401 -- batch sizes and the like, which are ours to choose
    ) -> _Scanner:
        """Return what DuckDB reads a scan from."""
        names = self._columns.names if columns is None else list(columns)
        return _Scanner(self, names, filter)

    def stream(self, names: Sequence[str], wanted: Expression | None) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a scan; what goes wrong is kept, and raised with all there is to say of it."""
        try:
            for table in self._read(names, wanted):
                yield from table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS)
        except LakeError as error:
            self.failure = error
            raise OSError(f"{error.code}: {error.message} ({error.where}) {error.why}") from error
        except Exception as error:
            self.failure = error
            raise


class _Scanner:
    """One scan."""

    def __init__(self, rows: Rows, names: Sequence[str], wanted: Expression | None) -> None:
        self._rows, self._names, self._wanted = rows, names, wanted

    @property
    def projected_schema(self) -> pa.Schema:
        return pa.schema([self._rows.schema.field(name) for name in self._names])

    def to_reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.projected_schema, self._rows.stream(self._names, self._wanted))


def mentioned(wanted: Expression, names: Sequence[str]) -> list[str]:
    """Return the columns that a filter may speak of; a few others too, when their names are in its text."""
    text = str(wanted)
    return [name for name in names if name in text]


def passing(table: pa.Table, wanted: Expression) -> pa.Table:
    """Return the rows that pass a filter, in their order."""
    if not table.num_rows:
        return table
    plan = acero.Declaration.from_sequence(
        [
            acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
            acero.Declaration("filter", acero.FilterNodeOptions(wanted)),
        ]
    )
    return plan.to_table(use_threads=False)
