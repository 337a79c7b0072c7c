"""The recipe of one source: the resolved positions, formats and factors a reader works from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from lake.sources.written import PLAIN_NUMERALS, Numerals

if TYPE_CHECKING:
    from lake.sources.feed import FeedRecipe
    from lake.sources.flatten import Layout
    from lake.sources.times import TimeColumn
    from schemas.columns import Schema


@dataclass(frozen=True, slots=True)
class Constant:
    """A column that must say the same thing in every row, such as the symbol."""

    column: int
    value: str
    what: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Records the vendor means as no data: `column` holds one of `values`; counted under `reason`."""

    column: int
    values: frozenset[str]
    reason: str


@dataclass(frozen=True, slots=True)
class ScaleBy:
    """Prices are divided by what the word in `column` stands for; a record of another word is bad."""

    column: int
    scales: dict[str, int]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a book: its side, and the columns of its price and size."""

    side: str
    price: int
    size: int


@dataclass(frozen=True)
class Recipe:
    """Positions are 0-based column numbers of the source.

    `fields` maps target columns that are not times. `sides` maps the source's words to ours for a side. Prices are
    divided by `price_scale`; `shift_ns` is taken from `ts` (bars stamped at their close).
    """

    kind: Literal["text", "parquet", "arrow", "messages", "dbn", "bi5"]
    names: tuple[str, ...]
    """Column names of the source, or made-up ones (`#0`, `#1`, …) where it has none."""
    times: tuple[TimeColumn, ...]
    fields: dict[str, int]
    sides: dict[str, str] = field(default_factory=dict)
    words: dict[str, dict[str, str]] = field(default_factory=dict)
    """The source's words for other targets that are one of few, and what they are in ours (`true` of a yes)."""
    fixed: dict[str, str] = field(default_factory=dict)
    """Targets that are the same in every row, in our words."""
    levels: tuple[Level, ...] = ()
    """The levels of a book that stand side by side in a record: each makes a row."""
    lacking: dict[str, str] = field(default_factory=dict)
    """Targets whose records are no data where their cell is empty, and the reason."""
    awaits: Skip | None = None
    """What begins a book: the records before are skipped, symbol by symbol."""
    pointed: frozenset[str] = frozenset()
    """Targets that are counts but are written with a decimal point (795.0)."""
    joined: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Text targets made of several columns: their cells as written, parted by commas."""
    zeros: frozenset[str] = frozenset()
    """Targets of which a 0 says that there is none."""
    price_scale: int = 1
    scale_by: ScaleBy | None = None
    """What prices are divided by besides, row by row."""
    whole_prices: bool = False
    """A price with a decimal point is none: it would be divided, and was not multiplied."""
    shift_ns: int = 0
    constants: tuple[Constant, ...] = ()
    symbol: int | None = None
    """The column that says each row's symbol, where rows are told apart by it."""
    skips: tuple[Skip, ...] = ()
    fill: tuple[int, ...] = ()
    """Columns of numbers whose empty cells mean what the last one above said."""
    others: tuple[tuple[Recipe, Schema], ...] = ()
    """What else is made of the same records."""
    encoding: str = "utf-8"
    delimiter: str = ","
    comment: str = ""
    """Lines that begin with it are no records."""
    numerals: Numerals = PLAIN_NUMERALS
    skip_lines: int = 0
    """Lines before the first record: header and preamble."""
    layout: Layout = "lines"
    keys: tuple[str, ...] = ()
    """The names in a JSON source's objects, in the order of the columns; none where it has arrays."""
    feed: FeedRecipe | None = None
    """How messages are read; the columns are then those of no table, and none."""
    sha256: str | None = None
    """What the file's .CHECKSUM states, when that was verified."""

    def said(self, target: str) -> dict[str, str]:
        """Return the source's words for a target that is one of few, and what they are in ours."""
        return self.sides if target == "side" else self.words[target]

    @property
    def width(self) -> int:
        """How many columns a record has."""
        return len(self.names)
