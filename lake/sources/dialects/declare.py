"""What can be declared about a vendor's files. A dialect is data: it names columns and rules, and runs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from lake.sources.dialects.message import Feed  # noqa: TC001 -- declarations are held to their types as they run
from lake.sources.written import AS_USUAL, Numerals, Written

if TYPE_CHECKING:
    from collections.abc import Mapping

SNIFFED = "\t;|,"
"""Delimiters that are found by looking."""
BUYER_IS_MAKER: Mapping[str, str] = {
    "True": "sell",
    "true": "sell",
    "1": "sell",
    "False": "buy",
    "false": "buy",
    "0": "buy",
}
"""The maker's side is told; the aggressor is the other one."""

Asset = Literal[
    "bars",
    "ticks/trade",
    "ticks/quote",
    "orderbook/l2",
    "orderbook/l3",
    "metrics/funding",
    "metrics/open_interest",
    "metrics/long_short_ratio",
]

PERIOD_WORDS = r"1s|1m|3m|5m|15m|30m|1h|2h|4h|6h|8h|12h|1d|3d|1w|1mo"


@dataclass(frozen=True, slots=True)
class Levels:
    """The header names of the levels of one side of a book; a `*` stands for the level's number."""

    side: Literal["bid", "ask"]
    price: str
    size: str


@dataclass(frozen=True, slots=True)
class Place:
    """What a place (an asset class and its market) decides; no zone where the vendor's word for it is not known."""

    zone: str | None
    market: str
    price_scale: int = 1


@dataclass(frozen=True, slots=True)
class Part:
    """What else the columns of a record make: a row of an asset of its own, beside the one of its dialect."""

    asset: Asset
    columns: tuple[str | None, ...]
    side: str = ""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """As `Dialect.lacking`: what is lacking for this row does not keep the others from being made."""


