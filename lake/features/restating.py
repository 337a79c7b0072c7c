"""Whether what a partition of feature rows was made from was restated since: growth behind it is no restatement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.lineage.expected import containing
from lake.manifest import graph
from lake.manifest.packed import DAY_NS
from lake.read import Scan
from lake.rows import ContentHash

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest
    from lake.manifest.graph import DerivationRow

_FORGOTTEN = {"E_SNAPSHOT_EXPIRED", "E_FILE_MISSING"}


def is_restated(config: Config, manifest: Manifest, row: DerivationRow) -> bool:
    """Whether the input rows that a derivation tells of are no longer those it was made from.

    What no commit has touched costs nothing, and what has the same content costs one query. Else the rows of the
    derivation's range are read as they are and, where later rows of its partitions were there before it, as they were.

    Args:
        config: The lake.
        manifest: Its manifest.
        row: What is known of a partition that was written.

    Raises:
        LakeError: FILE_DAMAGED, FILE_MISSING, TIER_UNAVAILABLE when present rows cannot be read.
    """
    if not row.suspect:
        return False
    parts = graph.parts(manifest, row.upstream_id, row.start_ns, row.end_ns)
    if graph.inputs(parts) == row.inputs:
        return False
    aligned = containing(row.start_ns // DAY_NS, row.upstream.grain).start_ns
    if _content(config, manifest, row, aligned, None) == row.inputs:
        return False
    snapshot = int(json.loads(row.recipe)["written"]["snapshot"])
    try:
        then = _content(config, manifest, row, row.start_ns, snapshot)
    except LakeError as error:
        if error.code in _FORGOTTEN:
            return True  # what they were made from is forgotten, and what is there is something else
        raise
    return then != _content(config, manifest, row, row.start_ns, None)


def _content(config: Config, manifest: Manifest, row: DerivationRow, start_ns: int, snapshot: int | None) -> str:
    """Return the content hash of the input's rows from a start to the derivation's end."""
    scan = Scan(config, manifest, [row.upstream], start_ns=start_ns, end_ns=row.end_ns, as_of=snapshot)
    content = ContentHash(scan.declaration)
    for batch in scan.batches():
        content.update(batch)
    return content.hexdigest()
