"""The graph of the `graph` workload as a Dagster project: two assets by symbol and day, with a Pandera check.

For Dagster's own environment: nothing of this project is imported. BENCH_DATA names the folder of its data files.
"""

# Dagster reads annotations at run time and takes no text for one, so they are not postponed here.
import os
from collections.abc import Iterator
from pathlib import Path

import dagster
import numpy as np
import pandas as pd
import pandera.pandas as pandera

DATA = Path(os.environ.get("BENCH_DATA", "."))
SYMBOLS = [f"SYM{number:03d}" for number in range(100)]
DAYS = dagster.DailyPartitionsDefinition("2021-01-01", end_date="2026-01-01")  # 1826 days
PLACES = dagster.MultiPartitionsDefinition({"day": DAYS, "symbol": dagster.StaticPartitionsDefinition(SYMBOLS)})
PRICES = ("open", "high", "low", "close")
BARS = pandera.DataFrameSchema(
    {"ts": pandera.Column("datetime64[ns]", unique=True)}
    | {name: pandera.Column(float, pandera.Check.gt(0)) for name in PRICES}
    | {"volume": pandera.Column(float, pandera.Check.ge(0))},
    strict=True,
)


def _file(asset: str, place: dagster.MultiPartitionKey) -> Path:
    path: Path = DATA / asset / place.keys_by_dimension["symbol"] / f"{place.keys_by_dimension['day']}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _places(context: dagster.AssetExecutionContext) -> Iterator[dagster.MultiPartitionKey]:
    for key in context.partition_keys:
        yield key if isinstance(key, dagster.MultiPartitionKey) else PLACES.get_partition_key_from_str(key)


CHECKS = [dagster.AssetCheckSpec("schema", asset="bars_1m")]


@dagster.asset(partitions_def=PLACES, code_version="1", check_specs=CHECKS)  # type: ignore[untyped-decorator]  # Dagster is not installed here
def bars_1m(context: dagster.AssetExecutionContext) -> dagster.MaterializeResult:
    """Make a day of 1-minute bars, look at it, and keep it."""
    passed = True
    for place in _places(context):
        day = pd.date_range(place.keys_by_dimension["day"], periods=1440, freq="min").astype("datetime64[ns]")
        close = 100 + np.random.default_rng(len(str(place))).standard_normal(1440).cumsum() / 100
        columns = {"ts": day, "open": close, "high": close + 0.1, "low": close - 0.1, "close": close}
        frame = pd.DataFrame(columns | {"volume": np.ones(1440)})
        try:
            BARS.validate(frame)
        except pandera.errors.SchemaError:
            passed = False
        frame.to_parquet(_file("bars_1m", place), index=False)
    return dagster.MaterializeResult(check_results=[dagster.AssetCheckResult(check_name="schema", passed=passed)])


@dagster.asset(partitions_def=PLACES, deps=[bars_1m], code_version="1")  # type: ignore[untyped-decorator]  # as above
def bars_1h(context: dagster.AssetExecutionContext) -> None:
    """Make hours of a day's minutes."""
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    for place in _places(context):
        minutes = pd.read_parquet(_file("bars_1m", place)).set_index("ts")
        minutes.resample("1h").agg(how).reset_index().to_parquet(_file("bars_1h", place), index=False)


definitions = dagster.Definitions(assets=[bars_1m, bars_1h])
