from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.manifest import Instrument, NewReference
from lake.resolve import renamed, resolve, resolve_all
from lake.write import write
from schemas.keys import Address
from tests.manifests import commit, new_file
from tests.tables import bar, bars

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
FUTURES = Address.of("BINANCE", "FUTURES-UM", "BTCUSDT", "bars", "1m")
HOURS = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")


@pytest.fixture
def several(lake: Config) -> None:
    for address in (BTC, ETH, FUTURES, HOURS):
        write(lake, address, bars(bar(0)))


@pytest.mark.usefixtures("several")
def test_what_is_unique_may_be_left_out(manifest: Manifest) -> None:
    assert resolve(manifest, "ethusdt", type="bars", period="1m") == ETH
    assert resolve(manifest, "BTCUSDT", type="bars", period="1h") == HOURS
    assert resolve(manifest, "BTCUSDT", type="bars", period="1m", market="spot") == BTC
    assert resolve(manifest, "btcusdt", type="bars", period="60m", exchange="binance", market="spot") == HOURS


@pytest.mark.usefixtures("several")
def test_what_is_not_unique_is_asked(manifest: Manifest) -> None:
    with pytest.raises(LakeError) as caught:
        resolve(manifest, "BTCUSDT", type="bars", period="1m", exchange="BINANCE")
    assert caught.value.code == "E_AMBIGUOUS"
    assert "BINANCE/SPOT" in caught.value.message
    assert "BINANCE/FUTURES-UM" in caught.value.message


@pytest.mark.usefixtures("several")
def test_a_near_miss_names_what_is_near(manifest: Manifest) -> None:
    near_misses: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("BTCUSD", {}, "BTCUSDT"),
        ("BTCUSD", {"exchange": "BINANCE", "market": "SPOT"}, "BTCUSDT"),
        ("ETHUSDT", {"market": "FUTURES-UM", "exchange": "BINANCE"}, str(ETH)),
    )
    for symbol, names, near in near_misses:
        with pytest.raises(LakeError) as caught:
            resolve(manifest, symbol, type="bars", period="1m", **names)
        assert caught.value.code == "E_UNKNOWN_SERIES"
        assert near in caught.value.why
    with pytest.raises(LakeError) as caught:
        resolve(manifest, "BTCUSDT", type="ticks", period="trade")
    assert str(BTC) in caught.value.why


def test_a_glob_is_no_name(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(bar(0)))
    with pytest.raises(LakeError):
        resolve(manifest, "BTC*", type="bars", period="1m")


# ---- many series, and other spellings --------------------------------------------------------------------------------

MANY = [
    "BINANCE/FUTURES-CM/BTCUSD_240628",
    "BINANCE/FUTURES-CM/BTCUSD_PERP",
    "BINANCE/FUTURES-UM/BTCUSDT",
    "BINANCE/FUTURES-UM/ETHUSDT",
    "BINANCE/SPOT/BTCUSDT",
    "BINANCE/SPOT/ETHBTC",
    "DERIBIT/OPTIONS/BTC-28JUN24-60000-C",
    "FXCM/FX/EURUSD",
    "HYPERLIQUID/SWAP/SOL",
    "KRAKEN/SPOT/BTC%2FUSD",
    "OKX/SWAP/BTC-USDC-SWAP",
]


def at(place: str) -> Address:
    return Address.parse(f"{place}/bars/1m")


@pytest.fixture
def many(lake: Config) -> None:
    """Lay out a series of one day at each of the places; Kraken's is spelt XBT/USD by its vendor."""
    commit(
        lake,
        *(new_file("2024-03-01", address=at(place)) for place in MANY),
        instruments={at("KRAKEN/SPOT/BTC%2FUSD"): Instrument("XBT/USD")},
    )


def found(manifest: Manifest, *symbols: str, **words: Any) -> list[str]:  # noqa: ANN401 -- as resolve_all takes them
    addresses = resolve_all(manifest, symbols, type="bars", period="1m", **words)
    return [str(address).removesuffix("/bars/1m") for address in addresses]


