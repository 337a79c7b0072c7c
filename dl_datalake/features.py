"""Feature sets in the Python client: `lake.features`, and the training set that `lake.training_set` joins."""

from __future__ import annotations

import datetime as dt
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dl_datalake.dates import parse_as_of, parse_range
from dl_datalake.feature_rows import FeatureRows
from lake.errors import LakeError
from schemas.features import length_text, length_us

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dl_datalake.dates import DateLike
    from lake.features.findings import AuditReport, Progress
    from lake.features.registering import Registered
    from lake.features.sets import Known, Sets
    from lake.manifest.feature_sets import Held
    from schemas.keys import Address

Length = str | dt.timedelta
"""A length of time: `2h`, `500ms`, or a timedelta."""


@dataclass(frozen=True, slots=True)
class FeatureInfo:
    """One version of a feature set, and what the lake holds of it."""

    known: Known
    held: Held | None
    """None where no row is stored."""
    latest: bool
    """Whether the version is served where none is named."""


def length(given: Length) -> int:
    """Return a length of time in microseconds; USAGE when it is none, or less than nothing."""
    try:
        if isinstance(given, dt.timedelta) and given >= dt.timedelta(0):
            return given // dt.timedelta(microseconds=1)
        return length_us(str(given))
    except ValueError as error:
        raise _no_length(error) from None


def _no_length(error: ValueError) -> LakeError:
    return LakeError("USAGE", str(error), why="Ages and delays are lengths of time.", fix=["2h", "500ms"])


def said(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a set in words, without what is not said; USAGE for a length that cannot be kept."""
    words = {word: value for word, value in given.items() if value is not None}
    for word in ("ttl", "delay", "lookback"):
        if isinstance(words.get(word), dt.timedelta):
            try:
                words[word] = length_text(length(words[word]))
            except ValueError as error:
                raise _no_length(error) from None
    return words


class FeatureClient(FeatureRows):
    """The feature sets of an open lake, as `lake.features`."""

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

    def audit(
        self,
        *names: str,
        symbol: str | None = None,
        exchange: str | None = None,
        market: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        progress: Callable[[Progress], None] = lambda _at: None,
    ) -> AuditReport:
        """Look for leaks, restated inputs, holes, and columns that lost their values; nothing is changed.

        Args:
            names: Sets or versions, the latest of each unless named; all sets unless any is.
            symbol: Only the rows of this symbol.
            exchange: Only the rows of this exchange.
            market: Only the rows of this market.
            start: Only partitions that end after this.
            end: Only partitions that begin before this; then it is not asked whether rows are due.
            progress: Called as it goes on.

        Raises:
            LakeError: UNKNOWN_FEATURES, BAD_DATE; FILE_DAMAGED, FILE_MISSING, TIER_UNAVAILABLE.
        """
        from lake.features.auditing import audit
        from lake.features.findings import AuditRequest
        from lake.features.series import Instrument
        from lake.manifest.feature_sets import held

        manifest = self._lake._manifest  # noqa: SLF001 -- the lake's own part
        sets, stored = self.sets(), held(manifest)
        own = names or tuple(dict.fromkeys(known.name for known in sets.all()))
        chosen = {
            known.key: known for known in (sets.named(name, holds=lambda each: each.key in stored) for name in own)
        }
        instrument = Instrument(exchange, market, symbol)

        def fits(address: Address) -> bool:
            known = chosen.get(address.key)
            return known is not None and instrument.fits(address, known.set.serving.keys)

        request = AuditRequest(tuple(chosen.values()), fits, *parse_range(start, end))
        registry = self._lake.registry
        return audit(self._lake.config, request, registry=registry, now_ns=time.time_ns(), progress=progress)


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
