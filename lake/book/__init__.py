"""Order books as they were: rebuilt from stored level changes, with what is wrong with them said beside."""

from lake.book.checking import BookReport, Span, check
from lake.book.grid import Grid
from lake.book.ladder import Ladder, Side
from lake.book.reading import Reader, Replayed, forget
from lake.book.state import BEFORE, SUSPECT, VALID

__all__ = [
    "BEFORE",
    "SUSPECT",
    "VALID",
    "BookReport",
    "Grid",
    "Ladder",
    "Reader",
    "Replayed",
    "Side",
    "Span",
    "check",
    "forget",
]
