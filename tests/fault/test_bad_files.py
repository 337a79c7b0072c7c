"""Bad files through `dl ingest`: refused with the lake unchanged, or every record accounted for."""

from __future__ import annotations

import hashlib
import os
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from lake import sources
from tests import bad_files
from tests.bad_files import GOOD, MISTAKEN, ODD_BUT_RIGHT, REFUSED, REJECTED, STRANGE_NAMES, TAKEN, rows
from tests.runs import Dl, runner
from tests.source_files import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

STOCK = "TEST/SPOT/STOCK/bars/1m"
PLACE = ("--exchange", "TEST", "--symbol", "STOCK")


@pytest.fixture
def dl(capfdbinary: pytest.CaptureFixture[bytes]) -> Dl:
    return runner(capfdbinary)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of one lake for all: what is refused leaves nothing that the next could stumble on."""
    return tmp_path_factory.mktemp("bad") / "lake"


@pytest.fixture
def stocked(root: Path, dl: Dl, tmp_path: Path) -> Path:
    """Return the lake, which holds thirty bars."""
    if not root.exists():
        assert dl("init", "--root", root).status == 0
        source = write(tmp_path / "stock.csv", GOOD)
        assert dl("ingest", "--source", source, *PLACE, "--root", root).status == 0
    return root


def held(dl: Dl, root: Path) -> tuple[Any, Any, list[tuple[Path, bytes]]]:
    """Return what the lake says it holds, and the bytes it does hold."""
    words = ("--root", root, "--json")
    files = [(p.relative_to(root), hashlib.sha256(p.read_bytes()).digest()) for p in root.rglob("*.parquet")]
    return dl("list", *words).data, dl("history", "--limit", "1", *words).data, sorted(files)


def ingest(dl: Dl, root: Path, source: Path | str, *words: str) -> Any:  # noqa: ANN401 -- a document
    """Ingest a source; return the one file's report."""
    ran = dl("ingest", "--source", source, *words, "--root", root, "--json")
    assert ran.status in {0, 3}, ran.out
    [report] = ran.data["files"]
    assert (ran.status == 3) == (report["rows"]["quarantined"] > 0)
    placed = sum(count for name, count in report["rows"].items() if name != "read")
    assert report["rows"]["read"] == placed
    return report


def refused(dl: Dl, root: Path, source: Path | str, *words: str) -> dict[str, Any]:
    """Ingest a source that is refused; return the error, after a look at the lake."""
    before = held(dl, root)
    ran = dl("ingest", "--source", source, *words, "--root", root, "--json")
    assert ran.status != 0, ran.out
    assert held(dl, root) == before
    assert "Traceback" not in ran.err
    for part in ("message", "why", "fix"):
        assert ran.error[part], part
    assert ran.error["where"] or ran.status == 2  # a word of the caller's stands nowhere
    return ran.error


def test_the_cases_are_many_and_each_is_one() -> None:
    tables: list[Mapping[str, object]] = [
        REFUSED,
        REJECTED,
        ODD_BUT_RIGHT,
        MISTAKEN,
        TAKEN,
        STRANGE_NAMES,
        NO_FILES,
        NO_DATA,
    ]
    names = [name for table in tables for name in table]
    assert len(names) == len(set(names)) >= 150
    contents = [hashlib.sha256(made()).digest() for _, made, _ in REFUSED.values()]
    assert len(set(contents)) == len(contents) >= 60


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_refused_and_the_lake_is_as_it_was(dl: Dl, stocked: Path, tmp_path: Path, case: str) -> None:
    name, made, code = REFUSED[case]
    error = refused(dl, stocked, write(tmp_path / name, made()), *PLACE)
    assert error["code"] == f"E_{code}"
    assert error["exit"] == (2 if code in {"AMBIGUOUS", "PERIOD", "USAGE"} else 12)


@pytest.mark.parametrize("case", MISTAKEN)
def test_a_file_of_mostly_bad_records_or_wrong_words_is_refused(
    dl: Dl, stocked: Path, tmp_path: Path, case: str
) -> None:
    content, words, code, said = MISTAKEN[case]
    error = refused(dl, stocked, write(tmp_path / "x.csv", content), *PLACE, *words)
    assert error["code"] == f"E_{code}"
    assert said in f"{error['message']} {error['where']} {error['why']}"


