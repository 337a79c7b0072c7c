"""Trades of two numberings under one address: refused, for one's would be taken for corrections of the other's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake import check
from lake.errors import LakeError
from lake.ingest import IngestRequest, Progress, ingest
from lake.manifest import Manifest
from lake.read import Scan
from schemas.keys import Address
from tests.manifests import make_lake
from tests.source_files import write

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

TRADES = "".join(f"{n},50,2,100,{1_709_251_200_000 + n},True,True\n" for n in range(30))
AGGREGATES = "".join(f"{n},51,4,{2 * n},{2 * n + 1},{1_709_251_200_000 + n},True,True\n" for n in range(30))
HEADED = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    "900,51,4,1800,1801,1709337600000,true\n"
)
SPOT = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


@pytest.fixture
def trades(tmp_path: Path) -> str:
    return str(write(tmp_path / "BTCUSDT-trades-2024-03-01.csv", TRADES))


@pytest.fixture
def aggregates(tmp_path: Path) -> str:
    return str(write(tmp_path / "BTCUSDT-aggTrades-2024-03-01.csv", AGGREGATES))


def refused(lake: Config, request: IngestRequest) -> LakeError:
    with pytest.raises(LakeError) as refusal:
        ingest(lake, request)
    assert refusal.value.code == "E_OTHER_IDS"
    return refusal.value


def prices(lake: Config, address: Address = SPOT) -> list[float]:
    with Manifest.open(lake) as manifest:
        return list(Scan(lake, manifest, [address]).to_arrow().column("price").to_pylist())


@pytest.mark.parametrize("first", ["trades", "aggregates"])
def test_the_second_numbering_is_refused_and_nothing_is_lost(
    lake: Config, trades: str, aggregates: str, first: str
) -> None:
    one, other = (trades, aggregates) if first == "trades" else (aggregates, trades)
    ingest(lake, IngestRequest((one,)))
    before = prices(lake)
    for dry_run in (True, False):
        error = refused(lake, IngestRequest((other,), dry_run=dry_run))
        assert "binance-spot-trades" in error.message
        assert "binance-spot-aggtrades" in error.message
        assert error.where == str(SPOT)
        assert any("--market" in fix for fix in error.fix)
    assert prices(lake) == before
    with Manifest.open(lake) as manifest:
        series = manifest.find(SPOT)
        assert series is not None
        assert len(manifest.dialects(series.id)) == 1
        assert [run.status for run in manifest.runs()] == ["refused", "ok"]


@pytest.mark.parametrize("apart", [{"market": "SPOT-AGG"}, {"symbol": "BTCUSDT.AGG"}])
def test_kept_apart_as_the_refusal_says_both_go_in(
    lake: Config, trades: str, aggregates: str, apart: dict[str, str]
) -> None:
    ingest(lake, IngestRequest((trades,)))
    [report] = ingest(lake, IngestRequest((aggregates,), **apart)).files  # type: ignore[arg-type]  # both are texts
    assert report.rows["new"] == 30
    assert prices(lake) == [50.0] * 30
    assert prices(lake, Address.parse(report.addresses[0])) == [51.0] * 30


def test_a_vendors_old_and_new_files_of_one_market_share_their_numbering(
    lake: Config, tmp_path: Path, aggregates: str
) -> None:
    """Futures files of before the headers look like spot files."""
    ingest(lake, IngestRequest((aggregates,), market="FUTURES-UM"))
    newer = write(tmp_path / "BTCUSDT-aggTrades-2024-03-02.csv", HEADED)
    report = ingest(lake, IngestRequest((str(newer),), market="FUTURES-UM")).files[0]
    assert report.dialect == "binance-um-aggtrades"
    assert report.rows["new"] == 1


def test_tables_that_do_not_say_their_numbering_are_taken(lake: Config, tmp_path: Path, trades: str) -> None:
    table = write(tmp_path / "own.csv", "ts,price,size,trade_id\n2024-03-02T00:00:00Z,49,1,5\n")
    ingest(lake, IngestRequest((str(table),), exchange="BINANCE", symbol="BTCUSDT"))
    ingest(lake, IngestRequest((trades,)))
    assert len(prices(lake)) == 31
    with Manifest.open(lake) as manifest:
        series = manifest.find(SPOT)
        assert series is not None
        assert manifest.dialects(series.id) == {"csv", "binance-spot-trades"}


def test_a_numbering_that_came_in_meanwhile_is_noticed(lake: Config, trades: str, aggregates: str) -> None:
    started = False

    def overtake(at: Progress) -> None:
        nonlocal started
        if at.phase == "commit" and not started:
            started = True
            ingest(lake, IngestRequest((trades,)))

    with pytest.raises(LakeError) as refusal:
        ingest(lake, IngestRequest((aggregates,)), progress=overtake)
    assert refusal.value.code == "E_OTHER_IDS"
    assert prices(lake) == [50.0] * 30
    assert len(list(lake.data.rglob("*.parquet"))) == 1
    found = check.verify(lake)
    assert (found.ok, found.orphans) == (True, [])
