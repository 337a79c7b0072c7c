"""Databento's binary files (DBN), a dialect for each schema; their records are decoded by the vendor's own types."""

from __future__ import annotations

from dataclasses import replace

from lake.sources.dialects.declare import Dialect, Levels, Place

_PAGE = "databento.com/docs/schemas-and-data-formats: "
_CLOCKS = {"ts_event": "ts", "ts_recv": "ts_recv"}
_TRADE_SIDES = {"B": "buy", "A": "sell", "N": ""}

MBO = Dialect(
    name="databento-mbo",
    maker="Databento",
    title="Databento DBN, every order (mbo)",
    asset="orderbook/l3",
    vendor=_PAGE + '"action: Can be Add, Cancel, Modify, cleaR book, Trade, Fill, or None"',
    sample="esh4-glbx-mdp3-20231224.mbo.dbn.zst",
    container="dbn",
    by_name={
        **_CLOCKS,
        "sequence": "seq",
        "side": "side",
        "price": "price",
        "size": "size",
        "order_id": "order_id",
        "action": "action",
    },
    price_scale=10**9,
    kinds=(
        (r"GLBX\..*", Place("UTC", "FUTURES")),
        (r"XNAS\..*", Place("UTC", "EQUITY")),
        (r"OPRA\..*", Place("UTC", "OPTIONS")),
    ),
    sides={"B": "bid", "A": "ask", "N": ""},
    words={"action": {"A": "add", "M": "change", "C": "cancel", "T": "trade", "F": "fill", "R": "clear"}},
    skips=(("action", ("N",), "no_action"),),
    caution="The vendor's flags are not kept: snapshots and unsure receive times look like other rows.",
)

TRADES = replace(
    MBO,
    name="databento-trades",
    title="Databento DBN, trades",
    asset="ticks/trade",
    vendor=_PAGE + '"Can be Ask for a sell aggressor in a trade, Bid for a buy aggressor in a trade"',
    sample="tests/unit/lake/sources/test_dbn.py",
    by_name={**_CLOCKS, "price": "price", "size": "size", "side": "side"},
    sides=_TRADE_SIDES,
    words={},
    skips=(),
    caution="",
)
TBBO = replace(TRADES, name="databento-tbbo", title="Databento DBN, trades with the best bid and offer (tbbo)")

MBP_1 = replace(
    TRADES,
    name="databento-mbp-1",
    title="Databento DBN, best bids and offers (mbp-1)",
    asset="ticks/quote",
    vendor=_PAGE + '"every order book event that updates the top price level, also known as the best bid and offer"',
    by_name={
        **_CLOCKS,
        "bid_px_00": "bid",
        "ask_px_00": "ask",
        "bid_sz_00": "bid_size",
        "ask_sz_00": "ask_size",
    },
    sides={},
    lacking={"bid": "one_sided", "ask": "one_sided"},
)

MBP_10 = replace(
    TRADES,
    name="databento-mbp-10",
    title="Databento DBN, ten levels of the book (mbp-10)",
    asset="orderbook/l2",
    vendor=_PAGE + '"aggregated book depth with every trade and book update at top ten price levels"',
    by_name={**_CLOCKS, "sequence": "seq"},
    sides={},
    fixed={"is_snapshot": "true"},
    levels=(Levels("bid", "bid_px_*", "bid_sz_*"), Levels("ask", "ask_px_*", "ask_sz_*")),
    caution="Every record is a snapshot of twenty rows, the levels that are empty left out.",
)

BARS = replace(
    TRADES,
    name="databento-ohlcv",
    title="Databento DBN, bars (ohlcv)",
    asset="bars",
    vendor=_PAGE + '"The inclusive start time of the bar aggregation period"',
    sample="futures_ohlcv-1m_2024-07-01T23-40_2024-07-02T00-10.dbn.zst",
    by_name={"ts_event": "ts", "open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"},
    sides={},
    clock="the bar's open",
)

_UNDEFINED = "9223372036854775807"
_HEAD = ("rtype", "publisher_id", "instrument_id")
_EVENT = ("ts_recv", "ts_event", *_HEAD, "action", "side")
_TOP = ("bid_px_00", "ask_px_00", "bid_sz_00", "ask_sz_00")
_NAMED = {"instrument_id": "symbol", "symbol": "symbol"}


def _csv(dialect: Dialect, required: tuple[str, ...], without: str = "", *, file: str = "") -> tuple[Dialect, Dialect]:
    """Return the text forms of a dialect: prices as whole numbers of 1e-9, and with a decimal point (pretty_px)."""
    name = dialect.name.removeprefix("databento-")
    pattern = file or name
    example = f"glbx-mdp3-20240701.{pattern}.csv".replace("(?P<period>1[smhd])", "1m")
    whole = replace(
        dialect,
        name=f"databento-csv-{name}",
        title=dialect.title.replace("DBN", "CSV"),
        vendor="databento.com/docs, batch requests, encoding csv: with pretty_px prices are decimal, else whole numbers"
        " of 1e-9; with pretty_ts times are ISO 8601, else nanoseconds",
        sample="tests/unit/lake/sources/dialects/test_databento.py",
        container="text",
        header="always",
        by_name={**dialect.by_name, **_NAMED},
        required=required,
        without=(without,) if without else (),
        nulls=(_UNDEFINED, "N") if dialect.sides else (_UNDEFINED,),
        sides={word: side for word, side in dialect.sides.items() if side},
        file=rf".*\.{pattern}(?:\..*)?\.csv",
        example=example,
        time="any",
        digits="whole",
        kinds=(),
        caution=f"{dialect.caution} Without a column symbol, numbers name the series.".strip(),
    )
    pretty = replace(
        whole, name=f"{whole.name}-pretty", title=whole.title + ", decimal prices", price_scale=1, digits="pointed"
    )
    return whole, pretty


_TEXTS = (
    *_csv(MBO, (*_EVENT, "price", "size", "order_id", "sequence")),
    *_csv(TRADES, (*_EVENT, "depth", "price", "size", "sequence"), "bid_px_00"),
    *_csv(TBBO, (*_EVENT, "depth", "price", "size", *_TOP), "bid_px_01"),
    *_csv(MBP_1, (*_EVENT, "depth", *_TOP), "bid_px_01"),
    *_csv(MBP_10, (*_EVENT, "depth", "sequence", *_TOP, "bid_px_09", "ask_px_09")),
    *_csv(BARS, ("ts_event", *_HEAD, "open", "high", "low", "close", "volume"), file=r"ohlcv-(?P<period>1[smhd])"),
)

DIALECTS = (MBO, TRADES, TBBO, MBP_1, MBP_10, BARS, *_TEXTS)
