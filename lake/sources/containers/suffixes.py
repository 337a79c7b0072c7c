"""The endings of packed files' names, in one table. What a file is, its first bytes say; these only cut its name."""

from __future__ import annotations

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
BARE_LZMA = ".bi5"
"""Of LZMA without a container, which has no magic: only the name tells it."""
ARCHIVES = (".zip", ".tar")
_SHORT = {".tgz": ".tar.gz", ".tbz2": ".tar.bz2", ".tbz": ".tar.bz2", ".txz": ".tar.xz", ".tzst": ".tar.zst"}


def stem(name: str) -> str:
    """Return a file's name without what packed it: `a.csv` of `a.csv.gz`, `a` of `a.zip`, `a.tar.xz` and `a.tgz`."""
    kept = name
    for short, whole in _SHORT.items():
        if name.lower().endswith(short):
            kept = name[: -len(short)] + whole
    for endings in (COMPRESSIONS, ARCHIVES):
        ending = next((e for e in endings if kept.lower().endswith(e)), "")
        kept = kept[: len(kept) - len(ending)]
    return kept or name


def spellings(name: str) -> tuple[str, ...]:
    """Return what a file may be called by a pattern of names: whole, and its stem without and with .csv."""
    return name, stem(name), f"{stem(name)}.csv"
