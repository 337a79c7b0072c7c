"""`lake.features`: what sets and versions there are, which is served, and what of them is stored."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import dl_datalake
from dl_datalake.features import length
from lake.errors import LakeError
from tests.feature_rows import NOON, give_bars, times
from tests.manifests import make_lake

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dl_datalake.client import Lake

MINUTES = range(NOON, NOON + 5)
ROWS = pa.table({"ts": times(MINUTES), "vol": [1.0, 2.0, 3.0, 4.0, 5.0]})


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    """Return a lake with five bars, and a set that has no rows yet."""
    config = make_lake(tmp_path)
    give_bars(config, MINUTES)
    with dl_datalake.open(config.root) as opened:
        opened.features.register("vol", {"vol": "float64"}, inputs=["bars/1m"])
        yield opened


def listed(lake: Lake, name: str | None = None, as_of: int | None = None) -> list[tuple[str, str, bool, int]]:
    infos = lake.features.list(name, as_of=as_of)
    return [(each.known.label, each.known.stage, each.latest, each.held.rows if each.held else 0) for each in infos]


def test_versions_are_listed_with_what_is_stored_of_them(lake: Lake) -> None:
    registered = lake.snapshot
    lake.features.register("vol.v2", {"vol": "float32"}, promote=False)
    lake.features.register("mood", {"mood": "float64"}, keys=["exchange"])
    lake.features.write("vol", ROWS, symbol="BTCUSDT")
    mood = ("mood.v1", "promoted", True, 0)
    assert listed(lake) == [mood, ("vol.v1", "promoted", True, 5), ("vol.v2", "staged", False, 0)]
    assert listed(lake, "vol.v2") == [("vol.v2", "staged", False, 0)]
    assert listed(lake, "vol", registered) == listed(lake, as_of=registered) == [("vol.v1", "promoted", True, 0)]
    assert listed(lake, as_of=registered - 1) == []
    with pytest.raises(LakeError) as caught:
        lake.features.list("vox")
    assert (caught.value.code, caught.value.why) == ("E_UNKNOWN_FEATURES", "Near it: vol.")


def test_stages_say_which_version_is_the_latest(lake: Lake) -> None:
    lake.features.register("vol.v2", {"vol": "float64"}, promote=False)
    assert lake.features.promote("vol.v2").stage == "promoted"
    assert [latest for _, _, latest, _ in listed(lake)] == [False, True]
    told = lake.features.deprecate("vol.v2")
    assert (told.set.label, told.stage, told.status) == ("vol.v2", "deprecated", "changed")
    assert lake.features.deprecate("vol.v2").status == "unchanged"
    assert [latest for _, _, latest, _ in listed(lake)] == [True, False]
    with pytest.raises(LakeError) as caught:
        lake.features.promote("vol")
    assert caught.value.code == "E_AMBIGUOUS"


@pytest.mark.parametrize("given", [dt.timedelta(microseconds=1500), dt.timedelta(seconds=-1), "soon", 5])
@pytest.mark.parametrize("word", ["ttl", "delay", "lookback"])
def test_lengths_that_cannot_be_kept_are_refused(lake: Lake, word: str, given: object) -> None:
    before = lake.snapshot
    with pytest.raises(LakeError) as caught:
        lake.features.register("other", {"x": "float64"}, **{word: given})  # type: ignore[arg-type]  # what users may say
    assert (caught.value.code, lake.snapshot) == ("E_USAGE", before)


def test_lengths_may_be_timedeltas(lake: Lake) -> None:
    told = lake.features.register("other", {"x": "float64"}, ttl=dt.timedelta(hours=2), delay=dt.timedelta(0))
    assert (told.set.serving.ttl_us, told.set.serving.delay_us) == (7_200_000_000, 0)


def test_an_audit_keeps_to_what_is_named(lake: Lake) -> None:
    lake.features.write("vol", ROWS, symbol="BTCUSDT", inputs=[lake.bars("BTCUSDT")])
    told = lake.features.audit("vol")
    assert (told.clean, told.sets, told.series, told.rows) == (True, 1, 1, 5)
    give_bars(lake.config, MINUTES, price=7.0)
    found = lake.features.audit("vol", symbol="btcusdt")
    assert [(each.kind, each.set, str(each.address)) for each in found.findings] == [
        ("restated", "vol.v1", "BINANCE/SPOT/BTCUSDT/features/vol.v1")
    ]
    assert lake.features.audit(symbol="ETHUSDT").series == 0
    with pytest.raises(LakeError) as caught:
        lake.features.audit("vox")
    assert caught.value.code == "E_UNKNOWN_FEATURES"


@pytest.mark.parametrize("names", [("vol.v1", "vol.v2"), ("vol.v2", "vol.v1")])
def test_versions_are_compared_in_the_columns_both_have_whichever_may_be_null(
    lake: Lake, names: tuple[str, str]
) -> None:
    columns = {"vol": {"type": "float64", "nullable": True}, "rank": "int64"}
    lake.features.register("vol.v2", columns, inputs=["bars/1m"], ttl="1h")
    lake.features.write("vol.v1", ROWS, symbol="BTCUSDT")
    other = pa.table({"ts": times(MINUTES), "vol": [1.0, None, 3.5, 4.0, 5.0], "rank": [*range(5)]})
    lake.features.write("vol.v2", other.slice(0, 4), symbol="BTCUSDT")
    told = lake.features.diff(*names)
    assert [word for word, _, _ in told.declared] == (
        ["column vol", "ttl", "column rank"] if names[0] == "vol.v1" else ["column vol", "column rank", "ttl"]
    )
    assert told.rows is not None
    tally = told.rows.tally
    assert (tally.identical, tally.changed, tally.added + tally.removed, dict(tally.columns)) == (2, 2, 1, {"vol": 2})
    values = [told.rows.changed_old["vol"].to_pylist(), told.rows.changed_new["vol"].to_pylist()]
    assert sorted(values, key=str) == [[2.0, 3.0], [None, 3.5]]


def test_states_of_a_set_are_compared_for_one_symbol(lake: Lake) -> None:
    before = lake.features.write("vol", ROWS, symbol="BTCUSDT").snapshot
    lake.features.write("vol", ROWS, symbol="ETHUSDT", exchange="BINANCE")
    lake.features.write("vol", ROWS.slice(0, 1).set_column(1, "vol", [[9.0]]), symbol="BTCUSDT")
    told = lake.features.diff(f"vol@{before}", symbol="btcusdt")
    assert (told.old, told.new, told.declared) == (f"vol.v1@{before}", f"vol.v1@{lake.snapshot}", ())
    assert told.rows is not None
    assert (told.rows.tally.changed, told.rows.tally.identical) == (1, 4)
    with pytest.raises(LakeError) as caught:
        lake.features.diff("vol", f"vol@{lake.snapshot}")
    assert caught.value.code == "E_AMBIGUOUS"
    lake.features.register("mood", {"mood": "float64"})
    assert lake.features.diff("vol", "mood", symbol="BTCUSDT").rows is None


def test_a_length_is_text_or_a_timedelta() -> None:
    given: dict[str | dt.timedelta, int] = {"2h": 7_200_000_000, "0s": 0, dt.timedelta(milliseconds=5): 5_000}
    assert {each: length(each) for each in given} == given


@pytest.mark.parametrize("given", ["2", "-1s", 5, None, 1.5, np.timedelta64(10, "m"), dt.timedelta(seconds=-1)])
def test_what_is_no_length_is_refused(given: Any) -> None:  # noqa: ANN401 -- that is the point
    with pytest.raises(LakeError, match="is no length of time") as caught:
        length(given)
    assert caught.value.code == "E_USAGE"
