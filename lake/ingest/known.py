"""Files that were taken in as they are asked for now: told by their bytes, place and options before one is looked into.

Which dialect a file is in, and so the key of its ingest, is known only after its first rows were tried against every
dialect. Where the same place holds the same bytes, and the same is asked of the same readers, the outcome is the same.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lake import sources
from lake.errors import LakeError, printable
from lake.ingest.report import FileReport
from lake.manifest import Manifest
from lake.manifest.current import current_keys
from lake.sources.dialects import known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lake.config import Config
    from lake.ingest.report import IngestRequest
    from lake.manifest.rows import IngestRow
    from lake.sources import SourceFile
    from lake.sources.dialects import Dialect

_ASKED = "asked"
_FEW = 8
"""Files that are looked into all the same: for so few, reading the list of what is in the lake does not pay."""


class Known:
    """Knows what the lake had taken in when it was first asked."""

    def __init__(self, config: Config, request: IngestRequest, own: Mapping[str, Dialect]) -> None:
        self._config, self._request, self._own = config, request, own
        self._keys: dict[str, str] | None = None
        self._asked = 0

    def find(self, source: SourceFile) -> IngestRow | None:
        """Return the ingest of the same source whose effect is still current, as far as that can be told unread."""
        self._asked += 1
        if self._asked <= _FEW or self._request.save_dialect is not None:
            return None
        try:
            with Manifest.open(self._config) as manifest:
                if not manifest.same_size_source(source.nbytes):
                    return None
                if self._keys is None:
                    self._keys = manifest.read(lambda connection: current_keys(connection, _ASKED))
                digest = sources.verify_checksum(source.path) if source.member is None else None
                key = self._keys.get(asked(self._request, source, digest or source.digest(), self._own))
                return manifest.current_ingest(key) if key is not None else None
        except (OSError, LakeError):  # who reads it says what is wrong
            return None


def marked(
    report: FileReport, request: IngestRequest, source: SourceFile, own: Mapping[str, Dialect]
) -> dict[str, object]:
    """Return a report as it is stored, with what was asked of which source."""
    kept = {name: getattr(report, name) for name in FileReport.__slots__}
    return kept | {_ASKED: asked(request, source, report.sha256, own)}


def unchanged(current: IngestRow, shown: str) -> FileReport:
    """Say what the first ingest of the same bytes said, but that nothing is new."""
    kept = {name: said for name, said in current.report.items() if name != _ASKED}
    report = FileReport(**({"records": kept["rows"]["read"]} | kept))
    placed = report.rows["read"] - report.rows["quarantined"] - report.rows["skipped"]
    report.rows |= {"new": 0, "identical": placed, "corrected": 0, "superseded": 0}
    report.status, report.source = "unchanged", shown
    report.run, report.snapshot = current.run_id, current.snapshot
    report.files_written = report.bytes_written = 0
    return report


def asked(request: IngestRequest, source: SourceFile, sha256: str, own: Mapping[str, Dialect]) -> str:
    """Name a source's bytes and place, what is asked of it, and what reads it: dialects, the user's `own` too."""
    columns, words = sorted(request.columns.items()), sorted(request.words.items())
    others = replace(request, sources=(), columns={}, words={}, dry_run=False, save_dialect=None)
    facts = [sha256, printable(source.resolved()), columns, words, others, _readers(), sorted(own.items())]
    return hashlib.sha256(repr(facts).encode("utf-8", "backslashreplace")).hexdigest()


@functools.cache
def _readers() -> str:
    """Return a hash over what decides how a file is read: the readers' code, and the dialects."""
    digest = hashlib.sha256(repr(sorted(known().items())).encode("utf-8", "backslashreplace"))
    home = Path(sources.__file__).parent
    for module in sorted(home.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()
