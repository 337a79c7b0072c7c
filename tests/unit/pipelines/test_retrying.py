from __future__ import annotations

import errno

import pytest

from lake.errors import CODES, Exit, LakeError
from pipelines.retrying import may_pass


@pytest.mark.parametrize("code", CODES)
def test_only_what_may_pass_is_tried_again(code: str) -> None:
    error = LakeError(code, "said")
    assert may_pass(error) == (error.exit in {Exit.LOCKED, Exit.SOURCE, Exit.STORAGE})


def caused(code: str, cause: BaseException) -> LakeError:
    error = LakeError(code, "said")
    error.__cause__ = cause
    return error


def test_drive_that_was_away_is_tried_again_and_a_damaged_file_is_not() -> None:
    assert may_pass(caused("SOURCE_UNREADABLE", OSError(errno.EIO, "Input/output error")))
    assert may_pass(caused("SOURCE_UNREADABLE", OSError(errno.ESTALE, "Stale file handle")))
    assert not may_pass(caused("SOURCE_UNREADABLE", EOFError("cut")))
    assert not may_pass(caused("SOURCE_UNREADABLE", OSError(errno.EACCES, "Permission denied")))


def test_disks_own_errors_are_tried_again_and_bugs_are_not() -> None:
    assert may_pass(OSError(errno.ENOSPC, "full"))
    assert not may_pass(ZeroDivisionError("a bug"))
