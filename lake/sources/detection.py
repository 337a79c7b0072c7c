"""From a path to a plan: which dialect, which columns, units, zone and period, and what spoke for each."""

from __future__ import annotations

import difflib
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lake.errors import LakeError, printable
from lake.sources import times
from lake.sources.choose import choose, dialects_of
from lake.sources.containers import as_source, verify_checksum
from lake.sources.dialects.checking import GENERIC
from lake.sources.generic import asked_asset
from lake.sources.hints import options_for, why_unread
from lake.sources.levels import parser_of
from lake.sources.model import Channel, Plan
from lake.sources.parts import hold_to_zone, market_of, told_of, with_parts
from lake.sources.relations import holds
from lake.sources.resolve import Draft, recipe_of
from lake.sources.saving import words_for
from lake.sources.sniff import look
from lake.sources.text import TextBlock, TextParser, numbers
from lake.sources.words import BLANK, told
from schemas.bars import BARS
from schemas.metrics import FUNDING, LONG_SHORT_RATIO, OPEN_INTEREST
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.periods import Period, from_step
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from pathlib import Path

    from lake.sources.containers import SourceFile
    from lake.sources.model import Batch, SourceOptions
    from lake.sources.recipe import Recipe
    from lake.sources.sniff import Head
    from lake.sources.times import TimeColumn
    from schemas.columns import Schema

SCHEMAS: dict[str, Schema] = {
    "bars": BARS,
    "ticks/trade": TRADES,
    "ticks/quote": QUOTES,
    "orderbook/l2": BOOK_L2,
    "orderbook/l3": BOOK_L3,
    "metrics/funding": FUNDING,
    "metrics/open_interest": OPEN_INTEREST,
    "metrics/long_short_ratio": LONG_SHORT_RATIO,
}
_TWO_HOURS_NS = 7200 * 10**9
_DAY_S = 86_400
_VARIANTS = {"markpriceklines": "mark", "indexpriceklines": "index", "premiumindexklines": "premium"}


def detect(path: Path | SourceFile, options: SourceOptions) -> Plan:
    """Look at the head of a source and say how it will be read.

    Raises:
        LakeError: SOURCE_NOT_FOUND, SOURCE_UNREADABLE, SOURCE_UNSAFE, SOURCE_CHECKSUM, FORMAT_UNKNOWN,
            FORMAT_MISMATCH, AMBIGUOUS, COLUMN_MISSING, TIME_FORMAT, PERIOD, or USAGE for options that mean nothing.
    """
    _check_options(options)
    source = as_source(path)
    if not source.path.is_file():
        raise LakeError("SOURCE_NOT_FOUND", f"{source.path} is not a file", where=str(source.path))
    checksum = verify_checksum(source.path) if source.member is None else None
    head = look(source)
    try:
        if head.messages:
            from lake.sources.feed_plan import plan_feed

            if planned := plan_feed(head, options, checksum):
                return planned
        if head.kind in {"dbn", "bi5"}:
            draft, recipe, batch = _packed(head, options)
        elif head.kind != "text":
            from lake.sources.columnar import draft_columnar, first_rows

            draft, recipe = draft_columnar(head, options)
            batch = first_rows(source, recipe, SCHEMAS[draft.asset])
        else:
            draft, head = choose(head, options)
            draft.many = "symbol" in draft.targets and options.symbol is None
            recipe = recipe_of(draft, head)
            parser = parser_of(recipe, SCHEMAS[draft.asset])
            batch = parser.parse(replace(TextBlock.of(head.data, head.skip_lines + 1), before=("",) * len(recipe.fill)))
        plan = _plan(head, options, draft, replace(recipe, sha256=checksum), batch)
        plan = with_parts(plan, head, draft, partial(_period, head, options))
        return (
            replace(plan, words=words_for(plan, head, draft, options)) if plan.dialect in {BLANK.name, "json"} else plan
        )
    except LakeError as error:
        error.where = error.where or printable(source.place)
        raise


