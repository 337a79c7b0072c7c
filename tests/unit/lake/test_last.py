"""The last rows of each series, out of the files they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import files
from lake.errors import LakeError
from lake.last import Last
from lake.seal import SealRequest, seal
from lake.write import write
from schemas.keys import Address
from tests.tables import bar, bars, clean, plain

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
DAY = 1440
ROWS = [bar(day * DAY + i, 1.0 + day + i / 100) for day in range(4) for i in range(5)]
OTHERS = [bar(i, 7.0) for i in range(3)]


@pytest.mark.parametrize("gathered", [1, 65_536])
@pytest.mark.parametrize("count", [1, 4, 5, 6, 12, 99])
def test_each_series_gives_its_last_rows(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, count: int, gathered: int
) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 2)
    monkeypatch.setattr("lake.read.GATHERED_ROWS", gathered)
    write(lake, BTC, bars(*ROWS))
    write(lake, ETH, bars(*OTHERS))
    scan = Last(lake, manifest, [ETH, BTC], count)
    expected = clean([*OTHERS[-count:], *ROWS[-count:]])
    assert plain(scan.to_arrow()) == expected
    assert [row for batch in scan.batches(2) for row in plain(batch)] == expected
    assert scan.count() == len(expected)
    closes = Last(lake, manifest, [ETH, BTC], count, columns=["symbol", "close"]).to_arrow()
    assert closes["close"].to_pylist() == [row["close"] for row in expected]
    assert closes["symbol"].to_pylist()[0] == "ETHUSDT"


def test_only_the_files_they_lie_in_are_planned(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(*ROWS))
    assert [file.partition for file in Last(lake, manifest, [BTC], 5).plan] == ["1970-01-04"]
    assert [file.partition for file in Last(lake, manifest, [BTC], 6).plan] == ["1970-01-03", "1970-01-04"]


def test_they_are_those_of_a_snapshot_also_when_days_were_sealed_or_replaced(lake: Config, manifest: Manifest) -> None:
    write(lake, BTC, bars(*ROWS[:10]))
    write(lake, BTC, bars(bar(DAY + 4, 9.0), *ROWS[10:]))
    seal(lake, SealRequest(older_than_ns=0), now_ns=10**18)
    assert plain(Last(lake, manifest, [BTC], 2).to_arrow()) == clean(ROWS[-2:])
    assert plain(Last(lake, manifest, [BTC], 2, as_of=2).to_arrow()) == clean(ROWS[-2:])
    assert plain(Last(lake, manifest, [BTC], 2, as_of=1).to_arrow()) == clean(ROWS[8:10])
    assert Last(lake, manifest, [BTC], 11, as_of=2).to_arrow()["close"].to_pylist()[0] == 9.0


def test_a_series_the_lake_has_not_is_told(lake: Config, manifest: Manifest) -> None:
    with pytest.raises(LakeError, match="BTCUSDT/bars/1m is not in the lake"):
        Last(lake, manifest, [BTC], 1)
