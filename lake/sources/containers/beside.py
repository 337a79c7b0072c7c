"""What lies beside the data in vendors' folders and archives, and is no data: left out, and counted by reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_REASONS = {
    reason: re.compile(pattern, re.IGNORECASE)
    for reason, pattern in {
        "checksum": r".*\.(?:checksum|md5|sha1|sha256|sha512|asc|sig)|(?:md5|sha1|sha256|sha512)sums?",
        "unfinished": r".*(?:\.(?:part|partial|filepart|crdownload|tmp|temp|download)|~)",
        "note": r"(?:readme|licen[cs]e|changelog)(?:\.(?:txt|md|rst|html?|pdf))?|.*\.(?:md|html?|pdf)",
    }.items()
}


def reason_to_leave(name: str) -> str:
    """Return why a file below a folder, or a member of an archive, is no data; empty when it may be data.

    Args:
        name: Its path below the folder or in the archive, parted by slashes.
    """
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    if not name:  # a vendor's zip may leave it out
        return ""
    if not parts or any(part.startswith(".") or part == "__MACOSX" for part in parts):
        return "hidden"
    return next((reason for reason, pattern in _REASONS.items() if pattern.fullmatch(parts[-1])), "")


def reports(names: Iterable[str]) -> set[str]:
    """Return the members that only report on another one: `a.txt` beside `a.csv`, as HistData packs them."""
    names = set(names)
    data = {name[: -len(".csv")] for name in names if name.lower().endswith(".csv")}
    return {name for name in names if name.lower().endswith(".txt") and name[: -len(".txt")] in data}