def _packed(head: Head, options: SourceOptions) -> tuple[Draft, Recipe, Batch]:
    """Look at a file of records of fixed width."""
    if head.kind == "dbn":
        from lake.sources.dbn import draft_dbn

        return draft_dbn(head, options, SCHEMAS)
    from lake.sources.bi5 import draft_bi5

    return draft_bi5(head, options, SCHEMAS)


def _check_options(options: SourceOptions) -> None:
    if options.tz is not None:
        try:
            times.zone(options.tz)
        except ValueError as error:
            why = "Zones are named as in the IANA database."
            raise LakeError("USAGE", str(error), why=why, fix=["--tz Europe/Berlin"]) from error
    told(options.words)
    if options.format is not None and options.format not in (names := [*dialects_of(options), *GENERIC]):
        near = difflib.get_close_matches(options.format, names, 3)
        raise LakeError(
            "USAGE",
            f"there is no format {options.format!r}",
            why="--format takes the name of a format that is read, or csv, json, parquet or arrow.",
            fix=[*(f"--format {name}" for name in near), "dl formats list"],
        )


def _plan(head: Head, options: SourceOptions, draft: Draft, recipe: Recipe, batch: Batch) -> Plan:
    asked = asked_asset(options) if options.type else None
    if asked not in {None, draft.asset}:
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} holds {draft.asset}, not {asked}")
    if not batch.rows.num_rows and (head.kind != "bi5" or batch.rejects):
        first = batch.rejects[0] if batch.rejects else None
        said = f": {first.reason}, {first.detail} in line {first.line}" if first else ""
        raise LakeError(
            "FORMAT_UNKNOWN",
            f"none of the first {batch.records} records of {head.path.name} can be read{said}",
            why=why_unread(head),
            fix=options_for(head),
        )
    dialect = draft.dialect
    period, recipe = _period(head, options, draft, recipe, batch)
    made = (head.member.not_before_ns, head.member.not_after_ns)
    fetched = (options.fetched_at_ns, options.fetched_at_ns) if options.fetched_at_ns is not None else made
    told = {c.what: c.value for c in recipe.constants}
    clock = recipe.times[0]
    kind = draft.asset.split("/", maxsplit=1)[0]
    name = dialect.name if dialect else recipe.kind
    market = market_of(draft.dialect, draft.groups)
    exchange = draft.groups.get("exchange") or (dialect.exchange if dialect else None) or told.get("exchange")
    return Plan(
        source=head.source,
        path=head.path,
        name=printable(head.path.name),
        nbytes=head.nbytes,
        dialect=name,
        channels=(Channel(SCHEMAS[draft.asset], kind, period, dialect.id_space if dialect else ""),),
        market=options.market or (market.upper() if market else None),
        symbol=options.symbol or told.get("symbol") or _seen_symbol(batch) or draft.groups.get("symbol"),
        many=recipe.symbol is not None,
        exchange=options.exchange or (exchange.upper() if exchange else None),
        time_zone="UTC" if clock.labels else clock.zone,
        unit=_unit(clock),
        stamp=dialect.stamp if dialect else "open",
        evidence=tuple(map(printable, draft.evidence)),
        warnings=tuple(map(printable, draft.warnings)),
        fetched_not_before_ns=fetched[0],
        fetched_not_after_ns=fetched[1],
        checksum="verified" if recipe.sha256 else "absent",
        incomplete_tail=kind == "bars" and not (dialect is not None and dialect.complete),
        recipe=recipe,
        confidence="mapped" if options.columns else draft.confidence,
        against=tuple(map(printable, draft.against)),
    )


def _seen_symbol(batch: Batch) -> str | None:
    """Return the only symbol that rows say at the head, if they say one."""
    symbols = batch.portions[0].symbols
    seen = [] if symbols is None else symbols.dictionary.to_pylist()
    return str(seen[0]) if len(seen) == 1 else None


