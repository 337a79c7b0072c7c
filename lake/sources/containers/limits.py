"""What a container may ask of us at most. Each cap is far above any vendor's file and far below what does harm."""

from __future__ import annotations

from lake.errors import LakeError

CHUNK = 1 << 18
"""Bytes read at once: enough that a call costs nothing, little enough that many buffers of it do not matter."""

BOMB_RATIO = 200
"""Unpacked bytes for each packed one. Vendors' tables shrink 3 to 30 times; only made-up ones more than 200 times."""

BOMB_FROM = 64 << 20
"""Bytes unpacked before the ratio is looked at: small files of zeros are no threat."""

MEMBERS = 100_000
"""Members of one archive, those left out counted too. A vendor's largest packs (a file for each symbol and day of some
years) hold tens of thousands; an entry of a listing takes about a kilobyte of memory."""

DIRECTORY_BYTES = 400 * MEMBERS
"""The list of members at the end of a zip, read whole: 46 bytes and a path for each."""

HEADER_BYTES = 1 << 20
"""A long name, or extended header, of one tar member, read whole: paths are shorter than 4096 bytes."""

MEMBER_BYTES = 1 << 37
"""Unpacked bytes of one member, which is kept on disk while it is read: a venue's whole day of full order books takes
tens of gigabytes."""

HELD_BYTES = 4 << 20
"""Up to here a member is held in memory, above that in a temporary file without a name."""

DICTIONARY_BYTES = 128 << 20
"""Memory for unpacking xz: `xz -9` needs 65 MB, a dictionary made to hurt takes 4 GB. (Zstandard's own limit is the
same: a window of 128 MB, what `zstd -d` allows without being told more.)"""


def unsafe(name: str, where: object, what: str) -> LakeError:
    """Return the refusal of a file that passes one of these caps."""
    return LakeError("SOURCE_UNSAFE", f"{name} {what}", where=str(where))


def check_ratio(unpacked: int, packed: int, name: str, where: object) -> None:
    """Raise SOURCE_UNSAFE when this many bytes came out of that many."""
    if unpacked > BOMB_FROM and unpacked > BOMB_RATIO * packed:
        raise unsafe(name, where, f"unpacks to more than {unpacked // max(packed, 1)} times its size")
