"""Amounts as people write them: how long, and how many bytes."""

from __future__ import annotations

import re

from lake.errors import LakeError
from schemas.periods import UNIT_SECONDS

_AMOUNT = re.compile(r"(?P<number>\d{1,6}(?:\.\d{1,3})?) ?(?P<unit>[a-z]+)", re.IGNORECASE)
_BYTES = {"b": 1} | {f"{letter}b": 1000**power for power, letter in enumerate("kmgt", 1)}
_BYTES |= {f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)}


def duration_ns(text: str) -> int:
    """Return `40d`, `36h`, `0d` in nanoseconds; LakeError USAGE for what is no length of time."""
    return _parse(text, {unit: seconds * 10**9 for unit, seconds in UNIT_SECONDS.items()}, "a length of time", "40d")


def step_ns(text: str) -> int:
    """Return `1s`, `100ms`, `5m` in nanoseconds; LakeError USAGE for what is no step of time."""
    units = {"ns": 1, "us": 1_000, "ms": 1_000_000} | {unit: s * 10**9 for unit, s in UNIT_SECONDS.items()}
    return _parse(text, units, "a step of time", "100ms")


def byte_count(text: str) -> int:
    """Return `512MB`, `1.5 GB`, `64MiB` in bytes; LakeError USAGE for what is no size."""
    return _parse(text, _BYTES, "a size", "512MB")


def plural(count: int, noun: str, many: str = "") -> str:
    """Return `1 row`, `2 rows`, `1 series`, `2 series`; `many` where a plural is not made with an s."""
    return f"{count:,} {noun}" if count == 1 or noun.endswith("s") else f"{count:,} {many or f'{noun}s'}"


def _parse(text: str, units: dict[str, int], what: str, example: str) -> int:
    match = _AMOUNT.fullmatch(text.strip())
    unit = units.get(match["unit"].lower()) if match else None
    if match is None or unit is None:
        raise LakeError(
            "USAGE",
            f'"{text}" is not {what}',
            why=f"It is a number and one of {', '.join(units)}.",
            fix=[f"write it like {example}"],
        )
    whole, _, part = match["number"].partition(".")
    thousandths = int(whole) * 1000 + int(part.ljust(3, "0"))
    return thousandths * unit // 1000
