"""However messages come, a book at a time is that of a replay up to then: of checkpoints, row groups, sealed files."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dl_datalake
from lake import files
from lake.book import forget, index
from lake.seal import SealRequest, seal
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lake.book import Ladder

T0 = 1_704_448_800_000_000_000
DAY = 86_400 * 10**9
ADDRESSES = {
    "range": Address.parse("BINANCE/SPOT/BTCUSDT/orderbook/l2"),
    "previous": Address.parse("BINANCE/FUTURES-UM/BTCUSDT/orderbook/l2"),
    "step": Address.parse("BYBIT/DERIVATIVES/BTCUSDT/orderbook/l2"),
    "none": Address.parse("KRAKEN/SPOT/BTCUSDT/orderbook/l2"),
}
MESSAGES = st.lists(
    st.tuples(
        # The time since the message before, how the ids go on, whether it is a snapshot, and what it says.
        st.sampled_from([0, *[1] * 8, 10**6, 10**6, DAY, 2 * DAY]),
        st.sampled_from([1, 1, 1, 1, 2, 5, 0, -1, -4]),
        st.sampled_from([False, False, False, True]),
        st.dictionaries(
            st.tuples(st.sampled_from(["bid", "ask"]), st.integers(1, 6)), st.integers(0, 3), min_size=1, max_size=5
        ),
    ),
    min_size=12,
    max_size=40,
)


def rows_of(rule: str, drawn: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of messages whose ids mostly, and not always, go on as the rule has them."""
    ts, known = T0, 100
    for after, step, full, levels in drawn:
        ts, last = ts + after, known + step
        ids: dict[str, int | None] = {"first_update_id": None, "last_update_id": last, "prev_update_id": None}
        if rule in {"range", "previous"} and not full:
            ids["first_update_id"] = known + 1
        if rule == "previous" and not full:
            ids["prev_update_id"] = known if step != 2 else known - 1
        if rule == "none":
            ids["last_update_id"] = None
        common = {"ts": ts, "ts_event": None, "ts_recv": None, "seq": last if rule == "none" else None}
        for (side, at), size in sorted(levels.items()):
            yield common | ids | {"is_snapshot": full, "side": side, "price": float(at), "size": float(size)}
        known = last


def told(ladder: Ladder) -> tuple[Any, ...]:
    """Return all that is to be compared of a ladder."""
    known = (ladder.last_ns, ladder.state, ladder.reason, ladder.since_ns)
    return *known, ladder.bids.pairs(), ladder.asks.pairs()


@pytest.fixture(autouse=True, scope="module")
def _small_pieces() -> Iterator[None]:
    """Put row groups and checkpoints every few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "ROW_GROUP", 16)
        patch.setattr(index, "SPACING", 8)
        yield


@pytest.mark.parametrize("examples", [5, pytest.param(200, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("rule", sorted(ADDRESSES))
def test_book_at_each_message_is_that_of_a_replay_up_to_it(rule: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(drawn=MESSAGES, start=st.integers(0, 39), sealed=st.booleans())
    def holds(drawn: list[Any], start: int, *, sealed: bool) -> None:
        with TemporaryDirectory() as folder:
            config = make_lake(Path(folder))
            table = pa.Table.from_pylist(list(rows_of(rule, drawn)), schema=arrow_schema(BOOK_L2, identity=False))
            write(config, ADDRESSES[rule], table)
            if sealed:
                seal(config, SealRequest(), now_ns=T0 + 4000 * DAY)
            forget()
            with dl_datalake.open(Path(folder)) as lake:
                book = lake.book("BTCUSDT")
                course = [(row.ts_ns, told(row.ladder())) for row in book.replay()]
                # Of several messages of one time, a book at that time has them all.
                expected = dict(course)
                assert {ts: told(book.at(ts, None)) for ts in expected} == expected
                begin = course[min(start, len(course) - 1)][0]
                resumed = [(row.ts_ns, told(row.ladder())) for row in book.replay(begin)]
                assert resumed == [each for each in course if each[0] >= begin]

    holds()
