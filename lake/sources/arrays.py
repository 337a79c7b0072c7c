"""Arrow arrays made of numpy memory and of texts, by their buffers: pa.array of a list imports pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def array_of(values: NDArray[Any], kind: Any, null: NDArray[np.bool_] | None = None) -> Any:  # noqa: ANN401 -- pa.DataType to pa.Array
    """Return numbers as an array of a type of their width, on the same memory, null where the mask says."""
    valid = bits_of(~null) if null is not None and null.any() else None
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def flags(values: NDArray[Any]) -> Any:  # noqa: ANN401 -- pa.BooleanArray
    """Return yes and no, told by 1 and 0."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, bits_of(values.astype(np.bool_))])


def bits_of(values: NDArray[np.bool_]) -> Any:  # noqa: ANN401 -- pa.Buffer
    """Return truths as the bits that Arrow has for them, and for what is not null."""
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def texts(words: Sequence[str], whole: bytes | None = None) -> Any:  # noqa: ANN401 -- pa.StringArray
    """Return texts; `whole` are they in one piece, where that is at hand and they are ASCII."""
    parts: Sequence[str | bytes] = words if whole is not None else [word.encode() for word in words]
    ends = np.zeros(len(words) + 1, dtype=np.int32)
    np.cumsum(np.fromiter(map(len, parts), dtype=np.int32, count=len(words)), out=ends[1:])
    data = whole if whole is not None else b"".join(word for word in parts if isinstance(word, bytes))
    return pa.Array.from_buffers(pa.string(), len(words), [None, pa.py_buffer(ends), pa.py_buffer(data)])
