"""Whatever rows are written to feature sets: each is accounted for, and what is stored is what plain rules say."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lake.check import verify
from lake.errors import LakeError
from lake.features.model import Names
from lake.features.writing import WriteRequest, write
from lake.manifest import Manifest
from tests.feature_rows import NOON, UTC_US, VOL, lake_with, stored
from tests.tables import MINUTE_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.config import Config
    from lake.features.model import FeatureWriteReport

SYMBOLS = ("A", "B/C")
VALUES = (0.0, 1.0, 2.0, None, float("inf"))
_COUNTS = ("new", "identical", "corrected", "superseded", "quarantined")
Given = tuple[int | None, int | None, str, float | None]
"""Minute, minutes until it was known or None, symbol, value."""

minutes = st.integers(0, 3).map(lambda at: at * 600)
rows = st.tuples(
    st.one_of(minutes, minutes, minutes, st.none()),
    st.sampled_from([None, None, 1, 2, 0]),
    st.sampled_from(SYMBOLS),
    st.sampled_from(VALUES),
)


class Model:
    """The rules in plain Python: what is stored, and what became of the rows of one write."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, int, int], float | None] = {}

    def write(self, given_rows: Sequence[Given]) -> dict[str, int]:
        counts = dict.fromkeys(_COUNTS, 0)
        last: dict[tuple[str, int, int], float | None] = {}
        seen: list[tuple[tuple[str, int, int], float | None]] = []
        for minute, wait, symbol, value in given_rows:
            if minute is None or value == float("inf") or wait == 0:
                counts["quarantined"] += 1
                continue
            key = (symbol, minute, minute + (1 if wait is None else wait))
            seen.append((key, value))
            last[key] = value
        taken: set[tuple[str, int, int]] = set()
        for key, value in reversed(seen):
            if key in taken:
                counts["identical" if value == last[key] else "superseded"] += 1
                continue
            taken.add(key)
            there = key in self.stored
            counts[("identical" if self.stored[key] == value else "corrected") if there else "new"] += 1
        self.stored |= last
        return counts


def again(counts: dict[str, int]) -> dict[str, int]:
    """Return what is told of a file that is in the lake already and not taken anew: its good rows are all identical."""
    assert counts["new"] == counts["corrected"] == 0
    return counts | {"identical": counts["identical"] + counts["superseded"], "superseded": 0}


def as_table(given_rows: Sequence[Given]) -> pa.Table:
    ts = [None if minute is None else (NOON + minute) * MINUTE_US for minute, _, _, _ in given_rows]
    known = [
        None if at is None or wait is None else at + wait * MINUTE_US
        for at, (_, wait, _, _) in zip(ts, given_rows, strict=True)
    ]
    return pa.table(
        {
            "ts": pa.array(ts, pa.int64()).cast(UTC_US),
            "known_at": pa.array(known, pa.int64()).cast(UTC_US),
            "symbol": pa.array([symbol for _, _, symbol, _ in given_rows], pa.string()),
            "vol": pa.array([value for _, _, _, value in given_rows], pa.float64()),
        }
    )


def as_text(given_rows: Sequence[Given], folder: Path, number: int) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["ts", "known_at", "symbol", "vol"])
    for row in as_table(given_rows).to_pylist():
        writer.writerow(["" if value is None else value for value in row.values()])
    path = folder / f"{number}.csv"
    path.write_text(text.getvalue())
    return path


def in_store(config: Config) -> dict[tuple[str, int, int], Any]:
    found: dict[tuple[str, int, int], Any] = {}
    with Manifest.open(config) as manifest:
        there = {row.address.symbol for row in manifest.series(type="features")}
    for symbol in there:
        for row in stored(config, VOL.address("X", "SPOT", symbol)):
            key = (symbol, row["ts"] // MINUTE_US - NOON, row["known_at"] // MINUTE_US - NOON)
            assert key not in found
            found[key] = row.get("vol")
    return found


def adds_up(config: Config, report: FeatureWriteReport) -> None:
    """Demand that the report, its series and the stored ledger add up, and that quarantine holds what they say."""
    for said in (report.rows, *(series.rows for series in report.series)):
        assert said["read"] == sum(said[name] for name in _COUNTS)
    for name in ("read", *_COUNTS):
        assert report.rows[name] == sum(series.rows[name] for series in report.series)
    if report.status == "committed":
        assert report.run is not None
        with Manifest.open(config) as manifest:
            kept = list(manifest.quarantine_rows(report.run))
            columns = ", ".join(("read", *_COUNTS))
            sql = f"SELECT {columns} FROM ledger WHERE snapshot = ?"  # noqa: S608 -- names of ours
            [ledger] = manifest.read(lambda connection: connection.execute(sql, (report.snapshot,)).fetchall())
        assert len(kept) == report.rows["quarantined"]
        assert ledger == tuple(report.rows[name] for name in ("read", *_COUNTS))


@pytest.mark.parametrize("examples", [40, pytest.param(2_000, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])])
def test_any_rows_are_accounted_for_and_stored_as_the_rules_say(examples: int) -> None:
    statuses: set[str] = set()

    twice: list[Given] = [(0, None, "A", 1.0), (0, None, "A", 2.0), (None, None, "A", 1.0)]

    # A table and a file that come again, whatever else is drawn.
    @example(writes=[(False, twice)] * 2)
    @example(writes=[(True, twice)] * 2)
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(writes=st.lists(st.tuples(st.booleans(), st.lists(rows, min_size=1, max_size=12)), min_size=1, max_size=3))
    def holds(writes: list[tuple[bool, list[Given]]]) -> None:
        model = Model()
        taken: set[tuple[str, str | None]] = set()
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "lake")
            root.mkdir()
            config = lake_with(root, VOL)
            asked = WriteRequest(Names("X", "SPOT"), on_bad="quarantine", max_bad="100%")
            for number, (text, given_rows) in enumerate(writes):
                data = as_text(given_rows, Path(folder), number) if text else as_table(given_rows)
                report = write(config, VOL, data, asked)
                adds_up(config, report)
                counts = model.write(given_rows)
                if isinstance(data, Path):
                    run = (data.read_text(), report.run)
                    counts = again(counts) if run in taken else counts
                    taken.add(run)
                assert {name: report.rows[name] for name in _COUNTS} == counts
                assert in_store(config) == model.stored
                statuses.add(report.status)
            assert verify(config).ok

    holds()
    assert statuses == {"committed", "unchanged"}


def test_a_refused_write_leaves_the_lake_as_it_was(tmp_path: Path) -> None:
    config = lake_with(tmp_path, VOL)
    given_rows: list[Given] = [(0, None, "A", 1.0), (600, 0, "A", 1.0)]
    with pytest.raises(LakeError, match="1 feature row is stamped before its inputs end"):
        write(config, VOL, as_table(given_rows), WriteRequest(Names("X", "SPOT")))
    assert in_store(config) == {}
