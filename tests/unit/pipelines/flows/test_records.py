from __future__ import annotations

import re

import pytest

from lake.errors import LakeError
from pipelines.flows.records import sentence, slug


@pytest.mark.parametrize("text", ["ingest-ledger", "BINANCE/SPOT/BTCUSDT/bars/1m", "a  b", "-x-"])
def test_key_is_one_prefect_takes(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(text))


def test_error_in_one_line_says_all_of_it() -> None:
    said = sentence(LakeError("LOCKED", "busy", where="here", why="Because.", fix=["wait", "go"]))
    assert said == "E_LOCKED: busy (here). Because. Fix: wait; go"
