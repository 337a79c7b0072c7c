"""The order of assets: by what is declared, and by what was made."""

from __future__ import annotations

from pipelines.assets import ASSETS
from pipelines.layers import layers
from schemas.graph import Registry
from schemas.keys import Address

REGISTRY = Registry(ASSETS)
KEYS = ["bars/4h", "bars/1h", "bars/1m"]


def series(period: str) -> Address:
    return Address.of("TEST", "SPOT", "ABC", "bars", period)


def test_what_is_declared_alike_makes_one_layer() -> None:
    assert layers(REGISTRY, KEYS, {}) == [["bars/1m"], ["bars/1h", "bars/4h"]]


def test_what_was_made_from_another_one_comes_after_it() -> None:
    made = {series("4h"): (series("1h"),)}
    assert layers(REGISTRY, KEYS, made) == [["bars/1m"], ["bars/1h"], ["bars/4h"]]


def test_one_between_them_that_is_not_selected_parts_them_too() -> None:
    made = {series("4h"): (series("2h"),), series("2h"): (series("1h"),)}
    assert layers(REGISTRY, ["bars/4h", "bars/1h"], made) == [["bars/1h"], ["bars/4h"]]


def test_a_circle_of_what_was_made_ends() -> None:
    made = {series("4h"): (series("1h"),), series("1h"): (series("4h"),)}
    assert sorted(key for layer in layers(REGISTRY, KEYS, made) for key in layer) == sorted(KEYS)