@pytest.mark.parametrize("case", REJECTED)
def test_bad_rows_are_kept_aside_and_accounted_for(dl: Dl, stocked: Path, tmp_path: Path, case: str) -> None:
    content, reasons, kept = REJECTED[case]
    source = write(tmp_path / "x.csv", content)
    words = ("--exchange", "TEST", "--symbol", f"R{list(REJECTED).index(case)}", "--type", "bars", "--period", "1m")
    report = ingest(dl, stocked, source, *words)
    assert report["rejected"] == dict(Counter(reason for reason, _ in reasons))
    assert (report["rows"]["new"], report["rows"]["quarantined"]) == (kept, len(reasons))
    shown = dl("quarantine", "show", report["run"], "--root", stocked, "--json").data["sample"]
    assert [(row["reason"], row["line"]) for row in shown] == reasons
    assert ingest(dl, stocked, source, *words)["status"] == "unchanged"


@pytest.mark.parametrize("case", TAKEN)
def test_odd_rows_are_taken_as_the_ledger_says(dl: Dl, stocked: Path, tmp_path: Path, case: str) -> None:
    content, expected, reasons, words = TAKEN[case]
    source = write(tmp_path / "x.csv", content)
    place = ("--exchange", "TEST", "--symbol", f"T{list(TAKEN).index(case)}")
    report = ingest(dl, stocked, source, *place, *words)
    assert {name: count for name, count in report["rows"].items() if count} == expected
    assert report["rejected"] | report["skipped"] == reasons
    assert ingest(dl, stocked, source, *place, *words)["status"] == "unchanged"


@pytest.mark.parametrize("case", ODD_BUT_RIGHT)
def test_an_odd_file_holds_the_rows_that_are_there_already(dl: Dl, stocked: Path, tmp_path: Path, case: str) -> None:
    source = write(tmp_path / "x.csv", ODD_BUT_RIGHT[case])
    before = held(dl, stocked)[2]
    report = ingest(dl, stocked, source, *PLACE)
    assert report["rows"]["identical"] == report["rows"]["read"] == 30
    assert held(dl, stocked)[2] == before


@pytest.mark.parametrize("case", STRANGE_NAMES)
def test_a_strange_symbol_is_refused_or_is_one_folder_of_the_lake(
    dl: Dl, stocked: Path, tmp_path: Path, case: str
) -> None:
    symbol, folder = STRANGE_NAMES[case]
    source = write(tmp_path / "x.csv", GOOD)
    words = ("--exchange", "TEST", "--market", "NAMES", "--symbol", symbol)
    if folder is None:
        assert refused(dl, stocked, source, *words)["code"] == "E_USAGE"
        return
    [address] = ingest(dl, stocked, source, *words)["addresses"]
    assert address == f"TEST/NAMES/{folder}/bars/1m"
    assert list((stocked / "data" / "TEST" / "NAMES" / folder).rglob("*.parquet"))
    made = {path.name for path in stocked.parent.iterdir()} | {path.name for path in stocked.iterdir()}
    assert made <= {"lake", "data", "manifest.db", "manifest.db-journal", "dl.toml"}


def test_a_symbol_told_by_a_file_is_no_path_either(dl: Dl, stocked: Path, tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    text = "\n".join([f"symbol,{lines[0]}", *(f"../../etc,{line}" for line in lines[1:])])
    report = ingest(dl, stocked, write(tmp_path / "x.csv", text), "--exchange", "TEST", "--market", "TOLD")
    assert report["addresses"] == ["TEST/TOLD/..%2F..%2FETC/bars/1m"]
    dots = text.replace("../../etc", "..")
    error = refused(dl, stocked, write(tmp_path / "y.csv", dots), "--exchange", "TEST", "--market", "TOLD")
    assert error["code"] == "E_FORMAT_UNKNOWN"


def test_a_bad_member_of_an_archive_keeps_no_good_one_out(dl: Dl, stocked: Path, tmp_path: Path) -> None:
    archive = bad_files.zipped(("a.csv", GOOD.encode()), ("b.csv", b"<html>451</html>\n"), ("../../c.csv", b"x"))
    words = ("--exchange", "TEST", "--symbol", "MEMBERS", "--root", str(stocked), "--json")
    ran = dl("ingest", "--source", write(tmp_path / "x.zip", archive), *words)
    assert ran.status == 3
    assert [file["rows"]["new"] for file in ran.data["files"]] == [30]
    assert sorted(tmp_path.iterdir()) == [tmp_path / "x.zip"]


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "x.csv")
    return folder / "x.csv"


def folder_named(folder: Path) -> Path:
    (folder / "x.csv").mkdir()
    return folder / "x.csv"


