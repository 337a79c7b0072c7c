"""Feature sets: values computed elsewhere, with the time at which each row became knowable.

A set is the asset `features/<name>.v<version>`. Its rows speak of `ts`, were knowable from `known_at` on, and are told
apart by both: the same ts known again later is a revision, and stands beside the first.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from schemas.columns import IDENTITY, Column, Rule, RuleKind, Schema
from schemas.keys import Address
from schemas.periods import UNIT_SECONDS, Period

if TYPE_CHECKING:
    from collections.abc import Mapping

Stamp = Literal["open", "close"]
ALL = "_ALL"
"""Stands in an address for what the rows of a shared set are not told apart by."""
NAME_MAX = 120
"""Characters of a column's name at most."""
KEYS = tuple(column.name for column in IDENTITY)
_LENGTH = re.compile(r"(0|[1-9][0-9]{0,8})(ms|s|m|h|d|w)")
_UNIT_US = {"ms": 1_000} | {unit: seconds * 10**6 for unit, seconds in UNIT_SECONDS.items()}
_LONGEST_MONTH_US = 31 * _UNIT_US["d"]
_NAME = re.compile(r"(?P<name>[a-z0-9][a-z0-9_-]{0,55})(?:\.v(?P<version>[0-9.]+))?")
CLOCKS = (
    Column("ts", "timestamp_us", unit="UTC", description="The time the row speaks of."),
    Column("known_at", "timestamp_us", unit="UTC", description="When the row could first be known."),
)


def features_schema(
    name: str, columns: tuple[Column, ...], *, version: int = 1, rules: tuple[Rule, ...] = ()
) -> Schema:
    """Return the schema of a set, `<name>.v<version>`: ts, known_at, the set's own columns; key ts and known_at.

    Args:
        name: The set's name with its version, `returns.v1`.
        columns: Its own columns.
        version: How often columns were added to it, and one.
        rules: What its rows must satisfy.
    """
    return Schema(f"features_{name}", version, (*CLOCKS, *columns, *IDENTITY), rules=rules, key=("ts", "known_at"))


def length_us(text: str) -> int:
    """Return a length of time such as `2h` or `500ms` in microseconds; ValueError when it is none."""
    match = _LENGTH.fullmatch(text)
    if not match:
        msg = f"{text!r} is no length of time: expected a number and ms, s, m, h, d or w, such as 2h"
        raise ValueError(msg)
    return int(match[1]) * _UNIT_US[match[2]]


def length_text(us: int) -> str:
    """Return a length as `length_us` reads it, in the largest unit that fits; ValueError for parts of a millisecond."""
    unit = next((unit for unit in ("w", "d", "h", "m", "s", "ms") if us % _UNIT_US[unit] == 0), None)
    if unit is None:
        raise ValueError(f"{us} µs are not whole milliseconds")
    return f"{us // _UNIT_US[unit]}{unit}" if us else "0s"


def version_numbers(version: str) -> tuple[int, ...]:
    """Return a version as the numbers it is compared by: 1.0.10 comes after 1.0.9, and 10 after 9."""
    return tuple(map(int, version.split(".")))


def split_name(text: str) -> tuple[str, str | None]:
    """Return name and version of `returns`, `returns.v2` or `features/returns.v2`; ValueError when it is none."""
    match = _NAME.fullmatch(text.removeprefix("features/"))
    if not match:
        msg = f"{text!r} cannot name a feature set: expected lower case letters, digits, dash and underscore"
        raise ValueError(msg)
    if match["version"] is not None:
        Address.of("-", "-", "-", "features", f"{match['name']}.v{match['version']}")
    return match["name"], match["version"]


