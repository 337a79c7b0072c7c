"""Sources of one real instrument: where two vendors say the same, and where a file is known to be wrong."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Dl


def taken(dl: Dl, file: Path, exchange: str, symbol: str) -> str:
    """Ingest a file as of an exchange; return the address."""
    ran = dl("ingest", "--source", file, "--exchange", exchange, "--symbol", symbol, "--json")
    [address] = ran.data["files"][0]["addresses"]
    return str(address)


def reconcile(dl: Dl, *words: str) -> dict[str, Any]:
    return dict(dl("reconcile", *words, "--limit", "1000", "--json").data)


def test_bars_of_one_file_agree_with_those_made_of_the_trades_of_another(vendor_data: Path, dl: Dl) -> None:
    bars = taken(dl, vendor_data / "freqtrade_feather/XRP_ETH-5m.feather", "A", "XRPETH")
    trades = taken(dl, vendor_data / "freqtrade_trades_json_gz/XRP_ETH-trades.json.gz", "B", "XRPETH")
    assert dl("aggregate", trades, "--to", "5m").status == 0
    made = "B/SPOT/XRPETH/bars/5m"
    data = reconcile(dl, bars, made)
    assert (data["times"], data["agreeing"], data["differs"]) == (705, 705, False)
    assert {name for name, each in data["columns"].items() if each["compared"]} == {
        "open",
        "high",
        "low",
        "close",
        "volume",
    }
    # The last trade is of 11:19: its bar is not whole, and is not made.
    whole = reconcile(dl, bars, made, "--whole")
    assert [(each["ts"][:16], each["kind"], each["source"]) for each in whole["differences"]] == [
        ("2019-10-13T11:15", "missing", made)
    ]


def test_one_month_of_an_archive_is_the_same_packed_and_unpacked(vendor_data: Path, dl: Dl) -> None:
    plain = taken(dl, vendor_data / "binance_spot_klines_us/BTCUSDT-1h-2025-01.csv", "A", "BTCUSDT")
    packed = taken(dl, vendor_data / "packed_binance_vision/BTCUSDT-1h-2025-01.zip", "B", "BTCUSDT")
    data = reconcile(dl, plain, packed)
    assert (data["times"], data["agreeing"], data["count"]) == (744, 744, 0)
    assert {name for name, each in data["columns"].items() if each["compared"] == 744} >= {"trades", "quote_volume"}


def test_a_file_in_two_units_differs_from_its_correction_in_the_rows_that_were_corrected(
    vendor_data: Path, dl: Dl
) -> None:
    name = "AET-L-1d-100x-error"
    files = (vendor_data / "yahoo_yfinance_csv" / f"{name}.csv", vendor_data / "reference" / f"{name}-fixed.csv")
    wrong, right = (taken(dl, file, exchange, "AET") for file, exchange in zip(files, "AB", strict=True))
    data = reconcile(dl, right, wrong, "--rel", "1e-6")
    rows = []
    for file in files:
        with file.open() as stream:
            rows.append({row["Date"]: float(row["Close"]) for row in csv.DictReader(stream)})
    corrected = sum(abs(rows[0][day] - rows[1][day]) > 1 for day in rows[0])
    assert data["sources"][1]["differing"] == corrected == 14
    assert {name: each["differing"] for name, each in data["columns"].items()} == {
        "open": 14,
        "high": 14,
        "low": 14,
        "close": 14,
        "volume": 0,
    }
