"""Feeds in the messages their venues document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect, open_reader
from tests.source_files import write

if TYPE_CHECKING:
    from pathlib import Path

    from lake.sources import Batch, Plan

LOCAL = 1_672_515_782_200_000_000
# developers.binance.com: the examples of the spot and of the USDⓈ-M streams, their numbers as there; the trade of
# futures as hftbacktest shows it
SPOT: dict[str, dict[str, Any]] = {
    "trade": {
        "e": "trade", "E": 1672515782136, "s": "BNBBTC", "t": 12345, "p": "0.001", "q": "100",
        "T": 1672515782136, "m": True, "M": True,
    },
    "bookTicker": {
        "u": 400900217, "s": "BNBUSDT", "b": "25.35190000", "B": "31.21000000", "a": "25.36520000", "A": "40.66000000",
    },
    "depth": {
        "e": "depthUpdate", "E": 1672515782136, "s": "BNBBTC", "U": 157, "u": 160,
        "b": [["0.0024", "10"]], "a": [["0.0026", "100"]],
    },
    "snapshot": {
        "lastUpdateId": 1027024, "bids": [["4.00000000", "431.00000000"]], "asks": [["4.00000200", "12.00000000"]],
    },
}  # fmt: skip
FUTURES: dict[str, dict[str, Any]] = {
    "trade": {
        "e": "trade", "E": 1660228023980, "T": 1660228023973, "s": "BTCUSDT", "t": 2691833663, "p": "24670.90",
        "q": "0.022", "X": "MARKET", "m": True,
    },
    "bookTicker": {
        "e": "bookTicker", "u": 400900217, "E": 1568014460893, "T": 1568014460891, "s": "BNBUSDT",
        "b": "25.35190000", "B": "31.21000000", "a": "25.36520000", "A": "40.66000000",
    },
    "depth": {
        "e": "depthUpdate", "E": 1571889248277, "T": 1571889248276, "s": "BTCUSDT", "U": 390497796, "u": 390497878,
        "pu": 390497794, "b": [["7403.89", "0.002"], ["7403.90", "3.906"]], "a": [["7405.96", "3.340"]],
    },
    "snapshot": {
        "lastUpdateId": 1027024, "E": 1589436922972, "T": 1589436922959, "bids": [["4.00000000", "431.00000000"]],
        "asks": [["4.00000200", "12.00000000"]],
    },
}  # fmt: skip


def capture(path: Path, *messages: dict[str, Any]) -> Path:
    return write(path, "".join(f"{LOCAL + place} {json.dumps(m)}\n" for place, m in enumerate(messages)))


def rows(plan: Plan, **options: Any) -> dict[str, list[dict[str, Any]]]:  # noqa: ANN401 -- as SourceOptions takes them
    """Return the rows of each channel without nulls, times as integers."""
    reader = open_reader(plan, SourceOptions(**options))
    made: dict[str, list[dict[str, Any]]] = {}
    for block in reader.blocks():
        batch = reader.parse(block)
        assert batch.rejects == []
        for portion in batch.portions:
            channel = plan.channels[portion.channel]
            table = portion.rows
            for name in ("ts", "ts_event", "ts_recv"):
                place = table.schema.get_field_index(name)
                table = table.set_column(place, name, table.column(name).cast("int64"))
            found = [{name: v for name, v in row.items() if v is not None} for row in table.to_pylist()]
            made.setdefault(f"{channel.type}/{channel.period}", []).extend(found)
    reader.close()
    return made


def test_spot_streams_as_documented(tmp_path: Path) -> None:
    wrapped = {"stream": "bnbbtc@trade", "data": SPOT["trade"]}
    book = [SPOT["depth"], SPOT["snapshot"] | {}]
    plan = detect(capture(tmp_path / "bnbbtc.txt", wrapped, *book, {"result": None, "id": 1}), SourceOptions())
    assert (plan.dialect, plan.exchange, plan.market, plan.symbol) == (
        "binance-spot-capture", "BINANCE", "SPOT", "BNBBTC")  # fmt: skip
    made = rows(plan)
    ms = 1_672_515_782_136_000_000
    assert made["ticks/trade"] == [
        {"ts": ms, "price": 0.001, "size": 100.0, "side": "sell", "trade_id": "12345", "ts_event": ms, "ts_recv": LOCAL}
    ]
    common = {"ts_recv": LOCAL + 1, "is_snapshot": False, "first_update_id": 157, "last_update_id": 160}
    assert made["orderbook/l2"][:2] == [
        {"ts": ms, "side": "bid", "price": 0.0024, "size": 10.0} | common,
        {"ts": ms, "side": "ask", "price": 0.0026, "size": 100.0} | common,
    ]
    whole = {"ts": LOCAL + 2, "ts_recv": LOCAL + 2, "is_snapshot": True, "last_update_id": 1027024}
    assert made["orderbook/l2"][2:] == [
        {"side": "bid", "price": 4.0, "size": 431.0} | whole,
        {"side": "ask", "price": 4.000002, "size": 12.0} | whole,
    ]


def test_spot_quotes_have_no_time_but_that_of_receipt(tmp_path: Path) -> None:
    made = rows(detect(capture(tmp_path / "x", SPOT["bookTicker"]), SourceOptions()))
    assert made["ticks/quote"] == [
        {"ts": LOCAL, "ts_recv": LOCAL, "bid": 25.3519, "bid_size": 31.21, "ask": 25.3652, "ask_size": 40.66}
    ]


def test_futures_streams_as_documented(tmp_path: Path) -> None:
    plan = detect(capture(tmp_path / "x", *FUTURES.values()), SourceOptions())
    assert (plan.dialect, plan.market) == ("binance-um-capture", "FUTURES-UM")


def test_what_the_insurance_fund_takes_is_no_trade_of_the_market(tmp_path: Path) -> None:
    trade = FUTURES["trade"]
    path = capture(tmp_path / "x", trade, trade | {"X": "INSURANCE_FUND", "t": 7}, {"e": "markPriceUpdate", "s": "X"})
    reader = open_reader(detect(path, SourceOptions()), SourceOptions())
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    assert (batch.records, batch.rejects, batch.skipped) == (3, [], {"other_message": 2})
    assert batch.rows.column("trade_id").to_pylist() == ["2691833663"]


@pytest.mark.parametrize("name", FUTURES)
def test_each_futures_message_is_read_by_the_clock_of_the_matching_engine(tmp_path: Path, name: str) -> None:
    path = capture(tmp_path / "x", FUTURES[name])
    message = FUTURES[name]
    [made] = rows(detect(path, SourceOptions(symbol="X")), symbol="X").values()
    for row in made:
        assert (row["ts"], row["ts_event"], row["ts_recv"]) == (message["T"] * 10**6, message["E"] * 10**6, LOCAL)
    if name == "depth":
        assert [row["price"] for row in made] == [7403.89, 7403.90, 7405.96]
        assert {row["prev_update_id"] for row in made} == {390497794}


def test_bybit_books_are_snapshots_and_changes(tmp_path: Path) -> None:
    # bybit-exchange.github.io, public orderbook stream: its snapshot, and a change to it
    data = {
        "s": "BTCUSDT",
        "b": [["16493.50", "0.006"]],
        "a": [["16611.00", "0.029"]],
        "u": 18521288,
        "seq": 7961638724,
    }
    topic = {"topic": "orderbook.50.BTCUSDT", "ts": 1672304484978, "cts": 1672304484976}
    gone = data | {"b": [["16493.50", "0"]], "a": []}
    lines = [topic | {"type": "snapshot", "data": data}, topic | {"type": "delta", "data": gone}]
    path = write(tmp_path / "2022-12-29_BTCUSDT_ob500.data", "".join(json.dumps(each) + "\n" for each in lines))
    plan = detect(path, SourceOptions())
    assert (plan.dialect, plan.symbol, plan.exchange, plan.confidence) == (
        "bybit-orderbook", "BTCUSDT", "BYBIT", "named")  # fmt: skip
    made = rows(plan)["orderbook/l2"]
    assert [(row["side"], row["price"], row["size"], row["is_snapshot"]) for row in made] == [
        ("bid", 16493.5, 0.006, True), ("ask", 16611.0, 0.029, True), ("bid", 16493.5, 0.0, False)]  # fmt: skip
    assert {(row["ts"], row["ts_event"], row["seq"], row["last_update_id"]) for row in made} == {
        (1672304484978_000_000, 1672304484976_000_000, 7961638724, 18521288)}  # fmt: skip


def test_messages_of_no_known_feed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as refusal:
        detect(capture(tmp_path / "x", {"channel": "l2Book", "data": {"coin": "BTC"}}), SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"


# hyperliquid.gitbook.io, WebSocket subscriptions, WsBook and WsLevel; the archive's line is as its community documents.
HYPERLIQUID = {
    "channel": "l2Book",
    "data": {
        "coin": "SOL",
        "time": 1741683599768,
        "levels": [
            [{"px": "124.04", "sz": "341.81", "n": 2}, {"px": "124.03", "sz": "5", "n": 1}],
            [{"px": "124.05", "sz": "427.89", "n": 5}],
        ],
    },
}


def hyperliquid(path: Path, *messages: object) -> Batch:
    write(path, "".join(json.dumps(message) + "\n" for message in messages))
    plan = detect(path, SourceOptions())
    assert (plan.dialect, plan.exchange, plan.symbol, plan.market) == (
        "hyperliquid-l2book",
        "HYPERLIQUID",
        "SOL",
        "SWAP",
    )
    reader = open_reader(plan, SourceOptions())
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    return batch


@pytest.mark.parametrize(
    "message", [HYPERLIQUID, {"time": "2025-03-11T09:00:03.296545473", "ver_num": 1, "raw": HYPERLIQUID}]
)
def test_hyperliquids_books_are_whole_books_of_levels_that_are_objects(tmp_path: Path, message: object) -> None:
    answer = {"channel": "subscriptionResponse", "data": {"method": "subscribe"}}
    batch = hyperliquid(tmp_path / "SOL", answer, message)
    assert (batch.records, batch.rejects, batch.skipped) == (2, [], {"other_message": 1})
    made = batch.rows.to_pylist()
    assert [(row["side"], row["price"], row["size"], row["is_snapshot"]) for row in made] == [
        ("bid", 124.04, 341.81, True),
        ("bid", 124.03, 5.0, True),
        ("ask", 124.05, 427.89, True),
    ]
    assert batch.rows.column("ts").cast("int64").to_pylist() == [1741683599768_000_000] * 3


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ([[]], "bad_value"),
        ([[], [], []], "bad_value"),
        ({}, "bad_value"),
        ([[["124", "5"]], []], "bad_value"),
        ([[{"px": "124"}], []], "bad_value"),
        ([{"px": "124"}, []], "bad_value"),
        ([[{"px": None, "sz": "1"}], []], "missing_value"),
        ([[{"px": "x", "sz": "1"}], []], "bad_number"),
    ],
)
def test_levels_that_are_none_keep_a_book_aside_whole(tmp_path: Path, levels: object, reason: str) -> None:
    bad = {"channel": "l2Book", "data": HYPERLIQUID["data"] | {"levels": levels}}  # type: ignore[operator]  # a dict
    batch = hyperliquid(tmp_path / "SOL", *[HYPERLIQUID] * 12, bad, HYPERLIQUID)
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [(reason, 13)]
    assert batch.rows.num_rows == 39


def test_a_name_that_stands_twice_in_a_level_is_none(tmp_path: Path) -> None:
    good = json.dumps(HYPERLIQUID) + "\n"
    path = write(tmp_path / "SOL", good * 12 + good.replace('"n": 5', '"px": "1"'))
    plan = detect(path, SourceOptions())
    reader = open_reader(plan, SourceOptions())
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [("bad_value", 13)]
