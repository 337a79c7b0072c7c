"""Checks of the user's own: held wherever rows come in, with nothing stored where a blocking one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lake.aggregate import AggregateRequest, aggregate
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest, graph
from lake.outcome import hold, outcome
from lake.read import Scan
from lake.write import write
from schemas.assets import Check
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import bar, bars

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lake.config import Config

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
DAY = 1440


@pytest.fixture
def lake(tmp_path: Path) -> Config:
    return make_lake(tmp_path / "lake")


def at_most(limit: float, *, blocking: bool = True) -> Callable[[str], list[Check]]:
    def function(rows: pa.Table) -> bool | str:
        highest = pc.max(rows["close"]).as_py()
        return highest <= limit or f"close {highest}"

    return lambda key: [Check("at_most", function, blocking=blocking)] if key == "bars/1m" else []


def failing(_key: str) -> list[Check]:
    return [Check("broken", lambda rows: rows["nothing"])]


def csv(tmp_path: Path, *closes: float) -> IngestRequest:
    path = tmp_path / "bars.csv"
    lines = [f"2024-03-01T00:{i:02}:00Z,{c},{c},{c},{c},1" for i, c in enumerate(closes)]
    path.write_text("\n".join(["ts,open,high,low,close,volume", *lines]) + "\n")
    return IngestRequest((str(path),), exchange="BINANCE", symbol="BTCUSDT", period="1m")


def failed(config: Config) -> dict[str, tuple[str, ...]]:
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        return {} if series is None else graph.failed_checks(manifest, series.id)


def state(config: Config) -> tuple[int, list[str]]:
    with Manifest.open(config) as manifest:
        snapshot = manifest.snapshot()
    return snapshot, sorted(p.name for p in config.data.rglob("*.parquet"))


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_file_that_fails_a_blocking_check_is_refused_whole(lake: Config, tmp_path: Path, dry_run: bool) -> None:  # noqa: FBT001 -- the case
    request = csv(tmp_path, 1.0, 9.0)
    before = state(lake)
    words: dict[str, Any] = {"sources": request.sources, "exchange": "BINANCE", "symbol": "BTCUSDT", "period": "1m"}
    with pytest.raises(LakeError) as caught:
        ingest(lake, IngestRequest(**words, dry_run=dry_run), checks=at_most(5.0))
    assert (caught.value.code, caught.value.message) == ("E_CHECK", "at_most: close 9.0")
    assert caught.value.where == f"{BTC} 2024-03-01"
    assert state(lake) == before == (0, [])
    ingest(lake, request, checks=at_most(9.0))
    assert state(lake)[0] == 1


def test_a_warning_is_kept_with_what_is_stored(lake: Config, tmp_path: Path) -> None:
    ingest(lake, csv(tmp_path, 1.0, 9.0), checks=at_most(5.0, blocking=False))
    assert state(lake)[0] == 1
    assert failed(lake) == {"2024-03-01": ("at_most",)}
    # The partition is checked as it will be stored: the correction makes it whole.
    ingest(lake, csv(tmp_path, 1.0, 2.0), checks=at_most(5.0, blocking=False))
    assert failed(lake) == {}


def test_a_table_is_held_to_checks_as_it_will_be_stored(lake: Config) -> None:
    write(lake, BTC, bars(bar(0, 9.0), bar(DAY, 1.0)))
    before = state(lake)
    with pytest.raises(LakeError, match=r"at_most: close 9\.0") as caught:
        write(lake, BTC, bars(bar(1, 1.0)), checks=at_most(5.0))
    assert caught.value.where == f"{BTC} 1970-01-01"
    assert state(lake) == before
    # The day that is not touched is none of its business.
    write(lake, BTC, bars(bar(DAY + 1, 2.0)), checks=at_most(5.0))
    write(lake, BTC, bars(bar(2, 3.0)), checks=at_most(5.0, blocking=False))
    assert failed(lake) == {"1970-01-01": ("at_most",)}


def test_rows_of_another_writer_that_was_first_are_checked_too(lake: Config) -> None:
    meanwhile = [lambda: write(lake, BTC, bars(bar(0, 9.0)))]

    def function(rows: pa.Table) -> bool:
        if meanwhile:
            meanwhile.pop()()
        return bool(pc.max(rows["close"]).as_py() <= 5.0)

    with pytest.raises(LakeError, match="at_most: it does not hold"):
        write(lake, BTC, bars(bar(1, 1.0)), checks=lambda _key: [Check("at_most", function)])
    with Manifest.open(lake) as manifest:
        assert Scan(lake, manifest, [BTC]).to_arrow()["close"].to_pylist() == [9.0]
    assert state(lake)[0] == len(state(lake)[1]) == 1


def test_a_check_that_raises_is_told_by_name_wherever_it_runs(lake: Config, tmp_path: Path) -> None:
    said = r"broken: KeyError: .*nothing"
    with pytest.raises(LakeError, match=said) as caught:
        ingest(lake, csv(tmp_path, 1.0), checks=failing)
    assert caught.value.code == "E_CHECK"
    with pytest.raises(LakeError, match=said):
        write(lake, BTC, bars(bar(0, 1.0)), checks=failing)
    write(lake, BTC, bars(*(bar(i, 1.0) for i in range(120))))
    with pytest.raises(LakeError, match=said) as caught:
        aggregate(lake, AggregateRequest(BTC, ("1h",), checks={"bars/1h": failing("")}))
    assert caught.value.code == "E_CHECK"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (True, (True, "")),
        (False, (False, "it does not hold")),
        ("", (False, "it does not hold")),
        ("too high", (False, "too high")),
        (None, (False, "it returned None: a check returns True, or what is wrong")),
        (1, (False, "it does not hold")),
    ],
)
def test_only_true_is_passing(said: object, told: tuple[bool, str]) -> None:
    assert outcome(Check("x", lambda _rows: said), bars(bar(0, 1.0))) == told


def test_what_is_recorded_of_checks_that_do_not_block() -> None:
    checks = [Check("fine", lambda _rows: True), Check("odd", lambda _rows: "odd", blocking=False)]
    records = hold(checks, bars(bar(0, 1.0)), BTC, "1970-01-01")
    assert [(r.name, r.partition, r.passed, r.detail) for r in records] == [
        ("fine", "1970-01-01", True, ""),
        ("odd", "1970-01-01", False, "odd"),
    ]
