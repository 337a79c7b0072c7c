from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_datalake.exports.naming import named
from schemas.keys import Address

NAMES = st.text("AB+=/.%~_-:, é", min_size=1, max_size=4).filter(lambda name: name.strip() not in {"", ".", ".."})
ADDRESSES = st.builds(Address.of, NAMES, NAMES, NAMES, st.just("bars"), st.sampled_from(["1m", "1m-bid", "1d-split"]))


@pytest.mark.parametrize("layout", ["path", "flat", "hive"])
@given(ADDRESSES, ADDRESSES)
def test_different_series_have_different_names(layout: str, one: Address, other: Address) -> None:
    names = [named(address, layout, ".csv", 2024) for address in (one, other)]  # type: ignore[arg-type]  # there are these
    assert (names[0] == names[1]) == (one == other)
    assert not names[0].is_absolute()
    assert ".." not in names[0].parts
