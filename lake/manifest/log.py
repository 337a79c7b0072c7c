"""The commit log: every snapshot's document as one line of JSON, on disk before its transaction commits.

A line is `{"document":…,"hash":"<sha256 of the document's bytes>"}`. A writer that was killed leaves a torn line, or
a whole one whose snapshot the manifest does not have; the next writer marks the first `{"torn":<lines>}` and the
second `{"aborted":<snapshot>,"hash":"…"}`, so that nothing is ever taken out of the log.

Before a document that put records into quarantine come these records, `{"quarantine":{"ledger":…,"of":"<hash of the
document>","rows":[[line,reason,detail,raw],…]},"hash":"…"}`, a thousand or a megabyte a line.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_HEAD = b'{"document":'
_QUARANTINE_HEAD = b'{"quarantine":'
_QUARANTINE_ROWS = 1_000
_QUARANTINE_BYTES = 1_000_000
_TAIL = b',"hash":"%s"}\n'
_TAIL_BYTES = len(_TAIL % (b"0" * 64))


def canonical(document: dict[str, Any]) -> bytes:
    """Return the one spelling of a document: sorted keys, no spaces, UTF-8."""
    # Bytes where a text was are damage; they are spelt so that it is found by the hash.
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=bytes.hex).encode()


def line_of(body: bytes, digest: str) -> bytes:
    """Return the log's line for a document in its canonical spelling."""
    return _HEAD + body + _TAIL % digest.encode()


def quarantine_lines(ledger: int, of: str, rows: Iterable[tuple[int, str, str, str]]) -> Iterator[bytes]:
    """Yield the log's lines for the quarantined records of a ledger; the document with the hash `of` speaks of it."""
    held: list[bytes] = []
    size = 0
    for row in rows:
        held.append(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode())
        size += len(held[-1])
        if len(held) >= _QUARANTINE_ROWS or size >= _QUARANTINE_BYTES:
            yield _quarantine_line(ledger, of, held)
            held, size = [], 0
    if held:
        yield _quarantine_line(ledger, of, held)


def _quarantine_line(ledger: int, of: str, rows: list[bytes]) -> bytes:
    body = b'{"ledger":%d,"of":"%s","rows":[%s]}' % (ledger, of.encode(), b",".join(rows))
    return _QUARANTINE_HEAD + body + _TAIL % hashlib.sha256(body).hexdigest().encode()


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log: where it lies, and what it says if it can be read."""

    kind: Literal["commit", "quarantine", "aborted", "torn", "unreadable"]
    start: int
    end: int
    complete: bool
    """Whether the line ends."""
    snapshot: int = 0
    hash: str = ""
    """Of the document that the line holds or speaks of."""
    parent_hash: str = ""
    count: int = 0
    """How many unreadable lines before it a `torn` mark speaks of."""


def entries(path: Path, start: int, end: int) -> Iterator[Entry]:
    """Read the log's lines between two offsets; a log that is not there has none."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        stream.seek(start)
        while start < end:
            line = stream.readline(end - start)
            if not line:
                return
            yield _entry(line, start)
            start += len(line)


def document_at(path: Path, entry: Entry) -> dict[str, Any]:
    """Read back the document of a `commit` entry, or what a `quarantine` one holds."""
    with path.open("rb") as stream:
        stream.seek(entry.start)
        line = stream.read(entry.end - entry.start)
    document: dict[str, Any] = json.loads(line)["document" if entry.kind == "commit" else "quarantine"]
    return document


def _entry(line: bytes, start: int) -> Entry:
    end = start + len(line)
    complete = line.endswith(b"\n")
    unreadable = Entry("unreadable", start, end, complete)
    if not complete:
        return unreadable
    try:
        content = json.loads(line)
        if not line.startswith((_HEAD, _QUARANTINE_HEAD)):
            if "aborted" in content:
                return Entry("aborted", start, end, complete, content["aborted"], content["hash"])
            return Entry("torn", start, end, complete, count=content["torn"])
        return _hashed(line, content, start) or unreadable
    except (ValueError, KeyError, TypeError):
        return unreadable


