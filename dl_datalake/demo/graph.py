"""The demo's steps on what the lake makes and moves by itself: coarser bars, what is stale, sealed months, tiers."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dl_datalake.demo import samples
from dl_datalake.demo.checks import check, compare, stored_rows
from dl_datalake.demo.samples import OHLCV, SAMPLES, plain_rows
from lake.aggregate import AggregateRequest, aggregate
from lake.check import verify
from lake.lineage import partition_states
from lake.manifest import Manifest
from lake.offload import OffloadRequest, RestoreRequest, offload, restore
from lake.seal import SealRequest, seal
from pipelines.assets import ASSETS
from pipelines.materialize import MaterializeRequest, materialize
from pipelines.selection import select
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from dl_datalake.demo.samples import Row
    from lake.config import Config
    from lake.ingest import FileReport

SERIES = "COINBASE/SPOT/BTCUSD-DAYS"
BARS = f"{SERIES}/bars/1m"
IBM = "USA/EQUITY/IBM"
LATER_DAYS = (23, 24, 25)
"""The sample's day once more on two days of one month and on the first of the next."""
PERIODS = {"5m": 300, "1h": 3600, "1d": 86_400}
RESTATED = slice(700, 703)
"""Minutes of the last day that the vendor corrects."""
NS = 1_000_000_000


