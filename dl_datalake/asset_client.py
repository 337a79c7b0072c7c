"""The asset graph in the Python client: what is declared and in which state, and making what is missing or stale."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from dl_datalake.dates import parse_range
from dl_datalake.series import parse_address
from dl_datalake.states import choose, judge, read_states

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dl_datalake.assets import AssetInfo
    from dl_datalake.dates import DateLike
    from lake.config import Config
    from lake.lineage import LineageNode, PartitionState, SeriesStatus
    from lake.manifest import Manifest
    from pipelines.checking import CheckReport
    from pipelines.materialize import MaterializeReport, Progress
    from schemas.graph import Registry
    from schemas.keys import Address


class AssetClient:
    """The part of a `Lake` that knows assets."""

    config: Config
    _manifest: Manifest

    @property
    def registry(self) -> Registry:
        """The declared assets, those of the lake's own modules among them; ASSETS when these cannot be loaded."""
        from pipelines.assets import load

        return load(self.config, warnings.warn)

    def assets(self) -> list[AssetInfo]:
        """Return the declared datasets, each with how many series the lake holds of it, in which state."""
        from dl_datalake.assets import asset_infos

        registry = self.registry
        return asset_infos(registry, read_states(self._manifest, registry))

    def asset_status(self, selection: str | Sequence[str] = "*") -> list[SeriesStatus]:
        """Return how many partitions are there, missing, stale and failed, by series, and which series are late.

        Args:
            selection: Assets and addresses as `dl assets status` takes them: `bars/1h`, `+bars/1d`,
                `BINANCE/*/BTC*/bars/1h`, `tag:mine`.

        Raises:
            LakeError: UNKNOWN_ASSET, UNKNOWN_SERIES, USAGE.
        """
        registry = self.registry
        return read_states(self._manifest, registry, choose(self._manifest, registry, selection).fits)

    def partition_states(self, address: str | Address) -> list[PartitionState]:
        """Return the state of every partition of a series, stored or expected, and why it is stale."""
        from lake import lineage

        return lineage.partition_states(
            self._manifest, self.registry, parse_address(str(address)), judge=judge(self._manifest)
        )

    def lineage(self, address: str | Address, partition: str, *, down: bool = False) -> LineageNode | None:
        """Return what a partition was made from, up to the vendors' files; with `down`, what was made from it.

        None when the series has no such partition.
        """
        from lake import lineage

        walk = lineage.down if down else lineage.up
        return walk(self._manifest, parse_address(str(address)), partition)

    def materialize(  # noqa: PLR0913 - as many words as the command has options
        self,
        selection: str | Sequence[str],
        *,
        stale: bool = True,
        missing: bool = True,
        start: DateLike | None = None,
        end: DateLike | None = None,
        force: bool = False,
        plan: bool = False,
        jobs: int = 1,
        progress: Callable[[Progress], None] = lambda _at: None,
    ) -> MaterializeReport:
        """Make what is missing or stale of some assets, each after what it is made from.

        Args:
            selection: As for `asset_status`.
            stale: Whether what is stale is made anew.
            missing: Whether what is missing is made.
            start: Only partitions that end after this.
            end: Only partitions that begin before this.
            force: Make anew what is up to date, too.
            plan: Only say what would be made.
            jobs: Upstream series that are worked on at the same time.
            progress: Called as it goes on.

        Returns:
            The plan, and what came of it; failures are in it, not raised.
        """
        from pipelines import materialize as engine

        registry = self.registry
        chosen = choose(self._manifest, registry, selection)
        between = parse_range(start, end)
        request = engine.MaterializeRequest(chosen, stale, missing, *between, force=force, plan_only=plan, jobs=jobs)
        return engine.materialize(self.config, registry, request, progress=progress)

    def check(self, selection: str | Sequence[str] = "*") -> CheckReport:
        """Hold stored partitions to their schema and to their asset's own checks; the outcome is kept."""
        from pipelines import checking

        registry = self.registry
        return checking.check(self.config, registry, choose(self._manifest, registry, selection))
