"""`dl book` on a book of eight messages, one of which is missing."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from lake.write import write
from schemas.arrow import arrow_schema
from schemas.keys import Address
from schemas.orderbook import BOOK_L2
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl

BOOK = "BYBIT/SPOT/BTCUSDT/orderbook/l2"
T0 = 1_704_448_800_000_000_000
SECOND = 10**9
MESSAGES = (
    # second, u, snapshot, side, price, size
    (0, 1, True, "bid", 100.0, 2.0),
    (0, 1, True, "bid", 99.0, 1.0),
    (0, 1, True, "ask", 101.0, 3.0),
    (1, 2, False, "bid", 100.5, 1.5),
    (3, 4, False, "ask", 100.25, 1.0),
    (4, 5, False, "bid", 100.5, 0.0),
    (6, 6, True, "bid", 98.0, 4.0),
    (6, 6, True, "ask", 102.0, 5.0),
)
"""The message of u = 3 is lost; the ask behind it stands below the best bid until that goes."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    names = ("ts", "last_update_id", "is_snapshot", "side", "price", "size")
    empty = dict.fromkeys(("ts_event", "ts_recv", "seq", "first_update_id", "prev_update_id"))
    rows = [empty | dict(zip(names, (T0 + at * SECOND, *rest), strict=True)) for at, *rest in MESSAGES]
    table = pa.Table.from_pylist(rows, schema=arrow_schema(BOOK_L2, identity=False))
    write(make_lake(folder), Address.parse(BOOK), table)
    return folder


def iso(second: int) -> str:
    return f"2024-01-05T10:00:{second:02}.000000000Z"


def test_check_names_the_break_and_the_spans_that_it_spoils(dl: Dl, root: Path) -> None:
    ran = dl("book", "check", BOOK, "--root", root, "--json")
    assert ran.status == 4
    data = ran.data
    assert (data["clean"], data["messages"], data["rows"], data["snapshots"]) == (False, 5, 8, 2)
    spans = {
        kind: [(s["start"], s["end"], s["after"], s["messages"], s["reason"]) for s in data[kind]["spans"]]
        for kind in ("breaks", "suspect", "crossed")
    }
    assert spans == {
        "breaks": [(iso(3), iso(3), iso(1), 1, "messages_missing")],
        "suspect": [(iso(3), iso(6), iso(1), 2, "messages_missing")],
        "crossed": [(iso(3), iso(4), iso(1), 1, "crossed")],
    }
    assert [data[kind]["complete"] for kind in spans] == [True] * 3


def test_check_lists_for_people_up_to_a_limit(dl: Dl, root: Path) -> None:
    out = dl("book", "check", BOOK, "--root", root).out
    assert out.splitlines() == [
        f"{BOOK}  1 break · 1 suspect span (2 messages) · 1 crossed span (1 message)",
        "  5 messages of 8 rows, 2 snapshots among them, 2024-01-05 10:00 to 2024-01-05 10:00:06",
        "  kind     from                 to                   messages  reason            last before",
        "  break    2024-01-05 10:00:03  2024-01-05 10:00:03         1  messages_missing  2024-01-05 10:00:01",
        "  suspect  2024-01-05 10:00:03  2024-01-05 10:00:06         2  messages_missing  2024-01-05 10:00:01",
        "  crossed  2024-01-05 10:00:03  2024-01-05 10:00:04         1                    2024-01-05 10:00:01",
    ]
    short = dl("book", "check", BOOK, "--limit", "1", "--root", root).out.splitlines()
    assert [line.split() for line in short] == [
        *map(str.split, out.splitlines()[:4]),
        ["…", "and", "2", "more:", "--limit"],
    ]


