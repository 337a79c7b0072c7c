from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from lake import files
from lake.explain import explain
from lake.manifest.decode import moment_ns
from lake.read import Scan
from lake.where import Where
from lake.write import write
from schemas.keys import Address
from tests.tables import DAY_NS, FOUR_DAYS, bars

if TYPE_CHECKING:
    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")


@pytest.fixture(autouse=True)
def four_days(lake: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 5)
    write(lake, BTC, bars(*FOUR_DAYS))


def test_a_whole_read_is_every_column_of_every_row_group(lake: Config, manifest: Manifest) -> None:
    scan = Scan(lake, manifest, [BTC])
    told = explain(scan)
    assert (told.files, told.files_passed_over, told.tiers) == (4, 0, {"hot": 4})
    assert (told.groups, told.groups_passed_over, told.rows) == (16, 0, 80)
    assert told.bytes_stored == sum((lake.data / file.path).stat().st_size for file in scan.plan)
    assert told.columns == tuple(name for name in scan.columns if name not in {"exchange", "market", "symbol"})
    assert (told.where, told.unreadable) == ("", ())
    assert "files       4 opened, 0 passed over" in str(told)


def test_a_condition_and_a_range_pass_over_what_they_can(lake: Config, manifest: Manifest) -> None:
    where = partial(Where.of, "ts >= '1970-01-02T00:30' and close > 1", moment=moment_ns)
    scan = Scan(lake, manifest, [BTC], columns=["volume"], end_ns=3 * DAY_NS - 1, where=where)
    told = explain(scan)
    assert (told.files, told.files_passed_over, told.groups, told.groups_passed_over) == (2, 1, 6, 2)
    assert (told.rows, told.columns) == (30, ("ts", "close", "volume"))
    expected = 0
    for file, groups in zip(scan.plan, ((2, 3), range(4)), strict=True):
        metadata = pq.read_metadata(lake.data / file.path)
        for group in groups:
            columns = [metadata.row_group(group).column(place) for place in range(metadata.num_columns)]
            expected += sum(c.total_compressed_size for c in columns if c.path_in_schema in told.columns)
    assert told.bytes == expected
    assert "close > 1" in str(told)


def test_a_file_that_is_gone_is_told_and_not_raised(lake: Config, manifest: Manifest) -> None:
    scan = Scan(lake, manifest, [BTC])
    (lake.data / scan.plan[1].path).unlink()
    told = explain(scan)
    assert (told.files, told.groups) == (4, 12)
    assert [line.split(":")[0] for line in told.unreadable] == ["E_FILE_MISSING"]
    assert "unreadable  E_FILE_MISSING" in str(told)
