"""Order books as tables: a row for each level that changed, or for each order."""

from __future__ import annotations

from lake.sources.dialects.declare import Dialect

_IS_ASK = {"0": "bid", "1": "ask"}
_UNFAZED = "a header of github.com/unfazed-binance, as its files carry it: "

BINANCE_WS_DEPTH = Dialect(
    name="binance-ws-depth",
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
    title="Binance historical order book, T_DEPTH: changes and snapshots",
    asset="orderbook/l2",
    vendor='github.com/binance/binance-public-data, futures order book: "update_type: set or snap"',
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

BITSTAMP_ORDER_EVENTS = Dialect(
    name="bitstamp-order-events",
    title="Bitstamp order events",
    asset="orderbook/l3",
    vendor="github.com/phil8192/ob-analytics, loadData: id, timestamp, exchange.timestamp, price, volume, action"
    ' ("created, changed or deleted"), direction',
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

DIALECTS = (BINANCE_WS_DEPTH, BINANCE_T_DEPTH, BITSTAMP_ORDER_EVENTS)
