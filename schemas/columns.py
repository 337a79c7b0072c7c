"""Columns, rules and schemas as plain declarations; Arrow and Pandera forms are made from them elsewhere.

Nothing here imports Arrow or pandas, so the asset graph can be read without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ColumnType = Literal["timestamp_us", "timestamp_ns", "float64", "int64", "int8", "bool", "text", "category"]
"""`text` is UTF-8; `category` is dictionary-encoded UTF-8; times are UTC in the named unit."""

RuleKind = Literal["positive", "not_negative", "highest", "lowest", "on_grid", "one_of"]

_TIMES: frozenset[ColumnType] = frozenset({"timestamp_us", "timestamp_ns"})
_NUMBERS: frozenset[ColumnType] = frozenset({"float64", "int64", "int8"})
_TEXTS: frozenset[ColumnType] = frozenset({"text", "category"})

REASONS = (
    "wrong_field_count",
    "bad_timestamp",
    "bad_number",
    "missing_value",
    "non_positive_price",
    "ohlc_inconsistent",
    "negative_volume",
    "off_grid",
    "bad_value",
    "look_ahead",
)
"""Why a row is rejected, strongest first: a row is counted under the first reason that holds."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name, type, whether it may be null, and its unit.

    Float columns never hold NaN or an infinity.
    """

    name: str
    type: ColumnType
    nullable: bool = False
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One check on the values of a row; a null satisfies every rule.

    Kinds: `positive` (each column > 0), `not_negative` (each ≥ 0), `highest` (the first column ≥ each of the
    others), `lowest` (the first ≤ each of the others), `on_grid` (a multiple of the asset's period since the epoch,
    for periods below a day), `one_of` (a member of `values`).
    """

    kind: RuleKind
    reason: str
    columns: tuple[str, ...]
    values: tuple[str, ...] = ()
    waivable: bool = False
    """Whether a series' instrument record (price may be ≤ 0) can waive it."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The typed shape of one kind of dataset.

    `key` is the natural key within a UTC day; rows whose key has a null, and all rows when it is empty, are told
    apart by multiplicity: k identical rows of one source are k events.
    """

    name: str
    version: int
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    key: tuple[str, ...] = ()
    volume: str = ""
    """The column that `show --stats` adds up."""
    low: str = ""
    high: str = ""
    since: int = 1
    """The oldest version whose files hold rows of this one as they are."""

    def __post_init__(self) -> None:
        """Refuse, with ValueError, a declaration whose parts do not fit together."""
        types = {column.name: column.type for column in self.columns}
        if len(types) != len(self.columns) or types.get("ts") not in _TIMES:
            raise ValueError(f"{self.name}: every column has its own name, and ts is a timestamp")
        roles = (name for name in (self.volume, self.low, self.high) if name)
        used = [*self.key, *roles, *(name for rule in self.rules for name in rule.columns)]
        if unknown := sorted(set(used) - set(types)):
            raise ValueError(f"{self.name}: no column is called {', '.join(unknown)}")
        for rule in self.rules:
            found = {types[name] for name in rule.columns}
            fits = {"one_of": found <= _TEXTS, "on_grid": found <= _TIMES}.get(rule.kind, found <= _NUMBERS)
            if rule.kind in {"highest", "lowest"}:
                fits = len(rule.columns) > 1 and len(found) == 1 and found <= _NUMBERS | _TIMES
            if rule.reason not in REASONS or not fits or bool(rule.values) != (rule.kind == "one_of"):
                raise ValueError(f"{self.name}: the rule {rule} does not fit its columns, or has an unknown reason")

    def __hash__(self) -> int:
        """Hash by name and version: schemas are cache keys on hot paths, and hashing every column is slow."""
        return hash((self.name, self.version))

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in stored order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def few_words(schema: Schema, name: str) -> tuple[str, ...]:
    """Return the words of a category column, in the order in which they are coded; of no and yes for a bool.

    Raises:
        ValueError: when any word may stand there.
    """
    if schema.column(name).type == "bool":
        return "false", "true"
    [rule] = [rule for rule in schema.rules if rule.kind == "one_of" and rule.columns == (name,)]
    return rule.values


IDENTITY = (
    Column("exchange", "category", description="Exchange or data provider, upper case."),
    Column("market", "category", description="Market segment, such as SPOT or FUTURES-UM."),
    Column("symbol", "category", description="Symbol as the lake spells it."),
)
"""Constant within a file; stored so that any engine can read files without their path."""
