"""The levels of books, cut out of messages before these are decoded: read at once, without an object for each cell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from lake.sources.text import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_CELL = rb'"[0-9.eE+-]{1,39}"'
_LEVEL = rb"\[" + _CELL + rb"," + _CELL + rb"\]"
_LEVELS = rb"\[(?:" + _LEVEL + rb"(?:," + _LEVEL + rb")*)?\]"
_READ = pacsv.ReadOptions(use_threads=False, column_names=["price", "size"], block_size=1 << 30)
_CONVERT = pacsv.ConvertOptions(column_types={"price": pa.float64(), "size": pa.float64()}, null_values=[])


@dataclass(frozen=True, slots=True)
class CutLevels:
    """The arrays of levels of a block, one after the other; in the messages stands each one's number instead."""

    counts: NDArray[np.int64]
    """The levels of each array."""
    prices: NDArray[np.float64]
    sizes: NDArray[np.float64]

    def of(self, arrays: list[Any]) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]] | None:
        """Return the message, the price and the size of each level of some arrays; None unless all were cut out."""
        if set(map(type, arrays)) - {int}:
            return None
        chosen = np.array(arrays, dtype=np.int64)
        counts = self.counts[chosen]
        rows = np.repeat(np.arange(len(chosen)), counts)
        begins = np.cumsum(self.counts) - self.counts
        places = np.arange(len(rows)) + np.repeat(begins[chosen] - (np.cumsum(counts) - counts), counts)
        return rows, self.prices[places], self.sizes[places]


class Cutter:
    """Cuts levels out of JSON text, where they are written as venues do: texts in pairs, without a blank."""

    def __init__(self, names: Iterable[str]) -> None:
        """Prepare for the names that arrays of levels have."""
        known = b"|".join(sorted(re.escape(name.encode()) for name in set(names)))
        self._levels = re.compile(rb'"(' + known + rb')":(' + _LEVELS + rb")")
        self._numbers = re.compile(rb'"(?:' + known + rb')"\s*:\s*[-0-9]')

    def cut(self, data: bytes) -> tuple[bytes, CutLevels] | None:
        """Return messages without their levels, and these; None where the text is not plain enough to be sure.

        In valid JSON a name in quotes with a colon behind it is the name of a value, wherever it stands, unless it was
        escaped. What is not valid stays so without its levels.
        """
        found: list[bytes] = []

        def number(match: re.Match[bytes]) -> bytes:
            found.append(match[2])
            return b'"%b":%d' % (match[1], len(found) - 1)

        slim = self._levels.sub(number, data)
        # A number that stood there before, or under a name with escapes, would be taken for an array's.
        if not found or b"\\" in slim or len(self._numbers.findall(slim)) != len(found):
            return None
        counts = np.array([text.count(b"[") - 1 for text in found], dtype=np.int64)
        prices, sizes = _read(found)
        if len(prices) != counts.sum() or not (np.isfinite(prices).all() and np.isfinite(sizes).all()):
            return None
        return slim, CutLevels(counts, prices, sizes)


def _read(arrays: list[bytes]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the prices and sizes of all levels; none where a cell is no number."""
    lines = b"\n".join(text[2:-2] for text in arrays if len(text) > len(b"[]"))
    none = np.zeros(0)
    if not lines:
        return none, none
    try:
        table = pacsv.read_csv(
            pa.BufferReader(lines.replace(b"],[", b"\n").translate(None, b'"')), _READ, convert_options=_CONVERT
        )
    except pa.ArrowInvalid:
        return none, none
    prices, sizes = (numbers(column.combine_chunks(), np.float64) for column in table.columns)
    return prices, sizes
