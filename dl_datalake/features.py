"""Feature sets in the Python client: `lake.features`, and the training set that `lake.training_set` joins."""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dl_datalake.dates import parse_as_of, parse_range
from lake.errors import LakeError
from schemas.features import length_text, length_us

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from dl_datalake.result import Result
    from lake.diff import DiffReport, Progress
    from lake.features.registering import Registered
    from lake.features.series import Instrument
    from lake.features.sets import Known, Sets
    from lake.manifest import Manifest
    from lake.manifest.feature_sets import Held
    from schemas.keys import Address

Length = str | dt.timedelta
"""A length of time: `2h`, `500ms`, or a timedelta."""
Symbols = str | list[str] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """One version of a feature set, and what the lake holds of it."""

    known: Known
    held: Held | None
    """None where no row is stored."""
    latest: bool
    """Whether the version is served where none is named."""


def length(given: Length) -> int:
    """Return a length of time in microseconds; USAGE when it is none."""
    if isinstance(given, dt.timedelta):
        return given // dt.timedelta(microseconds=1)
    try:
        return length_us(given)
    except ValueError as error:
        raise LakeError("USAGE", str(error), why="Ages and delays are lengths of time.", fix=["2h", "500ms"]) from None


def said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a set in words, without what is not said."""
    words = {word: value for word, value in given.items() if value is not None}
    for word in ("ttl", "delay", "lookback"):
        if isinstance(words.get(word), dt.timedelta):
            words[word] = length_text(length(words[word]))
    return words


@dataclass(frozen=True, slots=True)
class SetDiff:
    """What differs between two versions of a feature set, or two states of one."""

    old: str
    new: str
    declared: tuple[tuple[str, str, str], ...]
    """What is declared otherwise: of what, and what each of the two says; empty where it says nothing."""
    rows: DiffReport | None
    """The rows of one series, in the columns that both have; None where not both have any."""


class FeatureClient:
    """The feature sets of an open lake, as `lake.features`."""

    def __init__(self, lake: Lake) -> None:
        """Take the lake."""
        self._lake = lake

    def __repr__(self) -> str:
        return f"<feature sets of {self._lake.config.root}>"

    def sets(self, snapshot: int | None = None) -> Sets:
        """Return the sets that are registered or declared; now, unless a snapshot is given."""
        from lake.features.sets import Sets
        from pipelines.feature_sets import declared

        config = self._lake.config
        return Sets(self._lake._manifest, declared(config, warnings.warn), snapshot)  # noqa: SLF001 -- the lake's own part

    def register(  # noqa: PLR0913 - as many words as the command has options
        self,
        name: str,
        columns: Mapping[str, Any] | None = None,
        *,
        schema: str | Path | None = None,
        inputs: Sequence[str] | None = None,
        ttl: Length | None = None,
        delay: Length | None = None,
        stamp: str | None = None,
        lookback: Length | None = None,
        keys: Sequence[str] | None = None,
        owner: str | None = None,
        description: str | None = None,
        promote: bool | None = None,
        message: str = "",
    ) -> Registered:
        """Register a version of a feature set, or add nullable columns to it; what is the same writes nothing.

        Args:
            name: `returns`, or with a version `returns.v2`; without, its highest one, 1 for a new set.
            columns: By name a type such as `float64`, `text`, `float32[16]`, or a mapping with `type`, `unit`,
                `nullable`, `description`, `ge`, `le`, `isin`.
            schema: Instead of `columns` a TOML file, or a Pandera model as `module:Model`; what is said here besides
                goes before what a file says.
            inputs: Keys of the assets its rows are made from, such as `bars/1m`.
            ttl: How long after its ts a row is good; for ever unless given.
            delay: How long after its inputs are complete a row is known, where rows do not say so themselves.
            stamp: Whether ts is the `open` or the `close` of the input bar a row was made at.
            lookback: How far before a row's day its inputs reach back.
            keys: Which of exchange, market and symbol tell its series apart; all, unless it is shared.
            owner: Who answers for it.
            description: What it is.
            promote: False stages a new version: it is not the latest before it is promoted.
            message: Why, for the history.

        Raises:
            LakeError: USAGE when it declares no set; FEATURE_CHANGED when this version differs in more than new
                nullable columns; UNKNOWN_ASSET for an input; LOCKED.
        """
        from pipelines.feature_sets import register

        words = said(
            {
                "columns": columns,
                "inputs": inputs,
                "ttl": ttl,
                "delay": delay,
                "stamp": stamp,
                "lookback": lookback,
                "keys": keys,
                "owner": owner,
                "description": description,
            }
        )
        return register(
            self._lake.config, self._lake.registry, name, words, schema=schema, promote=promote, message=message
        )

    def promote(self, name: str) -> Registered:
        """Let a version be the latest one; UNKNOWN_FEATURES, AMBIGUOUS when no version of several is named."""
        return self._stage(name, promoted=True)

    def deprecate(self, name: str) -> Registered:
        """Let a version no longer be the latest one; it can still be read by its name. Raises as `promote` does."""
        return self._stage(name, promoted=False)

    def _stage(self, name: str, *, promoted: bool) -> Registered:
        from lake.features.registering import set_stage
        from pipelines.feature_sets import declared

        own = declared(self._lake.config, warnings.warn)
        return set_stage(self._lake.config, name, "promoted" if promoted else "deprecated", declared=own)

    def list(self, name: str | None = None, *, as_of: int | DateLike | None = None) -> builtins.list[FeatureInfo]:
        """Return every version of every set, or of one, with what is stored of it."""
        from lake.manifest.feature_sets import held

        manifest = self._lake._manifest  # noqa: SLF001 -- the lake's own part
        at = manifest.snapshot(None if as_of is None else parse_as_of(as_of))
        sets, stored = self.sets(at), held(manifest, at)
        return infos(sets, stored, name)

    def read(  # noqa: PLR0913 - as many words as the command has options
        self,
        name: str,
        symbol: Symbols | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        *,
        version: str | int = "latest",
        exchange: str | None = None,
        market: str | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | DateLike | None = None,
    ) -> Result:
        """Return the rows of a set for one symbol, or for several one after the other.

        Args:
            name: The set, with its version (`returns.v2`) or without.
            symbol: The symbol; needless where the set has one series, or is shared by symbols.
            start: First ts; what is naive is UTC.
            end: The ts to stop before.
            version: `latest` is the highest promoted version that has rows of the symbol.
            exchange: Needed only when several exchanges have the symbol.
            market: Needed only when several markets have it.
            columns: Only these, in this order; all when None.
            as_of: A snapshot's number or name, or a time, to read the lake as it was.

        Raises:
            LakeError: UNKNOWN_FEATURES, UNKNOWN_SERIES, AMBIGUOUS with the candidates, BAD_DATE, UNKNOWN_SNAPSHOT.
        """
        from dl_datalake.result import Result
        from lake.features.series import Instrument, find
        from lake.read import Scan

        manifest = self._lake._manifest  # noqa: SLF001 -- the lake's own part
        at = None if as_of is None else parse_as_of(as_of)
        snapshot = manifest.snapshot(at)
        sets = self.sets(snapshot)
        names = [symbol] if symbol is None or isinstance(symbol, str) else [*symbol]
        found = [
            find(manifest, sets, name, str(version), Instrument(exchange, market, each), snapshot) for each in names
        ]
        if len({known.key for known, _ in found}) > 1:
            labels = sorted({known.label for known, _ in found})
            message = f"the latest version is not the same for all symbols: {', '.join(labels)}"
            raise LakeError("AMBIGUOUS", message, fix=[f'version="{labels[-1].rpartition(".v")[2]}"'])
        start_ns, end_ns = parse_range(start, end)
        scan = Scan(
            self._lake.config,
            manifest,
            list(dict.fromkeys(address for _, address in found)),
            start_ns=start_ns,
            end_ns=end_ns,
            columns=columns,
            as_of=at,
        )
        return Result(scan)

    def diff(  # noqa: PLR0913 - as many words as the command has options
        self,
        old: str,
        new: str | None = None,
        symbol: str | None = None,
        *,
        exchange: str | None = None,
        market: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        samples: int = 5,
        progress: Callable[[Progress], None] = lambda _at: None,
    ) -> SetDiff:
        """Say what differs between two versions of a set, or two states of one: what is declared, and one series' rows.

        Args:
            old: `NAME[@AS_OF]`: a version, `returns.v1`, at a snapshot's number or name, or a time.
            new: The same, or another version; the present of `old` when None.
            symbol: The symbol, where the set has several series.
            exchange: Needed only when several exchanges have the symbol.
            market: Needed only when several markets have it.
            start: Only rows from here.
            end: Only rows before this.
            samples: How many rows of each kind the report shows.
            progress: Called as rows are read.

        Raises:
            LakeError: UNKNOWN_FEATURES, AMBIGUOUS, UNKNOWN_SNAPSHOT, BAD_DATE.
        """
        from lake.diff import Side, diff
        from lake.features.series import Instrument, fitting

        manifest = self._lake._manifest  # noqa: SLF001 -- the lake's own part
        instrument = Instrument(exchange, market, symbol)
        first, second = old, old.partition("@")[0] if new is None else new
        sides: list[tuple[Known, int, builtins.list[Address]]] = []
        for text in (first, second):
            name, at, as_of = text.partition("@")
            snapshot = manifest.snapshot(parse_as_of(as_of) if at else None)
            sets = self.sets(snapshot)
            known = sets.named(name, holds=partial(_has_rows, manifest, instrument, snapshot))
            sides.append((known, snapshot, fitting(manifest, known, instrument, snapshot)))
        (one, at_one, series), (other, at_other, others) = sides
        places = {_place(each): each for each in others}
        both = [(each, places[_place(each)]) for each in series if _place(each) in places]
        if len(both) > 1:
            where = ", ".join("/".join(_place(each)) for each, _ in both[:5])
            raise LakeError("AMBIGUOUS", f"{len(both)} series have rows of both", where=where, fix=["--symbol NAME"])
        rows = None
        if both:
            rows = diff(
                self._lake.config,
                manifest,
                Side(both[0][0], at_one),
                Side(both[0][1], at_other),
                between=parse_range(start, end),
                samples=samples,
                progress=progress,
            )
        names = (f"{one.label}@{at_one}", f"{other.label}@{at_other}")
        return SetDiff(*names, one.set.differences(other.set), rows)


def _has_rows(manifest: Manifest, instrument: Instrument, snapshot: int, known: Known) -> bool:
    from lake.features.series import fitting

    return bool(fitting(manifest, known, instrument, snapshot))


def _place(address: Address) -> tuple[str, str, str]:
    return address.exchange, address.market, address.symbol


def infos(sets: Sets, stored: Mapping[str, Held], name: str | None = None) -> list[FeatureInfo]:
    """Return the versions of a set, or of all, with what is stored of each; UNKNOWN_FEATURES for a set there is not."""
    from lake.features.sets import parse_name

    chosen = sets.all()
    if name is not None:
        own, version = parse_name(name)
        chosen = [sets.named(name)] if version else (sets.versions(own) or [sets.named(own)])
    names = dict.fromkeys(known.name for known in chosen)
    latest = {each: sets.latest(each, lambda known: known.key in stored) for each in names}
    return [FeatureInfo(known, stored.get(known.key), latest[known.name] is known) for known in chosen]