def test_check_of_a_range_knows_what_came_before_it(dl: Dl, root: Path) -> None:
    clean = dl("book", "check", BOOK, "--end", iso(3), "--root", root, "--json")
    assert (clean.status, clean.data["clean"], clean.data["last"]) == (0, True, iso(1))
    late = dl("book", "check", BOOK, "--start", iso(4), "--end", iso(5), "--root", root, "--json")
    assert (late.status, late.data["breaks"]["count"], late.data["messages"]) == (4, 0, 1)
    [span] = late.data["suspect"]["spans"]
    assert (span["start"], span["end"], span["open"]) == (iso(3), iso(4), True)


def test_at_shows_the_levels_and_whether_they_can_be_trusted(dl: Dl, root: Path) -> None:
    data = dl("book", "at", BOOK, "2024-01-05T10:00:02Z", "--levels", "1", "--root", root, "--json").data
    assert (data["state"], data["reason"], data["last"], data["crossed"]) == ("valid", None, iso(1), False)
    assert data["bids"] == [{"price": 100.5, "size": 1.5}]
    assert data["asks"] == [{"price": 101.0, "size": 3.0}]
    assert dl("book", "at", BOOK, "2024-01-05T10:00:03Z", "--levels", "0", "--root", root).out.splitlines() == [
        f"{BOOK}  2024-01-05 10:00:03 · suspect: messages_missing · crossed · last message 2024-01-05 10:00:03",
        "bid_size    bid     ask  ask_size",
        "     1.5  100.5  100.25         1",
        "       2    100     101         3",
        "       1     99       -         -",
    ]
    before = dl("book", "at", BOOK, "2024-01-05", "--root", root)
    expected = [f"{BOOK}  2024-01-05 00:00 · before_first_snapshot · no message yet", "no level"]
    assert (before.status, before.out.splitlines()) == (0, expected)
    never = dl("book", "at", BOOK, "2024-01-05", "--root", root, "--json").data
    assert (never["last"], never["since"], never["mid"], never["bids"]) == (None, None, None, [])


def test_snapshots_come_in_every_form_that_rows_do(dl: Dl, root: Path, tmp_path: Path) -> None:
    words = ("book", "snapshots", BOOK, "--every", "2s", "--levels", "1", "--root", root)
    bids = [(iso(0), 100.0), (iso(2), 100.5), (iso(4), 100.0), (iso(6), 98.0)]
    document = dl(*words, "--json").data
    assert [(row["ts"], row["bid_1"]) for row in document["rows"]] == bids
    assert [row["state"] for row in document["rows"]] == ["valid", "valid", "suspect", "valid"]
    assert (document["address"], document["complete"]) == (BOOK, True)
    lines = [json.loads(line) for line in dl(*words, "--format", "jsonl").out.splitlines()]
    assert lines == document["rows"]
    table = csv.DictReader(io.StringIO(dl(*words, "--format", "csv", "--start", iso(3), "--end", iso(6)).out))
    assert [(row["ts"], float(row["bid_1"])) for row in table] == bids[2:3]
    target = tmp_path / "grid.parquet"
    assert dl(*words, "--limit", "3", "--output", target).err == f"3 rows → {target}\n"
    assert pa.parquet.read_table(target).column("bid_1").to_pylist() == [bid for _, bid in bids[:3]]
    shown = dl(*words).out.splitlines()
    assert (shown[0].split()[:2], len(shown)) == (["ts", "last_ts"], 5)


def test_wrong_words_are_refused_with_what_to_do(dl: Dl, root: Path) -> None:
    for words, code, status in (
        (("at", "BYBIT/SPOT/BTCUSDT/orderbook/l3", "2024-01-05"), "E_UNKNOWN_SERIES", 15),
        (("at", BOOK, "noon"), "E_BAD_DATE", 2),
        (("snapshots", BOOK, "--every", "often"), "E_USAGE", 2),
        (("snapshots", BOOK, "--levels", "5000"), "E_USAGE", 2),
        (("check", BOOK, "--start", "2025", "--end", "2024"), "E_BAD_DATE", 2),
    ):
        ran = dl("book", *words, "--root", root, "--json")
        assert (ran.status, ran.error["code"]) == (status, code)
        assert ran.error["fix"]
