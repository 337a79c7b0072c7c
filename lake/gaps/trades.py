"""What the stored trades of an instrument say of bars that are missing: whether anything was traded then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.gaps.covering import merged
from lake.gaps.runs import cut
from lake.manifest import graph
from lake.manifest.packed import DAY_NS
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.config import Config
    from lake.gaps.runs import Run
    from lake.manifest import Manifest, PartRow
    from schemas.periods import Period


class Trades:
    """The stored trades of one instrument; only the times of partitions that matter are read, each once."""

    def __init__(self, config: Config, manifest: Manifest, bars: Address, period: Period | None, snapshot: int) -> None:
        """Look up which partitions of trades there are."""
        self._config, self._manifest, self._snapshot = config, manifest, snapshot
        self._address = Address.of(bars.exchange, bars.market, bars.symbol, "ticks", "trade")
        self._parts: list[PartRow] = []
        self._step_ns = 0
        if period is not None and period.grid_us is not None and not period.side and not period.adjustment:
            self._step_ns = period.grid_us * 1000
            row = manifest.find(self._address)
            self._parts = [] if row is None else graph.parts(manifest, row.id, None, None, snapshot)
        self._by_day = {part.start_ns: part for part in self._parts}
        self._traded: dict[int, set[int]] = {}
        # From one day's last trade to the next day's first, nothing was traded.
        whole = merged((part.start_ns, part.end_ns) for part in self._parts)
        firsts = {part.start_ns: part.first_ns for part in self._parts}
        lasts = {part.end_ns: part.last_ns for part in self._parts}
        step = self._step_ns
        self._spans = [
            (firsts[a] + step - 1, lasts[b] + 1 - step + 1) for a, b in whole if lasts[b] - firsts[a] > 2 * step
        ]

    def judge(self, run: Run) -> Iterator[tuple[Run, bool | None]]:
        """Yield a run in pieces, with whether there were trades in each step; None where no stored trades tell."""
        for piece, place in cut(run, self._spans):
            if place is None:
                yield piece, None
                continue
            at = 0
            for number in range(1, piece.count + 1):
                said = self._has(piece.start_ns + at * piece.step_ns)
                if number == piece.count or self._has(piece.start_ns + number * piece.step_ns) != said:
                    yield piece.part(at, number), said
                    at = number

    def _has(self, step_ns: int) -> bool:
        part = self._by_day[step_ns // DAY_NS * DAY_NS]
        if part.start_ns not in self._traded:
            self._traded = {part.start_ns: self._read(part)}
        return step_ns in self._traded[part.start_ns]

    def _read(self, part: PartRow) -> set[int]:
        import numpy as np

        from lake import rows
        from lake.read import Scan

        scan = Scan(
            self._config,
            self._manifest,
            [self._address],
            start_ns=part.start_ns,
            end_ns=part.end_ns,
            columns=["ts"],
            as_of=self._snapshot,
        )
        found: set[int] = set()
        for batch in scan.batches():
            steps = np.unique(rows.times(batch) // self._step_ns)
            found.update((steps * self._step_ns).tolist())
        return found
