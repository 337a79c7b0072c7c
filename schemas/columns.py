"""Columns, rules and schemas as plain declarations; Arrow and Pandera forms are made from them elsewhere.

Nothing here imports Arrow or pandas, so the asset graph can be read without them.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from typing import Literal, get_args

ColumnType = Literal[
    "timestamp_us", "timestamp_ns", "float64", "float32", "int64", "int32", "int8", "bool", "text", "category"
]
"""`text` is UTF-8; `category` is dictionary-encoded UTF-8; times are UTC in the named unit."""

RuleKind = Literal["positive", "not_negative", "at_least", "at_most", "highest", "lowest", "on_grid", "one_of"]

FLOATS: frozenset[ColumnType] = frozenset({"float64", "float32"})
"""The types that have NaN and infinities, which no column may hold."""
BOUNDED: frozenset[RuleKind] = frozenset({"at_least", "at_most"})
"""The kinds of rules that have a bound."""
LENGTH_MAX = 65_536
"""Elements of a list at most."""

_TIMES: frozenset[ColumnType] = frozenset({"timestamp_us", "timestamp_ns"})
_BITS: dict[ColumnType, int] = {"int64": 64, "int32": 32, "int8": 8}
_NUMBERS: frozenset[ColumnType] = FLOATS | _BITS.keys()
_TEXTS: frozenset[ColumnType] = frozenset({"text", "category"})
_ELEMENTS: frozenset[ColumnType] = _NUMBERS - {"int8"}
_SPELLED = re.compile(r"([a-z0-9_]+)(?:\[([1-9][0-9]*)\])?", re.ASCII)

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

    With a length it holds lists (arrays, embeddings) of so many elements of its type. A list may be null where the
    column may, its elements never. Float columns, and elements, are never NaN or an infinity.
    """

    name: str
    type: ColumnType
    nullable: bool = False
    unit: str = ""
    description: str = ""
    length: int | None = None

    def __post_init__(self) -> None:
        """Refuse, with ValueError, a list of what makes none, or of no or too many elements."""
        if self.length is not None and (self.type not in _ELEMENTS or not 1 <= self.length <= LENGTH_MAX):
            elements = ", ".join(sorted(_ELEMENTS))
            raise ValueError(f"{self.spelled} is no list: it has 1 to {LENGTH_MAX:,} elements of {elements}")

    @property
    def spelled(self) -> str:
        """The type as declarations spell it: `float64`, `float32[384]`."""
        return self.type if self.length is None else f"{self.type}[{self.length}]"

    def as_held(self, bound: float) -> float:
        """Return a bound as a value of the column, which values are compared with: 0.1 is another in float32.

        Raises:
            ValueError: The column can hold no such number.
        """
        if self.type in _BITS:
            most = 2 ** (_BITS[self.type] - 1)
            if isinstance(bound, int) and -most <= bound < most:
                return bound
        elif self.type in FLOATS:
            try:
                held: float = struct.unpack("f", struct.pack("f", bound))[0] if self.type == "float32" else float(bound)
            except OverflowError:
                held = math.inf
            if math.isfinite(held):
                return held
        raise ValueError(f"{self.name}: {bound} is no {self.type}")


def parse_type(text: str) -> tuple[ColumnType, int | None]:
    """Return the type that a declaration spells and, of a list, how many elements it has: `float32[384]`.

    Raises:
        ValueError: It spells none.
    """
    types: tuple[ColumnType, ...] = get_args(ColumnType)
    found = _SPELLED.fullmatch(text)
    if found is None or found[1] not in types:
        lists = ", ".join(f"{name}[N]" for name in types if name in _ELEMENTS)
        raise ValueError(f"{text!r} is no type of a column: expected one of {', '.join(types)}, {lists}")
    made = Column("", types[types.index(found[1])], length=None if found[2] is None else int(found[2]))
    return made.type, made.length


