"""The inbox: what is dropped in goes to the lake and to done/, or to refused/ with the reason."""

from __future__ import annotations

import json
import os
import threading
import zipfile
from functools import partial
from typing import TYPE_CHECKING

import pytest

from lake.config import Config, locate
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.layout import STAGING
from lake.manifest import Manifest
from lake.staging import alone
from pipelines import inbox as inboxes
from pipelines.inbox import Inbox, InboxReport, settings
from tests.runs import BARS

if TYPE_CHECKING:
    from pathlib import Path

    from lake.ingest import IngestReport

REQUEST = IngestRequest(sources=(), exchange="TEST", symbol="ABC")
PAGE = "<html><body>not found</body></html>\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = locate(tmp_path / "lake", must_exist=False)
    config.root.mkdir()
    Manifest.create(config)
    return config


@pytest.fixture
def inbox(config: Config) -> Inbox:
    chosen = settings(config, settle_s=0)
    chosen.folder.mkdir()
    return chosen


def emptied(config: Config, inbox: Inbox, request: IngestRequest = REQUEST) -> InboxReport:
    return inboxes.empty(config, inbox, request, partial(ingest, config))


def drop(inbox: Inbox, name: str, text: str = BARS) -> Path:
    path = inbox.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def rows(config: Config, address: str = "TEST/SPOT/ABC/bars/1m") -> int:
    from schemas.keys import Address

    with Manifest.open(config) as manifest:
        series = manifest.find(Address.parse(address))
        return 0 if series is None else sum(file.rows for file in manifest.current(series.id).values())


def test_good_goes_to_done_and_bad_to_refused_with_the_reason(config: Config, inbox: Inbox) -> None:
    drop(inbox, "good.csv")
    drop(inbox, "page.csv", PAGE)
    report = emptied(config, inbox)
    assert [(item.source, item.moved_to) for item in report.taken] == [("good.csv", "done/good.csv")]
    assert [(item.source, item.moved_to) for item in report.refused] == [("page.csv", "refused/page.csv")]
    assert rows(config) == 10
    assert tree(inbox.folder) == [
        "done/good.csv",
        "refused/page.csv",
        "refused/page.csv.reason.json",
        "refused/page.csv.reason.txt",
    ]
    told = json.loads((inbox.folder / "refused/page.csv.reason.json").read_text("utf-8"))
    error = report.refused[0].error
    assert told["error"] == {
        "code": error.code,
        "exit": 12,
        "message": error.message,
        "where": error.where,
        "why": error.why,
        "fix": list(error.fix),
    }
    text = (inbox.folder / "refused/page.csv.reason.txt").read_text("utf-8")
    assert text.startswith(f"{error.code}: {error.message}\nwhere: ")
    assert error.why in text


def test_each_member_of_an_archive_is_told_of_and_one_that_is_refused_keeps_it_from_done(
    config: Config, inbox: Inbox
) -> None:
    for name, members in (
        ("good.zip", {"1.csv": BARS, "2.csv": BARS}),
        ("half.zip", {"1.csv": BARS, "page.csv": PAGE}),
    ):
        with zipfile.ZipFile(inbox.folder / name, "w") as archive:
            for member, text in members.items():
                archive.writestr(member, text)
    report = emptied(config, inbox)
    assert sorted((item.source, item.moved_to) for item in report.taken) == [
        ("good.zip", "done/good.zip"),
        ("good.zip", "done/good.zip"),
        ("half.zip", ""),
    ]
    assert [(item.source, item.error.code) for item in report.refused] == [("half.zip", "E_FORMAT_UNKNOWN")]
    assert rows(config) == 10
    assert [name for name in tree(inbox.folder) if name.endswith(".zip")] == ["done/good.zip", "refused/half.zip"]


def test_nothing_is_taken_before_it_is_whole(config: Config, inbox: Inbox) -> None:
    for name in ("a.csv.part", "b.tmp", ".hidden.csv", "c.zip.crdownload", ".sync/d.csv"):
        drop(inbox, name)
    drop(inbox, "fresh.csv")
    report = emptied(config, Inbox(inbox.folder, 60.0))
    assert report.waiting == ["fresh.csv"]
    assert (report.taken, report.refused) == ([], [])
    assert [item.source for item in emptied(config, inbox).taken] == ["fresh.csv"]
    assert "a.csv.part" in tree(inbox.folder)
    assert ".sync/d.csv" in tree(inbox.folder)


def test_old_time_stamp_of_a_copy_does_not_make_it_whole(config: Config, inbox: Inbox) -> None:
    """`cp -p` and rsync set the vendor's own time while the copy is hardly there."""
    os.utime(drop(inbox, "old.csv"), (0, 0))
    assert emptied(config, Inbox(inbox.folder, 60.0)).waiting == ["old.csv"]


