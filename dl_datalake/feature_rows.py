"""The rows of feature sets in the Python client: written with what they were made from, read, compared and deleted."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dl_datalake.dates import parse_as_of, parse_range
from lake.errors import LakeError
from schemas.features import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dl_datalake.client import Lake
    from dl_datalake.dates import DateLike
    from dl_datalake.result import Result
    from lake.diff import DiffReport, Progress
    from lake.features.model import FeatureDeleteReport, FeatureWriteReport, Names, OnBad
    from lake.features.model import Progress as WriteProgress
    from lake.features.series import Instrument
    from lake.features.sets import Known, Sets
    from lake.manifest import Manifest
    from lake.write import Mode, WriteResult
    from schemas.keys import Address

DEFAULT_MARKET = "SPOT"
Symbols = str | list[str] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetDiff:
    """What differs between two versions of a feature set, or two states of one."""

    old: str
    """The version and the snapshot, `returns.v1@5`."""
    new: str
    declared: tuple[tuple[str, str, str], ...]
    """What is declared otherwise: of what, and what each of the two says; empty where it says nothing."""
    rows: DiffReport | None
    """The rows of one series, in the columns that both have; None where not both have any."""


class FeatureRows:
    """The part of `lake.features` that knows rows."""

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

    def write(  # noqa: PLR0913 - as many words as the command has options
        self,
        name: str,
        data: Any,  # noqa: ANN401 - anything Arrow can read, or a path
        *,
        symbol: str | None = None,
        exchange: str | None = None,
        market: str | None = None,
        version: str | int | None = None,
        inputs: Result | Sequence[Result] = (),
        inputs_as_of: int | DateLike | None = None,
        code_version: str = "",
        mode: Mode = "upsert",
        on_bad: OnBad | None = None,
        max_bad: str | None = None,
        message: str = "",
        progress: Callable[[WriteProgress], None] | None = None,
    ) -> FeatureWriteReport:
        """Store rows of a set with what they were made from, as one snapshot.

        Args:
            name: The set, with its version or without: then the latest.
            data: A table of any library, a pandas frame with its times as index, or the path of a Parquet, CSV, Feather
                or Arrow file. Rows of several series say which by columns exchange, market and symbol. Where they do
                not say `known_at`, they were known when their input bar had closed and the set's delay was over.
            symbol: The symbol of all rows; that of the inputs, if they are of one.
            exchange: The exchange; needless where the inputs tell it.
            market: The market; needless where the inputs tell it, else SPOT.
            version: The version, if it is not in the name.
            inputs: The results the rows were computed from: their series, range and snapshot become the lineage.
            inputs_as_of: The snapshot at which inputs were read that are not handed over; else the newest.
            code_version: The version of the code; else the git commit of the working directory.
            mode: `upsert` merges by ts and known_at, `append` refuses rows that are not behind the last stored one,
                `replace` puts the rows in the place of everything stored between the first and the last of them.
            on_bad: `refuse` stores all rows or none; `quarantine` keeps bad ones aside, also those that look ahead.
                Unless said, a look-ahead refuses, and few rows that break the schema are kept aside.
            max_bad: How many bad rows are few: `5%`, or a number.
            message: Why, for the history.
            progress: Called as it goes on.

        Raises:
            LakeError: LOOKAHEAD when rows are stamped before their inputs end; UNKNOWN_FEATURES, SCHEMA,
                COLUMN_MISSING, CHECK, CONFLICT, SOURCE_NOT_FOUND, SOURCE_UNREADABLE, LOCKED.
        """
        from lake.features.model import Computed, Input
        from lake.features.writing import WriteRequest, write

        sets = self.sets()
        known = sets.named(name, None if version is None else str(version))
        inputs = _results(inputs)
        names = self._names(known, data, (exchange, market, symbol), inputs)
        refuse_foreign(self._lake, inputs)
        told = [Input(each.addresses, each.snapshot, each.planned.start_ns, each.planned.end_ns) for each in inputs]
        manifest = self._lake._manifest  # noqa: SLF001 -- the lake's own part
        snapshot = None if inputs_as_of is None else manifest.snapshot(parse_as_of(inputs_as_of))
        request = WriteRequest(names, mode, Computed(told, code_version, snapshot), on_bad, max_bad, message)
        report = write(
            self._lake.config,
            known.set,
            data,
            request,
            declared=[each.set for each in sets.all() if each.registration is None],
            checks=self._lake.registry.checks,
            progress=progress,
        )
        for text in report.warnings:
            warnings.warn(text, stacklevel=2)
        return report

    def store(self, address: Address, data: Any, mode: Mode, message: str) -> WriteResult:  # noqa: ANN401 - anything Arrow can read
        """Store rows of a set under the address of one of its series, all or none; raises as `write` does."""
        from lake.write import WriteResult

        exchange, market, symbol = _place(address)
        told = self.write(
            address.period,
            data,
            exchange=exchange,
            market=market,
            symbol=symbol,
            mode=mode,
            on_bad="refuse",
            message=message,
        )
        names = ("read", "new", "identical", "corrected", "superseded")
        return WriteResult(told.snapshot, {name: told.rows.get(name, 0) for name in names}, told.files_written)

    def _names(
        self, known: Known, data: object, given: tuple[str | None, str | None, str | None], inputs: Sequence[Result]
    ) -> Names:
        """Return exchange, market and symbol of rows: as said, else as their inputs have them."""
        from lake.features.model import Names
        from lake.resolve import resolve

        exchange, market, symbol = given
        own = _column_names(data)
        places = {_place(address) for each in inputs for address in each.addresses}
        if len(places) == 1 and symbol in {None, next(iter(places))[2]}:
            there = places.pop()
            said = (word or (None if key in own else at) for word, key, at in zip(given, KEYS, there, strict=True))
            exchange, market, symbol = said
        elif symbol is not None and None in {exchange, market} and known.set.inputs:
            type_, _, period = known.set.inputs[0].partition("/")
            try:
                found = resolve(
                    self._lake._manifest,  # noqa: SLF001 -- the lake's own part
                    symbol,
                    type=type_,
                    period=period,
                    exchange=exchange,
                    market=market,
                )
            except LakeError as error:
                if error.code != "E_UNKNOWN_SERIES":
                    raise
            else:
                exchange, market, symbol = _place(found)
        if "market" in known.set.serving.keys and "market" not in own:
            market = market or DEFAULT_MARKET
        return Names(exchange, market, symbol)

    def delete(  # noqa: PLR0913 - as many words as the command has options
        self,
        name: str,
        symbol: str | None = None,
        *,
        version: str | int | None = None,
        exchange: str | None = None,
        market: str | None = None,
        start: DateLike | None = None,
        end: DateLike | None = None,
        message: str = "",
        dry_run: bool = False,
        progress: Callable[[int, int, Address], None] | None = None,
    ) -> FeatureDeleteReport:
        """Delete a version with its registration, or rows of it: of a symbol, of a range; earlier snapshots keep them.

        Without the version, the one before it is the latest again.

        Args:
            name: The set with its version, `returns.v2`; without, it must have only one.
            symbol: Only the rows of this symbol.
            version: The version, if it is not in the name.
            exchange: Only the rows of this exchange.
            market: Only the rows of this market.
            start: Only rows from here.
            end: Only rows before this.
            message: Why, for the history.
            dry_run: Say what would go; delete nothing.
            progress: Called with series done, series in all, and the last one.

        Raises:
            LakeError: UNKNOWN_FEATURES, UNKNOWN_SERIES, AMBIGUOUS when a version is to be named, LOCKED.
        """
        from lake.features.deleting import FeatureDeleteRequest, delete_features
        from lake.features.series import Instrument, fitting, unknown

        manifest = self._lake._manifest  # noqa: SLF001 -- the lake's own part
        sets = self.sets()
        known = sets.exactly(name, None if version is None else str(version))
        series: tuple[Address, ...] = ()
        instrument = Instrument(exchange, market, symbol)
        if instrument != Instrument():
            series = tuple(fitting(manifest, known, instrument, manifest.snapshot()))
            if not series:
                raise unknown(manifest, known, instrument, manifest.snapshot())
        request = FeatureDeleteRequest(series, *parse_range(start, end), message=message, dry_run=dry_run)
        checks = self._lake.registry.checks
        return delete_features(self._lake.config, known.set, request, checks=checks, progress=progress)

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
        sides: list[tuple[Known, int, list[Address]]] = []
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


def _results(given: Result | Sequence[Result]) -> Sequence[Result]:
    """Return the results that rows were computed from; USAGE for what is none."""
    from dl_datalake.result import Result

    found: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
    for each in found:
        if not isinstance(each, Result):
            raise LakeError(
                "USAGE",
                f"inputs are results of the lake, not a {type(each).__name__}",
                why="Their series, range and snapshot become the lineage.",
                fix=['inputs=[lake.bars("BTCUSDT")]'],
            )
    return found


def refuse_foreign(lake: Lake, results: Sequence[Result]) -> None:
    """Raise USAGE for results of another lake: their snapshots are not this one's."""
    for each in results:
        if each.planned.lake != lake.config.manifest:
            raise LakeError(
                "USAGE",
                f"{each!r} is of another lake",
                where=f"{each.planned.lake}, not {lake.config.manifest}",
                why="Its snapshot says nothing of the rows here.",
                fix=["read it from this lake"],
            )


def _has_rows(manifest: Manifest, instrument: Instrument, snapshot: int, known: Known) -> bool:
    from lake.features.series import fitting

    return bool(fitting(manifest, known, instrument, snapshot))


def _column_names(data: object) -> set[str]:
    """Return the names of a table's columns, where it tells them; of a file none, which is read later."""
    schema = getattr(data, "schema", None) if hasattr(data, "__arrow_c_stream__") else None
    names = getattr(schema, "names", None)
    found = names() if callable(names) else names
    return set(map(str, found if found is not None else getattr(data, "columns", ())))


def _place(address: Address) -> tuple[str, str, str]:
    return address.exchange, address.market, address.symbol
