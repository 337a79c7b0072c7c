"""Order books as tables: a row for each level that changed, or for each order."""

from __future__ import annotations

from lake.sources.dialects.declare import Dialect

_IS_ASK = {"0": "bid", "1": "ask"}

BINANCE_WS_DEPTH = Dialect(
    name="binance-ws-depth",
    maker="Binance",
    title="Binance depth stream, a row for each level that changed",
    asset="orderbook/l2",
    vendor='developers.binance.com, diff. depth stream: "U: First update ID in event, u: Final update ID in event"',
    sample="test_positive_binance_difference_depth_stream_spot_trxusdt_04-03-2025.csv",
    header="always",
    by_name={
        "EventTime": "ts",
        "TimestampOfReceive": "ts_recv",
        "Symbol": "symbol",
        "FirstUpdateId": "first_update_id",
        "FinalUpdateId": "last_update_id",
        "IsAsk": "side",
        "Price": "price",
        "Quantity": "size",
    },
    required=(
        "TimestampOfReceive", "Stream", "EventType", "EventTime", "Symbol", "FirstUpdateId", "FinalUpdateId", "IsAsk",
        "Price", "Quantity",
    ),
    file=r".*_(?P<market>spot)_[a-z0-9]+_\d{2}-\d{2}-\d{4}\.csv",
    example="binance_difference_depth_stream_spot_trxusdt_04-03-2025.csv",
    clock="event time",
    sides=_IS_ASK,
    fixed={"is_snapshot": "false"},
    exchange="BINANCE",
)  # fmt: skip

BINANCE_T_DEPTH = Dialect(
    name="binance-t-depth",
    maker="Binance",
    title="Binance historical order book, T_DEPTH: changes and snapshots",
    asset="orderbook/l2",
    vendor="Binance's historical futures order book (T_DEPTH), as github.com/nkaz001/hftbacktest reads it: update_type"
    " is set or snap, a quantity of 0 deletes, pu is the last_update_id before",
    sample="btcusdt-depth-update.csv",
    header="always",
    by_name={
        "timestamp": "ts",
        "symbol": "symbol",
        "first_update_id": "first_update_id",
        "last_update_id": "last_update_id",
        "side": "side",
        "update_type": "is_snapshot",
        "price": "price",
        "qty": "size",
        "pu": "prev_update_id",
    },
    required=("symbol", "timestamp", "first_update_id", "last_update_id", "side", "update_type", "price", "qty"),
    sides={"a": "ask", "b": "bid"},
    words={"is_snapshot": {"snap": "true", "set": "false"}},
    market="FUTURES-UM",
    exchange="BINANCE",
)

BINANCE_DEPTH_SNAPSHOT = Dialect(
    name="binance-depth-snapshot",
    maker="Binance",
    title="Binance depth snapshots, a row for each level",
    asset="orderbook/l2",
    vendor="developers.binance.com, order book: answers have lastUpdateId, bids and asks, and no time of the exchange",
    sample="test_positive_binance_depth_snapshot_spot_btcusdt_14-04-2025.csv",
    header="always",
    comment="#",
    by_name={
        "TimestampOfReceive": "ts",
        "LastUpdateId": "last_update_id",
        "IsAsk": "side",
        "Price": "price",
        "Quantity": "size",
    },
    required=("TimestampOfReceive", "TimestampOfRequest", "LastUpdateId", "IsAsk", "Price", "Quantity"),
    file=r".*_(?P<market>spot)_(?P<symbol>[a-z0-9]+)_\d{2}-\d{2}-\d{4}\.csv",
    example="binance_depth_snapshot_spot_btcusdt_14-04-2025.csv",
    clock="receive time",
    sides=_IS_ASK,
    fixed={"is_snapshot": "true"},
    exchange="BINANCE",
)

