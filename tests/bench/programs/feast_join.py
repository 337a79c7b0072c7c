"""Feast's offline file store: `prepare STORE DATA` copies the sets of a universe into it, `join STORE` joins them.

Each set is one Parquet file there: the file source has the least to do with that.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.types import Float64

from tests.bench.programs.lake_features import BARS_EACH, EXCHANGE, FIRST_US, MARKET, MINUTE_US, NAMES, SETS, symbols


def store_of(folder: str) -> FeatureStore:
    """The registry beside the files."""
    online = {"type": "sqlite", "path": f"{folder}/online.db"}
    config = RepoConfig(
        project="bench",
        registry=f"{folder}/registry.db",
        provider="local",
        offline_store={"type": "file"},
        online_store=online,
        entity_key_serialization_version=3,
    )
    return FeatureStore(config=config)


def prepare(folder: str, data: str) -> dict[str, Any]:
    """Copy and register the sets."""
    symbol = Entity(name="symbol", join_keys=["symbol"], value_type=ValueType.STRING)
    views, rows = [], 0
    place = Path(data, EXCHANGE, MARKET)
    for name in SETS:
        found = sorted(map(str, place.glob(f"*/features/{name}.v1/**/*.parquet")))
        table = ds.dataset(found).to_table(columns=["known_at", *NAMES, "symbol"])
        path = f"{folder}/{name}.parquet"
        pq.write_table(table, path)
        rows = table.num_rows
        views.append(
            FeatureView(
                name=name,
                entities=[symbol],
                ttl=dt.timedelta(0),
                schema=[Field(name=column, dtype=Float64) for column in NAMES],
                source=FileSource(path=path, timestamp_field="known_at"),
            )
        )
    store_of(folder).apply([symbol, *views])
    return {"rows": rows}


def join(folder: str) -> dict[str, Any]:
    """Join; count the rows and add up one column of each set."""
    closes = pd.to_datetime([FIRST_US + at * MINUTE_US for at in range(1, BARS_EACH + 1)], unit="us", utc=True)
    asked = pd.DataFrame([(symbol, close) for symbol in symbols() for close in closes])
    asked.columns = pd.Index(["symbol", "event_timestamp"])
    names = [f"{name}:{column}" for name in SETS for column in NAMES]
    frame = store_of(folder).get_historical_features(asked, features=names, full_feature_names=True).to_df()
    return {"rows": len(frame), "total": float(sum(frame[f"{name}__{NAMES[-1]}"].sum() for name in SETS))}


if __name__ == "__main__":
    done = prepare(*sys.argv[2:]) if sys.argv[1] == "prepare" else join(*sys.argv[2:])
    sys.stdout.write(json.dumps(done) + "\n")
