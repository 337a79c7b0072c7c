"""Columns that hold one of few words: the words a schema has for them, coded alike in every batch."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from schemas.columns import few_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from schemas.columns import Schema

TRUE, FALSE = "true", "false"
"""Our words for yes and no."""


@cache
def dictionary_of(words: tuple[str, ...]) -> Any:  # noqa: ANN401 -- pa.StringArray
    """Return words as an Arrow array, made of buffers, because pa.array of a list imports pandas."""
    ends = np.cumsum([0, *(len(word.encode()) for word in words)]).astype(np.int32)
    return pa.Array.from_buffers(
        pa.string(), len(words), [None, pa.py_buffer(ends), pa.py_buffer("".join(words).encode())]
    )


def coded(codes: NDArray[np.integer[Any]], words: tuple[str, ...]) -> Any:  # noqa: ANN401 -- pa.DictionaryArray
    """Return places among the words as a category column, null where a place is below 0."""
    null = codes < 0
    valid = pa.py_buffer(np.packbits(~null, bitorder="little")) if null.any() else None
    places = pa.py_buffer(np.ascontiguousarray(codes, dtype=np.int32))
    indices = pa.Array.from_buffers(pa.int32(), len(codes), [valid, places])
    return pa.DictionaryArray.from_arrays(indices, dictionary_of(words))


def flags(values: NDArray[Any]) -> Any:  # noqa: ANN401 -- pa.BooleanArray
    """Return yes and no, told by 1 and 0, as an Arrow column."""
    bits = np.packbits(values.astype(np.bool_), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def fixed(schema: Schema, target: str, word: str, count: int) -> Any:  # noqa: ANN401 -- pa.Array
    """Return a column that says the same word in every row."""
    words = few_words(schema, target)
    codes = np.full(count, words.index(word), dtype=np.int32)
    return flags(codes) if schema.column(target).type == "bool" else coded(codes, words)
