"""How a notebook shows a result: series and range, what is stored of it over time, and the rows at both ends."""

from __future__ import annotations

from copy import copy
from html import escape
from typing import TYPE_CHECKING, cast

from dl_datalake.dates import format_short
from dl_datalake.facts import Facts, expected
from lake.errors import LakeError
from lake.read import Scan
from lake.streams import Stream

if TYPE_CHECKING:
    import pyarrow as pa

    from dl_datalake.result import Planned, Result
    from lake.manifest.graph import PartRow
    from schemas.keys import Address

_ENDS_SHOWN = 3
_CELLS = 160
_STRIPS = 8
_LOOKED_INTO = 16
"""Files at each end in which rows are looked for that fit a condition."""


class Page(Facts):
    """The part of a result that notebooks show."""

    def _repr_html_(self) -> str:
        """Return a table of the first and the last rows under a strip of what is stored; the rest is not read."""
        count, first, last = self._shown()
        names = self._scan.schema.names
        rows = [*_cells(first), *_cells(last)]
        if last.num_rows:
            rows.insert(first.num_rows, ["…"] * len(names))
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        head = "".join(f"<th>{escape(name)}</th>" for name in names)
        result = cast("Result", self)
        told = [result._names(), result._range(), count, f"snapshot {result.snapshot}"]  # noqa: SLF001 - its own part
        caption = escape(" · ".join(told))
        table = f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return self._strips() + table

    def _shown(self) -> tuple[str, pa.Table, pa.Table]:
        """Return how many rows there are, as far as that is known unread, the first and the last of them."""
        result = cast("Result", self)
        planned = self._scan
        if isinstance(planned, Scan) and planned.where is not None:
            first, last = (_narrowed(result, part) for part in (slice(_LOOKED_INTO), slice(-_LOOKED_INTO, None)))
            few = len(planned.plan) <= _LOOKED_INTO
            return f"where {planned.where}", *_both(first, last, few=few)
        if isinstance(planned, Stream):
            return "rows not counted", *_both(result, result, few=True)
        count = result.count()
        if count <= 2 * _ENDS_SHOWN:
            return f"{count:,} rows", result.head(count), planned.schema.empty_table()
        return f"{count:,} rows", result.head(_ENDS_SHOWN), result.tail(_ENDS_SHOWN)

    def _strips(self) -> str:
        """Return a strip of each of the first series: when there are rows, and how many of those to be expected."""
        try:
            parts = self._parts()
        except LakeError:
            return ""
        if not parts:
            return ""
        start, end = min(part.start_ns for _, part in parts), max(part.end_ns for _, part in parts)
        addresses = list(dict.fromkeys(address for address, _ in parts))
        strips = [
            _strip(address, [part for of, part in parts if of == address], start, end)
            for address in addresses[:_STRIPS]
        ]
        more = len(addresses) - _STRIPS
        rest = f"<div>… and {more:,} more series</div>" if more > 0 else ""
        ends = f"<div><small>[{escape(format_short(start))}, {escape(format_short(end))})</small></div>"
        return f"<div>{''.join(strips)}{rest}{ends}</div>"


def _both(first: Result, last: Result, *, few: bool) -> tuple[pa.Table, pa.Table]:
    """Return the first and the last rows; where `few` says that the first may be all, no row twice."""
    start = first.head(2 * _ENDS_SHOWN + few)
    if few and start.num_rows <= 2 * _ENDS_SHOWN:
        return start, start.slice(0, 0)
    return start.slice(0, _ENDS_SHOWN), last.tail(_ENDS_SHOWN)


def _narrowed(result: Result, part: slice) -> Result:
    from dl_datalake.result import Result as Made

    planned: Planned = copy(result.planned)
    if isinstance(planned, Scan):
        planned.plan = planned.plan[part]
    return Made(planned)


def _strip(address: Address, parts: list[PartRow], start_ns: int, end_ns: int) -> str:
    """Return one series over time: a bar is the darker the more of its time has rows."""
    held, full = [0.0] * _CELLS, end_ns - start_ns
    for part in parts:
        most = expected(address, part)
        share = 1.0 if not most else min(1.0, part.rows / most)
        low, high = ((at - start_ns) * _CELLS / full for at in (part.start_ns, part.end_ns))
        for cell in range(int(low), min(_CELLS, int(high) + 1)):
            held[cell] += share * max(0.0, min(high, cell + 1) - max(low, cell))
    rects = []
    cell = 0
    while cell < _CELLS:
        after = cell + 1
        while after < _CELLS and round(held[after], 2) == round(held[cell], 2):
            after += 1
        if held[cell] > 0:
            shade = f"{0.15 + 0.85 * min(1.0, held[cell]):.2f}"
            rects.append(f'<rect x="{cell}" width="{after - cell}" height="10" opacity="{shade}"/>')
        cell = after
    rows = sum(part.rows for part in parts)
    told = escape(f"{address}: {rows:,} rows in {len(parts):,} partitions")
    return (
        f'<div title="{told}"><svg width="480" height="10" viewBox="0 0 {_CELLS} 10" preserveAspectRatio="none" '
        f'fill="steelblue" style="background:#eee">{"".join(rects)}</svg> <small>{told}</small></div>'
    )


def _cells(table: pa.Table) -> list[list[str]]:
    from dl_datalake.export import texts

    return [row for batch in table.to_batches() for row in texts(batch)]