def test_folders_name_the_destination(config: Config, inbox: Inbox) -> None:
    drop(inbox, "kraken/futures/xbt-usd/a.csv")
    drop(inbox, "kraken/b.csv")
    drop(inbox, "a/vendors/own/deep/c.csv")
    report = emptied(config, inbox)
    found = {item.source: item.report.addresses for item in report.taken}
    assert found == {
        "kraken/futures/xbt-usd/a.csv": ["KRAKEN/FUTURES/XBT-USD/bars/1m"],
        "kraken/b.csv": ["KRAKEN/SPOT/ABC/bars/1m"],
        "a/vendors/own/deep/c.csv": ["TEST/SPOT/ABC/bars/1m"],
    }
    assert "done/kraken/futures/xbt-usd/a.csv" in tree(inbox.folder)


def test_names_never_overwrite(config: Config, inbox: Inbox) -> None:
    for close in (101, 102, 103):
        drop(inbox, "same.csv", BARS.replace("99,101,", f"99,{close},"))
        drop(inbox, "page.csv", PAGE + str(close))
        emptied(config, inbox)
    done = [(inbox.folder / "done" / name).read_text("utf-8") for name in ("same.csv", "same~2.csv", "same~3.csv")]
    assert len(set(done)) == 3
    refused = [name for name in tree(inbox.folder / "refused") if name.startswith("page")]
    assert len(refused) == 9
    told = json.loads((inbox.folder / "refused/page~3.csv.reason.json").read_text("utf-8"))
    assert told["source"] == "page~3.csv"


def test_checksum_goes_with_its_file(config: Config, inbox: Inbox) -> None:
    drop(inbox, "bad.csv")
    drop(inbox, "bad.csv.CHECKSUM", "0" * 64 + "  bad.csv\n")
    [refused] = emptied(config, inbox).refused
    assert refused.error.code == "E_SOURCE_CHECKSUM"
    assert "refused/bad.csv.CHECKSUM" in tree(inbox.folder)
    assert tree(inbox.folder)[0].startswith("refused/")


def test_checksum_left_by_a_killed_run_follows(config: Config, inbox: Inbox) -> None:
    drop(inbox, "done/a.csv")
    drop(inbox, "a.csv.CHECKSUM", "x")
    drop(inbox, "b.csv.CHECKSUM", "x")
    emptied(config, inbox)
    assert tree(inbox.folder) == ["b.csv.CHECKSUM", "done/a.csv", "done/a.csv.CHECKSUM"]


def test_what_takes_a_files_place_while_it_is_read_is_not_moved_unread(config: Config, inbox: Inbox) -> None:
    later = BARS.replace("2024-03-01", "2024-03-02")
    for name, text in (("a.csv", BARS), ("gone.csv", BARS), ("page.csv", PAGE), ("z.csv", BARS)):
        drop(inbox, name, text)

    def take_in(request: IngestRequest) -> IngestReport:
        name = request.sources[0].rpartition("/")[2]
        try:
            return ingest(config, request)
        finally:
            if name in {"a.csv", "page.csv"}:
                drop(inbox, ".next", later).replace(inbox.folder / name)
            elif name == "gone.csv":
                (inbox.folder / name).unlink()

    report = inboxes.empty(config, inbox, REQUEST, take_in)
    assert [(item.source, item.moved_to) for item in report.taken] == [
        ("a.csv", ""),
        ("gone.csv", ""),
        ("z.csv", "done/z.csv"),
    ]
    assert (report.refused, report.left, report.waiting) == ([], [], ["a.csv", "page.csv"])
    assert tree(inbox.folder) == ["a.csv", "done/z.csv", "page.csv"]
    emptied(config, inbox)
    assert rows(config) == 20
    assert tree(inbox.folder) == ["done/a.csv", "done/page.csv", "done/z.csv"]


def test_file_whose_name_is_no_text_keeps_nobody_out(config: Config, inbox: Inbox) -> None:
    for name in (b"bad\xe9.csv", b"good\xe9.csv"):
        drop(inbox, os.fsdecode(name), PAGE if name.startswith(b"bad") else BARS)
    report = emptied(config, inbox)
    assert [(item.source, item.moved_to) for item in report.refused] == [(r"bad\xe9.csv", r"refused/bad\xe9.csv")]
    assert [(item.source, item.moved_to) for item in report.taken] == [(r"good\xe9.csv", r"done/good\xe9.csv")]
    reason = inbox.folder / "refused" / os.fsdecode(b"bad\xe9.csv.reason.json")
    assert json.loads(reason.read_text("utf-8"))["source"] == r"bad\xe9.csv"


