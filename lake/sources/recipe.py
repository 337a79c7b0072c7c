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


@dataclass(frozen=True)
class Recipe:
    """Positions are 0-based column numbers of the source.

    `fields` maps target columns that are not times. `sides` maps the source's words to buy or sell. Prices are
    divided by `price_scale`; `shift_ns` is taken from `ts` (bars stamped at their close).
    """

    kind: Literal["text", "parquet", "arrow", "messages"]
    names: tuple[str, ...]
    """Column names of the source, or made-up ones (`#0`, `#1`, …) where it has none."""
    times: tuple[TimeColumn, ...]
    fields: dict[str, int]
    sides: dict[str, str] = field(default_factory=dict)
    pointed: frozenset[str] = frozenset()
    """Targets that are counts but are written with a decimal point (795.0)."""
    joined: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Text targets made of several columns: their cells as written, parted by commas."""
    price_scale: int = 1
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

    @property
    def width(self) -> int:
        """How many columns a record has."""
        return len(self.names)
