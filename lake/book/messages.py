"""Stored rows of a book put together again as the messages they came in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from lake.book.chains import NONE, Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_KEY = ("ts", "ts_event", "ts_recv", "seq", "first_update_id", "last_update_id", "prev_update_id")
COLUMNS = (*_KEY, "is_snapshot", "side", "price", "size")
"""What a message is made of."""


def messages(tables: Iterable[pa.Table], row: int = 0) -> Iterator[Message]:
    """Yield the messages of rows in stored order: rows side by side that agree in times, ids and kind.

    Args:
        tables: The rows, with `COLUMNS`, cut anywhere.
        row: The number of the first of them in its file.
    """
    rest: pa.Table | None = None
    for table in tables:
        whole = table if rest is None else pa.concat_tables([rest, table])
        if not whole.num_rows:
            continue
        starts = _starts(whole)
        last = int(starts[-1])
        if last:
            yield from _cut(whole.slice(0, last), starts, row)
        rest, row = whole.slice(last), row + last
    if rest is not None and rest.num_rows:
        yield from _cut(rest, np.array([0, rest.num_rows]), row)


def is_bid(table: pa.Table) -> NDArray[np.bool_]:
    """Return for each row whether it is a bid; told by the codes of the words, as text would be made of every row."""
    found = [np.empty(0, bool)]
    for side in table.column("side").chunks:
        words = side.dictionary.to_pylist()
        found.append(side.indices.to_numpy() == (words.index("bid") if "bid" in words else -1))
    return found[1] if len(found) == 2 else np.concatenate(found)


def integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Return a column of times or ids as plain integers, NONE for null."""
    column = table.column(name)
    column = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    numbers = column.view(pa.int64()) if pa.types.is_timestamp(column.type) else column
    values: NDArray[np.int64] = (numbers.fill_null(NONE) if numbers.null_count else numbers).to_numpy()
    return values


def _floats(table: pa.Table, name: str) -> list[float]:
    values: list[float] = table.column(name).to_numpy().tolist()
    return values


def _starts(table: pa.Table) -> NDArray[np.int64]:
    """Return where messages begin."""
    new = np.zeros(table.num_rows, dtype=bool)
    new[0] = True
    for name in _KEY:
        if table.column(name).null_count == table.num_rows:
            continue
        values = integers(table, name)
        new[1:] |= values[1:] != values[:-1]
    snapshot = table.column("is_snapshot").to_numpy()
    new[1:] |= snapshot[1:] != snapshot[:-1]
    return np.flatnonzero(new)


def _cut(table: pa.Table, starts: NDArray[np.int64], row: int) -> Iterator[Message]:
    """Yield the messages that begin at `starts`; the last one of these is where the table ends, or the end itself."""
    begins = starts[starts < table.num_rows]
    ends = [*begins[1:].tolist(), table.num_rows]
    heads = [integers(table, name)[begins].tolist() for name in _KEY]
    snapshots = table.column("is_snapshot").to_numpy()[begins].tolist()
    bids, prices, sizes = is_bid(table).tolist(), _floats(table, "price"), _floats(table, "size")
    for number, (start, end) in enumerate(zip(begins.tolist(), ends, strict=True)):
        ts, event, received, seq, first, last, previous = (head[number] for head in heads)
        yield Message(
            row + start,
            row + end,
            ts,
            event,
            received,
            seq,
            snapshots[number],
            first,
            last,
            previous,
            bids[start:end],
            prices[start:end],
            sizes[start:end],
        )
