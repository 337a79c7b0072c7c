"""Books that begin in the middle: which records of a symbol come before its first snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lake.sources.careful import Bad, records, split

if TYPE_CHECKING:
    from lake.sources.recipe import Recipe
    from lake.sources.text import TextBlock

_FEW = 16
"""Symbols that are looked for in a block one by one."""


class FirstSnapshots:
    """Sees the blocks of a source in order, and tells the records of books that have not begun."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._begun: set[str] = set()

    def seen(self, block: TextBlock) -> TextBlock:
        """Return the block with the numbers of the lines that wait for a snapshot."""
        awaits = self._recipe.awaits
        if awaits is None or self._all_begun(block):
            return block
        waiting = set()
        for line, raw in records(block.data, block.line):
            try:
                cells = split(raw, self._recipe)
            except Bad:
                continue  # rejected where it is parsed
            symbol = "" if self._recipe.symbol is None else cells[self._recipe.symbol]
            if cells[awaits.column].strip() in awaits.values:
                self._begun.add(symbol)
            elif symbol not in self._begun:
                waiting.add(line)
        return replace(block, waiting=frozenset(waiting)) if waiting else block

    def _all_begun(self, block: TextBlock) -> bool:
        if self._recipe.symbol is None or not 0 < len(self._begun) <= _FEW:
            return bool(self._begun) and self._recipe.symbol is None
        mark = self._recipe.delimiter
        return sum(block.data.count(f"{mark}{symbol}{mark}".encode()) for symbol in self._begun) == block.lines
