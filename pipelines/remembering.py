"""Knowing a lake's own assets without loading them: most commands never need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.lookup import look_later

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config


def remember(config: Config, warn: Callable[[str], None] | None = None) -> None:
    """Have a lake's own assets loaded when a schema of theirs is wanted, and not before."""

    def load() -> None:
        from pipelines import assets

        assets.load(config, warn)

    look_later(str(config.root), load)