def _period(head: Head, options: SourceOptions, draft: Draft, recipe: Recipe, batch: Batch) -> tuple[str, Recipe]:
    """Return the period (`trade` or `quote` for ticks) and the recipe it completes."""
    clock = recipe.times[0]
    draft.evidence.append(f"times in {_unit(clock)}" + (f", {clock.zone}" if clock.kind != "epoch" else ""))
    if draft.asset != "bars":
        return draft.asset.split("/")[1], recipe
    ns = numbers(batch.rows.column(0), np.int64) * 1000
    steps = np.diff(np.unique(ns))
    step = Counter(steps.tolist()).most_common(1)[0][0] if len(steps) else None
    told = {c.what: c.value for c in recipe.constants}.get("period") or draft.groups.get("period")
    if told is not None and draft.dialect is not None:
        told = draft.dialect.periods.get(told, told)
    asked = options.period or (options.type or "").partition("/")[2]
    period = _parse(asked or told or "") if asked or told else from_step(step // 1000) if step else None
    if period is None:
        known = f"the bars are {step / 1e9:g} s apart" if step else "there is only one bar to tell it from"
        raise LakeError("PERIOD", f"{head.path.name}: {known}")
    shortest = (period.fixed_us or 28 * _DAY_S * 10**6) * 1000
    if step is not None and step < shortest - (_TWO_HOURS_NS if period.grid_us is None else 0):
        raise LakeError("PERIOD", f"{head.path.name}: the bars are {step / 1e9:g} s apart, which are not {period} bars")
    draft.evidence.append(f"period {period} " + ("as asked" if asked else "as named" if told else "from the steps"))
    naive = clock.kind == "text" and clock.text is not None and not clock.text.aware
    wall = naive and period.grid_us is None and not clock.labels
    if wall and ((draft.dialect is not None and draft.dialect.labels) or _midnights(recipe, draft, head)):
        recipe = replace(recipe, times=(replace(clock, labels=True), *recipe.times[1:]))
        draft.evidence.append("dates of bars of a day and up are kept as 00:00 UTC")
    hold_to_zone(draft, recipe, head.path.name)
    if draft.dialect is not None and draft.dialect.stamp == "close" and period.fixed_us:
        recipe = replace(recipe, shift_ns=period.fixed_us * 1000)
    return _variant(head, draft, told_of(draft, period), asked=bool(asked)), recipe


def _unit(clock: TimeColumn) -> str:
    if clock.kind == "stamp":
        return "timestamps"
    if clock.kind == "text":
        return str(clock.text)
    return "mixed" if clock.mixed else clock.unit


def _midnights(recipe: Recipe, draft: Draft, head: Head) -> bool:
    """Return whether the clock of every row seen stands at midnight, so that the times are really dates."""
    clock = recipe.times[0]
    if clock.text is None or head.kind != "text":
        return False
    labelled = replace(recipe, times=(replace(clock, labels=True), *recipe.times[1:]))
    batch = TextParser(labelled, SCHEMAS[draft.asset]).parse(TextBlock.of(head.data, 1))
    return bool((numbers(batch.rows.column(0), np.int64) % (_DAY_S * 10**6) == 0).all())


def _parse(text: str) -> Period:
    try:
        return Period.parse(text)
    except ValueError as error:
        raise LakeError("PERIOD", str(error)) from error


def _variant(head: Head, draft: Draft, period: Period, *, asked: bool) -> str:
    """Add what a folder says of mark, index and premium-index klines; ask when only the rows say it."""
    if draft.dialect is None or not draft.dialect.name.startswith("binance"):
        return str(period)
    folders = {part.casefold() for part in head.path.parts}
    side = next((side for folder, side in _VARIANTS.items() if folder in folders), "")
    if side and not period.side:
        period = replace(period, side=side)
        draft.evidence.append(f"folder of {side} prices")
    elif not asked and holds("no_volume", head.full_rows[:200]):
        raise LakeError(
            "AMBIGUOUS",
            f"{head.path.name} has trades but no volume: these look like mark, index or premium-index klines",
            fix=[f"--period {period}-{side}" for side in _VARIANTS.values()],
        )
    return str(period)
