"""From one file to the sources in it: itself, or each data member of an archive, in the archive's order.

A member is read through once, hashed, and held until it was taken in: in memory when small, else in a temporary file
without a name in the lake's staging folder. So an archive is gone through once, whatever it is compressed with; the
hash that tells whether a member is in the lake already is known before a row is parsed; and every kind of source may
be a member, those too that are not read from front to back. Nothing is written under a member's own name.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.containers.beside import reason_to_leave
from lake.sources.containers.checksums import verify_checksum
from lake.sources.containers.damage import DAMAGE, damaged, unopened
from lake.sources.containers.file import HashingFile, Held, Holding, Member, SourceFile
from lake.sources.containers.streams import MAGIC_BYTES, compression_of, unpacked
from lake.sources.containers.tars import TAR_HEAD_BYTES, Tar, is_tar
from lake.sources.containers.zips import check_open, data_entries, is_zip, made, open_zip

if TYPE_CHECKING:
    import tarfile
    import zipfile
    from collections.abc import Iterator
    from pathlib import Path

    from lake.sources.containers.streams import Stream

_NOT_IN_ORDER = (b"PK\x03\x04", b"PAR1", b"ARROW1")
"""How files begin that cannot be read from front to back, so that the sole member of an archive is held, too."""


def members(
    path: Path, folder: Path | None = None, ignored: Counter[str] | None = None
) -> Iterator[SourceFile | LakeError]:
    """Yield the sources of a file, each to be done with before the next one is asked for.

    An archive of one data member is the source itself, with its own bytes' hash. A member that cannot be had is
    yielded as the error that says why, and so is an archive that breaks off: what came before stands.

    Args:
        path: The file.
        folder: Where a large member is held; among the system's temporary files when it cannot be written to.
        ignored: Takes how many members were left out, by reason.
    """
    counted: Counter[str] = Counter() if ignored is None else ignored
    try:
        file = HashingFile(path)
    except OSError as error:
        yield unopened(error, path)
        return
    given = False
    try:
        for source in _sources(path, file, folder, counted):
            if not given and (isinstance(source, LakeError) or source.member is not None):
                verify_checksum(path)  # of the archive, before any of its members is taken
            given = True
            yield source
    except LakeError as error:
        error.where = error.where or str(path)
        yield error
    except DAMAGE as error:
        yield damaged(error, path.name, path) if given else _broken(error, path)
    finally:
        file.close()


def _broken(error: BaseException, path: Path) -> LakeError:
    """Return what is wrong with an archive of which nothing can be had: its checksum, if there is one, tells most."""
    try:
        verify_checksum(path)
    except LakeError as refusal:
        return refusal
    return damaged(error, path.name, path)


def _sources(
    path: Path, file: HashingFile, folder: Path | None, ignored: Counter[str]
) -> Iterator[SourceFile | LakeError]:
    start = file.read(TAR_HEAD_BYTES)
    file.seek(0)
    kind = compression_of(start[:MAGIC_BYTES])
    if is_zip(start):
        yield from _of_zip(path, file, Holding(path, file.size, folder), ignored)
    elif is_tar(start if kind is None else _head(unpacked(kind, file))):
        file.seek(0)
        stream = file if kind is None else unpacked(kind, file)
        yield from _of_tar(path, file, stream, Holding(path, file.size, folder), ignored)
    else:
        yield SourceFile(path)


def _head(stream: Stream) -> bytes:
    """Return the first bytes of a stream; none when it is damaged, which its reader will say."""
    data = b""
    try:
        while len(data) < TAR_HEAD_BYTES and (piece := stream.read(TAR_HEAD_BYTES - len(data))):
            data += piece
    except DAMAGE:
        return b""
    return data


# ---- zip -------------------------------------------------------------------------------------------------------------


def _of_zip(path: Path, file: HashingFile, holding: Holding, ignored: Counter[str]) -> Iterator[SourceFile | LakeError]:
    with open_zip(file) as archive:
        entries = data_entries(archive, ignored)
        if len(entries) < 2 and not _needs_holding(archive, entries):
            yield SourceFile(path)
            return
        for entry in entries:
            place = SourceFile(path, entry.filename).place
            try:
                check_open(entry, place)
                with archive.open(entry) as stream:
                    held = holding.hold(stream, entry.file_size, entry.filename)
            except DAMAGE as error:
                yield damaged(error, place.name, place)
                continue
            except LakeError as error:
                error.where = error.where or str(place)
                yield error
                continue
            name = entry.filename if len(entries) > 1 else None
            if name is None:
                held = Held(held.store, held.size, file.finish())
            yield from _given(SourceFile(path, name, held, "zip", Member(entry.filename, *made(entry)), _end(entry)))


def _end(entry: zipfile.ZipInfo) -> int:
    return entry.header_offset + entry.compress_size


def _needs_holding(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> bool:
    try:
        with archive.open(entries[0]) as stream:
            return stream.read(8).startswith(_NOT_IN_ORDER)
    except (*DAMAGE, IndexError):
        return False  # who reads it says what is wrong


# ---- tar -------------------------------------------------------------------------------------------------------------


def _of_tar(
    path: Path, file: HashingFile, stream: Stream, holding: Holding, ignored: Counter[str]
) -> Iterator[SourceFile | LakeError]:
    tar = Tar(stream, path, file.size)
    first: SourceFile | None = None
    count = 0
    try:
        for header in tar.files():
            reason = reason_to_leave(header.name)
            if reason:
                ignored[reason] += 1
                continue
            count += 1
            if first is not None:  # so it is not the only one
                yield from _given(first)
                first = None
            found = SourceFile(path, header.name, _held(tar, header, holding), "tar", _member(header), file.consumed)
            if count == 1:
                first = found
            else:
                yield from _given(found)
        if first is not None and first.held is not None:
            held = Held(first.held.store, first.held.size, file.finish())
            yield SourceFile(path, None, held, "tar", first.data)
    finally:
        if first is not None:
            first.close()
    if not count:
        raise LakeError("SOURCE_UNREADABLE", f"{path.name} holds no data file", where=str(path))


def _held(tar: Tar, header: tarfile.TarInfo, holding: Holding) -> Held:
    with tar.open(header) as stream:
        held = holding.hold(stream, header.size, header.name)
    if held.size != header.size:
        held.close()
        raise EOFError("unexpected end of data")
    return held


def _member(header: tarfile.TarInfo) -> Member:
    written = int(header.mtime * 10**9) or None
    return Member(header.name, written, written)


def _given(source: SourceFile) -> Iterator[SourceFile]:
    try:
        yield source
    finally:
        source.close()
