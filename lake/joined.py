"""Reading an instrument across its renames: the series of each symbol, cut where the next one took over."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from lake.instruments import facts, first_instant, members
from lake.read import Scan

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa

    from lake.config import Config
    from lake.manifest import FileRow, Manifest
    from lake.where import Where
    from schemas.columns import Schema
    from schemas.keys import Address

Range = tuple[int | None, int | None]


class Spanned(Scan):
    """A planned read of series of which some are read in a range of their own, within that of the read."""

    def __init__(  # noqa: PLR0913 -- one word more than a plain read has
        self,
        config: Config,
        manifest: Manifest,
        addresses: Sequence[Address],
        *,
        spans: Mapping[Address, Range],
        start_ns: int | None = None,
        end_ns: int | None = None,
        columns: Sequence[str] | None = None,
        as_of: int | str | dt.datetime | None = None,
        where: Callable[[Schema], Where] | None = None,
    ) -> None:
        """Plan the read as `Scan` does; `spans` are ranges of series, half-open and in nanoseconds since the epoch."""
        super().__init__(
            config,
            manifest,
            addresses,
            start_ns=start_ns,
            end_ns=end_ns,
            columns=columns,
            as_of=as_of,
            where=where,
        )
        self.spans = dict(spans)
        self.plan = [file for file in self.plan if self._reaches(file)]

    def _kind(self) -> Callable[..., Scan]:
        return partial(Spanned, spans=self.spans)

    def _range(self, file: FileRow) -> Range:
        """Return in which range a file is read."""
        start, end = self.spans.get(self.address_of(file), (None, None))
        starts = [each for each in (start, self.start_ns) if each is not None]
        ends = [each for each in (end, self.end_ns) if each is not None]
        return max(starts, default=None), min(ends, default=None)

    def _reaches(self, file: FileRow) -> bool:
        start, end = self._range(file)
        return (start is None or file.last_ns >= start) and (end is None or file.first_ns < end)

    def _covers(self, file: FileRow) -> bool:
        start, end = self._range(file)
        return (start is None or start <= file.first_ns) and (end is None or file.last_ns < end)

    def _stored(self, file: FileRow, columns: Sequence[str], skip: int, *, bare: bool) -> Iterator[pa.Table]:
        if self.address_of(file) not in self.spans:
            return super()._stored(file, columns, skip, bare=bare)
        part = copy(self)
        part.start_ns, part.end_ns = self._range(file)
        return Scan._stored(part, file, columns, skip, bare=bare)  # noqa: SLF001 -- of its own class


@dataclass(frozen=True, slots=True)
class Parts:
    """What is read of some series, with those of the earlier symbols of their instruments."""

    addresses: list[Address]
    """In the order their rows come: of each instrument the earliest symbol first."""
    spans: dict[Address, Range]
    heads: dict[Address, Address]
    """Of the series of earlier symbols, which one took over."""


def parts(manifest: Manifest, asked: Sequence[Address], snapshot: int | None = None) -> Parts:
    """Return the series to read for those that were asked for; now, unless at a snapshot.

    Before each series come those of the earlier symbols of its instrument that the lake has, up to the day of the
    rename; the later one begins there. A series that is asked for itself is neither cut nor read as part of another.
    """
    found = Parts([], {}, {})
    at = manifest.snapshot() if snapshot is None else snapshot
    for head in asked:
        zone: str | None = None
        begun = False
        for member in members(manifest, head, at):
            address = replace(head, symbol=member.symbol)
            if address != head:
                series = manifest.find(address)
                if address in asked or series is None or not manifest.plan(series.id, None, None, at):
                    continue
                found.heads[address] = head
            zone = zone or facts(manifest, head, at).get("time_zone")
            start = member.start if begun else None
            ends = [None if day is None else first_instant(manifest, address, day, zone) for day in (start, member.end)]
            if any(end is not None for end in ends):
                found.spans[address] = (ends[0], ends[1])
            found.addresses.append(address)
            begun = True
    return found
