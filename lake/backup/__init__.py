"""Backups: a copy of the lake, taken while others write, that is a lake itself; and a lake made of one again."""

from lake.backup.model import BackupReport, Left, Progress, RestoreReport
from lake.backup.restoring import restore_backup
from lake.backup.run import backup

__all__ = ["BackupReport", "Left", "Progress", "RestoreReport", "backup", "restore_backup"]
