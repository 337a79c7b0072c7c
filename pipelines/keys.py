"""The keys under which Prefect knows series, `lake://bars/1m/BINANCE/SPOT/BTCUSDT`, and back.

The asset stands before the series, since Prefect's triggers match by how a key begins: `lake://bars/1m/*` are the
minute bars of every series, and no bars of another side. Prefect refuses `%`; `~` never occurs in an address, where it
is encoded itself, so it can stand for it.
"""

from __future__ import annotations

from lake.errors import LakeError
from schemas.keys import Address

SCHEME = "lake://"


def prefect_key(address: Address) -> str:
    """Return the key of a series; no two series have the same."""
    exchange, market, symbol, kind, period = str(address).split("/")
    return SCHEME + f"{kind}/{period}/{exchange}/{market}/{symbol}".replace("%", "~")


def address_of(text: str) -> Address:
    """Return the series that a key, or an address as `dl` writes it, names.

    Raises:
        LakeError: USAGE when it is neither.
    """
    words = text
    if text.startswith(SCHEME):
        parts = text.removeprefix(SCHEME).replace("~", "%").split("/")
        words = "/".join([*parts[2:], *parts[:2]])
    try:
        return Address.parse(words)
    except ValueError as error:
        why = "A series is named by its address, or by the key Prefect has for it."
        raise LakeError("USAGE", str(error), where=text, why=why, fix=["dl list"]) from error
