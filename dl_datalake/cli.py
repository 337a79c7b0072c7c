"""The `dl` command: `dl list`, or `python -m dl_datalake.cli list`."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING, NoReturn

import typer

from dl_datalake.commands import (
    aggregate,
    assets,
    backup,
    book,
    catalog,
    delete,
    demo,
    deploy,
    diff,
    doctor,
    expire,
    export,
    features,
    formats,
    gaps,
    inbox,
    ingest,
    lock,
    plot,
    quality,
    quarantine,
    read,
    reconcile,
    reference,
    repair,
    rollback,
    seal,
    setup,
    snapshot,
    sql,
    tiers,
    verify,
)
from dl_datalake.commands._base import Session, group
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_COLLECTED_AT = (20_000, 20, 20)
"""New objects between two looks for cycles: with Python's 700, the modules that pandas and Pandera import are gone
through again and again, a tenth of the time that an ingest takes."""

app = group(
    "A market-data lake for one small machine: take in vendor files, prove what is stored, read it back.", top=True
)
_MODULES = (
    setup,
    doctor,
    formats,
    ingest,
    inbox,
    aggregate,
    catalog,
    read,
    sql,
    book,
    export,
    plot,
    quarantine,
    verify,
    snapshot,
    rollback,
    delete,
)
for _module in (
    *_MODULES,
    reference,
    gaps,
    quality,
    reconcile,
    diff,
    lock,
    expire,
    backup,
    repair,
    seal,
    tiers,
    features,
    assets,
    deploy,
    demo,
):
    _module.register(app)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: unwinds as Ctrl-C does, so that what is staged is cleaned up."""


def main() -> NoReturn:
    """Run the program with the words of the command line, and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        # A file name that is no text must not stop the program from naming the file.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are TextIOWrapper here
    signal.signal(signal.SIGTERM, _terminate)
    gc.set_threshold(*_COLLECTED_AT)
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """Run one command and return its exit status; whatever goes wrong is printed, not raised."""
    if "_DL_COMPLETE" in os.environ:
        app(prog_name="dl")
    session = Session()
    # A usage error comes before the options are known.
    session.out.json = "--json" in words
    session.out.verbose = bool({"-v", "--verbose"} & set(words))
    try:
        return _invoke(words, session)
    except BrokenPipeError:
        # Whoever read our output has what they wanted.
        _drop_unwritten()
        return Exit.OK
    except (Exception, KeyboardInterrupt) as caught:  # noqa: BLE001 - the last resort: a bug too is reported in words
        error, status = _explain(caught, session)
        session.out.error(error, status, others=session.others, trace=_trace())
        _drop_unwritten()
        return status


def _drop_unwritten() -> None:
    """Let go of output that nobody takes: Python's own flush at exit would complain of it, and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain(caught: BaseException, session: Session) -> tuple[LakeError, int]:
    """Return what to say of whatever stopped the command, and the exit status."""
    if isinstance(caught, LakeError):
        return caught, caught.exit
    if isinstance(caught, typer.TyperException):
        path = getattr(getattr(caught, "ctx", None), "command_path", "dl")
        why = f"{path} does not take these words."
        return LakeError("USAGE", _sentence(caught.format_message()), why=why, fix=[f"{path} --help"]), Exit.USAGE
    if isinstance(caught, _Terminated):
        return LakeError("INTERRUPTED", "terminated", why=session.safe), Exit.TERMINATED
    if isinstance(caught, KeyboardInterrupt | typer.Abort):
        return LakeError("INTERRUPTED", "interrupted", why=session.safe), Exit.INTERRUPTED
    if isinstance(caught, OSError):
        code = "DISK_FULL" if caught.errno in {errno.ENOSPC, errno.EDQUOT} else "STORAGE"
        return LakeError(code, caught.strerror or str(caught), where=str(caught.filename or "")), Exit.STORAGE
    return LakeError("UNEXPECTED", f"{type(caught).__name__}: {caught}"), Exit.UNEXPECTED


def _warn_once(session: Session, text: str) -> None:
    if text not in session.out.warnings:
        session.out.warn(text)


def _invoke(words: Sequence[str], session: Session) -> int:
    group_command = typer.main.get_command(app)
    with warnings.catch_warnings():
        # What the client warns of is part of the answer, in the document too: once, however often it looks.
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_rest: _warn_once(session, str(message))
        try:
            with group_command.make_context("dl", list(words), obj=session) as context:
                group_command.invoke(context)
        except typer.Exit as stop:
            return stop.exit_code
    return Exit.OK


def _trace() -> str:
    import traceback

    return traceback.format_exc()


def _sentence(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated


if __name__ == "__main__":
    main()
