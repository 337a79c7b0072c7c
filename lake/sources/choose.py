"""Choosing how a text source is read: in a declared dialect, or by the names of its columns, or by the user's words."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.dialects import known
from lake.sources.fit import Fit, Unfit, explain, fits, named, rivals, verdicts
from lake.sources.flatten import LAYOUTS
from lake.sources.generic import draft_by_names
from lake.sources.hints import naming, options_for, why_unread
from lake.sources.resolve import Draft
from lake.sources.words import BLANK, told

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lake.sources.dialects import Dialect, Place
    from lake.sources.fit import Verdicts
    from lake.sources.model import SourceOptions
    from lake.sources.sniff import Head
    from lake.sources.words import Told


def dialects_of(options: SourceOptions) -> Mapping[str, Dialect]:
    """Return the dialects there are: those built in or installed, and the caller's own."""
    return {**options.dialects, **known()} if options.dialects else known()


def choose(head: Head, options: SourceOptions) -> tuple[Draft, Head]:
    """Return how a text source is read, and its head as it is then written.

    Raises:
        LakeError: FORMAT_UNKNOWN, FORMAT_MISMATCH, AMBIGUOUS, COLUMN_MISSING, TIME_FORMAT, or USAGE for words that
            mean nothing.
    """
    is_json = head.layout != "lines" or bool(head.messages)
    if options.format in {"parquet", "arrow", "csv" if is_json else "json"}:
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is no {options.format} file but has {head.seen()}")
    said = told(options.words)
    declared = dialects_of(options)
    over = said.fields if said.only_bytes or options.format in declared else {}
    dialects = {name: replace(dialect, **over) if over else dialect for name, dialect in declared.items()}
    found = verdicts(head, dialects.values())
    if options.format is not None and options.format in dialects:
        return _asked(head, options, dialects[options.format], said, found)
    if options.format is None and not options.columns and said.only_bytes:
        fit = _unasked(head, options, found)
        if fit is not None:
            return _from_fit(options, fit, rivals(found, fit))
    if head.messages and not head.rows:
        raise LakeError("FORMAT_UNKNOWN", f"{head.path.name} is in no known format: {head.seen()}")
    draft, head = _by_words(head, options, said, dialects, found)
    if head.layout != "lines" and draft.dialect is not None:
        draft.evidence.append(LAYOUTS[head.layout])
        draft.dialect = replace(draft.dialect, name="json")
    return draft, head


def _asked(head: Head, options: SourceOptions, dialect: Dialect, said: Told, found: Verdicts) -> tuple[Draft, Head]:
    if said.of_columns:
        raise LakeError(
            "USAGE",
            f"{dialect.name} says itself which column is which",
            why="A format that is named names its columns.",
            fix=["drop --format, or the options that name columns"],
        )
    fit = found[dialect.name]
    if isinstance(fit, Unfit):
        refusal = head.under(dialect.written).refusal
        if refusal is not None:
            raise refusal from fit
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is not in {dialect.name}: {fit}") from fit
    return _from_fit(options, fit, rivals(found, fit))


def _unasked(head: Head, options: SourceOptions, found: Verdicts) -> Fit | None:
    """Return the one dialect that fits best, None when none does; AMBIGUOUS when several do equally."""
    fitting = fits(found)
    if options.market and len({fit.dialect.market for fit in fitting}) > 1:
        fitting = [fit for fit in fitting if fit.dialect.market == options.market.upper()] or fitting
    if len(fitting) > 1:
        raise _ambiguous(head, [fit.dialect.name for fit in fitting])
    return fitting[0] if fitting else None


def _ambiguous(head: Head, names: Sequence[str], why: str = "") -> LakeError:
    message = f"{head.path.name} may be {' or '.join(names)}"
    return LakeError("AMBIGUOUS", message, why=why, fix=[f"--format {name}" for name in names])


