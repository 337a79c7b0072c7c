"""Books written side by side: a record of so many levels makes a row of each, in the order of its columns."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.sources.careful import text_of
from lake.sources.categories import coded, fixed, vocabulary
from lake.sources.model import Batch, Portion, Reject
from lake.sources.text import TextParser, numbers
from schemas.arrow import arrow_schema
from schemas.columns import Column, Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lake.sources.recipe import Recipe
    from lake.sources.text import TextBlock


def parser_of(recipe: Recipe, schema: Schema) -> TextParser | LevelsParser:
    """Return what parses the blocks of a text source."""
    return LevelsParser(recipe, schema) if recipe.levels else TextParser(recipe, schema)


@cache
def _wide(schema: Schema, levels: int) -> Schema:
    """Return the schema of a whole record: no level need be there, but the rest as in the book's own rows."""
    alone = {"side", "price", "size", "is_snapshot"}
    columns = [column for column in schema.columns if column.name not in alone]
    for level in range(levels):
        columns += [Column(f"{what}.{level}", "float64", nullable=True) for what in ("price", "size")]
    return Schema(name=f"{schema.name}_{levels}", version=schema.version, columns=tuple(columns))


class LevelsParser:
    """Parses blocks of a source whose records hold the levels of a book; has no state of its own."""

    def __init__(self, recipe: Recipe, schema: Schema) -> None:
        self.recipe = recipe
        self.schema = schema
        self.arrow = arrow_schema(schema, identity=False)
        fields = dict(recipe.fields)
        for level, place in enumerate(recipe.levels):
            fields |= {f"price.{level}": place.price, f"size.{level}": place.size}
        self._records = TextParser(
            replace(recipe, fields=fields, levels=(), fixed={}), _wide(schema, len(recipe.levels))
        )
        sides = vocabulary(schema, "side")
        self._sides = np.array([sides.index(level.side) for level in recipe.levels], dtype=np.int32)

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block; a record with a level of a price and no size, or the other way round, is rejected."""
        batch = self._records.parse(block)
        [records] = batch.portions
        table, count = records.rows, records.rows.num_rows
        prices, priced = self._matrix(table, "price")
        sizes, sized = self._matrix(table, "size")
        torn = (priced != sized).any(axis=1)
        rejects = batch.rejects + [self._torn(records, int(row), priced) for row in np.flatnonzero(torn)]
        keep = priced & ~torn[:, None]
        places = np.nonzero(keep)
        rows, symbols = self._rows(table, records, places, prices[keep], sizes[keep])

        def locate(row: int) -> tuple[int, str]:
            return records.locate(int(places[0][row]))

        portion = Portion(rows, locate, symbols=symbols)
        skipped = dict(batch.skipped)
        bare = int((~priced.any(axis=1) & ~torn).sum()) if count else 0
        if bare:
            skipped["empty_book"] = skipped.get("empty_book", 0) + bare
        return Batch([portion], batch.records, sorted(rejects, key=lambda reject: reject.line), skipped)

    def _matrix(self, table: Any, what: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:  # noqa: ANN401 -- pa.RecordBatch
        """Return a number for each record and level, and which are there."""
        columns = [table.column(f"{what}.{level}") for level in range(len(self._sides))]
        values = [numbers(column.fill_null(0.0) if column.null_count else column, np.float64) for column in columns]
        there = [_valid(column) for column in columns]
        return np.stack(values, axis=1), np.stack(there, axis=1)

    def _torn(self, records: Portion, row: int, priced: NDArray[np.bool_]) -> Reject:
        line, raw = records.locate(row)
        sized = np.array([records.rows.column(f"size.{i}")[row].is_valid for i in range(len(self._sides))])
        level = int(np.flatnonzero(priced[row] != sized)[0])
        name = self.recipe.levels[level].size if priced[row][level] else self.recipe.levels[level].price
        return Reject("missing_value", line, text_of(raw.encode()), f"column {name} of a level is empty")

    def _rows(
        self,
        table: Any,  # noqa: ANN401 -- pa.RecordBatch
        records: Portion,
        places: tuple[NDArray[np.intp], ...],
        prices: NDArray[np.float64],
        sizes: NDArray[np.float64],
    ) -> tuple[Any, Any]:
        """Return the rows of the levels, each with what its record says, and their symbols."""
        count = len(prices)
        picked = pa.array(places[0])
        made = {"price": _floats(prices), "size": _floats(sizes)}
        made["side"] = coded(self._sides[places[1]], vocabulary(self.schema, "side"))
        for target, word in self.recipe.fixed.items():
            made[target] = fixed(self.schema, target, word, count)
        arrays = [made[f.name] if f.name in made else table.column(f.name).take(picked) for f in self.arrow]
        symbols = None if records.symbols is None else records.symbols.take(picked)
        return pa.RecordBatch.from_arrays(arrays, schema=self.arrow), symbols


def _floats(values: NDArray[np.float64]) -> Any:  # noqa: ANN401 -- numpy to pa.Array, without pandas
    return pa.Array.from_buffers(pa.float64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _valid(column: Any) -> NDArray[np.bool_]:  # noqa: ANN401 -- pa.Array
    if not column.null_count:
        return np.ones(len(column), dtype=np.bool_)
    bits = np.frombuffer(column.buffers()[0], dtype=np.uint8)
    return np.unpackbits(bits, bitorder="little")[column.offset : column.offset + len(column)].astype(np.bool_)
