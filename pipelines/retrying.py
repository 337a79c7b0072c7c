"""Which errors may pass: the same call is worth another try later."""

from __future__ import annotations

import errno

from lake.errors import Exit, LakeError

_PASSING = {Exit.LOCKED, Exit.SOURCE, Exit.STORAGE}
_PASSING_ERRNO = {
    errno.EAGAIN,
    errno.EBUSY,
    errno.ECONNRESET,
    errno.EHOSTDOWN,
    errno.EIO,
    errno.EMFILE,
    errno.ENETUNREACH,
    errno.ENOTCONN,
    errno.ESTALE,
    errno.ETIMEDOUT,
}
"""What disks and network drives say when they may have recovered a minute later."""


def may_pass(error: BaseException) -> bool:
    """Return whether the same call may succeed later: the lake was locked, or a disk or a source was away.

    A file that is refused is refused again, however often it is asked.
    """
    if isinstance(error, LakeError):
        cause = error.__cause__
        away = isinstance(cause, OSError) and cause.errno in _PASSING_ERRNO
        return error.exit in _PASSING or away
    return isinstance(error, OSError)