def _by_words(
    head: Head, options: SourceOptions, said: Told, dialects: Mapping[str, Dialect], found: Verdicts
) -> tuple[Draft, Head]:
    """Read a table by the names of its columns and by what the caller says; no dialect was taken."""
    dialect = replace(BLANK, **said.fields)
    written = dialect.written
    head = head.under(replace(written, delimiter=dialect.delimiters) if dialect.delimiters else written)
    if head.refusal is not None:
        raise head.refusal
    if head.header is None and not options.columns and not said.of_columns:
        raise _unknown(head, dialects, found)
    usual = Counter(map(len, head.rows)).most_common(1)[0][0]
    if head.header is not None and usual != len(head.header) and not said.columns:
        message = f"{head.path.name} has a header of {len(head.header)} columns over records of {usual}"
        naming_all = "name the columns of the records, in order: --columns A,B,C"
        fix = [*options_for(head), naming_all, "or correct the header"]
        raise LakeError("FORMAT_UNKNOWN", message, fix=fix)
    if "asset" in said.fields and options.type is None:
        options = replace(options, type=dialect.asset)
    try:
        draft = draft_by_names(head.header or (), head.rows, head.width, options, said)
    except LakeError as error:
        if error.code in {"E_FORMAT_UNKNOWN", "E_COLUMN_MISSING"} and options_for(head):
            error.why, error.fix = why_unread(head) or error.why, (*options_for(head), *error.fix)
        raise
    if dialect.sides and not {"side", "buyer_maker"} & set(draft.targets):
        raise LakeError("COLUMN_MISSING", f"{head.path.name} has no column of sides", fix=["--map side=COLUMN"])
    draft.dialect, draft.zone, draft.price_scale = dialect, options.tz or dialect.zone, dialect.price_scale
    if dialect.price_scale_by is not None:
        by, scales = dialect.price_scale_by
        draft.evidence.append(f"prices divided by {', '.join(f'{n} where {by} is {w}' for w, n in scales.items())}")
    draft.against = rivals(found, None)
    if said.of_columns:
        draft.confidence = "mapped"
    match = named(head, dialect)
    draft.groups = {name: text for name, text in match.groupdict().items() if text} if match else {}
    return draft, head


def _unknown(head: Head, dialects: Mapping[str, Dialect], found: Verdicts) -> LakeError:
    """Return why nobody knows what a table without a header is."""
    near = [name for name, dialect in dialects.items() if _near(dialect, head)]
    asking = [name for name, fit in found.items() if isinstance(fit, Fit) and fit.missing == ["the asking"]]
    if asking:
        why = "Nothing in the file tells it: neither the zone of its times nor what its columns are."
        return _ambiguous(head, asking, why)
    said = explain(found, near[:6])
    message = f"{head.path.name} is in no known format: {head.seen()}" + (f" ({said})" if said else "")
    return LakeError("FORMAT_UNKNOWN", message, why=why_unread(head), fix=naming(head))


def _near(dialect: Dialect, head: Head) -> bool:
    if dialect.container == "zip" and head.container != "zip":
        return False
    least = len(dialect.columns) - dialect.optional
    return bool(dialect.columns) and least <= head.width <= len(dialect.columns)


def _from_fit(options: SourceOptions, fit: Fit, against: list[str]) -> tuple[Draft, Head]:
    dialect, head = fit.dialect, fit.head
    draft = Draft(dialect.asset, fit.targets, dialect, fit.groups, fit.evidence)
    draft.joined, draft.levels = fit.joined, fit.levels
    draft.confidence = "asked" if options.format else fit.confidence
    draft.against = against
    draft.zone, draft.price_scale = options.tz or dialect.zone, dialect.price_scale
    if dialect.caution:
        draft.warnings.append(dialect.caution)
    if dialect.places:
        place = _place(head, options, fit)
        draft.zone, draft.price_scale = options.tz or place.zone, place.price_scale
        draft.groups["market"] = place.market
        draft.evidence.append(f"{fit.groups['place']}: times of {draft.zone}, prices divided by {place.price_scale}")
    if dialect.time in {"day", "clock"}:
        draft.day_ns = _day(head, fit)
    if fit.shape_only and dialect.doubt and not options.market:
        draft.warnings.append(dialect.doubt)
    elif dialect.doubt and "/spot/" not in head.path.as_posix() and not options.market and head.header is None:
        _doubt_old(draft)
    return draft, head


def _doubt_old(draft: Draft) -> None:
    """Warn about files of before the vendor's futures files had headers."""
    date = draft.groups.get("date", "")
    if draft.dialect and date and date < "2022-09":
        draft.warnings.append(draft.dialect.doubt)


def _place(head: Head, options: SourceOptions, fit: Fit) -> Place:
    said = (fit.groups.get("place") or "").replace("_", "/")
    fit.groups["place"] = said
    places = fit.dialect.places
    place = places.get(said) or places.get(said.split("/", maxsplit=1)[0] + "/*")
    if place is None or (place.zone is None and options.tz is None):
        known = ", ".join(name for name, known in places.items() if known.zone)
        raise LakeError(
            "AMBIGUOUS",
            f"{head.path.name} does not say the zone of its times: asset class and market are {said or 'not named'}",
            why=f"The zone and the price scale follow from class and market; known are {known}.",
            fix=["keep the vendor's folders, as in equity/usa/minute/spy/20131007_trade.zip", "--tz ZONE"],
        )
    return place


def _day(head: Head, fit: Fit) -> int:
    text = fit.groups.get("date", "")
    try:
        date = dt.datetime.strptime(text.replace("-", ""), "%Y%m%d").replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise LakeError("TIME_FORMAT", f"the name of {head.path.name} has no date, which its times need") from error
    return int(date.timestamp()) * 10**9
