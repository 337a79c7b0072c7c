"""Small manifests to test with: an empty lake, and records that name files nobody needs to have written."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lake.config import Config
from lake.manifest import (
    Change,
    Instrument,
    LedgerRecord,
    Manifest,
    NewDerivation,
    NewFile,
    NewPart,
    SourceRecord,
    Writer,
    graph,
)
from schemas.keys import Address, Partition

if TYPE_CHECKING:
    from pathlib import Path

BTC = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address("BINANCE", "SPOT", "ETHUSDT", "bars", "1m")
HOURLY = Address("BINANCE", "SPOT", "BTCUSDT", "bars", "1h")
MINUTE_NS = 60 * 10**9


def make_lake(root: Path) -> Config:
    """Return an initialised lake's configuration."""
    config = Config(root=root, data=root / "data", manifest=root / "manifest.db", wait_s=5.0)
    assert Manifest.create(config)
    return config


def newest(config: Config) -> int:
    """Return the number of the newest snapshot."""
    with Manifest.open(config) as manifest:
        return manifest.snapshot()


def new_file(
    label: str,
    *,
    address: Address = BTC,
    tag: str = "a",
    replaces: int | None = None,
    **changes: Any,  # noqa: ANN401 -- any field of the record
) -> NewFile:
    """Return a file of 1440 bars for one partition; its hash is of its path, which `tag` tells from others."""
    partition = Partition.parse(label)
    path = f"{address}/{partition.path}/{tag}.parquet"
    facts: dict[str, Any] = {
        "address": address,
        "partition": label,
        "start_ns": partition.start_ns,
        "end_ns": partition.end_ns,
        "path": path,
        "rows": 1440,
        "bytes": 34_000,
        "first_ns": partition.start_ns,
        "last_ns": partition.end_ns - MINUTE_NS,
        "sha256": hashlib.sha256(path.encode()).hexdigest(),
        "content_hash": f"rows128:{hashlib.md5(tag.encode(), usedforsecurity=False).hexdigest()}",
        "schema_version": 1,
        "replaces": replaces,
    }
    return NewFile(**facts | changes)


def commit(config: Config, *files: NewFile, **changes: Any) -> int:  # noqa: ANN401 -- any field of a change
    """Commit files as one run's write; return the snapshot."""
    with Writer(config) as writer:
        run_id = writer.start_run("write", "dl write")
        snapshot = writer.commit(Change(run_id, changes.pop("operation", "write"), files=list(files), **changes))
        writer.end_run(run_id, "ok")
    return snapshot


def ingest(config: Config, key: str, *files: NewFile, **changes: Any) -> int:  # noqa: ANN401 -- as above
    """Commit files as the ingest of one source."""
    facts: dict[str, Any] = {
        "source": SourceRecord(hashlib.sha256(key.encode()).hexdigest(), f"{key}.csv", f"/in/{key}.csv", 1000, "csv"),
        "ledger": LedgerRecord(read=1440, new=1440, rows_out=1440),
        "ingest_key": key,
        "touched": [(file.address, file.partition) for file in files],
        "instruments": {file.address: Instrument(file.address.symbol) for file in files},
        "report": {"source": f"{key}.csv"},
    }
    return commit(config, *files, operation="ingest", **facts | changes)


def live_ids(config: Config, address: Address = BTC) -> dict[str, int]:
    """Return the ids of a series' live files by partition."""
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        return {} if series is None else {label: row.id for label, row in manifest.current(series.id).items()}


def derived(config: Config, label: str, **changes: Any) -> NewDerivation:  # noqa: ANN401 -- any field of the record
    """Return how a partition of hourly bars is made from the minute bars that are stored now."""
    partition = Partition.parse(label)
    facts: dict[str, Any] = {
        "address": HOURLY,
        "partition": label,
        "upstream": BTC,
        "start_ns": partition.start_ns,
        "end_ns": partition.end_ns,
        "code_version": "1",
        "schema_version": 1,
    } | changes
    with Manifest.open(config) as manifest:
        series = manifest.find(facts["upstream"])
        parts = [] if series is None else graph.parts(manifest, series.id, facts["start_ns"], facts["end_ns"])
    return NewDerivation(**{"inputs": graph.inputs(parts)} | facts)


def sealed(config: Config, label: str, address: Address = BTC) -> NewFile:
    """Return one file of all the days of a month that are stored now."""
    month = Partition.parse(label)
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        days = [] if series is None else graph.parts(manifest, series.id, month.start_ns, month.end_ns)
    parts = tuple(NewPart(day.partition, day.rows, day.first_ns, day.last_ns, day.content_hash) for day in days)
    return new_file(label, address=address, tag="sealed", content_hash=graph.inputs(days), parts=parts)
