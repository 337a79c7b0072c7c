"""Whatever the bytes of a source: the ledger adds up, or the lake is as it was."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.errors import LakeError
from lake.ingest import IngestRequest
from lake.sources import SourceOptions
from tests.fuzz.inputs import NAMES, WORDS
from tests.good_files import GOOD_FILES, NAMED, GoodFile, gzipped, zipped
from tests.ledgers import ingest_adds_up, read_adds_up
from tests.manifests import make_lake

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

CELLS = ("", "nan", "inf", "1e999", "-1", "0", "1,5", '"', '""', "x", "1704067200", "2024-01-01", "é", "\0", "True")
"""What stands in cells of broken files."""
TEXTS = [good for good in GOOD_FILES if good.name.endswith((".csv", ".txt", ".tsv")) and b"\0" not in good.data]


@st.composite
def broken_bytes(draw: DrawFn, data: bytes) -> bytes:
    """Draw a file with bytes changed, cut out or put in; up to four times."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        to = min(len(data), at + draw(st.integers(0, 64)))
        kind = draw(st.sampled_from(["flip", "cut", "tail", "put", "repeat"]))
        if kind == "flip" and data:
            data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at] + data[to:]
        elif kind == "tail":
            data = data[:at]
        elif kind == "put":
            data = data[:at] + draw(st.binary(max_size=16)) + data[at:]
        else:
            data = data[:to] + data[at:to] * draw(st.integers(1, 40)) + data[to:]
    return data


@st.composite
def broken_table(draw: DrawFn, data: bytes) -> bytes:
    """Draw a table of text with lines repeated, dropped or moved, cells replaced, and columns swapped."""
    text = data.decode()
    mark = max(",;\t", key=text.count)
    lines = [line.split(mark) for line in text.splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        row = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["repeat", "drop", "move", "cell", "column", "swap", "short", "long"]))
        if kind == "repeat":
            lines[row:row] = [lines[row]] * draw(st.integers(1, 30))
        elif kind == "drop" and len(lines) > 1:
            del lines[row]
        elif kind == "move":
            lines.insert(draw(st.integers(0, len(lines))), lines.pop(row))
        elif kind in {"cell", "column"}:
            place, cell = draw(st.integers(0, 7)), draw(st.sampled_from(CELLS))
            rows = [row] if kind == "cell" else range(row, len(lines))
            for each in rows:
                lines[each] = [cell if at == place else old for at, old in enumerate(lines[each])]
        elif kind == "swap":
            one, other = draw(st.integers(0, 5)), draw(st.integers(0, 5))
            lines = [_swapped(line, one, other) for line in lines]
        else:
            lines[row] = lines[row][:-1] if kind == "short" else [*lines[row], "1"]
    end = draw(st.sampled_from(["\n", "\n", "\n", "\r\n", "\r", ""]))
    return "\n".join(mark.join(line) for line in lines).replace("\n", end or "\n").encode() + end.encode()


def _swapped(line: list[str], one: int, other: int) -> list[str]:
    if max(one, other) >= len(line):
        return line
    changed = list(line)
    changed[one], changed[other] = line[other], line[one]
    return changed


@st.composite
def sources(draw: DrawFn) -> tuple[str, bytes, dict[str, Any]]:
    """Draw a source: its name, its bytes and the words it is taken in with."""
    kind = draw(st.sampled_from(["bytes", *["broken"] * 3, *["table"] * 4, *["packed"] * 2]))
    good = draw(st.sampled_from(TEXTS if kind in {"table", "packed"} else GOOD_FILES))
    name, words = good.name, dict(good.words)
    if kind == "bytes":
        name, data = draw(st.sampled_from(NAMES)), draw(st.binary(max_size=400))
    elif kind == "broken":
        data = draw(broken_bytes(good.data))
    else:
        data = draw(broken_table(good.data))
        if kind == "packed":
            data = gzipped(data) if draw(st.booleans()) else zipped((name, data))
    if draw(st.integers(0, 3)) == 0:
        words |= draw(st.sampled_from(WORDS))
    return name, data, NAMED | words


@pytest.mark.parametrize("good", GOOD_FILES, ids=lambda good: good.name)
def test_a_good_file_goes_in_whole(tmp_path: Path, good: GoodFile) -> None:
    path = tmp_path / good.name
    path.write_bytes(good.data)
    root = tmp_path / "lake"
    root.mkdir()
    report = ingest_adds_up(make_lake(root), IngestRequest((str(path),), **good.words))
    assert not isinstance(report, LakeError), report
    assert report.rows["new"] + report.rows["skipped"] == report.rows["read"] == good.rows


@pytest.mark.parametrize(
    "examples", [150, pytest.param(10_000, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])]
)
def test_any_source_adds_up_or_leaves_the_lake_as_it_was(examples: int) -> None:
    ends: set[str] = set()

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(source=sources())
    def holds(source: tuple[str, bytes, dict[str, Any]]) -> None:
        name, data, words = source
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, name)
            path.write_bytes(data)
            read_adds_up(path, SourceOptions(**words))
            root = Path(folder, "lake")
            root.mkdir()
            came = ingest_adds_up(make_lake(root), IngestRequest((str(path),), **words))
        ends.add(came.code if isinstance(came, LakeError) else came.status)

    holds()
    assert {"committed", "E_FORMAT_UNKNOWN"} <= ends  # else nothing was tried on one of the two ways
