"""The columns of messages' rows: what was gathered in Python, as numpy and Arrow have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

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
            made = numbers(text_array(texts, joined).cast(pa.float64()), np.float64)
        except pa.ArrowInvalid:
            made = None
        if made is not None and np.isfinite(made).all():
            return made
    return np.array([number(target, text) for text in texts], dtype=np.float64)


def text_array(texts: list[str], joined: bytes | None = None) -> Any:  # noqa: ANN401 -- pa.StringArray
    """Return texts as Arrow has them, made of buffers, because pa.array of a list imports pandas."""
    parts = texts if joined is not None else [text.encode() for text in texts]
    data = joined if joined is not None else b"".join(parts)  # type: ignore[arg-type]  # bytes where nothing was joined
    ends = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(map(len, parts), dtype=np.int32, count=len(texts)), out=ends[1:])
    return pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(data)])


def joined(parts: list[Any], kind: type[np.generic]) -> Any:  # noqa: ANN401 -- a numpy array
    """Return parts in one piece, which may be none."""
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def plain_array(values: Any, kind: Any) -> Any:  # noqa: ANN401 -- numpy array and pa.DataType to pa.Array
    """Return numbers as an Arrow array on the same memory."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def column_of(parts: list[Any], counts: list[int], order: NDArray[np.int64], kind: Any, words: Any) -> Any:  # noqa: ANN401 -- pa.Array
    """Return a column of all pieces in order; null where a piece has none of it."""
    if all(part is None for part in parts):
        return pa.nulls(sum(counts), kind)
    like = next(part for part in parts if part is not None)
    filled = [np.zeros(n, dtype=like.dtype) if part is None else part for part, n in zip(parts, counts, strict=True)]
    values = np.concatenate(filled)[order]
    if pa.types.is_string(kind):
        made = text_array(values.tolist())
    elif pa.types.is_boolean(kind):
        bits = np.packbits(values, bitorder="little")
        made = pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(bits)])
    elif pa.types.is_dictionary(kind):
        made = pa.DictionaryArray.from_arrays(plain_array(values, pa.int32()), words)
    else:
        made = plain_array(values, kind)
    if not any(part is None for part in parts):
        return made
    there = np.concatenate([np.full(n, part is not None) for part, n in zip(parts, counts, strict=True)])[order]
    bits = np.packbits(there, bitorder="little")
    return pa.Array.from_buffers(kind, len(values), [pa.py_buffer(bits), *made.buffers()[1:]])
