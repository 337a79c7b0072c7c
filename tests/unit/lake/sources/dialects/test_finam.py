from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

BARS = "<TICKER>;<PER>;<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>\n"


@pytest.mark.parametrize("time", ["10:00:00", "100000"])
def test_moscow_time_becomes_utc(tmp_path: Path, time: str) -> None:
    whole = read(write(tmp_path / "x.csv", BARS + f"SBER;60;20240105;{time};270.1;270.5;270.0;270.2;100\n"))
    assert (whole.plan.dialect, whole.plan.symbol, whole.plan.period) == ("finam-bars", "SBER", "1h")
    assert whole.column("ts")[0].isoformat() == "2024-01-05T07:00:00+00:00"


def test_moscow_was_at_four_hours_in_2012(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "x.csv", BARS + "SBER;60;20120105;100000;1;2;1;2;100\n"))
    assert whole.column("ts")[0].isoformat() == "2012-01-05T06:00:00+00:00"


def test_days_stay_the_days_they_are(tmp_path: Path) -> None:
    whole = read(write(tmp_path / "x.csv", BARS + "SBER;D;20240105;000000;1;2;1;2;100\n"))
    assert whole.plan.time_zone == "UTC"
    assert whole.column("ts")[0].isoformat() == "2024-01-05T00:00:00+00:00"


def test_ticks_with_and_without_ids(tmp_path: Path) -> None:
    head = "<DATE>,<TIME>,<LAST>,<VOL>"
    with_ids = read(
        write(tmp_path / "a.csv", head + ",<ID>\n20240105,100000,270.1,3,0009\n20240105,100000,270.1,3,0010\n")
    )
    assert with_ids.column("trade_id") == ["0009", "0010"]
    without = read(write(tmp_path / "b.csv", head + "\n20240105,100000,270.1,3\n20240105,100000,270.1,3\n"))
    assert (without.plan.dialect, without.records) == ("finam-ticks", 2)
    assert without.column("trade_id") == [None, None]


def test_another_ticker_further_down_is_not_mixed_in(tmp_path: Path) -> None:
    text = (
        BARS
        + "".join(f"SBER;D;2024{m:02d}{d:02d};000000;1;2;1;2;100\n" for m in range(1, 13) for d in range(1, 29)) * 30
    )
    file = write(tmp_path / "x.csv", text + "GAZP;D;20250105;000000;1;2;1;2;100\n")
    whole = read(file)
    assert (whole.plan.symbol, whole.plan.many, whole.reasons) == ("SBER", True, [])
    said: list[str] = []
    for batch in whole.batches:
        symbols = batch.portions[0].symbols
        assert symbols is not None
        said += symbols.to_pylist()
    assert said == ["SBER"] * (30 * 12 * 28) + ["GAZP"]
    assert read(file, symbol="SBER").reasons == [("bad_value", 30 * 12 * 28 + 2)]


def test_a_symbol_for_two_tickers_is_refused(tmp_path: Path) -> None:
    text = BARS + "SBER;D;20240105;000000;1;2;1;2;100\nGAZP;D;20240105;000000;1;2;1;2;100\n"
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.csv", text), SourceOptions(symbol="SBER"))
    assert refusal.value.code == "E_AMBIGUOUS"
    assert list(refusal.value.fix) == ["leave --symbol out: the rows are parted by it"]


def test_a_wall_clock_that_happened_twice_is_rejected(tmp_path: Path) -> None:
    text = (
        BARS
        + "SBER;60;20101031;010000;1;2;1;2;1\nSBER;60;20101031;023000;1;2;1;2;1\nSBER;60;20101031;040000;1;2;1;2;1\n"
    )
    whole = read(write(tmp_path / "x.csv", text))
    assert whole.reasons == [("bad_timestamp", 3)]
    assert [ts.isoformat() for ts in whole.column("ts")] == ["2010-10-30T21:00:00+00:00", "2010-10-31T01:00:00+00:00"]
