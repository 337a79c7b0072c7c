from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.assets import Asset

from lake.errors import LakeError
from pipelines.keys import address_of, prefect_key
from schemas.keys import Address

NAMES = st.text(min_size=1, max_size=12)


def address(names: tuple[str, str, str], asset: str) -> Address | None:
    kind, _, period = asset.partition("/")
    try:
        return Address.of(*names, kind, period)
    except ValueError:
        return None


ADDRESSES = (
    st.tuples(
        st.tuples(NAMES, NAMES, NAMES), st.sampled_from(["bars/1m", "bars/1m-bid", "ticks/trade", "features/a.v1"])
    )
    .map(lambda both: address(*both))
    .filter(lambda found: found is not None)
)


def test_key_begins_with_the_asset() -> None:
    assert prefect_key(Address.parse("BINANCE/SPOT/BTCUSDT/bars/1m")) == "lake://bars/1m/BINANCE/SPOT/BTCUSDT"


def test_key_keeps_apart_what_an_address_keeps_apart() -> None:
    assert (
        prefect_key(Address.of("X", "SPOT", "BTC/USDT:USDT", "bars", "1m")) == "lake://bars/1m/X/SPOT/BTC~2FUSDT~3AUSDT"
    )
    assert prefect_key(Address.of("X", "SPOT", "BTC~2FUSDT", "bars", "1m")) == "lake://bars/1m/X/SPOT/BTC~7E2FUSDT"


@given(ADDRESSES)
def test_prefect_takes_every_key_and_it_leads_back(found: Address) -> None:
    key = Asset(key=prefect_key(found)).key
    assert address_of(key) == found
    assert address_of(str(found)) == found


def test_longest_address_has_a_key_prefect_takes() -> None:
    name = "N" * 120
    Asset(key=prefect_key(Address.of(name, name, name, "features", "f" * 56 + ".v999999")))


def test_what_is_no_key_is_refused_with_what_was_given() -> None:
    with pytest.raises(LakeError) as caught:
        address_of("lake://bars/1m/BINANCE")
    assert caught.value.code == "E_USAGE"
    assert caught.value.where == "lake://bars/1m/BINANCE"
