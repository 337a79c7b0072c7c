"""What is known of a result's rows beside them: where they came from, what there is of them, and what reading takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from lake.errors import LakeError
from lake.read import Scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dl_datalake.result import Planned
    from lake.explain import Explanation
    from lake.gaps import GapReport
    from lake.lineage import LineageNode
    from lake.manifest.graph import PartRow
    from schemas.keys import Address

COVERAGE = pa.schema(
    [
        ("exchange", pa.string()),
        ("market", pa.string()),
        ("symbol", pa.string()),
        ("partition", pa.string()),
        ("start", pa.timestamp("us", "UTC")),
        ("end", pa.timestamp("us", "UTC")),
        ("rows", pa.int64()),
        ("expected", pa.int64()),
        ("first", pa.timestamp("ns", "UTC")),
        ("last", pa.timestamp("ns", "UTC")),
        ("tier", pa.string()),
        ("path", pa.string()),
        ("snapshot", pa.int64()),
    ]
)
_US = 1000


class Facts:
    """The part of a result that tells of its rows without reading them; what is made of stored rows tells of these."""

    _scan: Planned

    def coverage(self) -> pa.Table:
        """Return what is stored in the result's range, a row a natural partition, as the manifest knows it.

        A partition counts whole, also where the range begins or ends in it; a condition plays no part. `expected` is
        how many bars it would have if the market never closed, null for what has no period; `path` is the file, which
        many days share where they are sealed, and `snapshot` the one that stored it.
        """
        rows = [_covered(address, part) for address, part in self._parts()]
        return pa.Table.from_pylist(rows, COVERAGE)

    def lineage(self) -> tuple[LineageNode, ...]:
        """Return what each stored partition of the range was made from, up to the vendors' files, oldest first.

        Of a partition that was stored anew after the result's snapshot only the files are known that had come by then.
        """
        from lake.lineage import behind
        from lake.manifest import Manifest

        scan = self._stored()
        with Manifest.open(scan.config) as manifest:
            between = scan.start_ns, scan.end_ns
            found = [behind(manifest, address, between, scan.snapshot) for address in scan.addresses]
        return tuple(node for nodes in found for node in nodes)

    def explain(self) -> Explanation:
        """Return what reading the stored rows takes: files, row groups and bytes, and what is passed over.

        Footers are read for it. Printed, it is a few lines.
        """
        from lake.explain import explain

        return explain(self._stored())

    def gaps(
        self,
        *,
        calendar: str | None = None,
        min_length: str | None = None,
        kinds: Sequence[str] | None = None,
    ) -> GapReport:
        """Say where the series have no rows in the result's range, and why, as `Lake.gaps` does at its snapshot.

        A condition plays no part: a row that does not fit is no gap.
        """
        from dl_datalake.quality_client import find_gaps
        from lake.manifest import Manifest

        scan = self._stored()
        with Manifest.open(scan.config) as manifest:
            return find_gaps(
                manifest,
                tuple(map(str, scan.addresses)),
                between=(scan.start_ns, scan.end_ns),
                calendar=calendar,
                min_length=min_length,
                kinds=kinds,
                as_of=scan.snapshot,
            )

    def _stored(self, *, exactly: bool = False) -> Scan:
        """Return the read of stored rows that this is, or, unless it is to be exactly that, is made of."""
        made_of = None if exactly else getattr(self._scan, "source", None)
        found = self._scan if isinstance(self._scan, Scan) else made_of
        if not isinstance(found, Scan):
            why = "They are made while they are read."
            fix = ["ask the result they came from", "or store them first: lake.aggregate"]
            raise LakeError("USAGE", "no stored rows stand behind these", why=why, fix=fix)
        return found

    def _parts(self) -> list[tuple[Address, PartRow]]:
        """Return the natural partitions of the range."""
        from lake.manifest import Manifest, graph

        scan = self._stored()
        found = []
        with Manifest.open(scan.config) as manifest:
            for address in scan.addresses:
                series = manifest.find(address)
                if series is not None:
                    parts = graph.parts(manifest, series.id, scan.start_ns, scan.end_ns, scan.snapshot)
                    found += [(address, part) for part in parts]
        return found


def _covered(address: Address, part: PartRow) -> dict[str, object]:
    return {
        "exchange": address.exchange,
        "market": address.market,
        "symbol": address.symbol,
        "partition": part.partition,
        "start": part.start_ns // _US,
        "end": part.end_ns // _US,
        "rows": part.rows,
        "expected": expected(address, part),
        "first": part.first_ns,
        "last": part.last_ns,
        "tier": part.file.tier,
        "path": part.file.path,
        "snapshot": part.file.from_snapshot,
    }


def expected(address: Address, part: PartRow) -> int | None:
    """Return how many bars a partition has when none is missing and no market closes; None for what has no period."""
    from schemas.periods import Period

    length = Period.parse(address.period).fixed_us if address.type == "bars" else None
    if length is None or Period.parse(address.period).unit == "w":
        return None
    # Of a period that does not divide the partition, a bar may begin in the one before.
    return (part.end_ns // _US - 1) // length - (part.start_ns // _US - 1) // length
