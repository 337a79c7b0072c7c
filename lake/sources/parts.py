"""What a dialect says of a source beside its columns: market, price side, zone, and what else its records make."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.lookup import schema_of
from lake.sources.model import Channel
from lake.sources.resolve import Draft, recipe_of
from lake.sources.text import TextBlock, TextParser
from schemas.periods import SIDES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lake.sources.dialects.declare import Dialect, Part
    from lake.sources.model import Batch, Plan
    from lake.sources.recipe import Recipe
    from lake.sources.sniff import Head
    from schemas.periods import Period

    PeriodOf = Callable[[Draft, Recipe, Batch], tuple[str, Recipe]]


def market_of(dialect: Dialect | None, groups: Mapping[str, str]) -> str | None:
    """Return the market that the name, by its groups, or the dialect says, None where neither does."""
    said = groups.get("market")
    if dialect is None or not said:
        return said or (dialect.market if dialect else None)
    meant = (market for pattern, market in dialect.markets if re.fullmatch(pattern, said))
    return next(meant, dialect.market if dialect.markets else said)


def told_of(draft: Draft, period: Period) -> Period:
    """Return a period of bars with the price side and the adjustment that the vendor says, where nobody else did."""
    dialect = draft.dialect
    if dialect is None:
        return period
    named = draft.groups.get("side", "").casefold()
    side = named if named in SIDES else dialect.side
    if side and not period.side:
        period = replace(period, side=side)
        draft.evidence.append(f"{side} prices, " + ("as named" if named == side else "as the vendor says"))
    if dialect.adjustment and not period.adjustment:
        period = replace(period, adjustment=dialect.adjustment)
        what = {"split": "splits", "total": "splits and dividends"}[dialect.adjustment]
        draft.evidence.append(f"prices adjusted for {what}, as the vendor says")
    return period


def hold_to_zone(draft: Draft, recipe: Recipe, name: str) -> None:
    """Refuse, with AMBIGUOUS, times of day in a zone that nobody knows, where the dialect has it asked for."""
    dialect, clock = draft.dialect, recipe.times[0]
    if dialect is None or not dialect.zone_asked or draft.zone is not None or clock.labels:
        return
    if clock.kind == "text" and clock.text is not None and not clock.text.aware and clock.text.clock:
        raise LakeError(
            "AMBIGUOUS",
            f"{name} does not say the zone of its times",
            why=f"{dialect.title}: the vendor tells the zone nowhere.",
            fix=["--tz ZONE, such as --tz America/New_York"],
        )


def with_parts(plan: Plan, head: Head, draft: Draft, period_of: PeriodOf) -> Plan:
    """Return the plan with a channel for each further part of the dialect."""
    dialect = draft.dialect
    if dialect is None or not dialect.parts or head.kind != "text":
        return plan
    made = [_part(part, plan, head, draft, dialect, period_of) for part in dialect.parts]
    recipe = replace(plan.recipe, others=tuple((recipe, channel.schema) for recipe, channel in made))
    return replace(plan, recipe=recipe, channels=(*plan.channels, *(channel for _, channel in made)))


def _part(
    part: Part, plan: Plan, head: Head, draft: Draft, dialect: Dialect, period_of: PeriodOf
) -> tuple[Recipe, Channel]:
    type_, _, name = part.asset.partition("/")
    targets = {target: place for place, target in enumerate(part.columns) if target is not None}
    told = replace(dialect, asset=part.asset, side=part.side, fill=(), lacking=part.lacking)
    own = Draft(part.asset, targets, told, draft.groups, [], [], draft.zone, draft.price_scale, many=draft.many)
    recipe = recipe_of(own, head)
    period = name
    if type_ == "bars":
        schema = plan.schema
        batch = TextParser(recipe, schema).parse(TextBlock.of(head.data, head.skip_lines + 1))
        period, recipe = period_of(own, recipe, batch)
    else:
        schema = schema_of(part.asset)
    return recipe, Channel(schema, type_, period)
