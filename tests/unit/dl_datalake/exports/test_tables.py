"""Tables against what the lake reads itself, through readers that are not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from dl_datalake import LakeError
from dl_datalake.exports import tables
from tests.tables import DAY_US, FOUR_DAYS, MINUTE_US, bar, bars, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from dl_datalake import Lake

BARS = "KRAKEN/SPOT/ABC/bars/1m"
TRADES = "KRAKEN/SPOT/ABC/ticks/trade"
NEW_YEAR = 16_801 * DAY_US  # 2016-01-01


def test_parquet_is_what_was_read_in_row_groups_of_many_days(lake: Lake, tmp_path: Path) -> None:
    lake.write(BARS, bars(*FOUR_DAYS))
    report = lake.export(BARS, "parquet", tmp_path / "out")
    path = tmp_path / "out" / "KRAKEN" / "SPOT" / "ABC" / "bars" / "1m.parquet"
    assert [(file.path, file.rows, file.bytes) for file in report.files] == [(path, 80, path.stat().st_size)]
    assert (report.rows, report.snapshot, report.left_out, report.losses) == (80, 1, (), {})
    assert pq.read_table(path).equals(lake.read(BARS).to_arrow().unify_dictionaries())
    assert pq.ParquetFile(path).metadata.num_row_groups == 1


def test_feather_holds_the_dictionaries_of_many_days_as_plain_words(lake: Lake, tmp_path: Path) -> None:
    rows = [trade(day * 86_400 * 10**9, side=side) for day, side in enumerate(["buy", "sell", None, "sell"])]
    lake.write(TRADES, trades(*rows))
    lake.export(TRADES, "feather", tmp_path)
    found = pyarrow.feather.read_table(tmp_path / f"{TRADES}.feather")
    assert found.column("side").to_pylist() == ["buy", "sell", None, "sell"]
    assert found.equals(lake.read(TRADES).to_arrow().cast(found.schema))


@pytest.mark.parametrize("to", ["parquet", "feather", "csv"])
def test_lists_of_feature_sets_are_kept(lake: Lake, tmp_path: Path, to: str) -> None:
    lake.features.register("emb", {"emb": {"type": "float32[3]"}}, inputs=["bars/1m"])
    times = pd.to_datetime([0, 60], unit="s", utc=True).as_unit("us")
    rows = pd.DataFrame({"ts": times, "known_at": times + pd.Timedelta("1h"), "emb": [[1, 2, 3.5], [4, 5, 6]]})
    lake.features.write("emb", rows, symbol="ABC", exchange="KRAKEN", market="SPOT")
    [file] = lake.export("KRAKEN/SPOT/ABC/features/emb.v1", to, tmp_path, columns=["emb"]).files  # type: ignore[arg-type]  # there are these
    if to == "csv":
        assert file.path.read_text().splitlines() == ["emb", '"[1,2,3.5]"', '"[4,5,6]"']
    else:
        read = {"parquet": pq.read_table, "feather": pyarrow.feather.read_table}[to]
        assert read(file.path).column("emb").to_pylist() == [[1.0, 2.0, 3.5], [4.0, 5.0, 6.0]]


def test_groups_are_large_whatever_the_batches_are() -> None:
    batch = pa.record_batch({"a": [1, 2, 3]})
    assert [table.num_rows for table in tables.gathered([batch] * 5, 7)] == [9, 6]
    assert [*tables.gathered([], 7)] == []


@pytest.mark.parametrize("to", ["parquet", "csv", "feather"])
def test_hive_has_years_apart_and_what_folders_say_not_in_the_files(lake: Lake, tmp_path: Path, to: str) -> None:
    lake.write(BARS, bars(*(bar(NEW_YEAR // MINUTE_US + minute, 5.0 + minute) for minute in (-2, -1, 0, 1, 2))))
    report = lake.export(BARS, to, tmp_path / "out", layout="hive")  # type: ignore[arg-type]  # one of the names there are
    folder = tmp_path / "out" / "exchange=KRAKEN" / "market=SPOT" / "symbol=ABC" / "type=bars" / "period=1m"
    assert [file.path for file in report.files] == [folder / f"year={y}" / f"part-0.{to}" for y in (2015, 2016)]
    assert [file.rows for file in report.files] == [2, 3]
    if to == "parquet":
        whole = pd.read_parquet(tmp_path / "out")
        assert whole["close"].tolist() == [3.0, 4.0, 5.0, 6.0, 7.0]
        assert whole["symbol"].unique().tolist() == ["ABC"]
        assert whole["year"].tolist() == [2015, 2015, 2016, 2016, 2016]
    with pytest.raises(LakeError, match="hive files need the column ts"):
        lake.export(BARS, "parquet", tmp_path / "other", columns=["close"], layout="hive")


def test_columns_are_those_named_in_their_order(lake: Lake, tmp_path: Path) -> None:
    lake.write(BARS, bars(*FOUR_DAYS))
    [file] = lake.export(BARS, "csv", tmp_path, columns=["close", "volume"], layout="flat", end="1970-01-02").files
    assert file.path == tmp_path / "KRAKEN+SPOT+ABC+bars+1m.csv"
    assert (file.rows, file.first_ns) == (20, None)
    assert pd.read_csv(file.path)["close"].tolist() == [1.0 + i / 100 for i in range(0, 60, 3)]
