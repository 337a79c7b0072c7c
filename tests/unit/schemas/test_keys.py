"""Addresses and partitions: their text, what is refused, and where a partition begins and ends."""

from __future__ import annotations

import datetime as dt

import pytest

from schemas.keys import Address, Partition, normalise


def test_an_address_is_its_path() -> None:
    address = Address.of("binance", "Spot", "btcusdt", "bars", "1m")
    assert str(address) == "BINANCE/SPOT/BTCUSDT/bars/1m"
    assert (address.key, address.grain) == ("bars/1m", "day")


def test_a_symbol_with_slashes_is_one_folder() -> None:
    address = Address.of("KRAKEN", "FUTURES-UM", "BTC/USDT:USDT", "bars", "1m")
    assert str(address) == "KRAKEN/FUTURES-UM/BTC%2FUSDT%3AUSDT/bars/1m"


def test_composed_and_decomposed_spellings_are_one_name() -> None:
    assert normalise("cafe\u0301") == normalise("caf\u00e9") == "CAF\u00c9"


def test_one_bar_length_is_one_address() -> None:
    names = [Address.of("X", "SPOT", "Y", "bars", period) for period in ("1h", "60m", "3600s")]
    assert {str(name) for name in names} == {"X/SPOT/Y/bars/1h"}


@pytest.mark.parametrize(
    ("text", "grain"),
    [
        ("bars/1m", "day"),
        ("bars/5m", "month"),
        ("bars/1d", "year"),
        ("ticks/trade", "day"),
        ("orderbook/l2", "day"),
        ("metrics/funding", "day"),
        ("features/returns.v1", "day"),
    ],
)
def test_grain(text: str, grain: str) -> None:
    assert Address.parse(f"X/SPOT/Y/{text}").grain == grain


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("BINANCE/SPOT/BTCUSDT/bars", "is not an address"),
        ("BINANCE/SPOT/BTC/USDT/bars/1m", "is not an address"),
        ("", "is not an address"),
        ("BINANCE/SPOT/BTCUSDT/candles/1m", "is not a type"),
        ("BINANCE/SPOT/BTCUSDT/bars/1x", "is not a period"),
        ("BINANCE/SPOT/BTCUSDT/ticks/1m", "does not exist"),
        ("BINANCE/SPOT/BTCUSDT/features/returns", "cannot name a features set"),
        ("BINANCE/SPOT/BTCUSDT/metrics/..", "cannot name a metrics set"),
        ("BINANCE/SPOT/BTCUSDT/metrics/Funding", "cannot name a metrics set"),
        ("BINANCE//BTCUSDT/bars/1m", "cannot name"),
        ("BINANCE/SPOT/%2E%2E/bars/1m", "cannot name"),
        ("BINANCE/SPOT/%00/bars/1m", "cannot name"),
        ("BINANCE/SPOT/%FF/bars/1m", "decode"),
    ],
)
def test_what_is_not_an_address_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Address.parse(text)


def test_the_limit_counts_the_encoded_bytes() -> None:
    assert normalise("A" * 120)
    assert normalise("/" * 40)
    with pytest.raises(ValueError, match="longer than 120 bytes"):
        normalise("/" * 41)


@pytest.mark.parametrize(
    ("label", "path", "first", "days"),
    [
        ("2024-02-29", "2024/02/29", dt.date(2024, 2, 29), 1),
        ("2024-02", "2024/02", dt.date(2024, 2, 1), 29),
        ("2023-02", "2023/02", dt.date(2023, 2, 1), 28),
        ("2023-12", "2023/12", dt.date(2023, 12, 1), 31),
        ("2024", "2024", dt.date(2024, 1, 1), 366),
        ("1969-12-31", "1969/12/31", dt.date(1969, 12, 31), 1),
    ],
)
def test_partition(label: str, path: str, first: dt.date, days: int) -> None:
    partition = Partition.parse(label)
    assert (partition.label, partition.path, partition.first) == (label, path, first)
    assert partition.end_ns - partition.start_ns == days * 86_400 * 10**9


def test_a_partition_starts_at_midnight_utc() -> None:
    assert Partition.parse("2024-03-05").start_ns == 1_709_596_800_000_000_000  # date -u -d 2024-03-05 +%s


@pytest.mark.parametrize(
    "label",
    [
        "",
        "24",
        "2024-3",
        "2024-3-5",
        "2024-13",
        "2023-02-29",
        "2024-00",
        "2024-01-01-01",
        " 2024",
        "2024\n",
        "2024/03",
        "\uff12\uff10\uff12\uff14",
    ],
)
def test_what_is_not_a_partition_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match=r"is not a partition|month must be|day is out of range|day \d+ must be"):
        Partition.parse(label)
