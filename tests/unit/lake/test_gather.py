"""Large reads, whose files are decoded side by side, hold what small ones hold."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from lake import files
from lake.errors import LakeError
from lake.read import Scan
from lake.write import write
from schemas.keys import Address
from tests.rotten import overwrite
from tests.tables import DAY_NS, FOUR_DAYS, MINUTE_US, bar, bars, clean, plain, trade, trades

if TYPE_CHECKING:
    import pyarrow as pa

    from lake.config import Config
    from lake.manifest import Manifest

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
DAY = 1440
MINUTE_NS = MINUTE_US * 1000


def test_a_large_read_is_that_of_its_batches_also_with_nulls_and_on_edges(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 7)
    write(lake, BTC, bars(*FOUR_DAYS))
    write(lake, ETH, bars(*(bar(i, 7.0) for i in range(DAY - 5, DAY + 5))))
    monkeypatch.setattr("lake.read.GATHERED_ROWS", 1)
    others = [bar(i, 7.0) for i in range(DAY - 5, DAY + 5)]
    for start, end in [(None, None), (9 * MINUTE_NS, (2 * DAY + 30) * MINUTE_NS), ((DAY + 1) * MINUTE_NS, None)]:
        scan = Scan(lake, manifest, [BTC, ETH], start_ns=start, end_ns=end)
        expected = [
            row
            for row in [*FOUR_DAYS, *others]
            if (start is None or row["ts"] * 1000 >= start) and (end is None or row["ts"] * 1000 < end)
        ]
        table = scan.to_arrow()
        assert table.schema == scan.schema
        assert plain(table) == clean(expected)
        here = sum(row in FOUR_DAYS for row in expected)
        assert table["symbol"].to_pylist() == ["BTCUSDT"] * here + ["ETHUSDT"] * (len(expected) - here)


def test_a_large_read_of_ticks_keeps_texts_and_flags(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [trade(DAY_NS * day + i, trade_id=str(i)) for day in range(3) for i in range(5)]
    write(lake, TICKS, trades(*rows))
    small = Scan(lake, manifest, [TICKS]).to_arrow()
    monkeypatch.setattr("lake.read.GATHERED_ROWS", 1)
    large = Scan(lake, manifest, [TICKS]).to_arrow()
    assert plain(large) == plain(small) == clean(rows)


def test_a_large_read_names_a_file_with_another_number_of_rows(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    monkeypatch.setattr("lake.read.GATHERED_ROWS", 1)
    for wrong in (-1, 1):
        scan = Scan(lake, manifest, [BTC])
        file = scan.plan[1]
        scan.plan[1] = dataclasses.replace(file, rows=file.rows + wrong)
        with pytest.raises(LakeError, match="has not the") as caught:
            scan.to_arrow()
        assert caught.value.code == "E_FILE_DAMAGED"
        assert caught.value.where == file.path


def test_names_of_the_series_are_not_decoded_but_a_changed_byte_of_them_is_found(
    lake: Config, manifest: Manifest
) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    [path, *_] = sorted((lake.data / "BINANCE").rglob("*.parquet"))
    scan = Scan(lake, manifest, [BTC], columns=["symbol"])
    assert scan.to_arrow()["symbol"].to_pylist() == ["BTCUSDT"] * len(FOUR_DAYS)
    number = pq.read_schema(path).get_field_index("symbol")
    data = bytearray(path.read_bytes())
    data[pq.read_metadata(path).row_group(0).column(number).data_page_offset] ^= 1
    overwrite(path, data)
    with pytest.raises(LakeError, match="column symbol"):
        scan.to_arrow()


def test_columns_without_a_value_are_decoded_once_and_checked_each_time(
    lake: Config, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [bar(day * DAY + i, vwap=2.5 if day == 3 else None) for day in range(4) for i in range(5)]
    write(lake, BTC, bars(*rows))
    monkeypatch.setattr("lake.read.GATHERED_ROWS", 1)
    decoded: list[set[str]] = []
    whole = pq.ParquetFile.read_row_group

    def noted(*given: Any, columns: list[str], **more: Any) -> pa.Table:  # noqa: ANN401 -- handed on as they come
        decoded.append(set(columns))
        return whole(*given, columns=columns, **more)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", noted)
    for _ in range(2):
        assert plain(Scan(lake, manifest, [BTC]).to_arrow()) == clean(rows)
    assert sum("vwap" in names for names in decoded[4:]) == 1
    assert sum("spread" in names for names in decoded[4:]) == 0
    assert Scan(lake, manifest, [BTC], columns=["vwap"]).to_arrow()["vwap"].null_count == 15
    [path, *_] = sorted((lake.data / "BINANCE").rglob("*.parquet"))
    number = pq.read_schema(path).get_field_index("vwap")
    data = bytearray(path.read_bytes())
    data[pq.read_metadata(path).row_group(0).column(number).data_page_offset] ^= 1
    overwrite(path, data)
    with pytest.raises(LakeError, match="column vwap"):
        Scan(lake, manifest, [BTC]).to_arrow()


def test_a_read_to_arrow_imports_no_pandas(lake: Config) -> None:
    write(lake, BTC, bars(*FOUR_DAYS))
    code = (
        "import sys, dl_datalake\n"
        f"lake = dl_datalake.open({str(lake.root)!r})\n"
        "got = lake.bars('BTCUSDT').to_arrow()\n"
        "lake.bars('BTCUSDT', start='1970-01-01T00:10', end='1970-01-02').to_arrow()\n"
        "lake.last('BTCUSDT').to_arrow()\n"
        "print(len(got), 'pandas' in sys.modules, 'pyarrow.compute' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(FOUR_DAYS)), "False", "False"]
