"""Reads across renames: each symbol's rows in its days, as they are stored, and adjusted by all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest

import dl_datalake
from lake.joined import parts
from lake.manifest import Manifest
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import DAY_NS, bar, bars, trade, trades

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dl_datalake import Lake

FB, META = (Address.of("NASDAQ", "EQUITY", symbol, "bars", "1d") for symbol in ("FB", "META"))
# The rename is on 1970-01-11, day 10; both vendors' series reach over it.
TOML = """[[instrument]]
exchange = "NASDAQ"
market = "EQUITY"
symbol = "META"
renames = [{ from = "FB", on = 1970-01-11 }]
"""


def daily(lake: Lake, address: Address, days: Iterable[int], price: float = 1.0) -> None:
    lake.write(address, bars(*(bar(day * 1440, price + day) for day in days)))


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    make_lake(tmp_path)
    (tmp_path / "i.toml").write_text(TOML)
    with dl_datalake.open(tmp_path) as lake:
        yield lake


def told(lake: Lake, symbol: str | list[str], **words: Any) -> list[tuple[str, int]]:  # noqa: ANN401 -- a read's
    rows = lake.bars(symbol, period="1d", **words).to_arrow().to_pylist()
    return [(row["symbol"], int(row["close"])) for row in rows]


def days(symbol: str, first: int, last: int) -> list[tuple[str, int]]:
    return [(symbol, 1 + day) for day in range(first, last)]


def test_rows_of_the_earlier_symbol_come_first_up_to_the_rename(lake: Lake) -> None:
    daily(lake, FB, range(20))
    daily(lake, META, range(5, 25))
    before = lake.snapshot
    assert told(lake, "META") == days("META", 5, 25)
    lake.import_instruments(lake.config.root / "i.toml")
    result = lake.bars("meta", period="1d")
    assert result.addresses == (FB, META)
    assert told(lake, "META") == days("FB", 0, 10) + days("META", 10, 25)
    assert result.count() == 25
    assert [batch.num_rows for batch in result.batches(7)] == [7, 3, 7, 7, 1]
    assert result.tail(16)["symbol"].to_pylist() == ["FB"] + ["META"] * 15
    assert told(lake, "META", start="1970-01-08", end="1970-01-13") == days("FB", 7, 10) + days("META", 10, 12)
    assert told(lake, "META", start="1970-01-12") == days("META", 11, 25)
    assert told(lake, "META", as_of=before) == days("META", 5, 25)
    # What is asked for itself is whole.
    assert told(lake, "FB") == days("FB", 0, 20)
    assert told(lake, ["META", "FB"]) == days("META", 5, 25) + days("FB", 0, 20)
    assert lake.read(META).count() == 20


def test_without_the_earlier_series_nothing_is_cut(lake: Lake) -> None:
    daily(lake, META, range(5, 25))
    lake.import_instruments(lake.config.root / "i.toml")
    assert told(lake, "META") == days("META", 5, 25)
    assert told(lake, "FB") == days("META", 5, 25)
    with Manifest.open(lake.config) as manifest:
        found = parts(manifest, [META])
    assert (found.addresses, found.spans, found.heads) == ([META], {}, {})


def test_ticks_are_cut_at_the_instant(lake: Lake) -> None:
    at = 10 * DAY_NS
    for symbol in ("FB", "META"):
        address = f"NASDAQ/EQUITY/{symbol}/ticks/trade"
        lake.write(address, trades(trade(at - 1, 1.0), trade(at, 2.0)))
    lake.import_instruments(lake.config.root / "i.toml")
    rows = lake.ticks("META", columns=["symbol", "price"]).to_arrow().to_pylist()
    assert rows == [{"symbol": "FB", "price": 1.0}, {"symbol": "META", "price": 2.0}]


def test_actions_after_the_rename_change_the_rows_before_it(lake: Lake) -> None:
    daily(lake, FB, range(20), 99.0)
    daily(lake, META, range(5, 25), 99.0)
    lake.import_instruments(lake.config.root / "i.toml")
    actions = lake.config.root / "a.csv"
    # FB splits under its own name; META pays on the first day of its name, and splits; later FB is another company's.
    actions.write_text(
        "symbol,ex_date,action,ratio,amount\nFB,1970-01-05,split,2,\nMETA,1970-01-11,dividend,,54\n"
        "META,1970-01-16,split,4,\nFB,1970-01-18,split,10,\n"
    )
    lake.import_actions(actions, exchange="NASDAQ", market="EQUITY")
    closes = lake.bars("META", period="1d", adjust="total").to_arrow()["close"].to_pylist()
    half = 1 - 54 / 108  # the close of day 9 is 108, of FB or of META
    expected = [(99 + day) * half / 8 for day in range(4)] + [(99 + day) * half / 4 for day in range(4, 10)]
    expected += [(99 + day) / 4 for day in range(10, 15)] + [99 + day for day in range(15, 25)]
    assert closes == pytest.approx(expected, rel=1e-14)
    # What is made of these rows on the way: of the week from Monday, day 4, to day 10 META has the last day.
    weeks = lake.bars("META", period="1d", adjust="total").resample("1w").to_arrow()
    first = weeks.filter(pc.field("symbol") == "META").to_pylist()[0]
    assert (first["open"], first["low"], first["close"]) == pytest.approx((expected[10],) * 3, rel=1e-14)
    own = lake.bars("FB", period="1d", adjust="split").to_arrow()["close"].to_pylist()
    assert own[3:5] == [102 / 20, 103 / 10]
    assert own[-1] == 118
