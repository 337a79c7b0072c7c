"""Delimited text as a source: decoded, cut into blocks at line ends, hashed on the way."""

from __future__ import annotations

import codecs
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from lake.errors import LakeError
from lake.sources.containers import Source
from lake.sources.filling import last_cells, together
from lake.sources.flatten import flattener, whole_lines
from lake.sources.levels import parser_of
from lake.sources.text import TextBlock
from lake.sources.waiting import FirstSnapshots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.sources.model import Batch, Plan


class Parser(Protocol):
    """Converts blocks of lines."""

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block; any thread may call it."""
        ...


class TextReader:
    """Reads a source of lines, whatever it is packed in: a delimited table, or what another parser reads."""

    def __init__(self, plan: Plan, *, block_bytes: int, parser: Parser | None = None) -> None:
        self._plan = plan
        self._recipe = plan.recipe
        self._size = block_bytes
        made = [] if parser is not None else [(plan.recipe, plan.schema), *plan.recipe.others]
        self._parsers = [parser_of(*each) for each in made]
        self._other = parser
        self._source = Source(plan.source)
        self._sha256 = ""

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block; any thread may call it."""
        if self._other is not None:
            return self._other.parse(block)
        if block.rejects:
            batch = together([parser.parse_carefully(block) for parser in self._parsers])
            batch.rejects, batch.records = list(block.rejects), len(block.rejects)
            return batch
        batches = [parser.parse(block) for parser in self._parsers]
        if len(batches) > 1 and any(batch.rejects for batch in batches):
            batches = [parser.parse_carefully(block) for parser in self._parsers]  # which tells lines at once
        return together(batches)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hex; valid once `blocks` is exhausted."""
        return self._sha256

    def progress(self) -> tuple[int, int]:
        """Bytes of the file consumed, and its size."""
        return self._source.file.consumed, self._source.file.size

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def blocks(self) -> Iterator[TextBlock]:
        """Yield the source in whole lines, hashing the file on the way."""
        yield from self._lines() if self._recipe.layout == "lines" else self._flat()
        self._sha256 = self._source.file.finish()
        if self._recipe.sha256 not in {None, self._sha256}:
            message = f"{self._plan.path.name} changed while it was read"
            raise LakeError("SOURCE_CHECKSUM", message, where=str(self._plan.path))

    def _flat(self) -> Iterator[TextBlock]:
        before = ("",) * len(self._recipe.fill)
        made = flattener(self._recipe.layout, self._recipe.keys, self._plan.path.name)
        for piece in made.pieces(self._decoded()):
            yield TextBlock(piece.data, piece.record, piece.count, piece.rejects, before=before)
            before = last_cells(piece.data, self._recipe, before)

    def _lines(self) -> Iterator[TextBlock]:
        line, skip, before = 1, self._recipe.skip_lines, ("",) * len(self._recipe.fill)
        books = FirstSnapshots(self._recipe)
        for whole in whole_lines(self._decoded(), self._plan.path.name):
            start = 0
            while skip and start < len(whole):
                start = whole.find(b"\n", start) + 1 or len(whole)
                skip, line = skip - 1, line + 1
            if data := whole[start:]:
                block = replace(TextBlock.of(data, line), before=before)
                line += block.lines
                yield books.seen(block)
                before = last_cells(data, self._recipe, before)

    def _decoded(self) -> Iterator[bytes]:
        """Yield the unpacked bytes in UTF-8 without a byte order mark."""
        encoding = self._recipe.encoding
        if encoding == "utf-8":
            first = True
            while data := self._source.read(self._size):
                yield data.removeprefix(codecs.BOM_UTF8) if first else data
                first = False
            return
        decoder = codecs.getincrementaldecoder(encoding)()
        first = True
        try:
            while data := self._source.read(self._size):
                text = decoder.decode(data)
                yield (text.removeprefix("\ufeff") if first else text).encode()
                first = first and not text
            yield decoder.decode(b"", final=True).encode()
        except UnicodeError as error:
            message = f"{self._plan.path.name} is not {encoding}: {error}"
            raise LakeError("SOURCE_UNREADABLE", message, where=str(self._plan.path)) from error
