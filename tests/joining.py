"""Joins in plain Python, straight from their definition, and series of features that are held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from schemas.columns import Column
from schemas.features import features_schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lake.read import Scan
    from schemas.keys import Address
    from tests.tables import Row

COLUMNS = (
    Column("x", "float64", nullable=True, description="A number."),
    Column("word", "category", nullable=True, description="A text that repeats."),
)
SCHEMA = features_schema("joined", COLUMNS, version=1)
US = pa.timestamp("us", tz="UTC")
VALUES = pa.schema([("x", pa.float64()), ("word", pa.dictionary(pa.int32(), pa.string()))])
STORED = pa.schema([("ts", US), ("known_at", US), *VALUES])
BARS = pa.schema([("ts", US), ("close", pa.float64())])
NS = 1000


@dataclass(frozen=True)
class Set:
    """A set to be joined: the rows of each series by the symbol of the bars, and how long they are good."""

    name: str
    series: dict[str, list[Row]]
    ttl_us: int | None = None


@dataclass(frozen=True)
class Question:
    """How to join."""

    by: str = "known_at"
    decide: str = "close"
    strict: bool = False
    tolerance_us: int | None = None


def joined(decision: int, series: Sequence[Row] | None, ttl_us: int | None, how: Question) -> Row | None:
    """Return the row of one series for one decision, as the definition says it."""
    known = [row for row in series or () if (row[how.by] < decision if how.strict else row[how.by] <= decision)]
    if not known:
        return None
    best = max(known, key=lambda row: (row["ts"], row["known_at"]))
    age = decision - best["ts"]
    return None if any(limit is not None and age > limit for limit in (ttl_us, how.tolerance_us)) else best


def answers(bars: Sequence[Row], symbol: str, sets: Sequence[Set], how: Question, length_us: int) -> list[Row]:
    """Return what each bar is joined to, without nulls, beside its ts."""
    told = []
    for bar in bars:
        decision = bar["ts"] + (length_us if how.decide == "close" else 0)
        row = {"ts": bar["ts"]}
        for one in sets:
            found = joined(decision, one.series.get(symbol), one.ttl_us, how) or {}
            row |= {f"{one.name}__{name}": found.get(name) for name in VALUES.names}
        told.append({name: value for name, value in row.items() if value is not None})
    return told


def features(rows: Sequence[Row]) -> pa.Table:
    """Return rows of features as they are stored, by ts and then by known_at."""
    ordered = sorted(rows, key=lambda row: (row["ts"], row["known_at"]))
    return pa.Table.from_pylist([dict.fromkeys(STORED.names) | row for row in ordered], STORED)


class Held:
    """Series in memory that are read like a `Scan`: files cut where a day could be, and row groups anywhere."""

    def __init__(self, series: Mapping[Address, Sequence[pa.Table]], schema: pa.Schema, group: int) -> None:
        """Take the files of each series, in order, and how many rows a row group has."""
        self.addresses = tuple(series)
        self.schema, self.columns, self.snapshot = schema, tuple(schema.names), 1
        self.start_ns: int | None = None
        self.end_ns: int | None = None
        self.reads: list[tuple[int, tuple[str, ...]]] = []
        """Which file was read, the how many-th, for which columns."""
        self._group = group
        self._files = [(address, table) for address, tables in series.items() for table in tables]
        self.plan = []
        for number, (_, table) in enumerate(self._files):
            times = table["ts"].cast(pa.int64()).to_pylist()
            ends = {"first_ns": times[0] * NS, "last_ns": times[-1] * NS}
            self.plan.append(SimpleNamespace(number=number, rows=len(times), **ends))

    def require(self) -> None:
        """Nothing can be missing."""

    def address_of(self, file: Any) -> Address:  # noqa: ANN401 -- one of the plan
        """Return which of the series a file is of."""
        number: int = file.number
        return self._files[number][0]

    def count(self) -> int:
        """Count the rows of the plan."""
        return sum(len(table) for file in self.plan for table in self.pieces(file, ["ts"]))

    def pieces(self, file: Any, columns: Sequence[str], *, skip: int = 0) -> Iterator[pa.Table]:  # noqa: ANN401 -- one of the plan
        """Yield the file's rows within the range, a row group at a time."""
        self.reads.append((file.number, tuple(columns)))
        table = self._files[file.number][1]
        start = -(2**62) if self.start_ns is None else -(-self.start_ns // NS)
        end = 2**62 if self.end_ns is None else -(-self.end_ns // NS)
        groups = [table.slice(at, self._group) for at in range(0, len(table), self._group)]
        inside = [[start <= at < end for at in group["ts"].cast(pa.int64()).to_pylist()] for group in groups]
        read = [(group, hits) for group, hits in zip(groups, inside, strict=True) if any(hits)]
        for group, hits in read[skip:]:
            yield group.slice(hits.index(True), sum(hits)).select(columns)

    def scan(self) -> Scan:
        """Return it as what it is read as."""
        return cast("Scan", self)


def held(address: Address, rows: Sequence[Row], cuts: Sequence[int], group: int) -> Held:
    """Return a series of features whose files end before the given times."""
    return held_features({address: rows}, cuts, group)


def held_features(series: Mapping[Address, Sequence[Row]], cuts: Sequence[int], group: int) -> Held:
    """Return several of them."""
    return Held({address: cut(features(rows), cuts) for address, rows in series.items()}, STORED, group)


def held_bars(series: Mapping[Address, Sequence[Row]], cuts: Sequence[int], group: int) -> Held:
    """Return series of bars, with their ts and close."""
    tables = {address: pa.Table.from_pylist(list(rows), BARS) for address, rows in series.items()}
    return Held({address: cut(table, cuts) for address, table in tables.items()}, BARS, group)


def cut(table: pa.Table, cuts: Sequence[int]) -> list[pa.Table]:
    """Return a table in pieces that end before the given times."""
    times = table["ts"].cast(pa.int64()).to_pylist()
    edges = [0, *sorted({sum(at < end for at in times) for end in cuts}), len(times)]
    return [table.slice(a, b - a) for a, b in pairwise(edges) if b > a]
