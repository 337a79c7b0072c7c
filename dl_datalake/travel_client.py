"""What the Python client does to the history: naming and forgetting snapshots, deleting, and rolling back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_datalake.asset_client import AssetClient
from dl_datalake.dates import parse_as_of, parse_range
from lake.amounts import duration_ns

if TYPE_CHECKING:
    import datetime as dt

    from dl_datalake.dates import DateLike
    from lake.delete import DeleteReport
    from lake.expire import ExpireReport
    from lake.rollback import RollbackReport
    from lake.vacuum import VacuumReport
    from schemas.keys import Address


def _seconds(length: str | dt.timedelta) -> float:
    return duration_ns(length) / 10**9 if isinstance(length, str) else length.total_seconds()


class TravelClient(AssetClient):
    """The part of `Lake` that changes what the newest snapshot holds without new data."""

    def name_snapshot(self, name: str, as_of: int | DateLike | None = None, message: str = "") -> int:
        """Give a snapshot a name that every `as_of` takes; return the snapshot's number.

        Args:
            name: Begins with a letter; up to 64 letters, digits, `.`, `_` and `-`.
            as_of: Which one; the newest unless given.
            message: Why, for the history.

        Raises:
            LakeError: SNAPSHOT_NAME when it cannot be one or is given already, UNKNOWN_SNAPSHOT, LOCKED.
        """
        from lake.snapshots import create

        return create(self.config, name, None if as_of is None else parse_as_of(as_of), message=message)

    def drop_snapshot_name(self, name: str) -> None:
        """Take a name away from its snapshot, which stays; UNKNOWN_SNAPSHOT when there is no such name."""
        from lake.snapshots import drop

        drop(self.config, name)

    def expire(
        self,
        *,
        older_than: str | dt.timedelta | None = None,
        keep_last: int | None = None,
        message: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> ExpireReport:
        """Forget snapshots, for good; those with names and the newest stay, and no file goes before `vacuum`.

        Args:
            older_than: Forget what was the newest so long ago or longer: `90d`, `36h`, or a timedelta.
            keep_last: Keep the newest so many; with both, a snapshot goes when neither keeps it.
            message: Why, for the history.
            force: Take less than an hour.
            dry_run: Say what would be forgotten; forget nothing.

        Raises:
            LakeError: USAGE, GRACE, LOCKED.
        """
        from lake.expire import ExpireRequest, expire

        age = None if older_than is None else _seconds(older_than)
        return expire(self.config, ExpireRequest(age, keep_last, message, force, dry_run))

    def vacuum(self, *, grace: str | dt.timedelta = "1h", force: bool = False, dry_run: bool = False) -> VacuumReport:
        """Give back the bytes of files that no snapshot can reach, and of those that none ever had.

        Args:
            grace: How long files stay after nobody can reach them.
            force: Take a grace under an hour.
            dry_run: Say what would go; remove nothing.

        Raises:
            LakeError: GRACE; MANIFEST_DAMAGED when the manifest cannot be trusted; LOCKED, STORAGE.
        """
        from lake.vacuum import VacuumRequest, vacuum

        return vacuum(self.config, VacuumRequest(_seconds(grace), force, dry_run))

    def delete(
        self,
        *addresses: str | Address,
        start: DateLike | None = None,
        end: DateLike | None = None,
        all_exchanges: bool = False,
        message: str = "",
        dry_run: bool = False,
    ) -> DeleteReport:
        """Delete rows, each series as one snapshot; earlier snapshots keep them, and `rollback` brings them back.

        Args:
            addresses: Series, or patterns.
            start: The first instant to delete; from the beginning unless given.
            end: The instant to stop before; to the end unless given.
            all_exchanges: Whether patterns may reach over several exchanges.
            message: Why, for the history.
            dry_run: Say what would go; delete nothing.

        Raises:
            LakeError: UNKNOWN_SERIES, AMBIGUOUS over several exchanges, DERIVED when a derived partition would be cut,
                LOCKED.
        """
        from lake.delete import DeleteRequest, delete

        request = DeleteRequest(
            tuple(map(str, addresses)), *parse_range(start, end), all_exchanges, message=message, dry_run=dry_run
        )
        return delete(self.config, request, checks=self.registry.checks)

    def rollback(
        self, *addresses: str | Address, to: int | DateLike, message: str = "", dry_run: bool = False
    ) -> RollbackReport:
        """Have series hold again what they held at a snapshot, each as one new snapshot.

        Args:
            addresses: Series, or patterns.
            to: The snapshot's number or name, or a time.
            message: Why, for the history.
            dry_run: Say what would change; change nothing.

        Raises:
            LakeError: UNKNOWN_SERIES, UNKNOWN_SNAPSHOT, DERIVED for what is made from others, FILE_DAMAGED, LOCKED.
        """
        from lake.rollback import RollbackRequest, rollback

        request = RollbackRequest(tuple(map(str, addresses)), parse_as_of(to), message, dry_run)
        return rollback(self.config, request, checks=self.registry.checks)
