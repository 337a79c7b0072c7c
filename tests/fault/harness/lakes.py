"""What a lake holds, told so that two can be compared; and how the lakes of faults are laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from lake.config import Config, TierSettings
from lake.declared import schema_of
from lake.ingest import IngestReport, IngestRequest, ingest
from lake.manifest import Manifest, graph
from lake.manifest.feature_sets import feature_sets
from lake.manifest.reference import Kind, reference
from lake.read import Scan
from lake.rows import ContentHash
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
DAY_NS = 86_400 * 10**9
FIRST_DAY = 19_000
"""2022-01-08, in days since the epoch."""
FAR_NS = 4_000_000_000 * 10**9
"""The year 2096: every month is over."""


def at(home: Path, *, threads: int = 2) -> Config:
    """Return the lake in a folder that holds it, and beside it a folder of sources and of the tier."""
    root = home / "lake"
    cold = {"cold": TierSettings(home / "files" / "cold")}
    return Config(root, root / "data", root / "manifest.db", threads=threads, wait_s=5.0, tiers=cold)


def write_source(path: Path, days: Iterable[int], close: float) -> None:
    """Write twelve bars for each day, counted from the first one."""
    with path.open("w") as stream:
        stream.write("ts,open,high,low,close,volume\n")
        for day in days:
            for minute in range(12):
                ms = (FIRST_DAY + day) * 86_400_000 + minute * 60_000
                stream.write(f"{ms},100.5,{2000 + day},99.25,{close + day + minute / 100},0.1\n")


def take(config: Config, source: Path) -> IngestReport:
    """Ingest a source of `write_source`."""
    return ingest(config, IngestRequest(sources=(str(source),), exchange="BINANCE", symbol="BTCUSDT", period="1m"))


@dataclass(frozen=True)
class State:
    """What a lake holds: of each natural partition the content hash, and in which files of which tier that lies.

    And what it knows beside rows: the feature sets, and what rows that were computed elsewhere were made from.
    """

    parts: dict[str, str]
    files: list[str]
    told: list[str]


def state(config: Config, *, read: bool = True) -> State:
    """Return what the lake holds, and make sure that reading gives just that; nothing where there is no lake.

    Args:
        config: The lake.
        read: Whether there are files to read.
    """
    parts: dict[str, str] = {}
    files: list[str] = []
    told: list[str] = []
    if not config.manifest.exists():
        return State(parts, files, told)
    with Manifest.open(config) as manifest:
        for series in manifest.series():
            rows = graph.parts(manifest, series.id, None, None)
            assert not read or _content(config, manifest, series.address) == graph.inputs(rows)
            parts |= {f"{series.address} {row.partition}": row.content_hash for row in rows}
            files += [f"{series.address} {file.partition} {file.tier}" for file in manifest.current(series.id).values()]
            told += [
                f"{series.address} {made.partition} {made.upstream} {made.inputs} {made.code_version}"
                for made in graph.written_at(manifest, series.id, manifest.snapshot())
            ]
        told += [f"{row.key} {row.stage} {row.definition}" for row in feature_sets(manifest)]
        for kind in get_args(Kind):
            told += [f"{row.kind} {row.key} {row.definition}" for row in reference(manifest, kind)]
    return State(parts, sorted(files), sorted(told))


def _content(config: Config, manifest: Manifest, address: Address, snapshot: int | None = None) -> str:
    content = ContentHash(schema_of(config, address.key, snapshot))
    content.update(Scan(config, manifest, [address], as_of=snapshot).to_arrow())
    return content.hexdigest()


def as_of(config: Config, snapshot: int, *, read: bool = True) -> dict[str, str]:
    """Return the content hash of every series that had rows at a snapshot, of the rows themselves where it is read."""
    found: dict[str, str] = {}
    with Manifest.open(config) as manifest:
        for series in manifest.series(snapshot=snapshot):
            rows = graph.parts(manifest, series.id, None, None, snapshot)
            if rows and read:
                found[str(series.address)] = _content(config, manifest, series.address, snapshot)
            elif rows:
                found[str(series.address)] = graph.inputs(rows)
    return found


def newest(config: Config) -> int:
    """Return the number of the newest snapshot; 0 where there is none, nor a lake."""
    if not config.manifest.exists():
        return 0
    with Manifest.open(config) as manifest:
        return manifest.snapshot()