@pytest.mark.usefixtures("many")
def test_a_pattern_stands_for_all_that_fit_it(manifest: Manifest) -> None:
    assert found(manifest, "*") == sorted(MANY)
    assert found(manifest, "btcusd*") == [
        "BINANCE/FUTURES-CM/BTCUSD_240628",
        "BINANCE/FUTURES-CM/BTCUSD_PERP",
        "BINANCE/FUTURES-UM/BTCUSDT",
        "BINANCE/SPOT/BTCUSDT",
    ]
    assert found(manifest, "ETH???", market="spot") == ["BINANCE/SPOT/ETHBTC"]
    assert found(manifest, "[ES]*", exchange="[!B]*", market="*") == ["FXCM/FX/EURUSD", "HYPERLIQUID/SWAP/SOL"]
    assert found(manifest, "[^BE]*", exchange="[^B]*") == ["HYPERLIQUID/SWAP/SOL"]
    assert found(manifest, "*/USDT:USDT") == ["BINANCE/FUTURES-UM/BTCUSDT", "BINANCE/FUTURES-UM/ETHUSDT"]


@pytest.mark.usefixtures("many")
def test_names_and_patterns_mix_and_each_series_comes_once(manifest: Manifest) -> None:
    assert found(manifest, "SOL", "*USDT", "EURUSD", "ETHUSDT", "S*") == [
        "HYPERLIQUID/SWAP/SOL",
        "BINANCE/FUTURES-UM/BTCUSDT",
        "BINANCE/FUTURES-UM/ETHUSDT",
        "BINANCE/SPOT/BTCUSDT",
        "FXCM/FX/EURUSD",
    ]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("symbol", "place"),
    [
        ("BTC/USDT", "BINANCE/SPOT/BTCUSDT"),
        ("btc/usdt:usdt", "BINANCE/FUTURES-UM/BTCUSDT"),
        ("BTC/USD:BTC", "BINANCE/FUTURES-CM/BTCUSD_PERP"),
        ("BTC/USD:BTC-240628", "BINANCE/FUTURES-CM/BTCUSD_240628"),
        ("BTC/USD:BTC-240628-60000-C", "DERIBIT/OPTIONS/BTC-28JUN24-60000-C"),
        ("BTC/USDC:USDC", "OKX/SWAP/BTC-USDC-SWAP"),
        ("SOL/USDC:USDC", "HYPERLIQUID/SWAP/SOL"),
        ("EUR/USD", "FXCM/FX/EURUSD"),
        ("BTC/USD", "KRAKEN/SPOT/BTC%2FUSD"),
        ("xbt/usd", "KRAKEN/SPOT/BTC%2FUSD"),
    ],
)
def test_ccxts_and_the_vendors_spelling_are_understood(manifest: Manifest, symbol: str, place: str) -> None:
    assert found(manifest, symbol) == [place]
    assert found(manifest, symbol, "EURUSD")[0] == place
    assert resolve(manifest, symbol, type="bars", period="1m") == at(place)


@pytest.mark.usefixtures("many")
def test_the_market_that_is_named_besides_stands(manifest: Manifest) -> None:
    assert found(manifest, "BTC/USDT", market="FUTURES-UM") == ["BINANCE/FUTURES-UM/BTCUSDT"]
    assert found(manifest, "BTC/USDT", exchange="BINANCE", market="FUTURES-UM") == ["BINANCE/FUTURES-UM/BTCUSDT"]


@pytest.mark.usefixtures("many")
def test_a_name_of_several_series_is_asked_about_whatever_its_spelling(lake: Config, manifest: Manifest) -> None:
    commit(lake, new_file("2024-03-01", address=at("BYBIT/SPOT/BTC_USDT")))
    for symbols in (["BTC/USDT"], ["EURUSD", "BTC/USDT"]):
        with pytest.raises(LakeError, match="exists in BINANCE/SPOT/BTCUSDT and BYBIT/SPOT/BTC_USDT") as caught:
            found(manifest, *symbols)
        assert caught.value.code == "E_AMBIGUOUS"
    assert found(manifest, "BTC/USDT", exchange="BYBIT") == ["BYBIT/SPOT/BTC_USDT"]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("symbol", "near"),
    [
        ("ETH/USDT", "ETHUSDT"),
        ("BTC/EUR:EUR", "BTCUSDT"),
        ("BTC/USD:BTC-240231", "BTCUSD_240628"),
        ("EURUSX", "FXCM/FX/EURUSD"),
        ("XYZ*", ""),
    ],
)
def test_what_nothing_fits_is_unknown_and_what_is_near_is_named(manifest: Manifest, symbol: str, near: str) -> None:
    for symbols in ([symbol], ["EURUSD", symbol]):
        with pytest.raises(LakeError) as caught:
            found(manifest, *symbols)
        assert (caught.value.code, near in caught.value.why) == ("E_UNKNOWN_SERIES", True)


