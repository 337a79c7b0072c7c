"""What the Python client does so that nothing is lost: verifying, backups, and repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_datalake.asset_client import AssetClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.backup import BackupReport, RestoreReport
    from lake.backup import Progress as BackupProgress
    from lake.check import VerifyReport
    from lake.repair import Progress as RepairProgress
    from lake.repair import RepairReport, Way


class CareClient(AssetClient):
    """The part of `Lake` that looks after what is stored."""

    def verify(
        self,
        progress: Callable[[int, int, int], None] | None = None,
        *,
        tier: str | None = None,
        part: tuple[int, int] | None = None,
        max_bytes: int | None = None,
        max_seconds: float | None = None,
    ) -> VerifyReport:
        """Hash stored files again, and check the manifest's chain, which is always checked whole.

        Args:
            progress: Called with files done, files in all, and bytes done.
            tier: Only copies in this tier.
            part: Only the k-th of n parts of the files, as `(k, n)`.
            max_bytes: Stop after so many bytes; the files verified longest ago come first.
            max_seconds: Stop after this time, in the same order.

        Raises:
            LakeError: USAGE when there is no such part, UNKNOWN_TIER.
        """
        from lake.check import Budget, verify

        budget = None if max_bytes is None and max_seconds is None else Budget(max_bytes, max_seconds)
        return verify(self.config, tier=tier, part=part, budget=budget, progress=progress)

    def backup(
        self,
        folder: str | Path,
        *,
        tiers: bool = True,
        verify: bool = False,
        progress: Callable[[BackupProgress], None] | None = None,
    ) -> BackupReport:
        """Copy the lake, while it is in use, into a folder that is a lake by itself; again, only what is new.

        Args:
            folder: An empty or a new one, or one that holds a backup of this lake.
            tiers: Whether the files of other tiers are copied too.
            verify: Whether what the backup has already is hashed again, and copied anew where it is rotten.
            progress: Called as files are copied.

        Raises:
            LakeError: BACKUP for a folder that holds other things, TIER_UNAVAILABLE, DISK_FULL, LOCKED.
        """
        from lake.backup import backup

        return backup(self.config, folder, with_tiers=tiers, rehash=verify, tell=progress)

    @staticmethod
    def restore_backup(
        folder: str | Path,
        root: str | Path,
        *,
        verify: bool = True,
        force: bool = False,
        progress: Callable[[BackupProgress], None] | None = None,
    ) -> RestoreReport:
        """Make a lake of a backup, which is opened by `dl_datalake.open` then.

        Args:
            folder: The backup.
            root: A new or empty folder, or a lake's that lost its manifest.
            verify: Whether files that are there already are hashed; those that are copied always are.
            force: Set the manifest that is there aside, and a log that goes on past the backup.
            progress: Called as files are copied.

        Raises:
            LakeError: BACKUP for what is no whole backup, or a place that holds other things or a log that goes on
                past it; DISK_FULL, LOCKED.
        """
        from lake.backup import restore_backup
        from lake.config import locate

        return restore_backup(locate(root, must_exist=False), folder, verify=verify, force=force, tell=progress)

    def repair(
        self,
        *addresses: str,
        way: Way,
        plan: bool = False,
        progress: Callable[[RepairProgress], None] | None = None,
    ) -> RepairReport:
        """Make again what is lost or damaged; where manifest.db is missing, no lake can be opened: use `dl repair`.

        Args:
            addresses: Series, or patterns; every series where there is none.
            way: From `log`: the manifest; from `manifest`: the log; from `cold`: files, from other places; from
                `source`: files, from what was ingested.
            plan: Say what would be done; change nothing.
            progress: Told how far it is.

        Raises:
            LakeError: UNREPAIRABLE, USAGE for another way, UNKNOWN_SERIES, LOCKED, DISK_FULL, STORAGE.
        """
        from lake.repair import RepairRequest, repair

        return repair(self.config, RepairRequest(way, tuple(map(str, addresses)), plan), progress)
