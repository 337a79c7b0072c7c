"""A source that is read from front to back, whatever it is that knows how its records lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.sources.containers import Source
    from lake.sources.model import Batch, Block, Plan


class Parser(Protocol):
    """Converts blocks."""

    def parse(self, block: Any) -> Batch:  # noqa: ANN401 -- each parser has its own kind of block
        """Convert one block; any thread may call it."""
        ...


class StreamReader:
    """Reads the blocks of an opened source, and hashes it."""

    def __init__(self, plan: Plan, source: Source, parser: Parser, blocks: Iterator[Block]) -> None:
        """Take over an opened source; `blocks` reads it through."""
        self._plan, self._source, self._parser, self._blocks = plan, source, parser, blocks
        self._sha256 = ""

    def parse(self, block: Block) -> Batch:
        """Convert one block; any thread may call it."""
        return self._parser.parse(block)

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

    def blocks(self) -> Iterator[Block]:
        """Yield the source in whole records, hashing the file on the way."""
        yield from self._blocks
        self._sha256 = self._source.file.finish()
        if self._plan.recipe.sha256 not in {None, self._sha256}:
            message = f"{self._plan.path.name} changed while it was read"
            raise LakeError("SOURCE_CHECKSUM", message, where=str(self._plan.path))
