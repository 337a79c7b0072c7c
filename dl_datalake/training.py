"""Training sets: bars with the columns of feature sets, each bar with what was known when it was decided on."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import pyarrow as pa

from dl_datalake.dates import parse_as_of
from dl_datalake.feature_rows import refuse_foreign
from dl_datalake.features import length
from dl_datalake.result import Result
from lake.errors import LakeError
from lake.features.join import By, Decide, Joined, PointInTime
from lake.manifest.feature_sets import holders
from lake.read import Scan
from schemas.arrow import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from dl_datalake.features import Length
    from lake.features.sets import Known
    from schemas.keys import Address

Wanted = str | tuple[str, "str | Sequence[str]"]
"""A set by its name, with its version or without; or a pair of that and the column or columns wanted of it."""


@dataclass(frozen=True, slots=True)
class Joining:
    """How rows of feature sets are chosen for a bar; the words are those of `Lake.training_set`."""

    by: By = "known_at"
    tolerance: Length | None = None
    strict: bool = False
    ttl: bool | Length = True
    decide: Decide = "close"

    def __post_init__(self) -> None:
        """Refuse, with USAGE, words that mean nothing."""
        for name, value, known in (("by", self.by, get_args(By)), ("decide", self.decide, get_args(Decide))):
            if value not in known:
                message = f"{name}={value!r} is none of {', '.join(known)}"
                why = "It says which rows a bar may get, and when."
                raise LakeError("USAGE", message, why=why, fix=[f'{name}="{known[0]}"'])

    def ttl_us(self, declared: int | None) -> int | None:
        """Return how long a set's rows are good, in microseconds."""
        return declared if self.ttl is True else None if self.ttl is False else length(self.ttl)


def training_set(
    lake: Lake,
    bars: Result,
    features: Sequence[Wanted] | Mapping[str, str | Sequence[str] | None],
    joining: Joining,
    as_of: int | DateLike | None,
) -> Result:
    """Return bars joined with feature sets; for the words see `Lake.training_set`."""
    scan = _bars(lake, bars, as_of)
    sets = lake.features.sets(scan.snapshot)
    chosen: list[tuple[Known, tuple[str, ...], dict[Address, Address | None]]] = []
    for text, columns in _wanted(features):
        known = sets.named(text, holds=lambda each: any(_series(lake, each, scan).values()))
        found = _series(lake, known, scan)
        chosen.append((known, _columns(known, columns), found))
        _warn_of_none(known, found)
    names = [known.name for known, _, _ in chosen]
    joined = [
        _joined(lake, known, columns, series, scan, joining, known.label if names.count(known.name) > 1 else known.name)
        for known, columns, series in chosen
    ]
    point_in_time = PointInTime(
        scan,
        joined,
        by=joining.by,
        decide=joining.decide,
        strict=joining.strict,
        tolerance_us=None if joining.tolerance is None else length(joining.tolerance),
        memory_mb=lake.config.memory_mb,
        threads=lake.config.threads,
    )
    return Result(point_in_time)


def _bars(lake: Lake, bars: object, as_of: int | DateLike | None) -> Scan:
    """Return the read of the bars at the training set's snapshot: as of which it is asked for, else they were read.

    Where neither says one it is the newest, so that features written since the bars were planned are found.
    """
    scan = bars.planned if isinstance(bars, Result) else None
    if not isinstance(bars, Result) or not isinstance(scan, Scan) or {each.type for each in bars.addresses} != {"bars"}:
        given = "" if isinstance(bars, Result) else f", not a {type(bars).__name__}"
        raise LakeError(
            "USAGE",
            f"a training set is made of bars of the lake{given}",
            where=", ".join(address.key for address in bars.addresses) if isinstance(bars, Result) else "",
            why="Each row is a bar, decided on when it closes.",
            fix=['lake.training_set(lake.bars("BTCUSDT"), features=[…])'],
        )
    refuse_foreign(lake, [bars])
    if as_of is None and scan.is_as_of:
        return scan
    whole = arrow_schema(scan.declaration).names
    return scan.again(
        lake._manifest,  # noqa: SLF001 -- the lake's own part
        scan.addresses,
        start_ns=scan.start_ns,
        end_ns=scan.end_ns,
        columns=None if list(scan.columns) == whole else scan.columns,
        as_of=None if as_of is None else parse_as_of(as_of),
    )


def _wanted(
    features: Sequence[Wanted] | Mapping[str, str | Sequence[str] | None],
) -> list[tuple[str, tuple[str, ...] | None]]:
    if isinstance(features, str):
        features = [features]
    try:
        pairs = (
            features.items()
            if isinstance(features, Mapping)
            else [(f, None) if isinstance(f, str) else f for f in features]
        )
        found = [(name, _names(columns)) for name, columns in pairs]
    except (TypeError, ValueError):
        raise LakeError(
            "USAGE",
            f"{features!r} names no feature sets",
            why="Each is named by its name, by a pair of name and columns, or in a mapping of names to columns.",
            fix=['["momentum"]', '{"momentum": ["momentum"]}'],
        ) from None
    if not found:
        raise LakeError("USAGE", "no feature set was named", why="A training set joins some.", fix=["dl features list"])
    return found


def _names(columns: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return None if columns is None else (columns,) if isinstance(columns, str) else tuple(columns)


def _warn_of_none(known: Known, found: Mapping[Address, Address | None]) -> None:
    """Warn of series that a set has no rows of: another version of it may."""
    without = [bar for bar, address in found.items() if address is None]
    if not without:
        return
    first = f"{without[0].exchange}/{without[0].market}/{without[0].symbol}"
    which = "any of these series" if len(without) == len(found) else f"{len(without)} of {len(found)} series: {first}"
    more = ", …" if 1 < len(without) < len(found) else ""
    warnings.warn(f"{known.label} has no rows of {which}{more}: its columns are empty there", stacklevel=4)


def _columns(known: Known, wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    names = known.set.names
    for name in wanted or ():
        if name not in names:
            raise LakeError(
                "USAGE",
                f"{known.label} has no column {name!r}",
                why="Only a set's own columns are joined.",
                fix=[f"one of {', '.join(names)}"],
            )
    return names if wanted is None else wanted


def _series(lake: Lake, known: Known, bars: Scan) -> dict[Address, Address | None]:
    """Return the set's series for each series of bars; None where it has none."""
    stored = holders(lake._manifest, known.key, bars.snapshot)  # noqa: SLF001 -- the lake's own part
    own = {bar: known.set.address(bar.exchange, bar.market, bar.symbol) for bar in bars.addresses}
    return {bar: address if address in stored else None for bar, address in own.items()}


def _joined(
    lake: Lake,
    known: Known,
    columns: tuple[str, ...],
    series: Mapping[Address, Address | None],
    bars: Scan,
    joining: Joining,
    prefix: str,
) -> Joined:
    stored = list(dict.fromkeys(address for address in series.values() if address is not None))
    scan = None
    if stored:
        scan = Scan(
            lake.config,
            lake._manifest,  # noqa: SLF001 -- the lake's own part
            stored,
            columns=("ts", "known_at", *columns),
            as_of=bars.snapshot,
        )
    whole = arrow_schema(known.set.schema)
    return Joined(
        prefix,
        scan,
        series,
        pa.schema([whole.field(name) for name in columns]),
        joining.ttl_us(known.set.serving.ttl_us),
    )
