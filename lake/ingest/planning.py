"""What an ingest would do with each of its sources: looked at, and nothing more."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from lake import sources
from lake.errors import Exit, LakeError
from lake.sources import SourceOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lake.ingest.report import IngestRequest
    from lake.sources import Plan, Preview, SourceFile
    from lake.sources.dialects import Dialect

ONE_FILE_S = {Exit.REFUSED, Exit.NOT_FOUND, Exit.USAGE}
"""Errors that concern one file of many: the others go on."""


def options_of(request: IngestRequest, own: Mapping[str, Dialect]) -> SourceOptions:
    """Return what a request says about each of its sources, which may be in dialects of the user's own."""
    names = [field.name for field in fields(SourceOptions) if field.name != "dialects"]
    return SourceOptions(**{name: getattr(request, name) for name in names}, dialects=own)


def plans(request: IngestRequest, own: Mapping[str, Dialect]) -> Iterator[tuple[Plan, Preview] | LakeError]:
    """Yield, for every source of a request, how it would be read and its first rows, or why it would be refused.

    Raises:
        LakeError: SOURCE_NOT_FOUND when a source names no file; whatever concerns more than one file.
    """
    found = sources.expand(request.sources)
    for path in found.files:
        for source in sources.members(path, ignored=found.ignored):
            yield _planned(source, request, own)


def _planned(
    source: SourceFile | LakeError, request: IngestRequest, own: Mapping[str, Dialect]
) -> tuple[Plan, Preview] | LakeError:
    try:
        if isinstance(source, LakeError):
            raise source
        plan = sources.detect(source, options_of(request, own))
        return plan, sources.preview_of(plan)
    except LakeError as error:
        if error.exit not in ONE_FILE_S:
            raise
        return error