@dataclass(frozen=True, slots=True)
class Rule:
    """One check on the values of a row; a null satisfies every rule.

    Kinds: `positive` (each column > 0), `not_negative` (each ≥ 0), `at_least` (each ≥ `bound`), `at_most` (each ≤
    `bound`), `highest` (the first column ≥ each of the others), `lowest` (the first ≤ each of the others), `on_grid`
    (a multiple of the asset's period since the epoch, for periods below a day), `one_of` (a member of `values`: texts,
    or whole numbers). Bounds hold for each element of a list; no other rule is for lists.
    """

    kind: RuleKind
    reason: str
    columns: tuple[str, ...]
    values: tuple[str, ...] | tuple[int, ...] = ()
    waivable: bool = False
    """Whether a series' instrument record (price may be ≤ 0) can waive it."""
    bound: float | None = None


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
    registration: str = field(default="", compare=False, repr=False)
    """What only the lake knows of it, as JSON: its files carry that, too, and so it outlives the manifest."""

    def __post_init__(self) -> None:
        """Refuse, with ValueError, a declaration whose parts do not fit together."""
        columns = {column.name: column for column in self.columns}
        if len(columns) != len(self.columns) or "ts" not in columns or columns["ts"].type not in _TIMES:
            raise ValueError(f"{self.name}: every column has its own name, and ts is a timestamp")
        for name in columns:
            if not _is_name(name):
                raise ValueError(f"{self.name}: a column's name is printable text, not {name!r}")
        roles = [name for name in (self.volume, self.low, self.high) if name]
        used = [*self.key, *roles, *(name for rule in self.rules for name in rule.columns)]
        if unknown := sorted(set(used) - set(columns)):
            raise ValueError(f"{self.name}: no column is called {', '.join(unknown)}")
        if lists := [name for name in (*self.key, *roles) if columns[name].length is not None]:
            raise ValueError(f"{self.name}: {', '.join(lists)} is a list, which is no key, volume, low or high")
        for rule in self.rules:
            if rule.reason not in REASONS or not _fits(rule, [columns[name] for name in rule.columns]):
                raise ValueError(f"{self.name}: the rule {rule} does not fit its columns, or has an unknown reason")

    def __hash__(self) -> int:
        """Hash by name and version: schemas are cache keys on hot paths, and hashing every column is slow."""
        return hash((self.name, self.version))

    @property
    def has_lists(self) -> bool:
        """Whether a column holds lists."""
        return any(column.length is not None for column in self.columns)

    @property
    def footer(self) -> dict[str, str]:
        """What a file of the schema's rows says of it."""
        told = {"dl.schema": f"{self.name}/{self.version}"}
        return told | ({"dl.registration": self.registration} if self.registration else {})

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


def _is_name(name: object) -> bool:
    """Whether a column can be called so: a frame of pandas may have numbers there."""
    return isinstance(name, str) and name != "" and name.isprintable()


def _fits(rule: Rule, columns: list[Column]) -> bool:
    """Whether a rule can be held against its columns, and has the values or the bound that its kind needs."""
    found = {column.type for column in columns}
    lists = any(column.length is not None for column in columns)
    if bool(rule.values) != (rule.kind == "one_of") or (rule.bound is not None) != (rule.kind in BOUNDED):
        return False
    if rule.bound is not None:
        try:
            return bool([column.as_held(rule.bound) for column in columns])
        except ValueError:
            return False
    if rule.kind == "one_of":
        kinds = {type(value) for value in rule.values}
        return not lists and ((found <= _TEXTS and kinds == {str}) or (found <= _BITS.keys() and kinds == {int}))
    if rule.kind in {"highest", "lowest"}:
        return not lists and len(columns) > 1 and len(found) == 1 and found <= _NUMBERS | _TIMES
    return not lists and found <= (_TIMES if rule.kind == "on_grid" else _NUMBERS)


def few_words(schema: Schema, name: str) -> tuple[str, ...]:
    """Return the words of a category column, in the order in which they are coded; of no and yes for a bool.

    Raises:
        ValueError: when any word may stand there.
    """
    if schema.column(name).type == "bool":
        return "false", "true"
    [rule] = [rule for rule in schema.rules if rule.kind == "one_of" and rule.columns == (name,)]
    return tuple(str(value) for value in rule.values)


IDENTITY = (
    Column("exchange", "category", description="Exchange or data provider, upper case."),
    Column("market", "category", description="Market segment, such as SPOT or FUTURES-UM."),
    Column("symbol", "category", description="Symbol as the lake spells it."),
)
"""Constant within a file; stored so that any engine can read files without their path."""
