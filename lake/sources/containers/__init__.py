"""The file around the data: compression and archives, read as streams while the file's own bytes are hashed."""

from lake.sources.containers.archives import members
from lake.sources.containers.beside import reason_to_leave
from lake.sources.containers.checksums import verify_checksum
from lake.sources.containers.file import HashingFile, Member, SourceFile, as_source, shown
from lake.sources.containers.source import Container, Source
from lake.sources.containers.suffixes import spellings

__all__ = [
    "Container",
    "HashingFile",
    "Member",
    "Source",
    "SourceFile",
    "as_source",
    "members",
    "reason_to_leave",
    "shown",
    "spellings",
    "verify_checksum",
]
