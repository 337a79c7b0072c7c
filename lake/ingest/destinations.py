"""Where the rows of one source go: the series, each with what it takes in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lake import layout, rows, sources
from lake import write as writing
from lake.errors import LakeError
from lake.ingest.jumps import Jumps
from lake.ingest.tail import Tail, end_ns
from lake.intake import Intake, Memory
from lake.manifest import Manifest
from lake.manifest.reference import with_negative_prices
from lake.places import Places
from schemas.instruments import instrument_of
from schemas.keys import Address
from schemas.periods import Period

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from lake.config import Config
    from lake.ingest.report import IngestRequest
    from lake.manifest.rows import SeriesRow
    from lake.outcome import Check
    from lake.sources import Channel, Plan
    from lake.staging import Staging

LONG_AGO = -(2**63)
_FEW = 4
"""Series whose files may all be open: each may hold a row group that is not full."""


class Naming:
    """The addresses that a source's rows go to: by what the caller says, then by what the file says."""

    def __init__(self, request: IngestRequest, plan: Plan) -> None:
        """Look at the names that all rows share.

        Raises:
            LakeError: USAGE when the exchange or the symbol is told nowhere, or cannot stand in an address.
        """
        self._plan = plan
        self._exchange, self.symbol = request.exchange or plan.exchange, request.symbol or plan.symbol
        told = {"exchange": self._exchange, "symbol": self.symbol or plan.many}
        for name, value in told.items():
            if not value:
                raise LakeError(
                    "USAGE",
                    f"the file does not say its {name}",
                    where=str(plan.path),
                    why=f"Every series has its {name} in its address, and neither the file nor its name tells it.",
                    fix=[f"--{name} NAME"],
                )
        self._market = request.market or plan.market or "SPOT"
        self.first = self.address(plan.channels[0], self.symbol or "*")

    def address(self, channel: Channel, symbol: str) -> Address:
        """Return where rows of a channel with this symbol go; USAGE when no series can be called so."""
        try:
            return Address.of(str(self._exchange), self._market, symbol, channel.type, channel.period)
        except ValueError as error:
            why = "No series can have such an address."
            raise LakeError("USAGE", str(error), where=str(self._plan.path), why=why) from error


@dataclass
class Destination:
    """One series, and what of the source it takes in."""

    address: Address
    vendor_symbol: str
    channel: Channel
    period: Period | None
    intake: Intake
    tail: Tail
    checks: Sequence[Check]
    jumps: Jumps = field(default_factory=Jumps)
    latest: int = LONG_AGO
    """The last ts that the source has for it, in the schema's unit, whether its row was taken or not."""

    @property
    def scale(self) -> int:
        """The nanoseconds in the unit of ts."""
        return layout.NS_PER[rows.unit(self.channel.schema)]

    def unproven_ns(self, plan: Plan) -> int | None:
        """Return the open of the last bar when nothing shows that it was over when the file was made."""
        last = self.intake.last
        if self.period is None or not plan.incomplete_tail or last is None:
            return None
        if self.latest > last:  # the file goes on: with what was asked to be left out, or was not over
            return None
        proof, ns = plan.fetched_not_before_ns, last * self.scale
        return None if proof is not None and end_ns(ns, self.period) <= proof else ns


