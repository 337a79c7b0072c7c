from __future__ import annotations

import pytest

from dl_datalake import LakeError
from dl_datalake.exports.pairs import is_contract, pair_of
from schemas.keys import Address


def address(market: str, symbol: str) -> Address:
    return Address.of("BINANCE", market, symbol, "bars", "1m")


@pytest.mark.parametrize(
    ("market", "symbol", "vendors", "pair"),
    [
        ("SPOT", "BTCUSDT", "", "BTC/USDT"),
        ("SPOT", "ETHBTC", "", "ETH/BTC"),
        ("SPOT", "BTC/USDT", "", "BTC/USDT"),
        ("SPOT", "ETH-USD", "", "ETH/USD"),
        ("SPOT", "ABCXYZ", "abc/xyz", "ABC/XYZ"),
        ("FUTURES-UM", "BTCUSDT", "", "BTC/USDT:USDT"),
        ("FUTURES-CM", "BTCUSD_PERP", "", "BTC/USD:BTC"),
        ("SWAP", "BTC-USDT-SWAP", "", "BTC/USDT:USDT"),
        ("SWAP", "BTC/USDT:USDT", "", "BTC/USDT:USDT"),
        ("DERIVATIVES", "BTCUSDT", "", "BTC/USDT:USDT"),
        ("LINEAR", "XRPUSD", "", "XRP/USD:USD"),
        ("INVERSE", "BTCUSD", "", "BTC/USD:BTC"),
    ],
)
def test_what_a_symbol_says_is_a_pair(market: str, symbol: str, vendors: str, pair: str) -> None:
    assert str(pair_of(address(market, symbol), vendors)) == pair


@pytest.mark.parametrize(
    ("market", "symbol", "why"),
    [
        ("SPOT", "BTCBUSD", "It reads as BTC/BUSD and as BTCB/USD"),
        ("SPOT", "SPY", "ends in no currency"),
        ("SPOT", "USDT", "ends in no currency"),
        ("SWAP", "BTCUSD", "What contracts in USD are settled in, the market SWAP does not tell"),
        ("SWAP", "BTC-USDT-240329", "ends in no currency"),
    ],
)
def test_what_a_symbol_does_not_say_is_asked(market: str, symbol: str, why: str) -> None:
    with pytest.raises(LakeError, match="does not say which pair it is") as caught:
        pair_of(address(market, symbol))
    assert caught.value.code == "E_AMBIGUOUS"
    assert why in caught.value.why
    assert str(pair_of(address(market, symbol), given="BTC/USD:BTC")) == "BTC/USD:BTC"


def test_a_recorded_currency_tells_which_reading_is_right() -> None:
    of = address("SPOT", "BTCBUSD")
    assert [str(pair_of(of, "", currency)) for currency in ("BUSD", "usd")] == ["BTC/BUSD", "BTCB/USD"]
    with pytest.raises(LakeError, match="does not say which pair"):
        pair_of(of, "", "EUR")


def test_what_is_given_must_be_a_pair() -> None:
    with pytest.raises(LakeError, match='"BTCUSD" is no pair'):
        pair_of(address("SPOT", "BTCUSD"), given="BTCUSD")


def test_contracts_are_told_by_their_market() -> None:
    assert [is_contract(each) for each in ("SPOT", "EQUITY", "FUTURES-UM", "FUTURES", "SWAP")] == [
        False, False, True, True, True,
    ]  # fmt: skip
