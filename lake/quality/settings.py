"""Which rules a series is held to, and what counts for each: the table's figures, and those of dl.toml over them."""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.quality.rules import BY_NAME, RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lake.config import Config
    from schemas.keys import Address


def rules_of(words: Iterable[str] | None) -> tuple[str, ...]:
    """Return the rules that words name, none for all that apply; USAGE for others."""
    given = tuple(dict.fromkeys(word.strip() for word in words or ()))
    for word in given:
        _refuse_unknown(word, "--rule")
    return given


def thresholds(config: Config, address: Address, only: tuple[str, ...]) -> dict[str, float]:
    """Return what counts for each rule that a series is held to; of dl.toml's patterns the last that fits wins.

    Raises:
        LakeError: USAGE when dl.toml names a rule there is not.
    """
    found = {rule.name: rule.threshold for rule in RULES if rule.applies(address)}
    for pattern, table in config.quality:
        for name, threshold in table.items():
            _refuse_unknown(name, f"dl.toml: {pattern}")
            if name in found and fnmatchcase(str(address), pattern):
                if threshold is None:
                    del found[name]
                else:
                    found[name] = threshold
    return {name: threshold for name, threshold in found.items() if not only or name in only}


def _refuse_unknown(word: str, where: str) -> None:
    if word in BY_NAME:
        return
    near = get_close_matches(word, BY_NAME, 1)
    raise LakeError(
        "USAGE",
        f"there is no rule {word!r}",
        where=where,
        why="A rule that is misspelt would be one that is not there.",
        fix=[f"did you mean {near[0]}?" if near else f"one of {', '.join(BY_NAME)}"],
    )
