"""The columns of messages' rows: what was gathered in Python, as numpy and Arrow have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.sources.arrays import array_of, bits_of, flags
from lake.sources.arrays import texts as texts_of
from lake.sources.careful import Bad, number
from lake.sources.text import numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NUMERIC = b"0123456789.+-eE"
_LONG = 40
"""Longer numbers are looked at one by one."""


def floats(target: str, values: list[Any], kinds: set[type]) -> NDArray[np.float64]:
    """Return the values of a float column; Bad when one is none. `kinds` are the types of them."""
    if None in values:
        raise Bad("missing_value", f"{target} is null")
    if kinds - {str, int, float}:
        raise Bad("bad_number", f"{target} is no number")
    texts = values if kinds == {str} else list(map(str, values))
    joined = "".join(texts).encode()
    if not joined.translate(None, _NUMERIC) and max(map(len, texts), default=0) < _LONG:
        try:
            made = numbers(texts_of(texts, joined).cast(pa.float64()), np.float64)
        except pa.ArrowInvalid:
            made = None
        if made is not None and np.isfinite(made).all():
            return made
    return np.array([number(target, text) for text in texts], dtype=np.float64)


def joined(parts: list[Any], kind: type[np.generic]) -> Any:  # noqa: ANN401 -- a numpy array
    """Return parts in one piece, which may be none."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def column_of(parts: list[Any], counts: list[int], order: NDArray[np.int64], kind: Any, words: Any) -> Any:  # noqa: ANN401 -- pa.Array
    """Return a column of all pieces in order; null where a piece has none of it."""
    if all(part is None for part in parts):
        return pa.nulls(sum(counts), kind)
    like = next(part for part in parts if part is not None)
    filled = [np.zeros(n, dtype=like.dtype) if part is None else part for part, n in zip(parts, counts, strict=True)]
    values = np.concatenate(filled)[order]
    if pa.types.is_string(kind):
        made = texts_of(values.tolist())
    elif pa.types.is_boolean(kind):
        made = flags(values)
    elif pa.types.is_dictionary(kind):
        made = pa.DictionaryArray.from_arrays(array_of(values, pa.int32()), words)
    else:
        made = array_of(values, kind)
    if not any(part is None for part in parts):
        return made
    there = np.concatenate([np.full(n, part is not None) for part, n in zip(parts, counts, strict=True)])[order]
    return pa.Array.from_buffers(kind, len(values), [bits_of(there), *made.buffers()[1:]])
