"""Tables of order books: whose words mean what, and which clock is which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

# date -u -d 2025-03-04 +%s gives 1741046400
DAY_US = 1_741_046_400_000_000
WS = "TimestampOfReceive,Stream,EventType,EventTime,Symbol,FirstUpdateId,FinalUpdateId,IsAsk,Price,Quantity\n"
T_DEPTH = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu\n"
EVENTS = "id,timestamp,exchange.timestamp,price,volume,action,direction\n"


def test_one_is_the_ask_and_the_event_time_is_ts(tmp_path: Path) -> None:
    line = f"{DAY_US + 452},trxusdt@depth@100ms,depthUpdate,{DAY_US},TRXUSDT,5,9,"
    whole = read(write(tmp_path / "depth.csv", f"{WS}{line}0,0.2311,804627.7\n{line}1,0.2313,0.0\n"))
    assert whole.plan.dialect == "binance-ws-depth"
    bid, ask = whole.rows.to_pylist()
    assert (bid["side"], bid["price"], bid["size"]) == ("bid", 0.2311, 804627.7)
    assert (ask["side"], ask["price"], ask["size"]) == ("ask", 0.2313, 0.0)
    assert (bid["first_update_id"], bid["last_update_id"], bid["is_snapshot"]) == (5, 9, False)
    assert (whole.ns, whole.of("ts_recv")) == ([DAY_US * 1000] * 2, [(DAY_US + 452) * 1000] * 2)


@pytest.mark.parametrize("pu", ["", ",2098041693400"])
def test_t_depth_tells_snapshots_from_changes(tmp_path: Path, pu: str) -> None:
    head = T_DEPTH if pu else T_DEPTH.replace(",pu", "")
    line = f"BTCUSDT,{DAY_US // 1000},1,2,"
    whole = read(write(tmp_path / "depth.csv", f"{head}{line}a,snap,20472.80,1.5{pu}\n{line}b,set,20472.70,0{pu}\n"))
    assert whole.plan.dialect == "binance-t-depth"
    assert whole.column("side") == ["ask", "bid"]
    assert whole.column("is_snapshot") == [True, False]
    assert whole.column("prev_update_id") == [2098041693400 if pu else None] * 2
    assert whole.ns == [DAY_US * 1000] * 2


def test_order_events_keep_the_order_and_what_became_of_it(tmp_path: Path) -> None:
    at = DAY_US // 1000
    rows = "".join(
        f"{order},{at + 518},{at},236.47,{volume},{action},{side}\n"
        for order, volume, action, side in (
            ("65595247", "200000000", "created", "bid"),
            ("65595247", "178855669", "changed", "bid"),
            ("65595187", "0", "deleted", "ask"),
        )
    )
    whole = read(write(tmp_path / "orders.csv", EVENTS + rows))
    assert (whole.plan.dialect, whole.plan.period) == ("bitstamp-order-events", "l3")
    assert whole.column("order_id") == ["65595247", "65595247", "65595187"]
    assert whole.column("action") == ["add", "change", "cancel"]
    assert whole.column("side") == ["bid", "bid", "ask"]
    assert whole.column("size") == [200000000.0, 178855669.0, 0.0]
    assert (whole.ns[0], whole.of("ts_recv")[0]) == (at * 10**6, (at + 518) * 10**6)


def test_snapshots_under_a_report_are_read_at_their_receipt(tmp_path: Path) -> None:
    at = DAY_US // 1000
    head = "####\n# Data Quality Report\n####\n"
    head += "TimestampOfReceive,TimestampOfRequest,LastUpdateId,IsAsk,Price,Quantity\n"
    rows = f"{at + 258},{at + 180},667,0,83759.99,2.5\n{at + 258},{at + 180},667,1,83760.00,1.5\n"
    whole = read(write(tmp_path / "x_depth_snapshot_spot_btcusdt_14-04-2025.csv", head + rows))
    assert (whole.plan.dialect, whole.plan.market, whole.plan.symbol) == ("binance-depth-snapshot", "SPOT", "btcusdt")
    assert whole.ns == [(at + 258) * 10**6] * 2
    assert whole.column("side") == ["bid", "ask"]
    assert whole.column("is_snapshot") == [True, True]
    assert whole.column("last_update_id") == [667, 667]


# The vendor's output structure: seconds after midnight, type, order, size, dollars times 10000, 1 for a buy order.
LOBSTER = """34200.017459617,5,0,1,2238200,-1
34200.18960767,1,11885113,21,2238100,1
34200.5,2,11885113,1,2238100,1
34200.6,4,11885113,5,2238100,1
34200.7,3,11885113,15,2238100,1
34201,6,-1,100,2238100,-1
34202,7,0,0,-1,-1
"""


def test_lobster_messages_are_events_of_orders(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "AAPL_2012-06-21_34200000_57600000_message_1.csv", LOBSTER))
    assert (whole.plan.dialect, whole.plan.symbol) == ("lobster-messages", "AAPL")
    assert whole.column("action") == ["fill", "add", "cancel", "fill", "cancel"]
    assert whole.column("side") == ["ask", "bid", "bid", "bid", "bid"]
    assert whole.column("price") == [223.82] + [223.81] * 4
    assert whole.batches[0].skipped == {"cross_trade": 1, "trading_halt": 1}
    assert whole.ns[0] == 1_340_285_400_017_459_617  # date -d '2012-06-21T09:30:00.017459617-04:00' +%s%N


# The first record is as the exchange's own files begin; the others follow its list of columns. A trade is a record of
# each of its orders, and an order at the market has no price.
MOEX = """NO,SECCODE,BUYSELL,TIME,ORDERNO,ACTION,PRICE,VOLUME,TRADENO,TRADEPRICE
1,PLSM,S,100000000,1,1,0.32,36000,,
2,SBER,B,100000015,2,1,74.38,200,,
3,SBER,S,100001000,3,1,0,150,,
4,SBER,B,100001000,2,2,74.38,150,2516556767,74.38
5,SBER,S,100001000,3,2,0.0,150,2516556767,74.38
6,SBER,B,184459999,2,0,74.38,50,,
"""


def test_the_moscow_exchanges_order_log_is_events_of_orders_by_symbol(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "OrderLog20150901.txt", MOEX))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period, plan.exchange) == ("moex-order-log", "orderbook", "l3", "MOEX")
    assert (plan.market, plan.many, plan.time_zone) == (None, True, "Europe/Moscow")
    assert whole.symbols == ["PLSM", *["SBER"] * 5]
    assert whole.column("action") == ["add", "add", "add", "fill", "fill", "cancel"]
    assert whole.column("side") == ["ask", "bid", "ask", "bid", "ask", "bid"]
    assert whole.column("price") == [0.32, 74.38, None, 74.38, None, 74.38]
    assert whole.column("size") == [36000.0, 200.0, 150.0, 150.0, 150.0, 50.0]
    assert whole.column("order_id") == ["1", "2", "3", "2", "3", "2"]
    assert whole.column("seq") == [1, 2, 3, 4, 5, 6]
    # date -u -d '2015-09-01T10:00:00.015+03:00' +%s%N, and of 10:00:01.000 and 18:44:59.999
    assert whole.ns[1:3] == [1_441_090_800_015_000_000, 1_441_090_801_000_000_000]
    assert whole.ns[5] == 1_441_122_299_999_000_000


@pytest.mark.parametrize(
    ("times", "second", "ns"),
    [
        (("65000000", "235959999"), "65000000", 1_704_174_600_000_000_000),
        (("065000000", "235959999"), "065000000", 1_704_174_600_000_000_000),
        (("65000000001", "235959999999"), "65000000001", 1_704_174_600_000_001_000),
        (("065000000001", "235959999999"), "065000000001", 1_704_174_600_000_001_000),
        (("65000000000001", "235959999999999"), "65000000000001", 1_704_174_600_000_000_001),
    ],
)
def test_its_times_are_digits_of_the_day_to_the_fraction_that_the_file_has(
    tmp_path: Path, times: tuple[str, ...], second: str, ns: int
) -> None:
    # date -u -d '2024-01-02T06:50:00+03:00' +%s gives 1704167400; 23:59:59 is 1704229199
    rows = "".join(f"{no},SBER,B,{time},{no},1,74.38,1,,\n" for no, time in enumerate([*times, second]))
    whole = read(write(tmp_path / "OrderLog20240102.csv", MOEX.splitlines()[0] + "\n" + rows))
    assert whole.ns[0] == whole.ns[2] == ns - 7_200 * 10**9
    assert whole.ns[1] // 10**9 == 1_704_229_199
    assert whole.ns[1] % 10**9 == int(times[1][6:].ljust(9, "0"))


def test_what_is_no_time_of_the_day_is_kept_aside_however_it_is_read(tmp_path: Path) -> None:
    head, *rows = MOEX.splitlines(keepends=True)
    for time in ("106000000", "100060000", "240000000", "-1", "100000000.5", "1e9", ""):
        wrong = f"7,SBER,B,{time},9,1,74.38,50,,\n"
        whole = read(write(tmp_path / "OrderLog20150901.txt", head + "".join(rows * 3) + wrong))
        assert whole.reasons == [("bad_timestamp", 20)], time


def test_its_order_log_without_a_date_in_its_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="has no date"):
        detect(write(tmp_path / "orders.txt", MOEX), SourceOptions())
