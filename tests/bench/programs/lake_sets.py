"""`ROOT SETS SYMBOLS`: a manifest of so many feature sets of so many symbols, a day each, made from the symbol's bars.

The rows of the manifest are written by the writer itself; no data file exists.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lake.config import Config
from lake.manifest import Change, Manifest, NewDerivation, Writer, graph
from lake.manifest import new_run as begun
from lake.manifest.rows import WRITTEN, NewFeatureSet
from schemas.columns import Column
from schemas.features import FeatureSet
from tests.bench.graph import FIRST, address, ingested, new_file

if TYPE_CHECKING:
    from collections.abc import Iterator

BARS = "bars/1m"
COLUMNS = tuple(Column(f"f{number:02}", "float64", unit="") for number in range(20))
AT_ONCE = 100


def sets(count: int) -> Iterator[FeatureSet]:
    """The sets, of twenty doubles each."""
    for number in range(count):
        yield FeatureSet(f"set{number:05}", "1", COLUMNS, inputs=(BARS,), owner="research")


def written(some: list[FeatureSet], inputs: list[str]) -> Change:
    """The change that registers sets and brings their rows, made from what the symbols' bars hold."""
    run = begun("write", "dl features write")
    change = Change(run.id, "write", run=run)
    recipe = f'{WRITTEN}{{"code":"1","end":{FIRST.end_ns},"run":"{run.id}","snapshot":1,"sources":[]}}}}'
    for each in some:
        change.feature_sets.append(NewFeatureSet(each.key, "promoted", each.to_json()))
        for number, content in enumerate(inputs):
            bars = address(number, BARS)
            of = each.address(bars.exchange, bars.market, bars.symbol)
            change.files.append(new_file(of, FIRST))
            change.derivations.append(
                NewDerivation(of, FIRST.label, bars, FIRST.start_ns, FIRST.end_ns, content, "1", 1, recipe)
            )
    return change


def build(root: Path, count: int, symbols: int) -> dict[str, int]:
    """Fill an empty lake."""
    config = Config(root=root, data=root / "data", manifest=root / "manifest.db")
    Manifest.create(config)
    inputs = []
    every = list(sets(count))
    with Writer(config) as writer:
        for number in range(symbols):
            change = ingested(number, 1)
            writer.commit(change)
            with Manifest.open(config) as manifest:
                series = manifest.find(address(number, BARS))
                inputs.append(graph.inputs(graph.parts(manifest, series.id, None, None) if series else []))
        for start in range(0, count, AT_ONCE):
            writer.commit(written(every[start : start + AT_ONCE], inputs))
    return {"sets": count, "series": count * symbols, "bytes": config.manifest.stat().st_size}


if __name__ == "__main__":
    folder, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(build(Path(folder), *map(int, numbers))) + "\n")
