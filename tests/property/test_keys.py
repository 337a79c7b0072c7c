"""Names, addresses and partitions map to paths one to one, and back."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import PurePosixPath

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from schemas.keys import Address, Partition, decode, encode, normalise
from schemas.periods import ADJUSTMENTS, SIDES, Period

ANY_TEXT = st.text(max_size=30)
PERIODS = st.builds(
    lambda n, unit, side, adjustment: f"{n}{unit}{side}{adjustment}",
    st.integers(1, 99_999),
    st.sampled_from(["s", "m", "h", "d", "w", "mo"]),
    st.sampled_from(["", *(f"-{side}" for side in SIDES)]),
    st.sampled_from(["", *(f"-{adjustment}" for adjustment in ADJUSTMENTS)]),
)
DAYS = st.dates(dt.date(1678, 1, 1), dt.date(2261, 12, 31))


def accepted(name: str) -> str:
    try:
        return normalise(name)
    except ValueError:
        assume(condition=False)
        raise


PRINTABLE = st.characters(exclude_categories=["C"])
NAMES = st.text(PRINTABLE, min_size=1, max_size=10).map(lambda text: f"{text}X")


@settings(deadline=None)
@given(ANY_TEXT, ANY_TEXT)
@example("BTC/USDT:USDT", "BTC_USDT_USDT")
@example("A%2FB", "A/B")
@example("~", "%7E")
def test_encoding_is_injective_and_undone_by_decoding(one: str, other: str) -> None:
    assert decode(encode(one)) == one
    assert (encode(one) == encode(other)) == (one == other)
    assert re.fullmatch(r"[A-Za-z0-9._%-]*", encode(one))


@settings(deadline=None)
@given(st.text(PRINTABLE, min_size=1, max_size=12))
@example("ΐ")  # its upper case is a decomposed sequence
@example("ŉ")
@example(" btc ")
def test_a_name_once_accepted_stays_as_it_is_and_is_one_safe_folder(name: str) -> None:
    settled = accepted(name)
    assert normalise(settled) == settled
    component = encode(settled)
    assert PurePosixPath("/lake", component).parts == ("/", "lake", component)
    assert component not in {".", ".."}
    assert len(component.encode()) <= 120


@settings(deadline=None)
@given(NAMES, NAMES, NAMES, PERIODS)
@example("kraken", "spot", "BTC/USDT:USDT", "1m-bid")
def test_an_address_is_read_back_from_its_text(exchange: str, market: str, symbol: str, period: str) -> None:
    names = [accepted(name) for name in (exchange, market, symbol)]
    address = Address.of(exchange, market, symbol, "bars", period)
    assert Address.parse(str(address)) == address
    assert [address.exchange, address.market, address.symbol] == names
    assert str(address).count("/") == 4


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        " ",
        ".",
        "..",
        " .. ",
        "a\x00b",
        "a\nb",
        "BTC\n",
        "\tBTC",
        "\u202egnp.exe",
        "\ud800",
        "\x7f",
        "x" * 121,
        "/" * 41,
    ],
)
def test_hostile_names_are_refused(hostile: str) -> None:
    with pytest.raises(ValueError, match=r"cannot name|longer than"):
        normalise(hostile)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..\\..", "/", "a/../b", "C:", "$(rm -rf)", "-rf", "a b", "%2e%2e"]
)
def test_awkward_names_stay_inside_their_folder(name: str) -> None:
    address = Address.of(name, name, name, "bars", "1m")
    assert len(PurePosixPath(str(address)).parts) == 5
    assert ".." not in PurePosixPath(str(address)).parts
    assert Address.parse(str(address)) == address


@settings(deadline=None)
@given(PERIODS)
def test_a_period_is_read_back_from_its_text(text: str) -> None:
    period = Period.parse(text)
    assert Period.parse(str(period)) == period


@settings(deadline=None)
@given(PERIODS, PERIODS)
@example("60m", "1h")
@example("1440m", "1d")
def test_fixed_periods_of_one_length_have_one_name(one: str, other: str) -> None:
    a, b = Period.parse(one), Period.parse(other)
    assume(a.unit in "smhd" and b.unit in "smhd")
    same = (a.fixed_us, a.side, a.adjustment) == (b.fixed_us, b.side, b.adjustment)
    assert same == (str(a) == str(b))


@settings(deadline=None)
@given(DAYS, st.sampled_from(["day", "month", "year"]))
@example(dt.date(2024, 2, 29), "day")
@example(dt.date(2023, 12, 31), "month")
def test_a_partition_is_read_back_from_its_label_and_holds_its_days(day: dt.date, grain: str) -> None:
    label = {"day": f"{day:%Y-%m-%d}", "month": f"{day:%Y-%m}", "year": f"{day:%Y}"}[grain]
    partition = Partition.parse(label)
    assert (partition.label, partition.grain) == (label, grain)
    assert partition.path == label.replace("-", "/")
    noon_ns = int(dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC).timestamp()) * 10**9
    assert partition.start_ns <= noon_ns < partition.end_ns
    following = dt.datetime.fromtimestamp(partition.end_ns // 10**9, dt.UTC).date()
    assert Partition.parse(
        {"day": f"{following}", "month": f"{following:%Y-%m}", "year": f"{following:%Y}"}[grain]
    ).start_ns == (partition.end_ns)
