"""Books written side by side: a record of so many levels makes a row of each, in the order of its columns."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.sources.arrays import array_of
from lake.sources.careful import text_of
from lake.sources.categories import coded, fixed
from lake.sources.model import Batch, Portion, Reject
from lake.sources.recipe import Level
from lake.sources.text import TextParser, numbers
from schemas.arrow import arrow_schema
from schemas.columns import Column, Schema, few_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lake.sources.dialects.declare import Levels
    from lake.sources.recipe import Recipe
    from lake.sources.text import TextBlock


def levels_in(names: Sequence[str], declared: Sequence[Levels]) -> tuple[Level, ...]:
    """Return the levels that columns or fields of these names are, in their order; ValueError for half of one."""
    found = []
    for place, name in enumerate(names):
        for levels in declared:
            told = re.fullmatch(re.escape(levels.price).replace(r"\*", r"(\d+)"), name)
            if told is None:
                continue
            size = levels.size.replace("*", told[1])
            if size not in names:
                raise ValueError(f"{name} and no {size}")
            found.append(Level(levels.side, place, names.index(size)))
    return tuple(found)


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
        sides = few_words(schema, "side")
        self._sides = np.array([sides.index(level.side) for level in recipe.levels], dtype=np.int32)

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block; a record with a level of a price and no size, or the other way round, is rejected."""
        return self._spread(self._records.parse(block))

    def parse_carefully(self, block: TextBlock) -> Batch:
        """Convert one block record by record."""
        return self._spread(self._records.parse_carefully(block))

    def _spread(self, batch: Batch) -> Batch:
        """Make the rows of the levels of each record."""
        [records] = batch.portions
        prices, priced = self._matrix(records.rows, "price")
        sizes, sized = self._matrix(records.rows, "size")
        sized &= priced | (sizes != 0)  # a size of 0 without a price is how some write that there is no level
        torn = (priced != sized).any(axis=1)
        rejects = batch.rejects + [self._torn(records, int(row), priced, sized) for row in np.flatnonzero(torn)]
        columns = {name: records.rows.column(name) for name in records.rows.schema.names}
        count = records.rows.num_rows
        columns |= {target: fixed(self.schema, target, word, count) for target, word in self.recipe.fixed.items()}
        rows, symbols, places = spread(
            self.schema, columns, records.symbols, self._sides, prices, sizes, priced & ~torn[:, None]
        )
        skipped = dict(batch.skipped)
        bare = int((~priced.any(axis=1) & ~torn).sum())
        if bare:
            skipped["empty_book"] = skipped.get("empty_book", 0) + bare
        portion = Portion(rows, lambda row: records.locate(int(places[row])), symbols=symbols)
        return Batch([portion], batch.records, sorted(rejects, key=lambda reject: reject.line), skipped)

    def _matrix(self, table: Any, what: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:  # noqa: ANN401 -- pa.RecordBatch
        """Return a number for each record and level, and which are there."""
        columns = [table.column(f"{what}.{level}") for level in range(len(self._sides))]
        values = [numbers(column.fill_null(0.0) if column.null_count else column, np.float64) for column in columns]
        there = [_valid(column) for column in columns]
        return np.stack(values, axis=1), np.stack(there, axis=1)

    def _torn(self, records: Portion, row: int, priced: NDArray[np.bool_], sized: NDArray[np.bool_]) -> Reject:
        line, raw = records.locate(row)
        level = int(np.flatnonzero(priced[row] != sized[row])[0])
        place = self.recipe.levels[level].size if priced[row][level] else self.recipe.levels[level].price
        return Reject("missing_value", line, text_of(raw.encode()), f"column {place} of a level is empty")


def spread(
    schema: Schema,
    columns: dict[str, Any],
    symbols: Any,  # noqa: ANN401 -- pa.DictionaryArray
    sides: NDArray[np.int32],
    prices: NDArray[np.float64],
    sizes: NDArray[np.float64],
    there: NDArray[np.bool_],
) -> tuple[Any, Any, NDArray[np.intp]]:
    """Make a row of each level of each record that is there.

    Args:
        schema: Of the book.
        columns: What the records say beside their levels, each as long as there are records.
        symbols: Each record's symbol, or None.
        sides: Each level's side, as it is coded.
        prices: Price of (record, level).
        sizes: Size of (record, level).
        there: Which (record, level) are levels.

    Returns:
        The rows, their symbols, and each one's record.
    """
    arrow = arrow_schema(schema, identity=False)
    place, level = np.nonzero(there)
    picked = pa.array(place)
    made = {
        "price": array_of(prices[there], pa.float64()),
        "size": array_of(sizes[there], pa.float64()),
        "side": coded(sides[level], few_words(schema, "side")),
    }
    arrays = [
        made[f.name]
        if f.name in made
        else columns[f.name].take(picked)
        if f.name in columns
        else pa.nulls(len(place), f.type)
        for f in arrow
    ]
    rows = pa.RecordBatch.from_arrays(arrays, schema=arrow)
    return rows, None if symbols is None else symbols.take(picked), place


def _valid(column: Any) -> NDArray[np.bool_]:  # noqa: ANN401 -- pa.Array
    if not column.null_count:
        return np.ones(len(column), dtype=np.bool_)
    bits = np.frombuffer(column.buffers()[0], dtype=np.uint8)
    return np.unpackbits(bits, bitorder="little")[column.offset : column.offset + len(column)].astype(np.bool_)
