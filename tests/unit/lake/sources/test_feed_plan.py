"""Which feed a source of messages is taken for, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect, open_reader
from tests.source_files import write

if TYPE_CHECKING:
    from pathlib import Path

    from lake.sources import Batch, Plan

TRADE = {
    "e": "trade", "E": 1672515782136, "s": "BNBBTC", "t": 1, "p": "0.001", "q": "100", "T": 1672515782136, "m": True,
    "M": True,
}  # fmt: skip
QUOTE = {"u": 4, "s": "BNBBTC", "b": "25.3", "B": "31.2", "a": "25.4", "A": "40.6"}


def capture(path: Path, *messages: dict[str, Any]) -> Path:
    return write(path, "".join(f"{1_672_515_782_200_000_000 + i} {json.dumps(m)}\n" for i, m in enumerate(messages)))


def first(plan: Plan) -> Batch:
    reader = open_reader(plan)
    try:
        return reader.parse(next(iter(reader.blocks())))
    finally:
        reader.close()


def refused(path: Path, **options: Any) -> LakeError:  # noqa: ANN401 -- as SourceOptions takes them
    with pytest.raises(LakeError) as refusal:
        detect(path, SourceOptions(**options))
    return refusal.value


def test_a_few_messages_of_no_kind_do_not_hide_the_feed(tmp_path: Path) -> None:
    path = capture(tmp_path / "x", *[TRADE] * 19, {"odd": 1})
    batch = first(detect(path, SourceOptions()))
    assert [(reject.reason, reject.line) for reject in batch.rejects] == [("bad_value", 20)]
    mostly_odd = capture(tmp_path / "y", TRADE, *[{"odd": 1}] * 9)
    assert refused(mostly_odd).code == "E_FORMAT_UNKNOWN"


def test_the_kind_of_rows_that_is_asked_for_is_taken_alone(tmp_path: Path) -> None:
    path = capture(tmp_path / "x", TRADE, QUOTE)
    plan = detect(path, SourceOptions(type="ticks/quote"))
    assert [(c.type, c.period) for c in plan.channels] == [("ticks", "quote")]
    batch = first(plan)
    assert (batch.skipped, sum(p.rows.num_rows for p in batch.portions)) == ({"other_message": 1}, 1)
    assert refused(path, type="bars").code == "E_FORMAT_MISMATCH"


def test_several_symbols_are_parted_or_refused_under_one_name(tmp_path: Path) -> None:
    path = capture(tmp_path / "x", TRADE, QUOTE | {"s": "ETHBTC"})
    plan = detect(path, SourceOptions())
    assert (plan.many, plan.symbol) == (True, None)
    assert refused(path, symbol="X").code == "E_AMBIGUOUS"
    alone = detect(capture(tmp_path / "y", TRADE), SourceOptions(symbol="X"))
    assert (alone.many, alone.symbol, len(first(alone).portions[0].rows)) == (False, "X", 1)


def test_a_feed_that_is_asked_for_has_to_be_there(tmp_path: Path) -> None:
    path = capture(tmp_path / "x", TRADE)
    assert detect(path, SourceOptions(format="binance-spot-capture")).dialect == "binance-spot-capture"
    assert refused(path, format="binance-um-capture").code == "E_FORMAT_MISMATCH"
    assert refused(path, format="freqtrade-json").code == "E_FORMAT_MISMATCH"


def test_what_is_said_of_a_table_is_refused_of_messages(tmp_path: Path) -> None:
    error = refused(capture(tmp_path / "a.json", TRADE), words={"price-scale": 100})
    assert (error.code, tuple(error.fix)) == ("E_USAGE", ("drop --price-scale",))
    assert "holds messages of binance-spot-capture, to which price-scale does not apply" in error.message
