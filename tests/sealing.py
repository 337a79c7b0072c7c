"""Sealing whatever there is, and looking at a lake as its users and other engines do, to compare it with another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.dataset as ds

from lake.manifest import Manifest
from lake.read import Scan
from lake.seal import SealReport, SealRequest, seal
from lake.write import live_files

if TYPE_CHECKING:
    import pyarrow as pa

    from lake.config import Config
    from lake.manifest import FileRow
    from schemas.keys import Address

FAR_NS = 4_000_000_000 * 10**9
"""The year 2096: every month of a test is over."""


def seal_all(config: Config, **options: Any) -> SealReport:  # noqa: ANN401 -- any field of a request
    """Seal every month."""
    return seal(config, SealRequest(**options), now_ns=FAR_NS)


def table(config: Config, address: Address, as_of: int | None = None) -> pa.Table:
    """Return all rows of a series."""
    with Manifest.open(config) as manifest:
        return Scan(config, manifest, [address], as_of=as_of).to_arrow()


def natural(config: Config, address: Address) -> dict[str, FileRow]:
    """Return what the natural partitions hold."""
    with Manifest.open(config) as manifest:
        return live_files(manifest, address)


def content(config: Config, address: Address) -> dict[str, tuple[int, int, int, str, tuple[int, ...]]]:
    """Return what is known of each natural partition's rows, however they lie in files."""
    return {
        label: (row.rows, row.first_ns, row.last_ns, row.content_hash, row.unproven)
        for label, row in natural(config, address).items()
    }


def live(config: Config, address: Address) -> list[str]:
    """Return the labels of the live files."""
    with Manifest.open(config) as manifest:
        series = manifest.find(address)
        return [] if series is None else sorted(manifest.current(series.id))


def by_glob(config: Config, address: Address) -> pa.Table:
    """Return the rows another engine sees in the series' folder."""
    paths = sorted(str(path) for path in (config.data / str(address)).rglob("*.parquet"))
    return ds.dataset(paths, format="parquet").to_table()
