"""Databento's CSV: the columns of databento.com/docs/schemas-and-data-formats; prices whole or with a point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

AT = 1_703_422_805_243_925_307
ISO = "2023-12-24T13:00:05.243925307Z"  # of the same nanosecond, as the vendor prints it
UNDEFINED = 9_223_372_036_854_775_807
EVENT = "ts_recv,ts_event,rtype,publisher_id,instrument_id,action,side"
TAIL = "flags,ts_in_delta,sequence"
TRADES = f"{EVENT},depth,price,size,{TAIL}"
MBO = f"{EVENT},price,size,channel_id,order_id,{TAIL}"
MBP_1 = f"{TRADES},bid_px_00,ask_px_00,bid_sz_00,ask_sz_00,bid_ct_00,ask_ct_00"
BARS = "ts_event,rtype,publisher_id,instrument_id,open,high,low,close,volume"


@pytest.mark.parametrize(
    ("at", "price", "dialect"),
    [
        (str(AT), "4799250000000", "databento-csv-trades"),
        (ISO, "4799250000000", "databento-csv-trades"),
        (ISO, "4799.250000000", "databento-csv-trades-pretty"),
    ],
)
def test_trades_in_every_writing_are_the_same(tmp_path: Path, at: str, price: str, dialect: str) -> None:
    lines = [f"{at},{at},0,1,17077,T,{side},0,{price},3,0,0,7,{name}\n" for side, name in ("BX", "AX", "NY")]
    for more in ("", "\n\n"):  # an empty line sends the block the careful way
        whole = read(write(tmp_path / "x.csv", f"{TRADES},symbol\n" + "".join(lines) + more))
        assert whole.plan.dialect == dialect
        assert (whole.ns, whole.of("ts_recv")) == ([AT] * 3, [AT] * 3)
        assert whole.column("price") == [4799.25] * 3
        assert whole.column("side") == ["buy", "sell", None]
        assert whole.symbols == ["X", "X", "Y"]


def test_a_decimal_point_among_whole_numbers_is_kept_aside(tmp_path: Path) -> None:
    line = f"{AT},{AT},0,1,17077,T,B,0,%s,3,0,0,7,X\n"
    text = f"{TRADES},symbol\n" + line % "4799250000000" * 1500 + line % "4799.25"
    whole = read(write(tmp_path / "x.csv", text))
    assert whole.reasons == [("bad_number", 1502)]
    assert set(whole.column("price")) == {4799.25}


def test_without_symbols_the_numbers_of_instruments_part_the_rows(tmp_path: Path) -> None:
    lines = [f"{AT},{AT},0,1,{number},T,B,0,4799250000000,3,0,0,7\n" for number in (17077, 5)]
    assert read(write(tmp_path / "x.csv", f"{TRADES}\n" + "".join(lines))).symbols == ["17077", "5"]


def test_orders_and_what_empties_the_book(tmp_path: Path) -> None:
    said = [("R", "N", UNDEFINED), ("A", "B", 4799 * 10**9), ("F", "A", 4799 * 10**9), ("N", "N", UNDEFINED)]
    lines = [f"{AT},{AT},160,1,17077,{action},{side},{price},2,0,64127,40,0,9,X\n" for action, side, price in said]
    whole = read(write(tmp_path / "x.csv", f"{MBO},symbol\n" + "".join(lines)))
    assert whole.plan.dialect == "databento-csv-mbo"
    assert whole.column("action") == ["clear", "add", "fill"]
    assert whole.column("side") == [None, "bid", "ask"]
    assert whole.column("price") == [None, 4799.0, 4799.0]
    assert whole.batches[0].skipped == {"no_action": 1}


def test_best_bids_and_offers_and_trades_beside_them_are_asked_about(tmp_path: Path) -> None:
    line = f"{AT},{AT},1,1,17077,T,B,0,4799000000000,3,0,0,7,%s,4800000000000,7,8,1,1,X\n"
    text = f"{MBP_1},symbol\n" + line % (4799 * 10**9) + line % UNDEFINED
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.csv", text), SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    whole = read(write(tmp_path / "glbx-mdp3-20231224.mbp-1.csv", text))
    assert whole.plan.dialect == "databento-csv-mbp-1"
    assert (whole.column("bid"), whole.column("ask")) == ([4799.0], [4800.0])
    assert whole.batches[0].skipped == {"one_sided": 1}
    assert read(write(tmp_path / "glbx-mdp3-20231224.tbbo.csv", text)).column("price") == [4799.0] * 2


def test_ten_levels_but_the_undefined_ones(tmp_path: Path) -> None:
    fields = [f"{side}_{what}" for what in ("px", "sz", "ct") for side in ("bid", "ask")]
    names = [f"{field}_{level:02}" for level in range(10) for field in fields]
    cells = {name: str(UNDEFINED) if "_px_" in name else "0" for name in names}
    cells |= {"bid_px_00": "4799000000000", "bid_sz_00": "7", "ask_px_00": "4800000000000", "ask_sz_00": "8"}
    line = f"{AT},{AT},10,1,17077,A,B,0,4799000000000,3,0,0,7,{','.join(cells.values())},X\n"
    whole = read(write(tmp_path / "x.csv", f"{TRADES},{','.join(names)},symbol\n" + line * 2))
    assert whole.plan.dialect == "databento-csv-mbp-10"
    assert whole.column("side") == ["bid", "ask"] * 2
    assert whole.column("price") == [4799.0, 4800.0] * 2
    assert whole.column("size") == [7.0, 8.0] * 2


def test_bars_of_several_contracts(tmp_path: Path) -> None:
    start = 1_719_877_200 * 10**9
    prices = "5527250000000,5527500000000,5527000000000,5527500000000,180"
    lines = [f"{start + m * 60 * 10**9},33,1,118,{prices},{name}\n" for m in range(3) for name in ("ESU4", "NQU4")]
    whole = read(write(tmp_path / "x.csv", f"{BARS},symbol\n" + "".join(lines)))
    assert (whole.plan.dialect, whole.plan.period) == ("databento-csv-ohlcv", "1m")
    assert whole.column("high") == [5527.5] * 6
    assert whole.symbols == ["ESU4", "NQU4"] * 3


def test_a_schema_that_is_not_read_is_never_taken_for_a_table_of_prices(tmp_path: Path) -> None:
    text = f"ts_recv,ts_event,rtype,publisher_id,instrument_id,price,size\n{AT},{AT},195,1,5,4799250000000,3\n"
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.csv", text), SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"
