"""From the head of a source of messages to a plan: which feed's they are, and which series they speak of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lake.errors import LakeError, printable
from lake.lookup import schema_of
from lake.sources.careful import Bad
from lake.sources.dialects import known
from lake.sources.feed import MALFORMED, FeedParser, FeedRecipe
from lake.sources.fit import Fit, match_names
from lake.sources.model import Channel, Plan
from lake.sources.parts import market_of
from lake.sources.recipe import Recipe

if TYPE_CHECKING:
    from lake.sources.dialects import Dialect
    from lake.sources.dialects.message import Feed
    from lake.sources.model import SourceOptions
    from lake.sources.sniff import Head

_ENOUGH = 0.9


def plan_feed(head: Head, options: SourceOptions, checksum: str | None) -> Plan | None:
    """Return how a source of messages is read, None when it has none of a known feed.

    Args:
        head: The start of the source.
        options: What the caller says.
        checksum: The SHA-256 that the source was verified to have.

    Raises:
        LakeError: FORMAT_MISMATCH when the messages are not those that are asked for, AMBIGUOUS when they may be of
            several feeds, or are of several symbols where one is given.
    """
    dialects = known()
    asked = dialects.get(options.format or "")
    if options.columns or (options.format is not None and (asked is None or asked.feed is None)):
        return None
    found = {}
    for name, dialect in dialects.items():
        if dialect.feed is not None and (asked is None or asked is dialect):
            symbols = _symbols(head, dialect.feed)
            if symbols is not None:
                found[name] = symbols
    if asked is not None and not found:
        raise LakeError("FORMAT_MISMATCH", f"{head.path.name} is not in {asked.name}: it has {head.seen()}")
    if len(found) > 1:
        message = f"{head.path.name} may be {' or '.join(found)}"
        raise LakeError("AMBIGUOUS", message, fix=[f"--format {name}" for name in found])
    for name, symbols in found.items():
        return _plan(head, options, dialects[name], symbols, checksum)
    return None


def _symbols(head: Head, feed: Feed) -> Counter[str] | None:
    """Return the symbols that the messages at the head tell; None when they are not of this feed."""
    parser = FeedParser(FeedRecipe(feed))
    lines = [line for line in head.messages.split(b"\n") if line.strip()]
    symbols: Counter[str] = Counter()
    fitting = data = 0
    for line in lines:
        try:
            [root], _ = parser.objects([line])
            body = parser.body(root)
            message = parser.kind(root, body)
        except (Bad, *MALFORMED):
            continue
        fitting += message is not None
        if message is not None and message.asset:
            data += 1
            symbols.update(_symbol(message.fields.get("symbol", ()), root, body))
    return symbols if data and fitting >= _ENOUGH * len(lines) else None


def _symbol(paths: tuple[str, ...], root: dict[str, Any], body: dict[str, Any]) -> list[str]:
    values = (root.get(path[1:]) if path[0] == "/" else body.get(path) for path in paths)
    return [value for value in values if isinstance(value, str)][:1]


def _plan(head: Head, options: SourceOptions, dialect: Dialect, symbols: Counter[str], checksum: str | None) -> Plan:
    feed = _asked(head, options, dialect)
    fit = Fit(dialect, head, {}, evidence=["a JSON message on each line" + (", after a time" if feed.received else "")])
    match_names(head, dialect, fit)
    if len(symbols) > 1 and options.symbol is not None:
        said = ", ".join(symbol for symbol, _ in symbols.most_common(4))
        fix = ["leave --symbol out: the messages are parted by theirs"]
        raise LakeError("AMBIGUOUS", f"{head.path.name} holds more than one symbol: {said}", fix=fix)
    seen = next(iter(symbols)) if len(symbols) == 1 else None
    made = (head.member.not_before_ns, head.member.not_after_ns)
    fetched = (options.fetched_at_ns, options.fetched_at_ns) if options.fetched_at_ns is not None else made
    recipe = Recipe(
        kind="messages",
        names=(),
        times=(),
        fields={},
        encoding=head.encoding,
        sha256=checksum,
        feed=FeedRecipe(feed, seen or options.symbol, sole=options.symbol is not None),
    )
    return Plan(
        path=head.path,
        source=head.source,
        name=printable(head.path.name),
        nbytes=head.nbytes,
        dialect=dialect.name,
        channels=tuple(_channel(asset, dialect) for asset in feed.assets),
        market=options.market or market_of(dialect, fit.groups),
        symbol=options.symbol or seen or fit.groups.get("symbol"),
        many=options.symbol is None,
        exchange=options.exchange or dialect.exchange,
        time_zone="UTC",
        unit=feed.unit,
        stamp="open",
        evidence=tuple(map(printable, fit.evidence)),
        warnings=(printable(dialect.caution),) if dialect.caution else (),
        fetched_not_before_ns=fetched[0],
        fetched_not_after_ns=fetched[1],
        checksum="verified" if checksum else "absent",
        incomplete_tail=False,
        recipe=recipe,
        confidence="named" if fit.named else "header",
    )


def _channel(asset: str, dialect: Dialect) -> Channel:
    kind, _, period = asset.partition("/")
    return Channel(schema_of(asset), kind, period, dialect.id_space if asset == "ticks/trade" else "")


def _asked(head: Head, options: SourceOptions, dialect: Dialect) -> Feed:
    """Return the feed, of whose messages those that make other rows than the ones asked for are skipped."""
    feed = dialect.feed
    assert feed is not None  # noqa: S101 -- plan_feed chose it for having one
    if options.type is None:
        return feed
    word = options.type.casefold()
    asked = word if "/" in word else f"{word}/{options.period or ''}"
    if asked not in feed.assets:
        message = f"{head.path.name} holds {', '.join(feed.assets)}, not {options.type}"
        raise LakeError("FORMAT_MISMATCH", message, fix=[f"--type {asset}" for asset in feed.assets])
    return replace(feed, messages=tuple(m if m.asset == asked else replace(m, asset="") for m in feed.messages))