@dataclass(frozen=True, slots=True)
class Serving:
    """What is to be known of a set beyond its columns to serve its rows without a leak."""

    keys: tuple[str, ...] = KEYS
    """Which of exchange, market and symbol tell its series apart; a set with fewer is shared by what they leave out."""
    ttl_us: int | None = None
    """How long after its ts a row is good, in microseconds; None for ever."""
    delay_us: int = 0
    """How long after its inputs are complete a row is known, where the row itself does not say."""
    stamp: Stamp = "open"
    """Whether ts is the open or the close of the input bar that a row was made at."""
    lookback_us: int = 0
    """How far before its own partition the inputs of a row reach back."""

    def __post_init__(self) -> None:
        """Refuse, with ValueError, what cannot be."""
        if tuple(key for key in KEYS if key in self.keys) != self.keys:
            raise ValueError(f"keys are some of {', '.join(KEYS)}, in this order")
        if self.stamp not in get_args(Stamp):
            raise ValueError(f"stamp is open or close, not {self.stamp!r}")
        if self.delay_us < 0 or self.lookback_us < 0 or (self.ttl_us is not None and self.ttl_us <= 0):
            raise ValueError("delay and lookback are not negative, and a ttl is more than nothing")


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """One version of a feature set: its columns, what it is made from, and how it is served."""

    name: str
    version: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    inputs: tuple[str, ...] = ()
    """Keys of the assets its rows are made from."""
    serving: Serving = Serving()
    owner: str = ""
    description: str = ""
    revision: int = 1
    """How often columns were added to this version, and one."""
    registered: bool = field(default=False, compare=False, repr=False)
    """Whether only the lake itself knows of it, and not code: then its files carry what is declared here, too."""

    def __post_init__(self) -> None:
        """Refuse, with ValueError, a name, a version or columns that cannot be."""
        Address.of("-", "-", "-", "features", self.label)
        if not self.columns:
            raise ValueError(f"{self.label} has no columns of its own")
        taken = {column.name for column in (*CLOCKS, *IDENTITY)}
        for name in self.names:
            if not name.isprintable() or not 1 <= len(name) <= NAME_MAX:
                raise ValueError(f"{name!r:.80} cannot name a column: it has 1 to {NAME_MAX} printable characters")
            if name in taken:
                raise ValueError(f"{name} is a column of every set, and no set declares it")
        _ = self._own_schema()

    @property
    def label(self) -> str:
        """`returns.v2`."""
        return f"{self.name}.v{self.version}"

    @property
    def key(self) -> str:
        """The asset's key, `features/returns.v2`."""
        return f"features/{self.label}"

    @property
    def schema(self) -> Schema:
        """The schema of the stored rows."""
        schema = self._own_schema()
        return replace(schema, registration=self.to_json()) if self.registered else schema

    def _own_schema(self) -> Schema:
        return features_schema(self.label, self.columns, version=self.revision, rules=self.rules)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the set's own columns."""
        return tuple(column.name for column in self.columns)

    @property
    def bars(self) -> tuple[Period, ...]:
        """The periods of the bars among its inputs."""
        return tuple(Period.parse(key.partition("/")[2]) for key in self.inputs if key.startswith("bars/"))

    @property
    def wait_us(self) -> int:
        """How long after its ts a row's inputs are complete at most: the longest bar, where ts is its open."""
        if self.serving.stamp == "close":
            return 0
        return max((period.fixed_us or period.n * _LONGEST_MONTH_US for period in self.bars), default=0)

    def complete_us(self, ts_us: int) -> int:
        """Return when the inputs of a row are complete, by its ts; months are as long as the calendar has them."""
        if self.serving.stamp == "close":
            return ts_us
        return max((period.later_us(ts_us) for period in self.bars), default=ts_us)

    def address(self, exchange: str, market: str, symbol: str) -> Address:
        """Return the set's series for an instrument; ValueError when its names cannot be used."""
        given = {"exchange": exchange, "market": market, "symbol": symbol}
        where = [given[key] if key in self.serving.keys else ALL for key in KEYS]
        return Address.of(where[0], where[1], where[2], "features", self.label)

    def to_json(self) -> str:
        """Return the set as canonical JSON; `from_json` reads it back."""
        said = {
            "name": self.name,
            "version": self.version,
            "columns": [_words(column) for column in self.columns],
            "rules": [_words(rule) for rule in self.rules],
            "inputs": self.inputs,
            "keys": self.serving.keys,
            "ttl_us": self.serving.ttl_us,
            "delay_us": self.serving.delay_us,
            "stamp": self.serving.stamp,
            "lookback_us": self.serving.lookback_us,
            "owner": self.owner,
            "description": self.description,
            "revision": self.revision,
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, *, registered: bool = False) -> FeatureSet:
        """Read back what `to_json` wrote."""
        said = json.loads(text)
        return cls(
            said["name"],
            said["version"],
            tuple(Column(**words) for words in said["columns"]),
            tuple(_rule(words) for words in said["rules"]),
            tuple(said["inputs"]),
            Serving(tuple(said["keys"]), said["ttl_us"], said["delay_us"], said["stamp"], said["lookback_us"]),
            said["owner"],
            said["description"],
            said["revision"],
            registered,
        )

    def changed(self, new: FeatureSet) -> str:
        """Say why another declaration cannot take this one's place under the same version; empty when it can.

        It can when it only adds nullable columns, or tells otherwise of ttl, lookback, owner and description.
        """
        for word in ("inputs", "serving.keys", "serving.stamp", "serving.delay_us"):
            old, other = (_get(each, word) for each in (self, new))
            if old != other:
                return f"{word.removeprefix('serving.').removesuffix('_us')} would be {other!r} instead of {old!r}"
        kept = {column.name: column for column in new.columns}
        for column in self.columns:
            if replace(kept.get(column.name, column), description=column.description) != column:
                return f"the column {column.name} would be another"
            if column.name not in kept:
                return f"the column {column.name} would go"
        added = new.names[len(self.names) :]
        if new.names[: len(self.names)] != self.names:
            return "the columns would stand in another order: new ones come last"
        for column in new.columns:
            if column.name in added and not column.nullable:
                return f"the new column {column.name} is not nullable"
        own = [rule for rule in new.rules if not set(rule.columns) & set(added)]
        return "" if own == list(self.rules) else "the rules of its columns would be others"

    def differences(self, new: FeatureSet) -> tuple[tuple[str, str, str], ...]:
        """Return what another version or state declares otherwise: of what, and both in words; empty for nothing."""
        old_words, new_words = self._told(), new._told()
        words = dict.fromkeys((*old_words, *new_words))
        return tuple(
            (word, old_words.get(word, ""), new_words.get(word, ""))
            for word in words
            if old_words.get(word, "") != new_words.get(word, "")
        )

    def _told(self) -> dict[str, str]:
        serving = self.serving
        told = {f"column {column.name}": self._told_of(column) for column in self.columns}
        return told | {
            "inputs": ", ".join(self.inputs),
            "keys": ", ".join(serving.keys),
            "ttl": "" if serving.ttl_us is None else length_text(serving.ttl_us),
            "delay": length_text(serving.delay_us),
            "stamp": serving.stamp,
            "lookback": length_text(serving.lookback_us),
            "owner": self.owner,
            "description": self.description,
        }

    def _told_of(self, column: Column) -> str:
        rules = [
            f"{rule.kind} {rule.bound if rule.bound is not None else ', '.join(map(str, rule.values))}".strip()
            for rule in self.rules
            if column.name in rule.columns
        ]
        words = [column.spelled, column.unit, "may be null" if column.nullable else "", *rules]
        return ", ".join(word for word in words if word)


def _get(given: FeatureSet, word: str) -> object:
    found: Any = given
    for part in word.split("."):
        found = getattr(found, part)
    return found


def _words(declared: Column | Rule) -> dict[str, Any]:
    """Return what a column or a rule says, without what it leaves as it is by default."""
    words = {name: getattr(declared, name) for name in declared.__dataclass_fields__}
    return {
        name: value
        for name, value in words.items()
        if value not in ("", ()) and value is not None and value is not False
    }


def _rule(words: Mapping[str, Any]) -> Rule:
    found = dict(words)
    kind = cast("RuleKind", found.pop("kind"))
    tuples = {name: tuple(value) for name, value in found.items() if isinstance(value, list)}
    return Rule(kind, **(found | tuples))
