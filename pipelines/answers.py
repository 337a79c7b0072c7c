"""What a flow run came to, for whoever started it in this very process: the report or the error itself, not JSON."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lake.errors import LakeError


@dataclass(slots=True)
class Answer:
    """Filled in by the flow."""

    report: Any = None
    error: LakeError | None = None
    progress: Callable[[Any], None] | None = None
    """Told of the progress too."""


_AWAITED: ContextVar[Answer | None] = ContextVar("answer", default=None)


@contextmanager
def awaited(progress: Callable[[Any], None] | None = None) -> Iterator[Answer]:
    """Ask for the answer of the flow that is run inside."""
    answer = Answer(progress=progress)
    token = _AWAITED.set(answer)
    try:
        yield answer
    finally:
        _AWAITED.reset(token)


def current() -> Answer:
    """Return the answer somebody waits for, or one that nobody reads."""
    return _AWAITED.get() or Answer()
