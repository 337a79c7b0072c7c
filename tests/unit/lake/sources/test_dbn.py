"""Databento DBN: what the vendor's own package encodes comes back, and damage is refused."""

from __future__ import annotations

import datetime as dt
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import databento_dbn as dbn
import pyarrow as pa
import pytest

from lake.errors import LakeError
from lake.sources import SourceOptions, detect
from tests.source_files import read, write

if TYPE_CHECKING:
    from pathlib import Path

AT = 1_703_422_805_243_925_307  # 2023-12-24T13:00:05.243925307Z, as the vendor's sample prints it
UNIT = 10**9
SPAN = {"start_date": dt.date(2023, 12, 24), "end_date": dt.date(2023, 12, 25)}
ES = {"ESH4": [SPAN | {"symbol": "17077"}]}


def mapping(name: str, spans: list[dict[str, Any]]) -> Any:  # noqa: ANN401 -- what the package takes for one symbol
    return SimpleNamespace(raw_symbol=name, intervals=[SimpleNamespace(**span) for span in spans])


def head(schema: str | None, mappings: dict[str, list[dict[str, Any]]] = ES, **more: Any) -> bytes:  # noqa: ANN401 -- fields of Metadata
    return bytes(
        dbn.Metadata(
            dataset="GLBX.MDP3",
            start=AT,
            stype_in=dbn.SType("raw_symbol"),
            stype_out=dbn.SType("instrument_id"),
            schema=dbn.Schema.from_str(schema) if schema else None,
            mappings=[mapping(name, spans) for name, spans in mappings.items()],
            **more,
        )
    )