class Graph:
    """The steps, on the demo's lake."""

    def __init__(self, config: Config, take: Callable[[Path, str], FileReport]) -> None:
        """Take the lake, and what ingests a file into an address."""
        self._config, self._take = config, take
        self._rows: list[dict[str, str]] = []

    def aggregate(self) -> tuple[str, dict[str, Any]]:
        """Make bars of bars and of trades, each equal to what plain Python makes of the source."""
        for days in LATER_DAYS:
            self._rows += [row | {"timestamp": _later(row["timestamp"], days)} for row in samples.plain()]
        self._take(samples.write(self._config.root, "three-days.csv", self._rows), BARS)
        made = {f"{SERIES}/bars/{period}": self._coarser(length) for period, length in PERIODS.items()}
        aggregate(self._config, AggregateRequest(Address.parse(BARS), tuple(PERIODS)))
        trades = next(sample for sample in SAMPLES if sample.address.startswith(IBM))
        ticks = ((ts, price, price, price, price, size) for ts, price, size in trades.rows())
        made[f"{IBM}/bars/1m"] = coarser(ticks, 60)
        aggregate(self._config, AggregateRequest(Address.parse(trades.address), ("1m",)))
        for address, rows in made.items():
            compare(self._config, "aggregate", address, OHLCV, rows)
        again = aggregate(self._config, AggregateRequest(Address.parse(BARS), tuple(PERIODS)))
        check("aggregate", "again", again.status, wanted="unchanged")
        counts = {address: len(rows) for address, rows in made.items()}
        text = f"1m → {', '.join(PERIODS)} in one pass, ticks → 1m: {sum(counts.values()):,} bars, as plain Python"
        return text, {"bars": counts}

    def stale(self) -> tuple[str, dict[str, Any]]:
        """Correct three minutes: what is made from them is stale, is made anew, and nothing else is."""
        check("stale", "before", self._stale(), wanted=[])
        before = self._file_ids()
        start = len(self._rows) * (len(LATER_DAYS) - 1) // len(LATER_DAYS)
        for row in self._rows[start:][RESTATED]:
            row["volume"] = str(float(row["volume"]) + 1)
        report = self._take(samples.write(self._config.root, "restated.csv", self._rows[start:][RESTATED]), BARS)
        check("stale", "corrected", report.rows["corrected"], wanted=3)
        stale = [f"{SERIES}/bars/1d@2016", f"{SERIES}/bars/1h@2016-11", f"{SERIES}/bars/5m@2016-11"]
        check("stale", "stale now", self._stale(), wanted=stale)
        first, second = self._materialize(), self._materialize()
        check("stale", "made anew", first, wanted=stale)
        check("stale", "made anew by a second call", second, wanted=[])
        after = self._file_ids()
        changed = sorted(name for name in before if before[name] != after[name])
        check("stale", "files replaced", [name for name in changed if not name.startswith(BARS)], wanted=stale)
        for period, length in PERIODS.items():
            compare(self._config, "stale", f"{SERIES}/bars/{period}", OHLCV, self._coarser(length))
        return f"3 bars restated → {len(stale)} partitions stale, those made anew; again: nothing to do", {
            "stale": stale
        }

    def seal(self) -> tuple[str, dict[str, Any]]:
        """Make one file of a month's two days; the rows stay as they are."""
        rows, before = stored_rows(self._config, BARS, OHLCV), len(self._paths())
        [month] = seal(self._config, SealRequest()).months
        check(
            "seal", "what was sealed", (str(month.address), month.partition, month.files), wanted=(BARS, "2016-10", 2)
        )
        check("seal", "files fewer", before - len(self._paths()), wanted=1)
        check("seal", "rows", stored_rows(self._config, BARS, OHLCV) == rows, wanted=True)
        check("seal", "stale", self._stale(), wanted=[])
        text = f"{month.files} day files of {month.partition} → 1 file, {month.rows:,} rows the same, nothing stale"
        return text, {"month": month.partition, "rows": month.rows}

    def offload(self) -> tuple[str, dict[str, Any]]:
        """Move two series to another folder and read them from there."""
        rows = stored_rows(self._config, BARS, OHLCV)
        cold = self._config.root / "cold"
        # Nobody else reads this lake, so nothing has to wait for them.
        request = OffloadRequest((f"{SERIES}/bars/*",), to=str(cold), grace_s=0, force=True)
        report = offload(self._config, request)
        check("offload", "findings", report.findings, wanted=[])
        check("offload", "hot copies removed", report.removed_files, wanted=report.files)
        here = [path for path in self._paths() if path.startswith(SERIES)]
        check("offload", "files left in the data folder", here, wanted=[])
        check("offload", "rows read across tiers", stored_rows(self._config, BARS, OHLCV) == rows, wanted=True)
        found = verify(self._config)
        check("offload", "clean", found.ok, wanted=True)
        text = f"{report.files} files copied, read back, hashed, gone from here; {len(rows):,} rows read from there"
        return text, {"files": report.files, "bytes": report.bytes, "tier": report.tier}

    def restore(self) -> tuple[str, dict[str, Any]]:
        """Bring them back."""
        rows = stored_rows(self._config, BARS, OHLCV)
        report = restore(self._config, RestoreRequest((f"{SERIES}/bars/*",)))
        here = [path for path in self._paths() if path.startswith(SERIES)]
        check("restore", "files in the data folder", len(here), wanted=report.files)
        check("restore", "rows", stored_rows(self._config, BARS, OHLCV) == rows, wanted=True)
        return f"{report.files} files back, each with the bytes it left with", {"files": report.files}

    def _coarser(self, seconds: int) -> list[Row]:
        path = samples.write(self._config.root, "as-it-should-be.csv", self._rows)
        return coarser(plain_rows(path), seconds)

    def _materialize(self) -> list[str]:
        with Manifest.open(self._config) as manifest:
            chosen = select(f"{SERIES}/bars/*", ASSETS, [row.address for row in manifest.series()])
        report = materialize(self._config, ASSETS, MaterializeRequest(chosen, missing=False))
        check("stale", "failures", report.failures, wanted=[])
        return sorted(f"{each.address}@{each.partition}" for each in report.planned)

    def _stale(self) -> list[str]:
        """Return every partition of the lake that is stale."""
        with Manifest.open(self._config) as manifest:
            return sorted(
                f"{row.address}@{each.partition}"
                for row in manifest.series()
                for each in partition_states(manifest, ASSETS, row.address)
                if each.state == "stale"
            )

    def _file_ids(self) -> dict[str, int]:
        with Manifest.open(self._config) as manifest:
            return {
                f"{row.address}@{label}": file.id
                for row in manifest.series()
                for label, file in manifest.current(row.id).items()
            }

    def _paths(self) -> list[str]:
        """Return the files a plain glob over the exchanges finds."""
        data = self._config.data
        return sorted(p.relative_to(data).as_posix() for p in data.glob("[!_]*/**/*.parquet"))


def coarser(rows: Iterable[Row], seconds: int) -> list[Row]:
    """Return bars of so many seconds made of finer bars, in plain Python; volumes are added as decimals."""
    made: list[Row] = []
    for start, group in itertools.groupby(rows, lambda row: int(row[0]) // (seconds * NS) * seconds * NS):
        bars: Sequence[Row] = list(group)
        volume = sum((Decimal(repr(float(bar[5]))) for bar in bars), Decimal(0))
        high, low = max(bar[2] for bar in bars), min(bar[3] for bar in bars)
        made.append((start, bars[0][1], high, low, bars[-1][4], float(volume)))
    return made


def _later(text: str, days: int) -> str:
    return (dt.datetime.fromisoformat(text) + dt.timedelta(days)).isoformat().replace("+00:00", "Z")
