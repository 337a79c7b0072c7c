"""How a text is written: its encoding, the lines that are none of it, and the marks in its numbers.

All of it is declared, by a dialect or by the caller; only a byte order mark and the delimiter are found by looking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
SUFFIXES = {"K": 3, "M": 6, "B": 9, "T": 12}
"""Suffix → the power of ten it stands for, in either case."""
BLANKS = " \u00a0\u202f"
"""What parts thousands where a blank is declared: writers use the narrow and the fixed one for it."""
THOUSANDS = (",", ".", " ", "'", "\u00a0")


@dataclass(frozen=True)
class Numerals:
    """How numbers are written: decimal mark, what parts thousands, and whether K, M, B and T scale them.

    `suffixes` concern what is no price. `nulls` are cells that stand for no value, in any column.
    """

    decimal: str = "."
    thousands: str = ""
    suffixes: bool = False
    nulls: frozenset[str] = frozenset()

    @property
    def marked(self) -> bool:
        """Whether a number may look otherwise than with a decimal point alone."""
        return self.decimal != "." or bool(self.thousands) or self.suffixes

    def as_text(self, *, scaled: bool) -> bool:
        """Whether numbers (`scaled`: those that may have a suffix) must be rewritten before they can be read."""
        return bool(self.thousands) or (scaled and self.suffixes)

    def plain(self, cell: str, *, scaled: bool = False) -> str | None:
        """Return a number with a decimal point and no other mark; None when it is not one, as declared."""
        if not self.marked:
            return cell if NUMBER.fullmatch(cell) else None
        scaled = scaled and self.suffixes
        found = re.fullmatch(self._shapes[scaled], cell)
        if found is None:
            return None
        whole = found["whole"] or "0"
        if self.thousands:
            whole = re.sub(f"[{self._parting}]", "", whole)
        part = found["part"] or found["only"]
        suffix = found["suffix"] if scaled else None
        power = f"e{SUFFIXES[suffix.upper()]}" if suffix else found["power"] or ""
        return f"{found['sign']}{whole}{'.' + part if part else ''}{power}"

    def rewritten(self, texts: Any, *, scaled: bool) -> Any | None:  # noqa: ANN401 -- pa.StringArray
        """Do as `plain` does, for an array of texts and nulls at once; None when one of them is no number."""
        import pyarrow.compute as pc  # declarations are read without it

        scaled = scaled and self.suffixes
        if not pc.all(pc.match_substring_regex(texts, f"^(?:{self._shapes[scaled]})$"), min_count=0).as_py():
            return None
        if self.thousands:
            texts = pc.replace_substring_regex(texts, f"[{self._parting}]", "")
        if self.decimal != ".":
            texts = pc.replace_substring(texts, self.decimal, ".")
        for suffix, power in SUFFIXES.items() if scaled else ():
            texts = pc.replace_substring_regex(texts, f" ?[{suffix}{suffix.lower()}]$", f"e{power}")
        return texts

    @cached_property
    def _parting(self) -> str:
        return BLANKS if self.thousands in BLANKS else re.escape(self.thousands)

    @cached_property
    def _shapes(self) -> tuple[str, str]:
        """The patterns of numbers without and with suffixes, understood alike by Python and by Arrow's RE2."""
        groups = f"[0-9]{{1,3}}(?:[{self._parting}][0-9]{{3}})+|" if self.thousands else ""
        mark = re.escape(self.decimal)
        digits = rf"(?P<sign>[+-]?)(?:(?P<whole>{groups}[0-9]+)(?:{mark}(?P<part>[0-9]*))?|{mark}(?P<only>[0-9]+))"
        power = "(?P<power>[eE][+-]?[0-9]+)"
        return f"{digits}{power}?", rf"{digits}(?:{power}| ?(?P<suffix>[KMBTkmbt]))?"


PLAIN_NUMERALS = Numerals()


@dataclass(frozen=True)
class Written:
    """How a text source is written; None for what is found by looking.

    Lines that begin with `comment` are no records, wherever they stand; the first `preamble` lines are none either.
    """

    encoding: str | None = None
    delimiter: str | None = None
    comment: str = ""
    preamble: int = 0
    numerals: Numerals = field(default=PLAIN_NUMERALS)

    def records(self, lines: Sequence[str]) -> list[tuple[int, str]]:
        """Return (1-based line number, text) of the lines that may be records, empty ones left out."""
        return [
            (number, text)
            for number, line in enumerate(lines, 1)
            if number > self.preamble and (text := line.rstrip("\r")) and not self.is_comment(text)
        ]

    def is_comment(self, line: str) -> bool:
        """Whether a line is a comment."""
        return bool(self.comment) and line.startswith(self.comment)


AS_USUAL = Written()
