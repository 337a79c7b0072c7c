"""What the prices of a block are divided by: one number for all its rows, or one for each, as a column's words say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from lake.sources.arrays import array_of

if TYPE_CHECKING:
    from lake.sources.recipe import Recipe

    Scale = int | np.ndarray[Any, Any]


def scale_of(recipe: Recipe, columns: dict[str, Any]) -> Scale | None:
    """Return the scale of a block's columns (pa.DictionaryArray, by name); None when a word says none."""
    by = recipe.scale_by
    if by is None:
        return recipe.price_scale
    words = columns[recipe.names[by.column]]
    said = words.dictionary.to_pylist()
    if words.null_count or not all(word in by.scales for word in said):
        return None
    scales = [recipe.price_scale * by.scales[word] for word in said]
    if len(set(scales)) == 1:
        return scales[0]
    places = np.frombuffer(words.indices.buffers()[1], dtype=np.int32, count=len(words), offset=words.offset * 4)
    return np.array(scales, dtype=np.int64)[places]


def divided(array: Any, values: np.ndarray[Any, Any], scale: Scale) -> Any:  # noqa: ANN401 -- pa.DoubleArray
    """Return prices divided by their scale, None where dividing would round what is rounded already.

    `values` are those of the array, anything where it is null.
    """
    if np.all(scale == 1):
        return array
    if array.null_count or ((values != np.floor(values)) & (scale != 1)).any():
        return None
    return array_of(values / scale, pa.float64())
