"""Binance Vision's best quotes, open interest, ratios and funding, on files made as the vendor heads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect, open_reader
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

BOOK_TICKER = """\
update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time
3932256034651,42570.3,0.821,42570.4,7.207,1707091200006,1707091200012
3932256034800,42570.1,3.000,42570.6,1.000,1707091200280,1707091200290
3932256034700,42570.2,1.500,42570.5,2.000,1707091200150,1707091200160
"""
METRICS = """\
create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,\
sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio
2024-03-30 00:10:00,BTCUSDT,71000.5,4970035000.25,1.5,1.1,1.25,0.9
2024-03-30 00:05:00,BTCUSDT,70000,4900000000,1.4,,1.2,0.8
"""
FUNDING = """\
calc_time,funding_interval_hours,last_funding_rate
1709251200000,8,0.00038765
1709280000001,8,-0.0001
"""


@pytest.mark.parametrize(
    ("path", "dialect", "market", "symbol"),
    [
        ("BTCUSDT-bookTicker-2024-02-05.csv", "binance-um-bookticker", "FUTURES-UM", "BTCUSDT"),
        ("BTCUSD_PERP-bookTicker-2024-02-05.csv", "binance-cm-bookticker", "FUTURES-CM", "BTCUSD_PERP"),
    ],
)
def test_best_quotes_have_the_matching_engines_time_and_the_events(
    tmp_path: Path, path: str, dialect: str, market: str, symbol: str
) -> None:
    whole = read(write(tmp_path / path, BOOK_TICKER))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period, plan.market, plan.symbol, plan.exchange) == (
        dialect, "ticks", "quote", market, symbol, "BINANCE",
    )  # fmt: skip
    assert whole.ns == [1707091200006000000, 1707091200280000000, 1707091200150000000]
    assert [at.microsecond for at in whole.column("ts_event")] == [12000, 290000, 160000]
    assert (whole.column("bid"), whole.column("ask")) == ([42570.3, 42570.1, 42570.2], [42570.4, 42570.6, 42570.5])
    assert (whole.column("bid_size"), whole.column("ask_size")) == ([0.821, 3.0, 1.5], [7.207, 1.0, 2.0])


def portions(path: Path) -> list[list[dict[str, object]]]:
    """Return the rows of each channel of a source."""
    plan = detect(path, SourceOptions())
    reader = open_reader(plan)
    made: list[list[dict[str, object]]] = [[] for _ in plan.channels]
    for block in reader.blocks():
        for portion in reader.parse(block).portions:
            rows = portion.rows.to_pylist()
            made[portion.channel] += [{name: row[name] for name in row if name != "ts"} for row in rows]
    reader.close()
    return made


def test_one_record_of_metrics_is_open_interest_and_ratios(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT-metrics-2024-03-30.csv", METRICS)
    plan = detect(path, SourceOptions())
    assert plan.dialect == "binance-um-metrics"
    assert [f"{channel.type}/{channel.period}" for channel in plan.channels] == [
        "metrics/open_interest",
        "metrics/long_short_ratio",
    ]
    assert portions(path) == [
        [
            {"open_interest": 71000.5, "open_interest_value": 4970035000.25},
            {"open_interest": 70000.0, "open_interest_value": 4900000000.0},
        ],
        [
            {"accounts": 1.25, "top_accounts": 1.5, "top_positions": 1.1, "taker_volume": 0.9},
            {"accounts": 1.2, "top_accounts": 1.4, "top_positions": None, "taker_volume": 0.8},
        ],
    ]


@pytest.mark.parametrize("cells", ["x,1,1,1,1,1", "1,1,1,1,1,x"])
def test_a_record_that_is_bad_for_one_kind_is_rejected_whole(tmp_path: Path, cells: str) -> None:
    bad = f"2024-03-30 00:15:00,BTCUSDT,{cells}\n"
    good = "".join(f"2024-03-30 01:{minute:02}:00,BTCUSDT,1,1,1,1,1,1\n" for minute in range(0, 60, 5))
    path = write(tmp_path / "BTCUSDT-metrics-2024-03-30.csv", METRICS + bad + good)
    plan = detect(path, SourceOptions())
    reader = open_reader(plan)
    [batch] = [reader.parse(block) for block in reader.blocks()]
    reader.close()
    assert [(reject.reason, reject.line, reject.raw) for reject in batch.rejects] == [("bad_number", 4, bad.strip())]
    assert (batch.records, [portion.rows.num_rows for portion in batch.portions]) == (15, [14, 14])
    assert [[portion.locate(row)[0] for row in (1, 2)] for portion in batch.portions] == [[3, 5], [3, 5]]


@pytest.mark.parametrize(
    ("path", "dialect", "market"),
    [
        ("BTCUSDT-fundingRate-2024-03.csv", "binance-um-funding", "FUTURES-UM"),
        ("BTCUSD_PERP-fundingRate-2024-03.csv", "binance-cm-funding", "FUTURES-CM"),
    ],
)
def test_funding_keeps_its_times_to_the_millisecond(tmp_path: Path, path: str, dialect: str, market: str) -> None:
    whole = read(write(tmp_path / path, FUNDING))
    assert (whole.plan.dialect, whole.plan.type, whole.plan.period, whole.plan.market) == (
        dialect, "metrics", "funding", market,
    )  # fmt: skip
    assert whole.ns == [1709251200000000000, 1709280000001000000]
    assert (whole.column("funding_rate"), whole.column("interval_hours")) == ([0.00038765, -0.0001], [8.0, 8.0])


@pytest.mark.parametrize(("kind", "text"), [("bookticker", BOOK_TICKER), ("metrics", METRICS), ("funding", FUNDING)])
def test_without_name_and_folder_the_market_is_asked_about(tmp_path: Path, kind: str, text: str) -> None:
    path = write(tmp_path / "mine.csv", text)
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert list(refusal.value.fix) == [f"--format binance-um-{kind}", f"--format binance-cm-{kind}"]
    assert detect(path, SourceOptions(market="FUTURES-CM")).dialect == f"binance-cm-{kind}"
    folder = write(tmp_path / "data/futures/um/daily/mine.csv", text)
    assert detect(folder, SourceOptions()).dialect == f"binance-um-{kind}"


def test_depth_by_percentage_is_refused_with_the_reason(tmp_path: Path) -> None:
    text = "timestamp,percentage,depth,notional\n2024-03-30 00:00:08,-5,7000.1,480000000\n"
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "BTCUSDT-bookDepth-2024-03-30.csv", text), SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"
    assert "no book can be made of it" in refusal.value.why


def test_a_type_that_a_file_does_not_hold_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "BTCUSDT-fundingRate-2024-03.csv", FUNDING)
    assert read(path, type="metrics/funding").plan.period == "funding"
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(type="metrics/open_interest"))
    assert refusal.value.code == "E_FORMAT_MISMATCH"


def test_a_table_of_unknown_origin_is_not_read_as_metrics(tmp_path: Path) -> None:
    path = write(tmp_path / "rates.csv", "time,rate\n2024-03-01T00:00:00Z,0.1\n")
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(type="metrics/funding"))
    assert refusal.value.code == "E_FORMAT_UNKNOWN"