@dataclass(frozen=True)
class Dialect:
    """How one vendor writes one kind of file.

    `columns` are the target columns in the vendor's order, None for what the lake does not keep; the last `optional`
    of them may be absent. A text target that stands there several times is made of all their cells, as written and
    parted by commas. Targets are the schema's columns and `ts.date` and `ts.time` (two cells of one time), `symbol`
    and `period` (cells that say the same in every row). `headers` are the header lines in use, in which a `*` stands
    for anything; `header` says whether there is one. With `by_name` the columns are found by their header names
    instead of by position.

    `file` is a pattern over the data's file name without archive suffixes, `folder` one over the whole path;
    their groups may be symbol, period, date, exchange, market, place, side. `needs` lists what must match before the
    dialect is taken on its own account (`--format` overrides): `file`, `folder`, `folder-or-header`, or `asking` where
    nothing in a file can tell it.
    """

    name: str
    title: str
    asset: Asset
    vendor: str
    """The vendor's own words, and where they stand."""
    sample: str
    """The real file, or the test, that proves it."""
    maker: str = ""
    """Who writes such files, as a reader knows them: the vendor or the program. The title stands in for none."""
    example: str = ""
    """A file name as its maker writes it, with the folders where those are looked at; matches `file` or `folder`."""
    columns: tuple[str | None, ...] = ()
    optional: int = 0
    headers: tuple[tuple[str, ...], ...] = ()
    header: Literal["never", "maybe", "always"] = "never"
    by_name: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Names that a header has in another dialect, and never in this one."""
    header_lacks: int = 0
    """How many names the header has fewer than a record has cells."""
    delimiters: str = ","
    """The ones in use, each a character."""
    encoding: str | None = None
    """What the bytes are, where they are not UTF-8 and carry no mark that says what they are."""
    preamble: int = 0
    """Lines before the header, or the first record, that are neither."""
    comment: str = ""
    """Lines that begin with it are no records, wherever they stand."""
    decimal: str = "."
    thousands: str = ""
    """What parts thousands; a blank stands for any of those in use."""
    suffixes: bool = False
    """Whether K, M, B and T scale numbers that are no prices, as in 44.82M."""
    nulls: tuple[str, ...] = ()
    """Cells that stand for no value, besides empty ones."""
    fill: tuple[str, ...] = ()
    """Targets whose empty cells mean what the last cell above said. A record in which all of them are empty says
    nothing of them and is skipped (`no_quote`), as is one above the first that is known whole
    (`before_first_quote`)."""
    parts: tuple[Part, ...] = ()
    container: Literal["text", "zip", "arrow", "json", "messages", "dbn", "bi5"] = "text"
    """`zip`: only ever inside a zip whose member is named by `member`. `arrow`: an Arrow IPC file. `json`: a JSON array
    of arrays. `messages`: JSON messages, as `feed` declares. `dbn`: Databento's own. `bi5`: records of fixed width,
    each of the fields `record`, in LZMA. `text` may be a JSON array as well as lines."""
    feed: Feed | None = None
    """The messages of a source that is no table; it may have rows of other kinds than `asset` beside."""
    record: tuple[tuple[str, str], ...] = ()
    """Names and numpy types of a record's fields; `by_name` says which are kept."""
    unit_ns: int = 1
    """What a record's times count, in nanoseconds."""
    kinds: tuple[tuple[str, Place], ...] = ()
    """(pattern of a symbol, or of a data set, what follows from it): the first that fits decides."""
    file: str = ""
    folder: str = ""
    member: str = ""
    needs: tuple[str, ...] = ()
    time: Literal["epoch", "day", "clock", "text", "any"] = "epoch"
    """`epoch`: its unit is told by its magnitude. `day`: milliseconds, or seconds where `unit` says so, since the
    midnight of the name's date. `clock`: the digits HHMMSS and those of its thousandths, millionths or billionths, a
    number that may have lost its leading zeros, on the name's date; what most of the head has holds for all. `any`:
    the values tell."""
    form: str = ""
    """How text times are written, as in `YYYYMMDD HHMMSS` or `%d %b %Y`; whatever is understood, when empty."""
    unit: Literal["", "s", "ms", "us", "ns", "mixed"] = ""
    """The unit of epochs, where their magnitude is not to tell it; `mixed` when it changes from row to row."""
    clock: str = "matching engine"
    """Whose clock `ts` is; said to the reader, changes nothing."""
    zone: str | None = "UTC"
    zone_asked: bool = False
    """Whether times of day of an unknown zone are refused until `--tz` tells it, instead of being taken as UTC."""
    days: str = ""
    """The zone of the dates in names, where it is not that of the times."""
    labels: bool = False
    """Bars of a day and up carry dates: kept as 00:00 UTC whatever the zone."""
    places: Mapping[str, Place] = field(default_factory=dict)
    stamp: Literal["open", "close"] = "open"
    side: str = ""
    """Bars: whose prices they are (`bid`, `ask`, …), where not those of trades. A group `side` of the name comes
    first."""
    adjustment: str = ""
    """Bars: what the vendor has adjusted the prices for: `split`, or `total` for splits and dividends."""
    price_scale: int = 1
    price_scale_by: tuple[str, Mapping[str, int]] | None = None
    """(column, its words and what prices are divided by besides): pence and pounds in one table. A record of any other
    word is bad."""
    digits: Literal["", "whole", "pointed"] = ""
    """How prices are written, where that tells the dialect: without a decimal point, or with one."""
    sides: Mapping[str, str] = field(default_factory=dict)
    """The vendor's words for a side, and what they are in ours; nothing where they name none."""
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The vendor's words for other columns that say one of few, such as an action, and what they are in ours."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """What every row is, where no column says it: `is_snapshot` of `true` for files of whole books."""
    levels: tuple[Levels, ...] = ()
    """The levels of a book that stand side by side in a record, in the order of their rows."""
    awaits: tuple[str, tuple[str, ...], str] | None = None
    """(column, its values, reason): what begins a book; a symbol's records before the first such are skipped."""
    id_space: str = ""
    """What numbers the trades: ids of two spaces have nothing to do with each other. Empty where trades carry none, or
    nobody knows. One vendor's markets share it: they are told apart by the address."""
    periods: Mapping[str, str] = field(default_factory=dict)
    """The vendor's words for periods, where they are not ours."""
    market: str | None = None
    markets: tuple[tuple[str, str], ...] = ()
    """(pattern, market): what the group `market` of a name means, where it is not the market's own word."""
    exchange: str | None = None
    skips: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    """(column, its values, reason): records the vendor means as no data."""
    zeros: tuple[str, ...] = ()
    """Targets of which a 0 says that there is none, such as the price of an order at the market."""
    lacking: Mapping[str, str] = field(default_factory=dict)
    """Target → reason: records whose cell for it is empty are no data, and counted under the reason."""
    relations: tuple[str, ...] = ()
    """Names of value relations (lake.sources.relations) that most rows satisfy."""
    complete: bool = False
    """The vendor publishes only what is over, so the last bar is a whole one."""
    caution: str = ""
    """What the reader should know before trusting the numbers; shown with every plan."""
    doubt: str = ""
    """Said when nothing but the shape of the rows spoke for the dialect."""

    @property
    def made(self) -> tuple[tuple[str, str], ...]:
        """Asset and price side of each kind of rows that it makes."""
        if self.feed is not None:
            return tuple((asset, "") for asset in self.feed.assets)
        return ((self.asset, self.side), *((part.asset, part.side) for part in self.parts))

    @cached_property
    def written(self) -> Written:
        """How its files are written, where that is not found by looking."""
        numerals = Numerals(self.decimal, self.thousands, self.suffixes, frozenset(self.nulls))
        found = Written(self.encoding, None, self.comment, self.preamble, numerals)
        sniffed = len(self.delimiters) != 1 or (self.delimiters in SNIFFED and found == AS_USUAL)
        return found if sniffed else replace(found, delimiter=self.delimiters)
