"""Columns that hold one of few words: the words a schema has for them, coded alike in every batch."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.sources.arrays import array_of, flags, texts
from schemas.columns import few_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from schemas.columns import Schema

TRUE, FALSE = "true", "false"
"""Our words for yes and no."""


@cache
def dictionary_of(words: tuple[str, ...]) -> Any:  # noqa: ANN401 -- pa.StringArray
    """Return words as an Arrow array, the same one each time."""
    return texts(words)


def coded(codes: NDArray[np.integer[Any]], words: tuple[str, ...]) -> Any:  # noqa: ANN401 -- pa.DictionaryArray
    """Return places among the words as a category column, null where a place is below 0."""
    indices = array_of(codes.astype(np.int32), pa.int32(), codes < 0)
    return pa.DictionaryArray.from_arrays(indices, dictionary_of(words))


def fixed(schema: Schema, target: str, word: str, count: int) -> Any:  # noqa: ANN401 -- pa.Array
    """Return a column that says the same word in every row."""
    words = few_words(schema, target)
    codes = np.full(count, words.index(word), dtype=np.int32)
    return flags(codes) if schema.column(target).type == "bool" else coded(codes, words)