class Destinations:
    """The series of one source, each made when its first rows come."""

    def __init__(
        self,
        config: Config,
        request: IngestRequest,
        plan: Plan,
        naming: Naming,
        *,
        staging: Staging,
        run_id: str,
        pool: ThreadPoolExecutor,
        checks: Callable[[str], Sequence[Check]],
    ) -> None:
        """Prepare; a source that names one series has its first at once."""
        self._config, self._request, self._plan, self._naming = config, request, plan, naming
        self._staging, self._run_id, self._pool, self._checks = staging, run_id, pool, checks
        self._memory = Memory(config.memory_mb * 1_000_000 // 2)
        self._found: dict[Address, Destination] = {}
        self._named: dict[tuple[int, str], Destination] = {}
        with Manifest.open(config) as manifest:
            stored = manifest.series(exchange=naming.first.exchange, market=naming.first.market)
            self._negative = with_negative_prices(manifest)
        self._waived = {row.address for row in stored if row.price_may_be_negative}
        if not plan.many and len(plan.channels) == 1:
            self.of(0, None)

    def __iter__(self) -> Iterator[Destination]:
        """Yield those that there are by now."""
        return iter(self._found.values())

    def of(self, channel: int, symbol: str | None) -> Destination:
        """Return where rows go.

        Args:
            channel: The number of their channel.
            symbol: Their symbol as the vendor spells it, None where the source has one.

        Raises:
            LakeError: SYMBOL_CASE, OTHER_IDS, USAGE.
        """
        spelt = symbol or self._naming.symbol or ""
        named = self._named.get((channel, spelt))
        if named is None:
            address = self._naming.address(self._plan.channels[channel], spelt)
            named = self._found.get(address)
            if named is None:
                named = self._found[address] = self._made(address, self._plan.channels[channel], spelt)
                self._memory.crowded = len(self._found) > _FEW
            refuse_other_case(address, named.vendor_symbol, spelt)
            self._named[channel, spelt] = named
        return named

    def knows(self, channel: int, symbol: str | None) -> bool:
        """Whether a series was made already."""
        return (channel, symbol or self._naming.symbol or "") in self._named

    def waives(self, channel: int, symbol: str | None) -> bool:
        """Whether prices of zero or less are right for a series; any thread may ask."""
        if not self.some_waive:
            return False
        spelt = symbol or self._naming.symbol or ""
        address = self._naming.address(self._plan.channels[channel], spelt)
        return address in self._waived or instrument_of(address) in self._negative

    @property
    def some_waive(self) -> bool:
        """Whether any series of this market waives, or an instrument of the lake."""
        return bool(self._waived or self._negative)

    def relieve(self) -> None:
        """Let go of rows that wait when they are too many for memory."""
        if self._memory.is_full:
            for destination in self:
                destination.intake.give_way()

    def refuse_other_ids(self) -> None:
        """Refuse trades where stored ones are numbered in another way: their key is the id."""
        with Manifest.open(self._config) as manifest:
            for destination in self:
                series = manifest.find(destination.address)
                if series is not None:
                    self._hold_to_ids(manifest, series, destination.channel)

    def close(self) -> None:
        """Let go of everything, for a run that fails, too."""
        for destination in self:
            destination.intake.close()

    def _made(self, address: Address, channel: Channel, symbol: str) -> Destination:
        with Manifest.open(self._config) as manifest:
            series = manifest.find(address)
            live = writing.live_files(manifest, address)
            if series is not None:
                refuse_other_case(address, series.vendor_symbol, symbol)
                self._hold_to_ids(manifest, series, channel)
                if series.price_may_be_negative:
                    self._waived.add(address)
        intake = Intake(
            staging=self._staging,
            places=Places(self._config),
            address=address,
            schema=channel.schema,
            run_id=self._run_id,
            live=live,
            on_conflict=self._request.on_conflict,
            pool=self._pool,
            memory=self._memory,
        )
        period = Period.parse(address.period) if address.type == "bars" else None
        tail = Tail(self._plan, period, explicit=self._request.fetched_at_ns is not None)
        return Destination(address, symbol, channel, period, intake, tail, self._checks(address.key))

    def _hold_to_ids(self, manifest: Manifest, series: SeriesRow, channel: Channel) -> None:
        own = channel.id_space
        if not own:
            return
        others = sorted(d for d in manifest.dialects(series.id) if sources.id_space(d) not in {"", own})
        if others:
            msg = f"{self._plan.name} is in {self._plan.dialect}, and the series has trades in {', '.join(others)}"
            raise LakeError("OTHER_IDS", msg, where=str(series.address))


def refuse_other_case(address: Address, known: str, symbol: str) -> None:
    """Refuse a symbol that the series has in other letters: SYMBOL_CASE; vendors tell symbols apart by them."""
    if known not in {"", symbol} and known.casefold() == symbol.casefold():
        raise LakeError("SYMBOL_CASE", f"{symbol!r} and {known!r} differ only in case", where=str(address))


def skipped_tails(destinations: Destinations) -> Counter[str]:
    """Return how many last bars were not over when the source was made; they are not stored."""
    dropped = sum(destination.tail.dropped for destination in destinations)
    return Counter({"incomplete_last_bar": dropped} if dropped else {})
