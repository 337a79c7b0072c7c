"""Order inside one ts: a replacement brings its own, also where rows have no key that would tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lake.config import locate
from lake.manifest import Manifest
from lake.read import Scan
from lake.write import write
from schemas.keys import Address
from tests.tables import trade, trades

if TYPE_CHECKING:
    from pathlib import Path

TICKS = Address.of("X", "SPOT", "Y", "ticks", "trade")


def test_a_replacement_in_another_order_is_another_content(tmp_path: Path) -> None:
    config = locate(tmp_path, must_exist=False)
    Manifest.create(config)

    def stored() -> list[float]:
        with Manifest.open(config) as manifest:
            prices: list[float] = Scan(config, manifest, [TICKS]).to_arrow().column("price").to_pylist()
            return prices

    write(config, TICKS, trades(*(trade(7, price) for price in (1.0, 2.0, 3.0))))
    changed = write(config, TICKS, trades(*(trade(7, price) for price in (3.0, 2.0, 1.0))), mode="replace")
    assert stored() == [3.0, 2.0, 1.0]
    assert changed.files_written == 1

    same = write(config, TICKS, trades(*(trade(7, price) for price in (3.0, 2.0, 1.0))), mode="replace")
    assert same.rows["identical"] == 3
    assert same.files_written == 0
