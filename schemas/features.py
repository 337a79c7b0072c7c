"""Features: values computed elsewhere, with the time at which each row became knowable."""

from __future__ import annotations

from schemas.columns import IDENTITY, Column, Rule, Schema


def features_schema(name: str, columns: tuple[Column, ...], *, version: int, rules: tuple[Rule, ...] = ()) -> Schema:
    """Return the schema of `features/<name>.v<version>`: ts, known_at, the set's own columns; key ts, known_at."""
    clocks = (
        Column("ts", "timestamp_us", unit="UTC", description="The time the row speaks of."),
        Column("known_at", "timestamp_us", unit="UTC", description="When the row could first be known."),
    )
    return Schema(f"features_{name}", version, (*clocks, *columns, *IDENTITY), rules=rules, key=("ts", "known_at"))