def test_name_too_long_for_a_reason_beside_it_keeps_nobody_out(config: Config, inbox: Inbox) -> None:
    long = "x" * 251 + ".csv"
    drop(inbox, long, PAGE)
    drop(inbox, "z.csv")
    report = emptied(config, inbox)
    assert [(item.source, item.error.code) for item in report.left] == [(long, "E_STORAGE")]
    assert [item.source for item in report.taken] == ["z.csv"]
    assert (inbox.folder / long).exists()


class KilledError(BaseException):
    """Stands for a process that is killed: no handler runs."""


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("where", ["pipelines.inbox._move", "pipelines.inbox._claim", "pipelines.inbox._explain"])
def test_killed_anywhere_loses_and_doubles_nothing(
    config: Config, inbox: Inbox, monkeypatch: pytest.MonkeyPatch, where: str, *, after: bool
) -> None:
    drop(inbox, "good.csv")
    drop(inbox, "page.csv", PAGE)
    module, _, name = where.rpartition(".")
    assert module == "pipelines.inbox"
    whole = getattr(inboxes, name)

    def killed(*given: object, **named: object) -> object:
        if after:
            whole(*given, **named)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(inboxes, name, killed)
        with pytest.raises(KilledError):
            emptied(config, inbox)
    for _ in range(2):
        emptied(config, inbox)
    assert rows(config) == 10
    assert tree(inbox.folder) == [
        "done/good.csv",
        "refused/page.csv",
        "refused/page.csv.reason.json",
        "refused/page.csv.reason.txt",
    ]


def test_file_system_without_links(config: Config, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_given: object, **_named: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    drop(inbox, "done/good.csv", "another")
    drop(inbox, "good.csv")
    emptied(config, inbox)
    assert tree(inbox.folder) == ["done/good.csv", "done/good~2.csv"]
    assert (inbox.folder / "done/good~2.csv").read_text("utf-8") == BARS
    assert (inbox.folder / "done/good.csv").read_text("utf-8") == "another"


@pytest.mark.parametrize("error", [LakeError("LOCKED", "busy"), LakeError("DISK_FULL", "full"), ZeroDivisionError()])
def test_what_is_not_the_files_fault_leaves_it(config: Config, inbox: Inbox, error: Exception) -> None:
    drop(inbox, "a.csv")
    drop(inbox, "b.csv")

    def take_in(request: IngestRequest) -> IngestReport:
        if request.sources[0].endswith("a.csv"):
            raise error
        return ingest(config, request)

    report = inboxes.empty(config, inbox, REQUEST, take_in)
    assert [item.source for item in report.left] == ["a.csv"]
    assert [item.source for item in report.taken] == ["b.csv"]
    assert tree(inbox.folder) == ["a.csv", "done/b.csv"]


def test_two_at_once_take_each_file_once(config: Config, inbox: Inbox) -> None:
    for number in range(6):
        drop(inbox, f"{number}.csv", BARS.replace("2024-03-01", f"2024-03-0{number + 1}"))
    reports: list[InboxReport] = []
    threads = [threading.Thread(target=lambda: reports.append(emptied(config, inbox))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(item.source for report in reports for item in report.taken) == [f"{n}.csv" for n in range(6)]
    assert rows(config) == 60


def test_inbox_somebody_else_empties_is_waited_for_and_then_said(config: Config, inbox: Inbox) -> None:
    impatient = locate(config.root, wait_s=0.1)
    name = f"inbox {inbox.folder.resolve()}"
    with alone(config.data / STAGING, name, 1), pytest.raises(LakeError) as caught:
        emptied(impatient, inbox)
    assert caught.value.code == "E_LOCKED"


def test_settings_come_from_dl_toml(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings(config) == Inbox(config.root / "inbox", 10.0)
    (config.root / "dl.toml").write_text('[inbox]\nfolder = "drop"\nsettle = 2\n', "utf-8")
    assert settings(config) == Inbox(config.root / "drop", 2.0)
    assert settings(config, folder="here", settle_s=1) == Inbox(tmp_path / "here", 1.0)


@pytest.mark.parametrize(
    "text",
    ["inbox = 1", "[inbox]\nfolder = 5", "[inbox]\nsettle = -1", "[inbox]\nsettle = true", "[inbox]\nfloder = 'x'"],
)
def test_settings_that_cannot_be_are_refused(config: Config, text: str) -> None:
    (config.root / "dl.toml").write_text(text, "utf-8")
    with pytest.raises(LakeError) as caught:
        settings(config)
    assert caught.value.code == "E_USAGE"
