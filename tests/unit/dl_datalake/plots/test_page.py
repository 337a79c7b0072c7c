"""Pages hold the marks they are given, and all that they need."""

from __future__ import annotations

import json
import re

from dl_datalake.plots import page
from dl_datalake.plots.colours import DOWN, UP
from tests.drawings import CANDLES


def test_a_page_holds_the_values_and_its_scripts() -> None:
    text = page.page(CANDLES)
    found = re.search(r'<script type="application/json" id="[^"]+">(.*?)</script>', text, re.DOTALL)
    assert found
    document = json.dumps(json.loads(found[1]))
    assert document.count(UP) == 2
    assert document.count(DOWN) == 1
    assert not re.search(r"<(?:script|link|img)[^>]*(?:src|href)=", text), "nothing is fetched"
    assert "TEST/SPOT/ABC/bars/1m" in text
