"""A comparison of sources says what dictionaries of their rows say."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from lake.reconcile import ColumnTally, Source, SourceTally
from lake.reconcile.matching import Differences, Measure
from lake.reconcile.model import Tallies, schema
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Iterable

windows = importlib.import_module("lake.merge.windows")  # the package gives the function under this name
NAMES = ("close", "volume")
VALUES = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 1.05, 2.0, -1.0]))
ROWS = st.dictionaries(st.integers(0, 12), st.tuples(VALUES, VALUES), max_size=10)
Rows = dict[int, tuple[float | None, float | None]]
Told = tuple[int, str, int, int, str | None, float | None, float | None]


def stream(rows: Rows, size: int) -> Iterable[pa.Table]:
    """Return rows in order as a source gives them, the empty table first."""
    ordered = sorted(rows)
    columns: dict[str, Any] = {"ts": pa.array(ordered, pa.timestamp("us", "UTC"))}
    columns |= {name: pa.array([rows[at][place] for at in ordered], pa.float64()) for place, name in enumerate(NAMES)}
    table = pa.table(columns)
    return [table.slice(0, 0), *(table.slice(at, size) for at in range(0, len(ordered), size))]


def expected(sources: list[Rows], absolute: float, relative: float) -> tuple[list[Told], dict[str, Any]]:
    """Return the differences, and what is counted, by a loop over the times of all sources."""
    told: list[Told] = []
    counts: dict[str, Any] = {
        "agreeing": 0,
        "preferred": [0] * len(sources),
        "missing": [0] * len(sources),
        "differing": [0] * len(sources),
        "columns": {name: [0, 0, 0.0, 0] for name in NAMES},
    }
    times = sorted(set().union(*sources))
    for at in times:
        best = next(place for place, rows in enumerate(sources) if at in rows)
        counts["preferred"][best] += 1
        before = len(told)
        for place, rows in enumerate(sources):
            if at not in rows:
                counts["missing"][place] += 1
                told.append((at, "missing", place, best, None, None, None))
                continue
            found = []
            for name, value, other in zip(NAMES, rows[at], sources[best][at], strict=True):
                column = counts["columns"][name]
                if place == best:
                    continue
                if (value is None) != (other is None):
                    column[3] += 1
                if value is None or other is None:
                    continue
                column[0] += 1
                if abs(value - other) > max(absolute, relative * max(abs(value), abs(other))):
                    column[1] += 1
                    column[2] = max(column[2], abs(value - other))
                    found.append((at, "differs", place, best, name, value, other))
            counts["differing"][place] += bool(found)
            told += found
        counts["agreeing"] += len(told) == before
    return told, counts | {"times": len(times), "count": len(told)}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(ROWS, min_size=2, max_size=3),
    st.sampled_from([(0.0, 0.0), (0.06, 0.0), (0.0, 0.5), (1.0, 0.04)]),
    st.integers(1, 4),
    st.integers(2, 9),
)
def test_differences_are_those_of_dictionaries(
    sources: list[Rows], tolerances: tuple[float, float], size: int, window: int
) -> None:
    absolute, relative = tolerances
    tallies = Tallies(
        [SourceTally(Source(Address.of("X", "SPOT", name, "bars", "1m"), 1)) for name in "ABC"[: len(sources)]],
        {name: ColumnTally() for name in NAMES},
    )
    names = [str(number) for number in range(len(sources))]
    measures = [Measure(name, absolute, relative) for name in NAMES]
    compared = Differences(names, measures, schema("us"), tallies)
    with patch.object(windows, "WINDOW_ROWS", window):
        batches = list(compared.batches([stream(rows, size) for rows in sources]))
    found = [
        (ts, kind, int(source), int(best), column, value, other)
        for batch in batches
        for ts, kind, source, best, column, value, other in zip(
            batch.column("ts").cast(pa.int64()).to_pylist(), *(c.to_pylist() for c in batch.columns[1:]), strict=True
        )
    ]
    told, counts = expected(sources, absolute, relative)
    assert found == told
    assert (tallies.times, tallies.agreeing, tallies.count) == (counts["times"], counts["agreeing"], counts["count"])
    for what in ("preferred", "missing", "differing"):
        assert [getattr(tally, what) for tally in tallies.sources] == counts[what]
    assert [tally.rows for tally in tallies.sources] == [len(rows) for rows in sources]
    for name, column in tallies.columns.items():
        assert [column.compared, column.differing, column.largest, column.unknown] == counts["columns"][name]
