"""A lake of a few old days, and a folder to offload them to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.offload import OffloadRequest, offload
from lake.read import Scan
from schemas.keys import Address
from tests.manifests import make_lake

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from lake.config import Config
    from lake.manifest import FileRow
    from lake.offload import MoveReport

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
FIRST_DAY = 18_993  # 2022-01-01
MINUTES = 5


def take_in(config: Config, days: range, close: float, symbol: str = "BTCUSDT") -> None:
    """Ingest a few bars of each day of 2022; another close makes them a correction."""
    path = config.root / f"{symbol}-{days.start}-{days.stop}-{close:g}.csv"
    with path.open("w") as stream:
        stream.write("ts,open,high,low,close,volume\n")
        for day in days:
            for minute in range(MINUTES):
                ms = (FIRST_DAY + day) * 86_400_000 + minute * 60_000
                stream.write(f"{ms},100.5,{1000 + day},1.25,{close + day + minute / 100},0.1\n")
    [file] = ingest(config, IngestRequest((str(path),), exchange="BINANCE", symbol=symbol, period="1m")).files
    assert file.status == "committed"


def old_lake(root: Path, days: int = 6) -> Config:
    """Return a lake of that many days from 2022-01-01 on."""
    config = make_lake(root)
    take_in(config, range(days), 100.0)
    return config


def content(config: Config, as_of: int | None = None) -> pa.Table:
    """Read all of the series."""
    with Manifest.open(config) as manifest:
        return Scan(config, manifest, [BTC], as_of=as_of).to_arrow()


def live(config: Config) -> dict[str, FileRow]:
    """Return the live files by partition."""
    with Manifest.open(config) as manifest:
        series = manifest.find(BTC)
        assert series is not None
        return manifest.current(series.id)


def tiers_of(config: Config) -> dict[str, str]:
    """Return the tier of each partition."""
    return {label: file.tier for label, file in live(config).items()}


def move(config: Config, to: Path | str | None = None, **asked: Any) -> MoveReport:  # noqa: ANN401 -- any field of the request
    """Offload, and keep the hot copies for an hour."""
    return offload(config, OffloadRequest(to=None if to is None else str(to), **asked))


def move_away(config: Config, to: Path | str | None = None, **asked: Any) -> MoveReport:  # noqa: ANN401 -- as above
    """Offload, and remove the hot copies at once."""
    return move(config, to, grace_s=0, force=True, **asked)


def hot_files(config: Config) -> set[str]:
    """Return the files that a glob over the exchanges finds."""
    return {path.relative_to(config.data).as_posix() for path in config.data.glob("[A-Z]*/**/*.parquet")}
