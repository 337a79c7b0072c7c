"""What the lake's reader of vendor files takes and gives: options, plan, batch, reject, reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from lake.sources.containers import SourceFile
    from lake.sources.dialects import Dialect
    from lake.sources.recipe import Recipe
    from schemas.columns import Schema

Confidence = Literal["asked", "named", "header", "shape", "mapped", "columns"]
"""The strongest thing that spoke for a reading, beside what its values allow. `asked`: --format. `named`: the vendor's
name of file, folder or member. `header`: the vendor's header. `shape`: nothing more than the number of columns and
their values. Of tables in no vendor's format: `mapped`: --map. `columns`: column names that are recognised."""

MAX_RAW = 10_000
"""Characters of a rejected record's text that are kept."""

_NOTHING: MappingProxyType[str, Any] = MappingProxyType({})
_NO_DIALECTS: MappingProxyType[str, Dialect] = MappingProxyType({})


@dataclass(frozen=True)
class SourceOptions:
    """What the caller says about a source; everything left out is found in the file or refused as ambiguous.

    `format` is a dialect's name. `columns` maps a target column to the source column's name or its 0-based position
    in digits. `type` is `bars`, `ticks/trade`, `ticks/quote` (or `ticks` with `period` `trade` or `quote`),
    `orderbook/l2`, `orderbook/l3`, or a metric's `metrics/<name>`. `tz` is the IANA zone of times that carry none.
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    tz: str | None = None
    type: str | None = None
    period: str | None = None
    market: str | None = None
    symbol: str | None = None
    exchange: str | None = None
    fetched_at_ns: int | None = None
    words: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    """How the table is written and what is in it: see `lake.sources.words`."""
    dialects: Mapping[str, Dialect] = field(default_factory=lambda: _NO_DIALECTS)
    """The user's own dialects, by name."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of rows that a source holds: nearly all have one, a capture of several feeds has several."""

    schema: Schema
    type: str
    period: str
    id_space: str = ""
    """What numbers the trades, empty where they carry no ids or it is not known: see `Dialect.id_space`."""


@dataclass(frozen=True)
class Plan:
    """How one source will be read, and what spoke for it.

    The fetch time lies in [fetched_not_before_ns, fetched_not_after_ns], each None where nothing is known. `symbol`
    is the vendor's spelling; where `many` is set every row says its own, and `symbol` is the one that is seen at the
    head, None when there are several. `recipe` is what the reader works from and nobody else's business.
    """

    source: SourceFile
    path: Path
    """The source's name, to look at; `source` opens it."""
    name: str
    nbytes: int
    dialect: str
    channels: tuple[Channel, ...]
    market: str | None
    symbol: str | None
    exchange: str | None
    time_zone: str
    unit: str
    stamp: Literal["open", "close"]
    evidence: tuple[str, ...]
    warnings: tuple[str, ...]
    fetched_not_before_ns: int | None
    fetched_not_after_ns: int | None
    checksum: Literal["verified", "absent"]
    incomplete_tail: bool
    """Bars only: the last record may be a bar that was not over when the vendor wrote it."""
    recipe: Recipe = field(repr=False, compare=False)
    many: bool = False
    confidence: Confidence = "columns"
    against: tuple[str, ...] = ()
    """Of every rival, a dialect with the same columns: its name, and why it was not taken."""
    words: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, repr=False, compare=False)
    """What would declare a dialect that such files are read by; empty where the source is in a declared one."""

    @property
    def schema(self) -> Schema:
        """The schema of the first channel."""
        return self.channels[0].schema

    @property
    def type(self) -> str:
        """The type of the first channel."""
        return self.channels[0].type

    @property
    def period(self) -> str:
        """The period of the first channel."""
        return self.channels[0].period

    @property
    def reasons(self) -> tuple[str, ...]:
        """What the lake keeps with the file: how sure the dialect was, what spoke for it, and against its rivals."""
        return (f"confidence: {self.confidence}", *self.evidence, *(f"not {rival}" for rival in self.against))


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be converted: reason (one of schemas.columns.REASONS), 1-based line, text, detail."""

    reason: str
    line: int
    raw: str
    detail: str


Locate = Callable[[int], tuple[int, str]]
"""Gives the 1-based line (or record) number and the text of a row; it costs nothing until called."""


@dataclass(frozen=True, slots=True)
class Portion:
    """The rows of one channel in a block, in file order.

    `rows` has the channel's schema without the identity columns; columns that are not nullable hold no null.
    `symbols` says the symbol of each row as the vendor spells it, a dictionary array without nulls; None where the
    source has one symbol.
    """

    rows: pa.RecordBatch
    locate: Locate
    channel: int = 0
    symbols: pa.DictionaryArray | None = None

    def at(self, places: NDArray[np.int64]) -> Portion:
        """Return the rows at these places."""
        locate = self.locate
        return Portion(
            self.rows.take(places),
            lambda row: locate(int(places[row])),
            self.channel,
            None if self.symbols is None else self.symbols.take(places),
        )


@dataclass(slots=True)
class Batch:
    """One parsed block.

    Where every record makes one row, `records` read = rows + rejects + skipped; records of several rows, such as the
    messages of an order book, are rejected and skipped whole.
    """

    portions: list[Portion]
    records: int
    rejects: list[Reject]
    skipped: dict[str, int]

    @property
    def rows(self) -> pa.RecordBatch:
        """The rows of a source of one channel."""
        [portion] = self.portions
        return portion.rows

    @property
    def locate(self) -> Locate:
        """Where the rows of a source of one channel stand."""
        [portion] = self.portions
        return portion.locate


Block = Any
"""An opaque piece of a source, to be given to `Reader.parse`."""


class Reader(Protocol):
    """Reads one source: blocks in order on one thread, parsing of blocks on any thread."""

    def blocks(self) -> Iterator[Block]:
        """Yield the source's blocks in order, hashing its bytes; LakeError SOURCE_UNREADABLE or SOURCE_UNSAFE."""
        ...

    def parse(self, block: Block) -> Batch:
        """Convert one block; pure and thread safe."""
        ...

    @property
    def sha256(self) -> str:
        """SHA-256 of the whole file's bytes, in hex; valid once `blocks` is exhausted."""
        ...

    def progress(self) -> tuple[int, int]:
        """Bytes of the file consumed, and its size."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...
