"""The words of an export: what it is for, and how files are laid out. Apart, since every run of `dl` loads them."""

from __future__ import annotations

from typing import Literal

Name = Literal[
    "parquet",
    "csv",
    "feather",
    "freqtrade",
    "backtesting",
    "backtrader",
    "finam",
    "qlib",
    "lean",
    "hftbacktest",
    "nautilus",
]
Layout = Literal["path", "flat", "hive"]
"""`path`: the address and an ending. `flat`: the same in one folder. `hive`: folders of `name=value`, years apart."""
