"""What an export refuses, what it leaves out, and what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest

from dl_datalake import LakeError
from dl_datalake.exports.targets import TARGETS
from dl_datalake.exports.words import Name
from tests.tables import FOUR_DAYS, bar, bars, trade, trades

if TYPE_CHECKING:
    from pathlib import Path

    from dl_datalake import Lake
    from dl_datalake.exports.model import Progress

BARS, TRADES = "KRAKEN/SPOT/ABCUSD/bars/1m", "KRAKEN/SPOT/ABCUSD/ticks/trade"


def test_the_words_are_those_of_the_table() -> None:
    assert list(TARGETS) == list(get_args(Name))
    assert [name for name, target in TARGETS.items() if target.name != name] == []


@pytest.mark.parametrize(
    ("address", "to", "wishes", "message"),
    [
        (BARS, "excel", {}, 'nothing is known of "excel"'),
        ("KRAKEN/SPOT/XYZ/bars/1m", "csv", {}, "is not in the lake"),
        ("KRAKEN/SPOT/XYZ*/bars/1m", "csv", {}, "is not in the lake"),
        ("bars/1m", "csv", {}, "is not an address"),
        (TRADES, "backtesting", {}, "backtesting.py takes no ticks"),
        ("KRAKEN/*/*/ticks/*", "backtesting", {}, "backtesting.py takes no ticks"),
        (BARS, "csv", {"start": "2000"}, "there is nothing to export"),
        (BARS, "csv", {"columns": ["price"]}, "there is no column 'price'"),
        (BARS, "csv", {"layout": "tree"}, 'there is no layout "tree"'),
        (BARS, "freqtrade", {"layout": "flat"}, "freqtrade has no layout flat"),
        (BARS, "backtesting", {"layout": "hive"}, "backtesting.py has no layout hive"),
        (BARS, "freqtrade", {"columns": ["close"]}, "the columns of freqtrade are not to be chosen"),
        (BARS, "csv", {"pairs": {"ABCUSD": "ABC/USD"}}, "CSV needs no --pair"),
        (BARS, "csv", {"as_of": 99}, "there is no snapshot 99"),
        (BARS, "csv", {"where": "close > 100"}, "there is nothing to export"),
        (TRADES, "hftbacktest", {"where": "price > 0"}, "hftbacktest takes no condition on rows"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(
    lake: Lake, tmp_path: Path, address: str, to: Name, wishes: dict[str, Any], message: str
) -> None:
    lake.write(BARS, bars(*FOUR_DAYS))
    lake.write(TRADES, trades(trade(0)))
    with pytest.raises(LakeError, match=message):
        lake.export(address, to, tmp_path / "out", **wishes)
    assert not (tmp_path / "out").exists()


def test_of_a_pattern_what_has_no_place_is_left_out_and_named(lake: Lake, tmp_path: Path) -> None:
    lake.write(BARS, bars(*FOUR_DAYS))
    lake.write("KRAKEN/SPOT/OLDUSD/bars/1m", bars(bar(0)))
    lake.write(TRADES, trades(trade(0)))
    told: list[Progress] = []
    report = lake.export("KRAKEN/*/*/*/*", "backtesting", tmp_path, start="1970-01-02", progress=told.append)
    assert [str(address) for file in report.files for address in file.addresses] == [BARS]
    assert report.left_out == (
        f"{TRADES}: backtesting.py takes no ticks/trade",
        "KRAKEN/SPOT/OLDUSD/bars/1m has no row there",
    )
    assert [(at.done, at.total, str(at.address)) for at in told] == [(20, 60, BARS), (40, 60, BARS), (60, 60, BARS)]


def test_all_is_read_as_of_one_snapshot(lake: Lake, tmp_path: Path) -> None:
    lake.write(BARS, bars(bar(0, 1.0)))
    lake.write(BARS, bars(bar(0, 2.0), bar(1, 2.0)))
    for as_of, closes in ((1, ["1"]), (None, ["2", "2"])):
        report = lake.export(BARS, "csv", tmp_path, columns=["close"], as_of=as_of, force=True)
        assert report.files[0].path.read_text().split() == ["close", *closes]
        assert report.snapshot == (as_of or 2)


def test_rows_are_chosen_and_prices_adjusted_as_on_reading(lake: Lake, tmp_path: Path) -> None:
    series = "XNYS/EQUITY/ABC/bars/1d"
    lake.write(series, bars(*(bar(day * 1440, price) for day, price in enumerate((40.0, 44.0, 12.0)))))
    (tmp_path / "actions.csv").write_text(
        "exchange,market,symbol,ex_date,action,ratio\nXNYS,EQUITY,ABC,1970-01-03,split,4\n"
    )
    lake.import_actions(tmp_path / "actions.csv")
    [file] = lake.export(series, "backtesting", tmp_path, adjust="split", where="close < 11.5").files
    closes = [line.split(",")[4] for line in file.path.read_text().splitlines()[1:]]
    assert (closes, file.rows) == (["10", "11"], 2)


def test_a_failure_in_the_second_of_two_files_leaves_neither(lake: Lake, tmp_path: Path) -> None:
    lake.write(BARS, bars(bar(0)))
    lake.write("KRAKEN/SPOT/XYZ/bars/1m", bars(bar(0)))  # no pair
    with pytest.raises(LakeError, match="XYZ does not say which pair"):
        lake.export("KRAKEN/SPOT/*/bars/1m", "freqtrade", tmp_path / "out")
    assert not (tmp_path / "out").exists()
