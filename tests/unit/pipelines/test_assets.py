"""The project's assets: everything the design names is declared, and reading them loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

from pipelines.assets import ASSETS


def test_every_asset_of_the_design_is_declared() -> None:
    periods = ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1mo"]
    others = ["ticks/trade", "ticks/quote", "orderbook/l2", "orderbook/l3", "metrics/funding", "metrics/open_interest"]
    others.append("metrics/long_short_ratio")
    sides = ["1m-bid", "1m-ask", "1m-mid"]
    assert set(ASSETS.keys()) == {*(f"bars/{period}" for period in (*periods, *sides)), *others}


def test_coarser_bars_are_made_from_minutes() -> None:
    made = {asset.key: (asset.made, asset.upstreams) for asset in ASSETS}
    assert made.pop("bars/1m") == made.pop("bars/1s") == ("source", ("ticks/trade",))
    assert {made.pop(f"bars/1m-{side}") for side in ("bid", "ask", "mid")} == {("source", ("ticks/quote",))}
    coarser = {key: value for key, value in made.items() if key.startswith("bars/")}
    assert set(coarser.values()) == {("derived", ("bars/1m",))}
    assert ASSETS.downstreams("bars/1m") == tuple(coarser)


def test_every_asset_says_what_it_is_and_who_answers_for_it() -> None:
    assert all(asset.description and asset.owner for asset in ASSETS)


def test_a_family_answers_for_what_is_not_declared() -> None:
    assert ASSETS.resolve("bars/45m-bid").upstreams == ("bars/1m-bid",)


def test_reading_the_assets_loads_nothing_heavy() -> None:
    code = "import sys, pipelines.assets; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pyarrow", "pandas", "pandera", "prefect", "sqlite_utils"} & set(loaded)
