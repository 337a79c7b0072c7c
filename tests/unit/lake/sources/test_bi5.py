"""Dukascopy's bi5, made of the layouts quoted in the dialects: times from the path, whole numbers for prices."""

from __future__ import annotations

import lzma
import struct
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from lake.sources.containers import limits
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

HOUR = "EURUSD/2024/00/15/09h_ticks.bi5"
# date -u -d '2024-01-15 09:00' +%s
START_NS = 1_705_309_200 * 10**9
DAY = "USDJPY/2024/11/31/BID_candles_min_1.bi5"
# date -u -d 2024-12-31 +%s
DAY_NS = 1_735_603_200 * 10**9


def packed(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_ALONE)


def tick(ms: int, ask: int = 110512, bid: int = 110508) -> bytes:
    return struct.pack(">3I2f", ms, ask, bid, 1.1, 2.25)


def candle(second: int, volume: float = 33.3) -> bytes:
    return struct.pack(">5If", second, 150010, 150020, 150000, 150030, volume)


def test_an_hour_of_ticks(tmp_path: Path) -> None:
    for block_bytes in (20, 1 << 20):
        path = write(tmp_path / HOUR, packed(tick(0) + tick(41, 110513) + tick(3_599_999)))
        whole = read(path, block_bytes=block_bytes)
        plan = whole.plan
        assert (plan.dialect, plan.type, plan.period) == ("dukascopy-bi5-ticks", "ticks", "quote")
        assert (plan.exchange, plan.market, plan.symbol) == ("DUKASCOPY", "FX", "EURUSD")
        assert whole.ns == [START_NS, START_NS + 41_000_000, START_NS + 3_599_999_000_000]
        assert whole.column("ask") == [1.10512, 1.10513, 1.10512]
        assert whole.column("bid") == [1.10508] * 3
        assert whole.column("ask_size") == [1.1] * 3  # as the four bytes are written shortest, not 1.10000002
        assert whole.column("bid_size") == [2.25] * 3


def test_a_day_of_candles_without_those_of_no_trade(tmp_path: Path) -> None:
    whole = read(write(tmp_path / DAY, packed(candle(0) + candle(60, 0.0) + candle(120))))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period, plan.market) == ("dukascopy-bi5-candles", "bars", "1m-bid", "FX")
    assert whole.ns == [DAY_NS, DAY_NS + 120 * 10**9]
    assert [whole.column(name)[0] for name in ("open", "close", "low", "high")] == [150.01, 150.02, 150.0, 150.03]
    assert whole.batches[0].skipped == {"no_trade": 1}


def test_asks_are_bars_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / DAY.replace("BID", "ASK"), packed(candle(0)))
    assert read(path).plan.period == "1m-ask"


def test_a_file_of_no_bytes_is_a_time_without_ticks(tmp_path: Path) -> None:
    whole = read(write(tmp_path / HOUR, b""))
    assert (whole.records, whole.batches) == (0, [])
    assert any("empty" in warning for warning in whole.plan.warnings)


@pytest.mark.parametrize(
    ("name", "symbol", "price"),
    [("EURUSD", "EURUSD", 1.10508), ("GBPJPY", "GBPJPY", 110.508), ("XAUUSD", "XAUUSD", 110.508)],
)
def test_the_instrument_decides_on_the_digits(tmp_path: Path, name: str, symbol: str, price: float) -> None:
    whole = read(write(tmp_path / HOUR.replace("EURUSD", name), packed(tick(0))))
    assert (whole.plan.symbol, whole.column("bid")) == (symbol, [price])


def test_digits_nobody_declared_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / HOUR.replace("EURUSD", "DEUIDXEUR"), packed(tick(0)))
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert list(refusal.value.fix) == ["--price-scale 1000"]
    assert read(path, words={"price-scale": 1000}).column("bid") == [110.508]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("09h_ticks.bi5", "E_AMBIGUOUS"),
        ("EURUSD/2024/12/15/09h_ticks.bi5", "E_AMBIGUOUS"),
        ("EURUSD/2024/01/30/09h_ticks.bi5", "E_TIME_FORMAT"),
        ("EURUSD/2024/00/15/24h_ticks.bi5", "E_AMBIGUOUS"),
    ],
)
def test_a_path_that_tells_no_hour_is_refused(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / name, packed(tick(0))), SourceOptions())
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "data", [packed(tick(0) * 4 + b"odd"), packed(tick(0) * 40)[:-9], b"\x00" * 30, packed(tick(0)) + b"behind"]
)
def test_damage_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(LakeError) as refusal:
        read(write(tmp_path / HOUR, data))
    assert refusal.value.code == "E_SOURCE_UNREADABLE"


def test_what_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as refusal:
        read(write(tmp_path / HOUR, b"\x5d\x00\x00\x00\x40" + packed(tick(0))[5:]))  # a dictionary of a gigabyte
    assert refusal.value.code == "E_SOURCE_UNSAFE"


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BOMB_FROM", 1 << 20)
    with pytest.raises(LakeError) as refusal:
        read(write(tmp_path / HOUR, packed(tick(0) * 200_000)))
    assert refusal.value.code == "E_SOURCE_UNSAFE"


def test_times_out_of_their_hour_do_not_move(tmp_path: Path) -> None:
    whole = read(write(tmp_path / HOUR, packed(tick(0) + tick(3_600_000))))
    assert (whole.ns, whole.reasons) == ([START_NS], [("bad_timestamp", 2)])


@pytest.mark.parametrize(
    ("said", "name"), [({"words": {"delimiter": ";"}}, "delimiter"), ({"columns": {"bid": "b"}}, "map")]
)
def test_what_is_said_of_a_text_is_refused(tmp_path: Path, said: dict[str, Any], name: str) -> None:
    path = write(tmp_path / HOUR, packed(tick(0)))
    with pytest.raises(LakeError, match=f"a bi5 file, to which {name} does not apply") as refusal:
        detect(path, SourceOptions(**said))
    assert refusal.value.code == "E_USAGE"