def _hashed(line: bytes, content: dict[str, Any], start: int) -> Entry | None:
    """Return what a line is that ends in the hash of what it holds; None when the hash is another one."""
    end = start + len(line)
    head = _HEAD if line.startswith(_HEAD) else _QUARANTINE_HEAD
    digest = hashlib.sha256(line[len(head) : -_TAIL_BYTES]).hexdigest()
    if line[-_TAIL_BYTES:] != _TAIL % digest.encode():
        return None
    if head == _QUARANTINE_HEAD:
        return Entry("quarantine", start, end, complete=True, hash=content["quarantine"]["of"])
    document = content["document"]
    return Entry(
        "commit",
        start,
        end,
        complete=True,
        snapshot=document["snapshot"],
        hash=digest,
        parent_hash=document["parent_hash"],
    )


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What no mark in the log accounts for: snapshots without a mark, and lines that cannot be read."""

    commits: list[Entry]
    unreadable: list[Entry]


def unsettled(lines: Iterable[Entry]) -> Unsettled:
    """Strike out what later marks speak of, and return the rest in order."""
    commits: dict[str, Entry] = {}
    unreadable: list[Entry] = []
    for entry in lines:
        if entry.kind == "commit":
            commits[entry.hash] = entry
        elif entry.kind == "aborted":
            commits.pop(entry.hash, None)
        elif entry.kind == "unreadable":
            unreadable.append(entry)
        elif entry.kind == "torn":
            del unreadable[max(0, len(unreadable) - entry.count) :]
    return Unsettled(list(commits.values()), unreadable)


class CommitLog:
    """The log opened to be appended to, by the writer that holds the manifest's write lock."""

    def __init__(self, path: Path) -> None:
        """Open the log; make it, durably, when there is none."""
        self.path = path
        new = not path.exists()
        if new:
            make_folder(path.parent)
        # Read as well: what lies behind the last commit must be looked at before anything is added.
        self._stream: BinaryIO = path.open("a+b", buffering=0)
        if new:
            sync_folder(path.parent)
        self.size = os.fstat(self._stream.fileno()).st_size

    def marks(self, log_end: int, parent: int, parent_hash: str, took_place: Callable[[Entry], bool]) -> bytes:
        """Return the marks to write for what lies behind the last commit, which ends at `log_end`.

        Args:
            log_end: Where the manifest's last commit ends.
            parent: Its snapshot.
            parent_hash: The hash of that.
            took_place: Tells whether the files of a commit prove that it was acknowledged.

        Raises:
            LakeError: MANIFEST_DAMAGED when the log is shorter than that, or tells of commits the manifest lost: at
                most one snapshot, the next one, can be there without having been acknowledged.
        """
        if self.size == log_end:
            return b""
        if self.size < log_end:
            raise LakeError(
                "MANIFEST_DAMAGED",
                f"the commit log is {log_end - self.size} bytes shorter than the manifest says",
                where=str(self.path),
                fix=["dl verify", "dl repair --from manifest"],
            )
        rest = unsettled(tail := list(entries(self.path, log_end, self.size)))
        for entry in rest.commits:
            follows = (entry.snapshot, entry.parent_hash) == (parent + 1, parent_hash)
            if len(rest.commits) > 1 or not follows or took_place(entry):
                raise LakeError(
                    "MANIFEST_DAMAGED",
                    f"the commit log tells of snapshot {entry.snapshot}, and the manifest ends at {parent}",
                    where=str(self.path),
                    why="The manifest is older than the log, as after restoring a backup of the manifest alone.",
                    fix=["dl verify", "dl repair --from log"],
                )
        found = b"" if tail[-1].complete else b"\n"
        if rest.unreadable:
            found += b'{"torn":%d}\n' % len(rest.unreadable)
        for entry in rest.commits:
            found += b'{"aborted":%d,"hash":"%s"}\n' % (entry.snapshot, entry.hash.encode())
        return found

    def ends_whole(self) -> bool:
        """Whether the last line ends, or there is none."""
        return self.size == 0 or os.pread(self._stream.fileno(), 1, self.size - 1) == b"\n"

    def write(self, data: bytes) -> None:
        """Write at the end; it is on disk after the next `append`."""
        view = memoryview(data)
        while view:
            written = self._stream.write(view)
            self.size += written
            view = view[written:]

    def append(self, data: bytes) -> None:
        """Write at the end and sync; on return it is on disk."""
        self.write(data)
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the log."""
        self._stream.close()


def make_folder(path: Path) -> None:
    """Make a folder and its parents, each of them durable."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