def linked(folder: Path, to: str) -> Path:
    (folder / "x.csv").symlink_to(to)
    return folder / "x.csv"


def bound(folder: Path) -> str:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "s"))
    return str(folder / "s")


NO_FILES: dict[str, Callable[[Path], Path | str]] = {
    "a queue": fifo,
    "a folder of the name of a file": folder_named,
    "a link that leads nowhere": lambda folder: linked(folder, "nowhere"),
    "a link to itself": lambda folder: linked(folder, "x.csv"),
    "a socket": bound,
    "a device without end": lambda _: "/dev/zero",
    "a device without bytes": lambda _: "/dev/null",
    "nothing of that name": lambda folder: folder / "x.csv",
    "a pattern that fits nothing": lambda folder: f"{folder}/*.csv",
    "a name too long for any disk": lambda folder: folder / ("x" * 300),
    "a name with a NUL": lambda folder: f"{folder}/a\0b",
    "no name at all": lambda _: "",
    "the home of nobody": lambda _: "~no-such-user/x.csv",
    "an address of the web": lambda _: "https://example.com/x.csv",
    "a bracket that never closes": lambda folder: f"{folder}/[",
}


@pytest.mark.parametrize("case", NO_FILES)
def test_what_is_no_file_is_not_found_and_never_read(dl: Dl, stocked: Path, tmp_path: Path, case: str) -> None:
    error = refused(dl, stocked, NO_FILES[case](tmp_path), *PLACE)
    assert (error["code"], error["exit"]) == ("E_SOURCE_NOT_FOUND", 15)


NO_DATA: dict[str, str] = {
    "a file that gives an error when read": "/proc/self/mem",
    "a file of the system, of no size": "/proc/self/status",
}


@pytest.mark.parametrize("case", NO_DATA)
def test_what_only_looks_like_a_file_is_refused(dl: Dl, stocked: Path, case: str) -> None:
    assert refused(dl, stocked, NO_DATA[case], *PLACE)["exit"] == 12


def test_a_link_to_a_file_is_that_file(dl: Dl, stocked: Path, tmp_path: Path) -> None:
    write(tmp_path / "real.csv", GOOD)
    (tmp_path / "link.csv").symlink_to("real.csv")
    report = ingest(dl, stocked, tmp_path / "link.csv", "--exchange", "TEST", "--symbol", "LINK")
    assert report["rows"]["new"] == 30


@pytest.fixture
def while_read(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """Return a list: what is put there is done when the source's first block has been read."""
    acts: list[Callable[[], None]] = []
    opened = sources.open_reader

    def opening(*args: Any, **options: Any) -> Any:  # noqa: ANN401 -- as the one it stands for
        reader = opened(*args, **options)
        blocks = reader.blocks

        def acting() -> Iterator[Any]:
            for number, block in enumerate(blocks()):
                yield block
                if number == 0:
                    for act in acts:
                        act()

        monkeypatch.setattr(reader, "blocks", acting, raising=True)
        return reader

    monkeypatch.setattr(sources, "open_reader", opening)
    return acts


GROWING = GOOD + rows(150_000, 30)


def grown(path: Path) -> None:
    with path.open("a") as file:
        file.write(rows(5, 150_030))


def cut(path: Path) -> None:
    os.truncate(path, 30 * (path.stat().st_size // 60))


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def rewritten(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-2] + b"1" + data[-1:])


@pytest.mark.parametrize("change", [grown, cut, replaced, rewritten])
def test_a_text_file_that_changes_while_it_is_read_is_refused(
    dl: Dl,
    stocked: Path,
    tmp_path: Path,
    while_read: list[Callable[[], None]],
    change: Callable[[Path], None],
) -> None:
    path = write(tmp_path / "x.csv", GROWING)
    while_read.append(lambda: change(path))
    error = refused(dl, stocked, path, "--exchange", "TEST", "--symbol", "MOVING")
    assert error["code"] == "E_SOURCE_UNREADABLE"
    assert "changed while" in error["message"]


def test_a_parquet_file_that_is_replaced_while_it_is_read_is_refused(
    dl: Dl, stocked: Path, tmp_path: Path, while_read: list[Callable[[], None]]
) -> None:
    path = write(tmp_path / "x.parquet", bad_files.PARQUET)
    while_read.append(lambda: replaced(path))
    error = refused(dl, stocked, path, "--exchange", "TEST", "--symbol", "MOVING")
    assert error["code"] == "E_SOURCE_UNREADABLE"
    assert "changed while" in error["message"]