LOBSTER_MESSAGES = Dialect(
    name="lobster-messages",
    maker="LOBSTER",
    title="LOBSTER order events, the message file",
    asset="orderbook/l3",
    vendor='lobsterdata.com, output structure: "Seconds after midnight with decimal precision", "Dollar price times'
    ' 10000"',
    sample="tests/unit/lake/sources/dialects/test_books.py",
    columns=("ts", "action", "order_id", "size", "price", "side"),
    file=r"(?P<symbol>[A-Za-z0-9.]+)_(?P<date>\d{4}-\d{2}-\d{2})_\d+_\d+_message_\d+\.csv",
    example="AAPL_2012-06-21_34200000_57600000_message_10.csv",
    needs=("file",),
    time="day",
    unit="s",
    zone="America/New_York",
    price_scale=10_000,
    sides={"1": "bid", "-1": "ask"},
    words={"action": {"1": "add", "2": "cancel", "3": "cancel", "4": "fill", "5": "fill"}},
    skips=(("1", ("6",), "cross_trade"), ("1", ("7",), "trading_halt")),
    exchange="NASDAQ",
    market="EQUITY",
    caution="The size of a cancel or fill is what left the order. Fills of hidden orders have the order 0, and all say"
    " bid from 2014-07-14 on. The file of the book beside it is not read.",
)

BITSTAMP_ORDER_EVENTS = Dialect(
    name="bitstamp-order-events",
    maker="Bitstamp",
    title="Bitstamp order events",
    asset="orderbook/l3",
    vendor="github.com/phil8192/ob-analytics, loadData: id, timestamp, exchange.timestamp, price, volume, action"
    " (created, changed, deleted), direction",
    sample="orders.csv.xz",
    header="always",
    by_name={
        "exchange.timestamp": "ts",
        "timestamp": "ts_recv",
        "id": "order_id",
        "price": "price",
        "volume": "size",
        "action": "action",
        "direction": "side",
    },
    required=("id", "timestamp", "exchange.timestamp", "price", "volume", "action", "direction"),
    sides={"bid": "bid", "ask": "ask"},
    words={"action": {"created": "add", "changed": "change", "deleted": "cancel"}},
    exchange="BITSTAMP",
    market="SPOT",
    caution="Volumes are kept as they are written: the vendor's examples count units of 1e-8.",
)

MOEX_ORDER_LOG = Dialect(
    name="moex-order-log",
    maker="Moscow Exchange",
    title="Moscow Exchange order log, all orders and trades of a market's day",
    asset="orderbook/l3",
    vendor='moex.com/a1681, order log: "ACTION i1 0- quote was deleted, 1- quote was added, 2- trade"; the files head'
    " NO,SECCODE,BUYSELL,TIME,ORDERNO,ACTION,PRICE,VOLUME,TRADENO,TRADEPRICE",
    sample="tests/unit/lake/sources/dialects/test_books.py",
    header="always",
    by_name={
        "NO": "seq",
        "SECCODE": "symbol",
        "BUYSELL": "side",
        "TIME": "ts",
        "ORDERNO": "order_id",
        "ACTION": "action",
        "PRICE": "price",
        "VOLUME": "size",
    },
    required=("NO", "SECCODE", "BUYSELL", "TIME", "ORDERNO", "ACTION", "PRICE", "VOLUME", "TRADENO", "TRADEPRICE"),
    file=r"OrderLog(?P<date>\d{8})\.(?:txt|csv)",
    example="OrderLog20150901.txt",
    time="clock",
    zone="Europe/Moscow",
    sides={"B": "bid", "S": "ask"},
    words={"action": {"0": "cancel", "1": "add", "2": "fill"}},
    zeros=("price",),
    exchange="MOEX",
    caution="A trade is two records, one of each order, and both are fills: nothing says who took. The price is the"
    " order's, null where it is 0; TRADENO and TRADEPRICE are not kept. Which market it is, the file does not say.",
)

DIALECTS = (
    BINANCE_WS_DEPTH, BINANCE_DEPTH_SNAPSHOT, BINANCE_T_DEPTH, LOBSTER_MESSAGES, BITSTAMP_ORDER_EVENTS, MOEX_ORDER_LOG,
)  # fmt: skip
