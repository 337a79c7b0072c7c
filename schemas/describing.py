"""Schemas in words: what a rule demands, and what the columns are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.columns import Rule, Schema


def demand(rule: Rule, grid_us: int | None) -> str:
    """Say what a rule demands."""
    names = ", ".join(rule.columns)
    others = ", ".join(rule.columns[1:])
    text = {
        "positive": f"{names} > 0",
        "not_negative": f"{names} ≥ 0",
        "highest": f"{rule.columns[0]} ≥ {others}",
        "lowest": f"{rule.columns[0]} ≤ {others}",
        "on_grid": f"{names} is a multiple of {(grid_us or 0) / 1_000_000:g} s since the epoch",
        "at_least": f"{names} ≥ {rule.bound}",
        "at_most": f"{names} ≤ {rule.bound}",
        "one_of": f"{names} is {' or '.join(map(str, rule.values))}",
    }[rule.kind]
    return text + (" (unless the instrument's prices may be zero or negative)" if rule.waivable else "")


def describe(schema: Schema) -> list[dict[str, str | bool]]:
    """Return name, type, nullable, unit and description of every column, in stored order."""
    return [
        {"name": c.name, "type": c.spelled, "nullable": c.nullable, "unit": c.unit, "description": c.description}
        for c in schema.columns
    ]
