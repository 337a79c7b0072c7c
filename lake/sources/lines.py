"""Sources of lines: decoded, cut into blocks at line ends, parsed by a recipe or by several."""

from __future__ import annotations

import codecs
from dataclasses import replace
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.containers import Source
from lake.sources.filling import last_cells, together
from lake.sources.flatten import flattener, whole_lines
from lake.sources.levels import parser_of
from lake.sources.stream import StreamReader
from lake.sources.text import TextBlock
from lake.sources.waiting import FirstSnapshots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.sources.model import Batch, Plan
    from lake.sources.recipe import Recipe
    from lake.sources.stream import Parser
    from schemas.columns import Schema


def open_lines(plan: Plan, *, block_bytes: int, parser: Parser | None = None) -> StreamReader:
    """Open a planned source of lines: a delimited table, or what `parser` reads."""
    parser = parser or _Recipes((plan.recipe, plan.schema), *plan.recipe.others)
    source = Source(plan.source)
    return StreamReader(plan, source, parser, _blocks(plan, _decoded(plan, source, block_bytes)))


class _Recipes:
    """Parses blocks of lines by every recipe of a source."""

    def __init__(self, *recipes: tuple[Recipe, Schema]) -> None:
        self._parsers = [parser_of(*each) for each in recipes]

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block; any thread may call it."""
        if block.rejects:
            batch = together([parser.parse_carefully(block) for parser in self._parsers])
            batch.rejects, batch.records = list(block.rejects), len(block.rejects)
            return batch
        batches = [parser.parse(block) for parser in self._parsers]
        if len(batches) > 1 and any(batch.rejects for batch in batches):
            batches = [parser.parse_carefully(block) for parser in self._parsers]  # which tells lines at once
        return together(batches)


def _blocks(plan: Plan, decoded: Iterator[bytes]) -> Iterator[TextBlock]:
    name, recipe = plan.path.name, plan.recipe
    return _lines(decoded, recipe, name) if recipe.layout == "lines" else _flat(decoded, recipe, name)


def _flat(decoded: Iterator[bytes], recipe: Recipe, name: str) -> Iterator[TextBlock]:
    before = ("",) * len(recipe.fill)
    for piece in flattener(recipe.layout, recipe.keys, name).pieces(decoded):
        yield TextBlock(piece.data, piece.record, piece.count, piece.rejects, before=before)
        before = last_cells(piece.data, recipe, before)


def _lines(decoded: Iterator[bytes], recipe: Recipe, name: str) -> Iterator[TextBlock]:
    line, skip, before = 1, recipe.skip_lines, ("",) * len(recipe.fill)
    books = FirstSnapshots(recipe)
    for whole in whole_lines(decoded, name):
        start = 0
        while skip and start < len(whole):
            start = whole.find(b"\n", start) + 1 or len(whole)
            skip, line = skip - 1, line + 1
        if data := whole[start:]:
            block = replace(TextBlock.of(data, line), before=before)
            line += block.lines
            yield books.seen(block)
            before = last_cells(data, recipe, before)


def _decoded(plan: Plan, source: Source, size: int) -> Iterator[bytes]:
    """Yield the unpacked bytes in UTF-8 without a byte order mark."""
    encoding = plan.recipe.encoding
    if encoding == "utf-8":
        first = True
        while data := source.read(size):
            yield data.removeprefix(codecs.BOM_UTF8) if first else data
            first = False
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    first = True
    try:
        while data := source.read(size):
            text = decoder.decode(data)
            yield (text.removeprefix("\ufeff") if first else text).encode()
            first = first and not text
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        message = f"{plan.path.name} is not {encoding}: {error}"
        raise LakeError("SOURCE_UNREADABLE", message, where=str(plan.path)) from error