def trade(at: int = AT, price: int = 4799 * UNIT + UNIT // 4, side: str = "B", instrument: int = 17077) -> bytes:
    return bytes(
        dbn.TradeMsg(1, instrument, at, price, 3, dbn.Action("T"), dbn.Side(side), 0, ts_recv=at + 5, sequence=7)
    )


def order(action: str, side: str, price: int = 4799 * UNIT) -> bytes:
    return bytes(dbn.MBOMsg(1, 17077, AT, 64127, price, 2, dbn.Action(action), dbn.Side(side), AT + 5, sequence=9))


def top(*levels: tuple[int, int, int, int]) -> dict[str, Any]:
    return {"levels": [dbn.BidAskPair(*level) for level in levels]}


def test_trades_say_who_took(tmp_path: Path) -> None:
    data = head("trades") + trade() + trade(side="A") + trade(side="N")
    whole = read(write(tmp_path / "x.dbn", data))
    plan = whole.plan
    assert (plan.dialect, plan.type, plan.period) == ("databento-trades", "ticks", "trade")
    assert (plan.exchange, plan.market, plan.symbol) == ("GLBX", "FUTURES", "ESH4")
    assert whole.column("side") == ["buy", "sell", None]
    assert whole.column("price") == [4799.25] * 3
    assert whole.column("size") == [3.0] * 3
    assert (whole.ns, whole.of("ts_recv")) == ([AT] * 3, [AT + 5] * 3)
    assert whole.symbols == ["ESH4"] * 3
    line, raw = whole.batches[0].locate(1)
    assert (line, '"price": 4799250000000' in raw) == (2, True)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_and_compression_gives_the_same(tmp_path: Path, version: int) -> None:
    plain = head("trades", version=version) + trade() * 5
    packed = pa.compress(plain, codec="zstd", asbytes=True)
    for name, data in (("x.dbn", plain), ("y.dbn.zst", packed)):
        whole = read(write(tmp_path / name, data), block_bytes=100)
        assert (whole.ns, whole.column("price")) == ([AT] * 5, [4799.25] * 5)


def test_records_with_the_time_they_were_sent_are_read(tmp_path: Path) -> None:
    sent = bytes(dbn.TradeMsg(1, 17077, AT, UNIT, 3, dbn.Action("T"), dbn.Side("B"), 0, ts_recv=AT, ts_out=AT + 9))
    whole = read(write(tmp_path / "x.dbn", head("trades", ts_out=True) + sent * 2))
    assert whole.column("price") == [1.0, 1.0]


def test_a_price_is_rounded_once(tmp_path: Path) -> None:
    # 9007199254.740993 has more digits than whole numbers of a float64: its nearest one is what Python reads.
    whole = read(write(tmp_path / "x.dbn", head("trades") + trade(price=9007199254740993) + trade(price=1)))
    assert whole.column("price") == [9007199.254740993, 1e-9]


def test_orders_keep_their_number_and_what_happened(tmp_path: Path) -> None:
    data = head("mbo") + b"".join(
        [
            order("R", "N", dbn.UNDEF_PRICE),
            order("A", "B"),
            order("M", "A"),
            order("T", "N"),
            order("F", "B"),
            order("C", "B"),
            order("N", "N"),
        ]
    )
    whole = read(write(tmp_path / "x.dbn", data))
    assert whole.plan.dialect == "databento-mbo"
    assert whole.column("action") == ["clear", "add", "change", "trade", "fill", "cancel"]
    assert whole.column("side") == [None, "bid", "ask", None, "bid", "bid"]
    assert whole.column("price") == [None, *[4799.0] * 5]
    assert whole.column("order_id") == ["64127"] * 6
    assert whole.column("seq") == [9] * 6
    assert whole.batches[0].skipped == {"no_action": 1}


@pytest.mark.parametrize("bad", [order("A", "N"), order("C", "B", dbn.UNDEF_PRICE)])
def test_an_order_without_a_side_or_a_price_is_kept_aside(tmp_path: Path, bad: bytes) -> None:
    whole = read(write(tmp_path / "x.dbn", head("mbo") + order("A", "B") * 2 + bad))
    assert (whole.reasons, whole.rows.num_rows) == ([("missing_value", 3)], 2)


def test_quotes_of_one_side_are_skipped(tmp_path: Path) -> None:
    def quote(*level: int) -> bytes:
        more: dict[str, Any] = {"levels": dbn.BidAskPair(*level)}
        return bytes(dbn.MBP1Msg(1, 17077, AT, UNIT, 1, dbn.Action("A"), dbn.Side("B"), 0, AT + 5, **more))

    data = head("mbp-1") + quote(4799 * UNIT, 4800 * UNIT, 7, 8) + quote(4799 * UNIT, dbn.UNDEF_PRICE, 7, 0)
    whole = read(write(tmp_path / "x.dbn", data))
    assert whole.batches[0].skipped == {"one_sided": 1}
    [kept] = whole.rows.to_pylist()
    assert [kept[name] for name in ("bid", "ask", "bid_size", "ask_size")] == [4799.0, 4800.0, 7.0, 8.0]


def test_ten_levels_make_a_row_each_but_the_empty_ones(tmp_path: Path) -> None:
    levels = [(4799 * UNIT, 4800 * UNIT, 7, 8), (4798 * UNIT, dbn.UNDEF_PRICE, 3, 0)]
    levels += [(dbn.UNDEF_PRICE, dbn.UNDEF_PRICE, 0, 0)] * 8
    record = bytes(
        dbn.MBP10Msg(1, 17077, AT, UNIT, 1, dbn.Action("A"), dbn.Side("B"), 0, AT + 5, sequence=4, **top(*levels))
    )
    empty = bytes(dbn.MBP10Msg(1, 17077, AT, UNIT, 1, dbn.Action("A"), dbn.Side("B"), 0, AT + 5))
    plan = detect(write(tmp_path / "x.dbn", head("mbp-10") + record + empty + record), SourceOptions())
    assert (plan.dialect, plan.type, plan.period) == ("databento-mbp-10", "orderbook", "l2")
    whole = read(tmp_path / "x.dbn")
    assert (whole.records, whole.batches[0].skipped) == (3, {"empty_book": 1})
    assert [whole.batches[0].locate(row)[0] for row in (2, 3)] == [1, 3]
    assert whole.column("side") == ["bid", "ask", "bid"] * 2
    assert whole.column("price") == [4799.0, 4800.0, 4798.0] * 2
    assert whole.column("size") == [7.0, 8.0, 3.0] * 2
    assert whole.column("seq") == [4] * 6
    assert whole.column("is_snapshot") == [True] * 6


def bar(instrument: int, at: int = 1_703_422_800 * UNIT) -> bytes:
    prices = (2 * UNIT, 4 * UNIT, UNIT, 3 * UNIT)
    return bytes(dbn.OHLCVMsg(0x21, 1, instrument, at, *prices, 11))


def test_contracts_are_told_apart_by_their_days(tmp_path: Path) -> None:
    later = {"start_date": dt.date(2023, 12, 25), "end_date": dt.date(2023, 12, 27)}
    mappings = {"ES.c.0": [SPAN | {"symbol": "5"}, later | {"symbol": "6"}], "NQ.c.0": [SPAN | {"symbol": "7"}]}
    day = 86_400 * UNIT
    start = 1_703_422_800 * UNIT
    data = head("ohlcv-1m", mappings) + bar(5) + bar(7) + bar(6, start + day) + bar(5, start + day)
    whole = read(write(tmp_path / "x.dbn", data))
    assert (whole.plan.dialect, whole.plan.period, whole.plan.many) == ("databento-ohlcv", "1m", True)
    assert whole.symbols == ["ES.c.0", "NQ.c.0", "ES.c.0"]
    assert whole.reasons == [("bad_value", 4)]
    assert [whole.column(name)[0] for name in ("open", "high", "low", "close", "volume")] == [2, 4, 1, 3, 11]


def test_one_name_for_several_contracts_of_a_day_is_asked_about(tmp_path: Path) -> None:
    mixed = {"ES.FUT": [SPAN | {"symbol": "5"}, SPAN | {"symbol": "6"}]}
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.dbn", head("ohlcv-1m", mixed) + bar(5)), SourceOptions())
    assert refusal.value.code == "E_AMBIGUOUS"
    assert "ES.FUT" in str(refusal.value)


@pytest.mark.parametrize(
    ("mappings", "symbol", "code"),
    [({}, None, "E_AMBIGUOUS"), ({**ES, "NQH4": [SPAN | {"symbol": "7"}]}, "S", "E_AMBIGUOUS"), ({}, "S", "")],
)
def test_the_symbol_is_told_or_asked_for(
    tmp_path: Path, mappings: dict[str, list[dict[str, Any]]], symbol: str | None, code: str
) -> None:
    path = write(tmp_path / "x.dbn", head("trades", mappings) + trade())
    if code:
        with pytest.raises(LakeError) as refusal:
            detect(path, SourceOptions(symbol=symbol))
        assert refusal.value.code == code
        assert refusal.value.fix
    else:
        assert detect(path, SourceOptions(symbol=symbol)).symbol == symbol


WHOLE = head("trades") + trade() * 3


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (WHOLE[:-7], "E_SOURCE_UNREADABLE", "in the middle of record 3"),
        (WHOLE[:6], "E_SOURCE_UNREADABLE", "ends in its head"),
        (WHOLE[:100], "E_SOURCE_UNREADABLE", "ends in its head"),
        (b"DBN\x03\xff\xff\xff\xff" + WHOLE[8:], "E_SOURCE_UNREADABLE", "not one of DBN"),
        (b"DBN\x09" + WHOLE[4:], "E_SOURCE_UNREADABLE", "cannot be read"),
        (WHOLE[:8] + b"\xff" * 40 + WHOLE[48:], "E_SOURCE_UNREADABLE", ""),
        (WHOLE + order("A", "B") + trade(), "E_SOURCE_UNREADABLE", "record 4 is none of trades"),
        (head("trades"), "E_FORMAT_UNKNOWN", "no records"),
        (head(None) + trade(), "E_FORMAT_UNKNOWN", "several schemas"),
        (head("status"), "E_FORMAT_UNKNOWN", "the schema status"),
    ],
)
def test_damage_and_what_is_not_read_are_refused(tmp_path: Path, data: bytes, code: str, said: str) -> None:
    path = write(tmp_path / "x.dbn", data)
    with pytest.raises(LakeError) as refusal:
        read(path)
    assert refusal.value.code == code
    assert said in str(refusal.value)
    assert str(path) in refusal.value.where


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.dbn", WHOLE), SourceOptions())
    assert refusal.value.code == "E_FORMAT_UNKNOWN"
    assert list(refusal.value.fix) == ["pip install 'dl-datalake[databento]'"]


def test_another_format_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LakeError) as refusal:
        detect(write(tmp_path / "x.dbn", WHOLE), SourceOptions(format="databento-mbo"))
    assert refusal.value.code == "E_FORMAT_MISMATCH"


def test_a_head_that_numbers_no_instrument_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.dbn", head("trades", {"ESH4": [SPAN | {"symbol": "front"}]}) + trade())
    with pytest.raises(LakeError, match="by what is no number") as refusal:
        detect(path, SourceOptions())
    assert refusal.value.code == "E_SOURCE_UNREADABLE"
