"""Delimited text as a source: decoded, cut into blocks at line ends, hashed on the way."""

from __future__ import annotations

import codecs
from dataclasses import replace
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.containers import Source
from lake.sources.filling import last_cells, together
from lake.sources.levels import parser_of
from lake.sources.text import TextBlock
from lake.sources.waiting import FirstSnapshots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.sources.model import Batch, Plan

MAX_LINE = 1 << 20
"""Bytes of the longest line that is still a record."""


class TextReader:
    """Reads a delimited text source, whatever it is packed in."""

    def __init__(self, plan: Plan, *, block_bytes: int) -> None:
        self._plan = plan
        self._recipe = plan.recipe
        self._size = block_bytes
        self._source = Source(plan.source)
        self._parsers = [parser_of(*made) for made in ((plan.recipe, plan.schema), *plan.recipe.others)]
        self._sha256 = ""

    def parse(self, block: TextBlock) -> Batch:
        """Convert one block; any thread may call it."""
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
        line, skip, before = 1, self._recipe.skip_lines, ("",) * len(self._recipe.fill)
        books = FirstSnapshots(self._recipe)
        for whole in whole_lines(self._decoded(), self._plan.path.name):
            data = whole
            while skip and data:
                data = data[data.find(b"\n") + 1 or len(data) :]
                skip, line = skip - 1, line + 1
            if data:
                block = replace(TextBlock.of(data, line), before=before)
                line += block.lines
                yield books.seen(block)
                before = last_cells(data, self._recipe, before)
        self._sha256 = self._source.file.finish()
        if self._recipe.sha256 not in {None, self._sha256}:
            message = f"{self._plan.path.name} changed while it was read"
            raise LakeError("SOURCE_CHECKSUM", message, where=str(self._plan.path))

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


def whole_lines(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Cut chunks after their last newline; what is left at the end comes last. No line may exceed MAX_LINE."""
    rest = b""
    for chunk in chunks:
        cut = chunk.rfind(b"\n") + 1
        if cut:
            yield rest + chunk[:cut] if rest else chunk[:cut]
            rest = chunk[cut:]
        else:
            rest += chunk
            if len(rest) > MAX_LINE:
                raise LakeError("SOURCE_UNREADABLE", f"{name} has a line of more than {MAX_LINE} bytes", where=name)
    if rest:
        yield rest
