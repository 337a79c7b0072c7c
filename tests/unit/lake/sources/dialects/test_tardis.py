"""Tardis CSV files: the columns of docs.tardis.dev, "Downloadable CSV files", data types; times in microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.sources import SourceOptions, detect, open_reader
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

# date -u -d 2020-04-01T00:00:00 +%s gives 1585699200
START_US = 1_585_699_200_000_000
CHANGES = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
QUOTES = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n"


def change(
    second: int, said: str, side: str = "bid", price: str = "6425.5", amount: str = "10", symbol: str = "XBTUSD"
) -> str:
    at = START_US + second * 10**6
    return f"bitmex,{symbol},{at},{at + 250},{said},{side},{price},{amount}\n"


def test_levels_of_snapshots_and_changes_of_them(tmp_path: Path) -> None:
    text = (
        CHANGES
        + change(0, "true")
        + change(0, "true", "ask", "6426", "7")
        + change(1, "false", price="6425.0", amount="0")
    )
    whole = read(write(tmp_path / "book.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period) == ("tardis-incremental-book", "orderbook", "l2")
    assert (plan.exchange, plan.symbol, plan.unit) == ("BITMEX", "XBTUSD", "us")
    assert whole.ns == [START_US * 1000, START_US * 1000, (START_US + 10**6) * 1000]
    assert whole.of("ts_recv") == [ns + 250_000 for ns in whole.ns]
    assert whole.column("side") == ["bid", "ask", "bid"]
    assert whole.column("is_snapshot") == [True, True, False]
    assert whole.column("price") == [6425.5, 6426.0, 6425.0]
    assert whole.column("size") == [10.0, 7.0, 0.0]


def test_what_comes_before_the_first_snapshot_is_skipped(tmp_path: Path) -> None:
    text = CHANGES + change(0, "false") * 3 + change(1, "true") + change(2, "false")
    for block_bytes in (100, 1 << 20):
        whole = read(write(tmp_path / "book.csv", text), block_bytes=block_bytes)
        assert whole.column("is_snapshot") == [True, False]
        assert sum(batch.skipped.get("before_first_snapshot", 0) for batch in whole.batches) == 3
        assert whole.batches[-1].locate(whole.batches[-1].rows.num_rows - 1)[0] == 6


def test_each_symbol_waits_for_a_snapshot_of_its_own(tmp_path: Path) -> None:
    text = (
        CHANGES
        + change(0, "true")
        + change(1, "false", symbol="ETHUSD") * 2
        + change(2, "false")
        + change(3, "true", symbol="ETHUSD")
        + change(4, "false", symbol="ETHUSD")
    )
    for block_bytes in (100, 1 << 20):
        whole = read(write(tmp_path / "book.csv", text), block_bytes=block_bytes)
        assert list(zip(whole.symbols, whole.column("is_snapshot"), strict=True)) == [
            ("XBTUSD", True),
            ("XBTUSD", False),
            ("ETHUSD", True),
            ("ETHUSD", False),
        ]
        assert sum(batch.skipped.get("before_first_snapshot", 0) for batch in whole.batches) == 2


def test_a_word_that_is_none_of_the_vendors_is_kept_aside(tmp_path: Path) -> None:
    rows = [change(second, "true" if second == 0 else "false") for second in range(30)]
    for said in (change(30, "maybe"), change(30, "false", "both")):
        whole = read(write(tmp_path / "book.csv", CHANGES + "".join(rows) + said))
        assert (whole.reasons, whole.rows.num_rows) == ([("bad_value", 32)], 30)


@pytest.mark.parametrize(("cells", "skipped"), [("5,6426,,", 1), (",,6425.5,7", 1), ("5,6426,6425.5,7", 0)])
def test_quotes_of_one_side_are_none(tmp_path: Path, cells: str, skipped: int) -> None:
    line = f"bitmex,XBTUSD,{START_US},{START_US + 9},"
    whole = read(write(tmp_path / "quotes.csv", f"{QUOTES}{line}5,6426,6425.5,7\n{line}{cells}\n"))
    assert whole.plan.dialect == "tardis-quotes"
    assert whole.batches[0].skipped == ({"one_sided": 1} if skipped else {})
    quote = whole.rows.to_pylist()[0]
    assert [quote[name] for name in ("bid", "bid_size", "ask", "ask_size")] == [6425.5, 7.0, 6426.0, 5.0]


def test_a_trade_whose_taker_is_unknown_has_no_side(tmp_path: Path) -> None:
    line = f"deribit,BTC-PERPETUAL,{START_US},{START_US + 9},"
    text = "".join(f"{line}{i},{side},6425.5,10\n" for i, side in enumerate(["buy", "unknown", "sell"]))
    for more in ("", "\n\n"):  # an empty line sends the block the careful way
        whole = read(write(tmp_path / "trades.csv", TRADES + text + more))
        assert whole.column("side") == ["buy", None, "sell"]


# The head of the vendor's file of 2020-02-01, and made records: a future has no funding, an exchange may tell no
# open interest.
TICKER = """\
exchange,symbol,timestamp,local_timestamp,funding_timestamp,funding_rate,predicted_funding_rate,open_interest,\
last_price,index_price,mark_price
binance-futures,BTCUSDT,1580515202348000,1580515202497335,,,,,9364.51,,
binance-futures,BTCUSDT,1580515203000000,1580515203100000,1580544000000000,0.0001,0.0002,100.5,9364.51,9365.1,9360
binance-futures,BTCUSDT,1580515204000000,1580515204100000,1580544000000000,-0.0003,,,9364.51,,9360.5
binance-futures,BTCUSDT,1580515205000000,1580515205100000,,,,101,9364.51,,
"""


def test_a_derivative_ticker_is_open_interest_and_funding_where_it_tells_them(tmp_path: Path) -> None:
    plan = detect(write(tmp_path / "ticker.csv", TICKER), SourceOptions())
    assert (plan.dialect, plan.exchange, plan.symbol) == ("tardis-derivative-ticker", "BINANCE-FUTURES", "BTCUSDT")
    assert [f"{channel.type}/{channel.period}" for channel in plan.channels] == [
        "metrics/open_interest",
        "metrics/funding",
    ]
    reader = open_reader(plan, SourceOptions())
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    assert (batch.records, batch.rejects) == (4, [])
    assert batch.skipped == {"no_open_interest": 2, "no_funding_rate": 2}
    interest, funding = (portion.rows for portion in batch.portions)
    assert interest.column("open_interest").to_pylist() == [100.5, 101.0]
    assert interest.column("ts").cast("int64").to_pylist() == [1580515203000000, 1580515205000000]
    assert funding.column("funding_rate").to_pylist() == [0.0001, -0.0003]
    assert funding.column("mark_price").to_pylist() == [9360.0, 9360.5]
    assert funding.column("ts").cast("int64").to_pylist() == [1580515203000000, 1580515204000000]
    assert [portion.locate(1)[0] for portion in batch.portions] == [5, 4]


def test_a_ticker_that_is_bad_for_one_kind_is_rejected_whole(tmp_path: Path) -> None:
    good = TICKER.splitlines(keepends=True)[2]
    path = write(tmp_path / "ticker.csv", TICKER + good * 9 + good.replace("0.0001", "x"))
    plan = detect(path, SourceOptions())
    reader = open_reader(plan, SourceOptions())
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [("bad_number", 15)]
    assert [portion.rows.num_rows for portion in batch.portions] == [11, 11]
