"""Random streams of each rule of sequence: one lost message is found, and the book is that of a plain replay."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dl_datalake
from lake.book.chains import CHAINS
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from tests.manifests import make_lake

T0 = 1_704_448_800_000_000_000
STEP = 1_000_000
ADDRESSES = {
    "range": Address.parse("BINANCE/SPOT/BTCUSDT/orderbook/l2"),
    "previous": Address.parse("BINANCE/FUTURES-UM/BTCUSDT/orderbook/l2"),
    "step": Address.parse("BYBIT/DERIVATIVES/BTCUSDT/orderbook/l2"),
}
LEVELS = st.dictionaries(
    st.tuples(st.sampled_from(["bid", "ask"]), st.integers(1, 5)), st.integers(0, 4), min_size=1, max_size=4
)


def message(
    rule: str, number: int, known: int, width: int, levels: dict[Any, int], *, full: bool
) -> list[dict[str, Any]]:
    """Return the rows of a message behind id `known`; a snapshot has the id of the change before it."""
    last = known + (0 if full and rule != "step" else 1 if rule == "step" else width)
    ids: dict[str, int | None] = {"first_update_id": None, "last_update_id": last, "prev_update_id": None}
    if not full and rule != "step":
        ids["first_update_id"] = known + 1
    if not full and rule == "previous":
        ids["prev_update_id"] = known
    ts = T0 + number * STEP
    common = {"ts": ts, "ts_event": ts, "ts_recv": ts, "seq": None, "is_snapshot": full} | ids
    # Bids lie below asks, so that no book is ever crossed.
    return [
        common | {"side": side, "price": float(10 + at if side == "bid" else 20 + at), "size": float(size or full)}
        for (side, at), size in sorted(levels.items())
    ]


def replayed(stream: list[list[dict[str, Any]]], ts: int) -> dict[str, dict[float, float]]:
    """Return both sides at a time, told by dictionaries alone."""
    sides: dict[str, dict[float, float]] = {"bid": {}, "ask": {}}
    for rows in stream:
        if rows[0]["ts"] > ts:
            break
        if rows[0]["is_snapshot"]:
            sides = {"bid": {}, "ask": {}}
        for row in rows:
            sides[row["side"]][row["price"]] = row["size"]
    return {name: {p: s for p, s in side.items() if s} for name, side in sides.items()}


def what_is_seen(rule: str, fulls: list[int], number: int, lost: int | None) -> tuple[int | None, str]:
    """Return at which message the loss of one shows, and as what; None when nothing tells of it.

    A snapshot says the whole book, so that what is lost before it, or before everything, or behind everything is not
    missed. Snapshots that come beside the changes may be lost, too: changes follow each other without them.
    """
    if lost is None or lost in {0, number - 1} or lost + 1 in fulls or (lost in fulls and rule != "step"):
        return None, ""
    return lost + 1, "snapshot_not_joined" if lost - 1 in fulls else "messages_missing"


@pytest.mark.parametrize("rule", sorted(ADDRESSES))
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_one_lost_message_is_the_only_break_and_spoils_the_book_until_the_next_snapshot(
    rule: str, data: st.DataObject
) -> None:
    parts = [data.draw(st.lists(LEVELS, min_size=3, max_size=7)) for _ in range(3)]
    stream, known, number, fulls = [], 100, 0, []
    for part in parts:
        fulls.append(number)
        for at, levels in enumerate(part):
            rows = message(rule, number, known, data.draw(st.integers(1, 3)), levels, full=not at)
            known, number = rows[0]["last_update_id"], number + 1
            stream.append(rows)
    lost = data.draw(st.one_of(st.none(), st.integers(0, number - 1)))
    kept = [rows for at, rows in enumerate(stream) if at != lost]
    seen, reason = what_is_seen(rule, fulls, number, lost)
    healed = None if seen is None else next((at for at in fulls if at > seen), None)
    with TemporaryDirectory() as folder:
        config = make_lake(Path(folder))
        table = pa.Table.from_pylist([r for m in kept for r in m], schema=arrow_schema(BOOK_L2, identity=False))
        write(config, ADDRESSES[rule], table)
        with dl_datalake.open(Path(folder)) as lake:
            book = lake.book("BTCUSDT")
            report = book.check()
            breaks = [(s.reason, s.start_ns, s.after_ns) for s in report.breaks.first]
            spans = [(s.reason, s.start_ns, s.end_ns, s.open, s.after_ns) for s in report.suspect.first]
            if seen is None:
                assert report.ok
                assert (breaks, spans) == ([], [])
            else:
                start, end, after = (
                    T0 + at * STEP for at in (seen, number - 1 if healed is None else healed, seen - 2)
                )
                assert breaks == [(reason, start, after)]
                assert spans == [(reason, start, end, healed is None, after)]
            for at in range(number):
                ladder = book.at(T0 + at * STEP, None)
                bad = seen is not None and seen <= at and (healed is None or at < healed)
                before = lost == 0 and at < fulls[1]
                assert ladder.state == ("before_first_snapshot" if before else "suspect" if bad else "valid")
                sides = replayed(kept, T0 + at * STEP)
                assert ladder.bids.pairs() == sorted(sides["bid"].items(), reverse=True)
                assert ladder.asks.pairs() == sorted(sides["ask"].items())


def test_every_rule_of_the_table_is_tried() -> None:
    assert {chain.name for chain in CHAINS} == set(ADDRESSES)
