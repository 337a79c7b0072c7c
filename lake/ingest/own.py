"""What an ingest has to do with the user's own dialects: it reads by them, and may save one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lake import sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lake.config import Config
    from lake.ingest.report import IngestRequest
    from lake.sources import Plan, SourceOptions


class Own:
    """The lake's dialects, and the one that is to join them."""

    def __init__(self, config: Config, request: IngestRequest) -> None:
        """Read the dialects; USAGE when the one to be saved cannot be, before any file is read."""
        self.warnings: list[str] = []
        name = request.save_dialect
        self._path = sources.saving_to(config.root, name) if name is not None else None
        self._dry = request.dry_run
        self.dialects = sources.own_dialects(config.root, self.warnings.append)
        self.saved: str | None = None

    def hold_to(self, plan: Plan) -> None:
        """Refuse with USAGE, before anything is written, a source that declares no dialect where one is to be saved."""
        if self._path is not None and self.saved is None:
            sources.check_saving(self._path, plan.words)

    def keep(self, plan: Plan) -> None:
        """Save what the first source was read by, where that was asked for."""
        if self._path is not None and self.saved is None and not self._dry:
            sources.save(self._path, plan.words)
            self.saved = str(self._path)


def said(options: SourceOptions, plan: Plan) -> list[Any]:
    """Return what of the user's words decides what a source becomes; nothing where there are none."""
    words: Mapping[str, Any] = options.words
    own = options.dialects.get(plan.dialect)
    return [*([sorted(words.items())] if words else []), *([repr(own)] if own is not None else [])]