def test_patterns_fit_what_the_snapshot_has(lake: Config, manifest: Manifest) -> None:
    commit(lake, new_file("2024-03-01", address=BTC))
    commit(lake, new_file("2024-03-01", address=ETH))
    assert found(manifest, "*USDT", snapshot=1) == ["BINANCE/SPOT/BTCUSDT"]
    assert found(manifest, "*USDT") == ["BINANCE/SPOT/BTCUSDT", "BINANCE/SPOT/ETHUSDT"]
    with pytest.raises(LakeError) as caught:
        found(manifest, "ETH*", snapshot=1)
    assert caught.value.code == "E_UNKNOWN_SERIES"


def test_a_period_has_one_name(lake: Config, manifest: Manifest) -> None:
    commit(lake, new_file("2024-03", address=HOURS))
    assert resolve(manifest, "BTCUSDT", type="bars", period="60m") == HOURS
    with pytest.raises(LakeError):
        resolve(manifest, "BTCUSDT", type="bars", period="an hour")


def test_what_cannot_be_a_name_is_refused(manifest: Manifest) -> None:
    named: tuple[dict[str, Any], ...] = ({}, {"exchange": "BINANCE", "market": "SPOT"})
    for words in named:
        with pytest.raises(LakeError) as caught:
            resolve(manifest, "..", type="bars", period="1m", **words)
        assert caught.value.code == "E_USAGE"


def know(manifest: Manifest, kind: str, key: str, definition: str) -> None:
    commit(manifest.config, reference=[NewReference(kind, key, definition)])


def test_what_was_imported_of_names_resolves(lake: Config, manifest: Manifest) -> None:
    xbt = Address.of("BITMEX", "FUTURES", "XBTUSD", "bars", "1m")
    meta = Address.of("NASDAQ", "EQUITY", "META", "bars", "1m")
    for address in (BTC, xbt, meta):
        write(lake, address, bars(bar(0)))
    find = partial(resolve, manifest, type="bars", period="1m")
    for symbol in ("BTCUSD", "XBTUSDT", "FB", "PERP-XBT", "XBT/USDT"):
        with pytest.raises(LakeError) as caught:
            find(symbol)
        assert caught.value.code == "E_UNKNOWN_SERIES"
    know(manifest, "alias", "XBT", '{"of":"BTC"}')
    know(manifest, "instrument", "BITMEX/FUTURES/XBTUSD", '{"aliases":["PERP-XBT"]}')
    know(manifest, "instrument", "NASDAQ/EQUITY/META", '{"renames":[{"from":"FB","on":"2022-06-09"}]}')
    assert find("btcusd") == find("XBTUSD") == find("perp-xbt") == xbt
    assert find("XBTUSDT") == find("XBT/USDT") == BTC
    assert find("BTC/USD:BTC") == xbt
    assert find("FB") == find("FB", exchange="NASDAQ", market="EQUITY") == meta
    assert resolve_all(manifest, ["XBTUSDT", "FB"], type="bars", period="1m") == [BTC, meta]
    # What a series is called itself goes first.
    own = Address.of("BITMEX", "FUTURES", "BTCUSD", "bars", "1m")
    write(lake, own, bars(bar(0)))
    assert find("BTCUSD") == own
    assert renamed(manifest, Address.of("NASDAQ", "EQUITY", "FB", "bars", "1m")) == meta
    assert renamed(manifest, Address.of("NASDAQ", "EQUITY", "FB", "bars", "1h")) is None
    assert renamed(manifest, Address.of("NYSE", "EQUITY", "FB", "bars", "1m")) is None
