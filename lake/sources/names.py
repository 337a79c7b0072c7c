"""Column names as files of unknown origin write them, and what they most likely mean.

The order inside a time's list is a ranking: the first one present is taken. Two columns for anything else are
ambiguous and are asked about.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lake.errors import LakeError
from lake.sources.dialects.declare import BUYER_IS_MAKER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMES: dict[str, tuple[str, ...]] = {
    "ts": (
        "ts", "transactiontime", "transacttime", "tradetime", "tsevent", "timestamp", "timestampms", "timestampus",
        "timestampns", "datetime", "dateandtime", "opentime", "candlebegintime", "windowstart", "unixtimestamp",
        "unixtime", "unix", "epoch", "timeseconds", "gmttime", "createdtime", "eventtime", "time", "date",
    ),
    "ts_event": ("eventtime",),
    "ts_recv": ("tsrecv", "localtimestamp", "timestampofreceive", "receivetime", "receivedtime", "recvtime"),
}  # fmt: skip

_BARS: dict[str, tuple[str, ...]] = {
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice", "max"),
    "low": ("low", "l", "lowprice", "min"),
    "close": ("close", "c", "closeprice"),
    "volume": ("volume", "vol", "v", "basevolume", "volumebase", "baseassetvolume"),
    "quote_volume": ("quotevolume", "volumequote", "quoteassetvolume", "turnover"),
    "trades": (
        "trades",
        "count",
        "tradecount",
        "tradescount",
        "numberoftrades",
        "numtrades",
        "ntrades",
        "transactions",
    ),
    "taker_buy_volume": ("takerbuyvolume", "takerbuybase", "takerbuybasevolume", "takerbuybaseassetvolume"),
    "taker_buy_quote_volume": ("takerbuyquote", "takerbuyquotevolume", "takerbuyquoteassetvolume"),
    "vwap": ("vwap", "weightedprice", "wap"),
    "open_interest": ("openinterest", "openint", "oi"),
    "spread": ("spread",),
}
_TRADES: dict[str, tuple[str, ...]] = {
    "price": ("price", "px", "last", "lastprice", "tradeprice"),
    "size": ("size", "qty", "quantity", "amount", "volume", "vol", "lastqty", "tradesize"),
    "side": ("side", "takerside", "aggressor", "aggressorside"),
    "buyer_maker": ("isbuyermaker", "isbuyermarketmaker", "buyermaker"),
    "trade_id": ("tradeid", "id", "trdmatchid", "aggtradeid", "tid"),
    "conditions": ("conditions", "condition"),
}
_QUOTES: dict[str, tuple[str, ...]] = {
    "bid": ("bid", "bidprice", "bestbid", "bestbidprice", "bidpx", "bidpx00"),
    "ask": ("ask", "askprice", "bestask", "bestaskprice", "askpx", "askpx00", "offer"),
    "bid_size": ("bidsize", "bidqty", "bestbidqty", "bestbidsize", "bidvolume", "bidamount", "bidsz", "bidsz00"),
    "ask_size": ("asksize", "askqty", "bestaskqty", "bestasksize", "askvolume", "askamount", "asksz", "asksz00"),
}
_LEVELS: dict[str, tuple[str, ...]] = {
    "side": ("side", "isask", "isbid", "direction"),
    "price": ("price", "px", "pricelevel"),
    "size": ("size", "qty", "quantity", "amount", "volume", "vol"),
    "seq": ("seq", "sequence", "sequencenumber"),
}
_BOOK_L2: dict[str, tuple[str, ...]] = {
    **_LEVELS,
    "is_snapshot": ("issnapshot", "updatetype"),
    "first_update_id": ("firstupdateid",),
    "last_update_id": ("lastupdateid", "finalupdateid"),
    "prev_update_id": ("prevupdateid", "prevfinalupdateid", "pu"),
}
_BOOK_L3: dict[str, tuple[str, ...]] = {**_LEVELS, "order_id": ("orderid", "id"), "action": ("action", "eventtype")}
COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "bars": _BARS,
    "ticks/trade": _TRADES,
    "ticks/quote": _QUOTES,
    "orderbook/l2": _BOOK_L2,
    "orderbook/l3": _BOOK_L3,
}
NEEDED: dict[str, tuple[str, ...]] = {
    "bars": ("open", "high", "low", "close"),
    "ticks/trade": ("price", "size"),
    "ticks/quote": ("bid", "ask"),
    "orderbook/l2": ("side", "price", "size"),
    "orderbook/l3": ("side", "price", "size", "order_id", "action"),
}
"""What tells a table by the names of its columns."""
LEAST = {**NEEDED, "ticks/trade": ("price",)}
"""What a table has at the least: values of an index are trades without a size."""
CONSTANTS: dict[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker", "sym", "instrument", "instrumentname", "pair"),
    "exchange": ("exchange", "venue"),
}
BOOK = frozenset(
    {
        "isask", "isbid", "updatetype", "firstupdateid", "finalupdateid", "lastupdateid", "issnapshot", "orderid",
        "level", "depth", "action", "pricelevel", "bids0price", "asks0price",
    }
)  # fmt: skip
"""Columns that only order-book tables have: price and size there are no trades."""
DEPTH_BY_PERCENTAGE = {"timestamp", "percentage", "depth", "notional"}
SIDE_WORDS: Mapping[str, str] = {
    word: side
    for side, words in {"buy": ("buy", "b", "bid"), "sell": ("sell", "s", "ask")}.items()
    for spelt in words
    for word in (spelt, spelt.upper(), spelt.capitalize())
}
SCALED = frozenset({"rtype", "publisherid", "instrumentid"})
"""Columns of a vendor whose prices may be whole numbers that are to be divided."""
BOOK_SIDE_WORDS: Mapping[str, str] = {
    word: side
    for side, words in {"bid": ("bid", "b", "buy", "bids"), "ask": ("ask", "a", "sell", "s", "asks")}.items()
    for spelt in words
    for word in (spelt, spelt.upper(), spelt.capitalize())
}
FLAGS: Mapping[str, Mapping[str, str]] = {
    name: {
        word: side
        for side, words in ((yes, ("1", "true")), (no, ("0", "false")))
        for spelt in words
        for word in (spelt, spelt.upper(), spelt.capitalize())
    }
    for name, yes, no in (("isask", "ask", "bid"), ("isbid", "bid", "ask"))
}
"""Names of columns that say a side by yes and no, and what these are."""
BOOK_SIDES: Mapping[str, str] = {"buy": "bid", "sell": "ask"}
TAKER_SIDES: Mapping[str, str] = {"bid": "buy", "ask": "sell"}
"""A side in a book, and the side of who takes."""
WORDS: Mapping[str, Mapping[str, str]] = {
    "is_snapshot": {
        word: ours
        for ours, words in {
            "true": ("true", "1", "t", "snapshot", "snap"),
            "false": ("false", "0", "f", "update", "delta", "set"),
        }.items()
        for spelt in words
        for word in (spelt, spelt.upper(), spelt.capitalize())
    },
    "action": {
        word: action
        for action, words in {
            "add": ("add", "insert", "new", "created", "open", "received"),
            "change": ("change", "changed", "modify", "update", "replace"),
            "cancel": ("cancel", "cancelled", "delete", "deleted", "remove", "done"),
            "trade": ("trade", "execute", "match"),
            "fill": ("fill", "filled"),
            "clear": ("clear",),
        }.items()
        for spelt in words
        for word in (spelt, spelt.upper(), spelt.capitalize())
    },
}
"""What columns of one of few words say, mostly, and what that is in ours."""
MAKER_WORDS = {**BUYER_IS_MAKER, "TRUE": "sell", "FALSE": "buy"}


def normal(name: str) -> str:
    """Return a column name without case, blanks and punctuation."""
    return re.sub(r"[^0-9a-z]", "", name.casefold())


def position(name: str, names: Sequence[str]) -> int:
    """Return where the user's column is: by exact name, by name without case, or by number; COLUMN_MISSING."""
    for candidates in ([n == name for n in names], [n.casefold() == name.casefold() for n in names]):
        if sum(candidates) > 1:
            raise LakeError(
                "AMBIGUOUS", f"{sum(candidates)} columns are called {name!r}", fix=["give its number, from 0"]
            )
        if any(candidates):
            return candidates.index(True)
    if name.isascii() and name.isdigit() and int(name) < len(names):
        return int(name)
    raise LakeError("COLUMN_MISSING", f"there is no column {name!r}; there are {', '.join(names[:20])}")


def find(synonyms: Mapping[str, Sequence[str]], names: Sequence[str], *, ranked: bool = False) -> dict[str, int]:
    """Return target → column for the targets whose names are there; AMBIGUOUS when one has two and no ranking."""
    plain = [normal(name) for name in names]
    found: dict[str, int] = {}
    for target, words in synonyms.items():
        present = [word for word in words if word in plain]
        if not present:
            continue
        places = [place for place, name in enumerate(plain) if name in (present[:1] if ranked else present)]
        if len(places) > 1:
            said = " and ".join(f"{names[place]!r} (column {place})" for place in places[:4])
            raise LakeError("AMBIGUOUS", f"{target} may be {said}", fix=[f"--map {target}={places[0]}"])
        found[target] = places[0]
    return found
