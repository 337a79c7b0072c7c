"""What to tell the user about a text that is in no known format: what was seen in it, and the option that says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lake.sources.sniff import Head

_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_BOTH_MARKS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+")
_SUFFIXED = re.compile(r"[+-]?\d+(?:[.,]\d+)? ?[KMBT]", re.IGNORECASE)
_ROWS = 100


def why_unread(head: Head) -> str:
    """Say what is unusual about how the file is written, as far as it was seen; empty when nothing is."""
    if not head.is_utf8:
        return "Its bytes are not UTF-8, and nothing in a file says what else they are."
    told = {
        "written with commas, as in {}": None if _first(head, _BOTH_MARKS) else _first(head, _DECIMAL_COMMA),
        "written with commas between thousands, as in {}": _first(head, _BOTH_MARKS),
        "written with suffixes, as in {}": _first(head, _SUFFIXED),
    }
    seen = [words.format(cell) for words, cell in told.items() if cell and not head.written.numerals.marked]
    return f"Its numbers are {' and '.join(seen)}, which has to be said." if seen else ""


def options_for(head: Head) -> list[str]:
    """Return the options that say how the file is written, where it looks as if one was needed."""
    found = []
    if not head.is_utf8:
        found.append("--encoding cp1251, or whatever it is in")
    if not head.written.numerals.marked:
        flags = {"--decimal ,": _DECIMAL_COMMA, "--thousands ,": _BOTH_MARKS, "--volume-suffixes": _SUFFIXED}
        if _first(head, _BOTH_MARKS):
            del flags["--decimal ,"]
        found += [flag for flag, pattern in flags.items() if _first(head, pattern)]
    start = _first_line(head)
    if not head.written.comment and start[:1] in {"#", "%", ";"}:
        found.append(f"--comment '{start[0]}'")
    return found


def naming(head: Head) -> list[str]:
    """Return what to do with a file without a header: its columns are named in order."""
    columns = "ts,open,high,low,close,volume --type bars" if head.width >= 6 else "ts,price,size --type ticks/trade"
    return [*options_for(head), f"name the columns in order: --columns {columns}", "or the format: --format NAME"]


def _first(head: Head, pattern: re.Pattern[str]) -> str | None:
    cells = (cell.strip() for row in head.rows[:_ROWS] for cell in row)
    return next((cell for cell in cells if pattern.fullmatch(cell)), None)


def _first_line(head: Head) -> str:
    return head.raw[:200].decode("utf-8", "replace").lstrip("\ufeff")
