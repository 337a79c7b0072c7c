"""Asking before something goes: on a terminal by a question, elsewhere by the word --yes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lake.errors import LakeError

if TYPE_CHECKING:
    from dl_datalake.commands._base import Session

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm(session: Session, what: str, *, yes: bool) -> None:
    """Go on when the user agrees to `what`, which says what would become of the lake.

    Raises:
        LakeError: CONFIRM when there is nobody to ask, DECLINED when the answer is no.
    """
    if yes:
        return
    if session.out.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise LakeError("CONFIRM", what)
    if not typer.confirm(f"{what}: go on?", err=True):
        raise LakeError("DECLINED", "not done: the answer was no")
