"""Bybit's public trades, on files made as the vendor heads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional"
ROWS = (
    "1704067200.1234,BTCUSDT,Buy,0.012,42283.60,ZeroPlusTick,6a9b5c1e,5.0740320e+10,0.012,507.40320",
    "1704067200.5,BTCUSDT,Sell,0.500,42283.50,MinusTick,7b0c6d2f,2.1141750e+12,0.5,21141.75",
    "1704067260,BTCUSDT,Sell,1,42290,MinusTick,9d2e8f4b,4.2290000e+12,1,42290",
)


@pytest.mark.parametrize(("more", "cell"), [("", ""), (",RPI", ",0")])
def test_fractions_of_seconds_are_exact_and_the_side_is_the_aggressors(tmp_path: Path, more: str, cell: str) -> None:
    text = HEADER + more + "\n" + "".join(f"{row}{cell}\n" for row in ROWS)
    whole = read(write(tmp_path / "BTCUSDT2024-01-01.csv", text))
    plan = whole.plan
    assert (plan.dialect, plan.market, plan.symbol, plan.exchange) == (
        "bybit-trades", "DERIVATIVES", "BTCUSDT", "BYBIT",
    )  # fmt: skip
    assert whole.ns == [1704067200123400000, 1704067200500000000, 1704067260000000000]
    assert whole.column("side") == ["buy", "sell", "sell"]
    assert whole.column("trade_id") == ["6a9b5c1e", "7b0c6d2f", "9d2e8f4b"]
    assert (whole.column("size"), whole.column("price")) == ([0.012, 0.5, 1.0], [42283.6, 42283.5, 42290.0])


@pytest.mark.parametrize("name", ["BTC-14MAR25", "1000PEPEUSDT"])
def test_a_name_with_digits_parts_from_its_date(tmp_path: Path, name: str) -> None:
    text = HEADER + "\n" + "".join(row.replace("BTCUSDT", name) + "\n" for row in ROWS)
    plan = read(write(tmp_path / f"{name}2025-03-13.csv", text)).plan
    assert plan.symbol == name
    assert f"file name {name}2025-03-13.csv" in plan.evidence


@pytest.mark.parametrize(
    ("more", "cell", "name"), [("", "", "BTCUSDT_2024-01-01.csv"), (",rpi", ",0", "BTCUSDT-2024-01.csv")]
)
def test_spot_trades_are_numbered_anew_every_day(tmp_path: Path, more: str, cell: str, name: str) -> None:
    text = f"id,timestamp,price,volume,side{more}\n"
    text += f"1,1704067200074,42283.8,0.003718,sell{cell}\n2,1704067200150,42284.9,0.0005,buy{cell}\n"
    text += f"1,1704153600001,43000,0.1,buy{cell}\n"
    whole = read(write(tmp_path / name, text))
    plan = whole.plan
    assert (plan.dialect, plan.market, plan.symbol) == ("bybit-spot-trades", "SPOT", "BTCUSDT")
    assert whole.column("trade_id") == ["1", "2", "1"]
    assert plan.schema.key == ("trade_id",), "the id is unique within a day"
    assert whole.ns == [1704067200074000000, 1704067200150000000, 1704153600001000000]
    assert whole.column("side") == ["sell", "buy", "buy"]
