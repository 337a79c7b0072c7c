from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from lake import files
from lake.errors import LakeError
from lake.manifest.decode import moment_ns
from lake.places import Places
from lake.read import Scan
from lake.where import Where
from lake.write import write
from schemas.arrow import arrow_schema
from schemas.columns import IDENTITY, Column, Schema
from schemas.keys import Address
from tests.manifests import make_lake
from tests.tables import DAY_NS, FOUR_DAYS, MINUTE_US, bar, bars

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
SEVERAL = Schema(
    "features_several",
    1,
    (
        Column("ts", "timestamp_us"),
        Column("x", "float64"),
        Column("hole", "float64", nullable=True),
        Column("n", "int64"),
        Column("small", "float32"),
        Column("word", "text"),
        *IDENTITY,
    ),
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return a lake with FOUR_DAYS, 20 bars each in row groups of 5, and one bar of another series."""
    lake = make_lake(tmp_path_factory.mktemp("lake"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "ROW_GROUP", 5)
        write(lake, BTC, bars(*FOUR_DAYS))
        write(lake, ETH, bars(bar(0, 7.0, trades=1)))
    return lake


def scanned(
    lake: Config,
    manifest: Manifest,
    condition: str | pc.Expression,
    *addresses: Address,
    **words: Any,  # noqa: ANN401 - as Scan takes them
) -> Scan:
    where = partial(Where.of, condition, moment=moment_ns)
    return Scan(lake, manifest, addresses or [BTC], where=where, **words)


def groups(lake: Config, scan: Scan) -> list[list[int]]:
    """Return of each file that is read the row groups that are."""
    found = []
    for file in scan.plan:
        with Places(lake).parquet(file, scan.declaration) as parquet:
            found.append(scan.groups(parquet, None, None))
    return found


def test_row_groups_outside_a_time_are_not_read(lake: Config, manifest: Manifest) -> None:
    scan = scanned(lake, manifest, "ts >= '1970-01-02T00:20' and ts < '1970-01-03T00:10'")
    assert groups(lake, scan) == [[1, 2, 3], [0]]
    assert [at.minute for at in scan.to_arrow()["ts"].to_pylist()] == [*range(21, 60, 3), 0, 3, 6, 9]


@pytest.mark.parametrize(
    ("condition", "read"),
    [
        ("x >= 15", [3]),
        ("x < 10 and x > 6", [1]),
        ("x == 0 or x == 19", [0, 3]),
        ("not x > 3", [0]),
        ("x > 100", []),
        ("hole is None", [1, 3]),
        ("hole is not None", [0, 1, 2]),
        ("hole > 13", [2]),
        ("not hole > 13", [0, 1, 2]),
        ("hole != 3", [0, 1, 2]),
        ("n in [7, 8]", [1]),
        ("n not in [7, 8]", [0, 1, 2, 3]),
        ("small > 0.5", [1, 2, 3]),
        ("x - n > 0", [0, 1, 2, 3]),
        ("word == 'none'", [0, 1, 2, 3]),
        ("ts > '1970-01-01T00:00:17'", [3]),
        (pc.field("x") < 1.1, [0]),
        (pc.field("x") < pc.field("n"), [0, 1, 2, 3]),
    ],
)
def test_row_groups_are_told_apart_by_their_statistics(condition: str | pc.Expression, read: list[int]) -> None:
    """Of four row groups of five rows the second has a null in `hole`, and the last nothing else."""
    names = ("exchange", "market", "symbol")
    values = {
        "ts": [at * 1_000_000 for at in range(20)],
        "x": [float(at) for at in range(20)],
        "hole": [None if at == 7 or at >= 15 else float(at) for at in range(20)],
        "n": list(range(20)),
        "small": [at / 10 for at in range(20)],
        "word": [str(at) for at in range(20)],
    }
    table = pa.table(values | {name: ["A"] * 20 for name in names}, arrow_schema(SEVERAL))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=5)
    with pq.ParquetFile(pa.BufferReader(sink.getvalue())) as parquet:
        where = Where.of(condition, SEVERAL, moment=moment_ns)
        assert where.groups(parquet, range(4)) == read
        fitting = pa.concat_tables(where.fitting(parquet.read_row_group(group)) for group in range(4))
        assert {int(at) // 5 for at in fitting["n"].to_pylist()} <= set(read)


@pytest.mark.parametrize(
    ("condition", "days"),
    [
        ("ts >= '1970-01-03'", [2, 3]),
        ("ts < '1970-01-02' or close > 100", [0, 1, 2, 3]),
        ("ts < '1970-01-02' or ts == '1970-01-04'", [0, 3]),
        ("ts > '1970-01-01T00:57:00' and ts < '1970-01-02'", []),
        ("symbol == 'ETHUSDT'", []),
        ("symbol != 'ETHUSDT'", [0, 1, 2, 3]),
        ("exchange in ['KRAKEN'] or market == 'SPOT' and ts < '1970-01-02'", [0]),
        (pc.field("ts") < pa.scalar(1, pa.timestamp("us", "UTC")), [0]),
    ],
)
def test_files_that_cannot_have_a_row_are_not_planned(
    lake: Config, manifest: Manifest, condition: str | pc.Expression, days: list[int]
) -> None:
    scan = scanned(lake, manifest, condition)
    assert [file.start_ns // DAY_NS for file in scan.plan] == days
    assert scan.passed_over == 4 - len(days)


def test_a_condition_is_on_columns_that_need_not_be_read(lake: Config, manifest: Manifest) -> None:
    scan = scanned(lake, manifest, "close > 1.55 and symbol == 'BTCUSDT'", columns=["volume"], end_ns=DAY_NS)
    assert scan.to_arrow().to_pydict() == {"volume": [1.0]}
    assert scan.count() == 1


def test_a_condition_and_a_range_both_hold(lake: Config, manifest: Manifest) -> None:
    scan = scanned(lake, manifest, "vwap > 1", BTC, ETH, start_ns=3 * MINUTE_US * 1000, end_ns=13 * MINUTE_US * 1000)
    assert [at.minute for at in scan.to_arrow()["ts"].to_pylist()] == [6, 12]


def test_many_rows_are_read_side_by_side_in_their_order(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = scanned(lake, manifest, "close > 1.5", BTC, ETH)
    slow = scan.to_arrow()
    assert slow["close"].to_pylist() == [row["close"] for row in FOUR_DAYS if row["close"] > 1.5] + [7.0]
    monkeypatch.setattr("lake.read.GATHERED_ROWS", 1)
    assert scan.to_arrow() == slow
    none = scanned(lake, manifest, "close > 100", BTC, ETH)
    assert none.to_arrow() == none.schema.empty_table()


def test_conditions_go_together(lake: Config, manifest: Manifest) -> None:
    first, second = (scanned(lake, manifest, text).where for text in ("close > 1.53", "vwap is None"))
    assert first is not None
    assert second is not None
    both = first & second
    assert both.columns == {"close", "vwap"}
    assert both.fitting(Scan(lake, manifest, [BTC], end_ns=DAY_NS).to_arrow()).num_rows == 1
    assert str(first) == "(close > 1.53)"


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        (pc.field("nothing") > 1, "No match for FieldRef"),
        (pc.field("close") + 1, "must evaluate to bool"),
        (7, "a int is no condition"),
    ],
)
def test_an_expression_that_is_no_condition_is_refused(
    lake: Config,
    manifest: Manifest,
    condition: Any,  # noqa: ANN401 - what it must not be
    told: str,
) -> None:
    with pytest.raises(LakeError, match=told) as caught:
        scanned(lake, manifest, condition)
    assert caught.value.code == "E_USAGE"


def test_what_arrow_cannot_compute_ends_in_an_error(lake: Config, manifest: Manifest) -> None:
    scan = scanned(lake, manifest, pc.scalar(1) / (pc.field("trades") - 1) > 1, ETH)
    with pytest.raises(LakeError, match="divide by zero") as caught:
        scan.to_arrow()
    assert caught.value.code == "E_USAGE"
