"""The steps of `dl demo`, in order; each raises when what it is to show is not so."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dl_datalake.client import Lake
from dl_datalake.demo import samples
from dl_datalake.demo.checks import check, compare
from dl_datalake.demo.features import Features
from dl_datalake.demo.graph import Graph
from dl_datalake.demo.samples import OHLCV, SAMPLES, plain_rows
from lake.check import verify
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from schemas.keys import Address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lake.config import Config
    from lake.ingest import FileReport

MARK = ".dl-demo"
_HALF = 1000
_OVERLAP = 500
_CORRECTED_ROW = 700
_BAD = "COINBASE/SPOT/BTCUSD-BAD/bars/1m"
_PARTS = "COINBASE/SPOT/BTCUSD-PARTS/bars/1m"
_BTCUSD = SAMPLES[0].address


@dataclass(frozen=True, slots=True)
class Done:
    """A step that held: its name, a line for people, how long it took, and its figures."""

    name: str
    text: str
    seconds: float
    facts: dict[str, Any]


@dataclass(slots=True)
class Demo:
    """A fresh lake, and what the steps hand on to each other."""

    config: Config
    before_correction: int = 0
    notes: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Iterator[Done]:
        """Run every step; UNEXPECTED with the step's name when something is not as it must be."""
        for name, step in self._steps():
            started = time.perf_counter()
            text, facts = step()
            yield Done(name, text, time.perf_counter() - started, facts)

    def _steps(self) -> tuple[tuple[str, Callable[[], tuple[str, dict[str, Any]]]], ...]:
        graph, features = Graph(self.config, self._take), Features(self.config, self._take)
        return (
            ("init", self._init),
            ("ingest", self._ingest),
            ("again", self._again),
            ("quarantine", self._quarantine),
            ("overlap", self._overlap),
            ("read back", self._read_back),
            ("as-of", self._as_of),
            ("aggregate", graph.aggregate),
            ("stale", graph.stale),
            ("seal", graph.seal),
            ("offload", graph.offload),
            ("restore", graph.restore),
            ("features", features.serve),
            ("audit", features.audit),
            ("verify", self._verify),
        )

    def _init(self) -> tuple[str, dict[str, Any]]:
        created = Manifest.create(self.config)
        check("init", "a new manifest was made", created, wanted=True)
        check("init", "made again", Manifest.create(self.config), wanted=False)
        return "a new lake; making it again changes nothing", {"manifest": str(self.config.manifest)}

    def _ingest(self) -> tuple[str, dict[str, Any]]:
        total = 0
        for sample in SAMPLES:
            report = self._take(sample.path, sample.address)
            count = sum(1 for _ in sample.parse(sample.path))
            check("ingest", f"{sample.file}: rows read", report.rows["read"], wanted=count)
            check("ingest", f"{sample.file}: rows new", report.rows["new"], wanted=count)
            check("ingest", f"{sample.file}: goes to", report.addresses, wanted=[sample.address])
            total += count
        data = list(self.config.data.rglob("*.parquet"))
        size = sum(path.stat().st_size for path in data)
        text = f"{len(SAMPLES)} vendor files, {total:,} rows read, all new → {len(data):,} files, {size / 1e6:.1f} MB"
        return text, {"sources": len(SAMPLES), "rows": total, "files": len(data), "bytes": size}

    def _again(self) -> tuple[str, dict[str, Any]]:
        before = sorted(self.config.data.rglob("*.parquet")), self._snapshot()
        for sample in SAMPLES:
            report = self._take(sample.path, sample.address)
            check("again", f"{sample.file}: status", report.status, wanted="unchanged")
        after = sorted(self.config.data.rglob("*.parquet")), self._snapshot()
        check("again", "files and snapshot", after, wanted=before)
        return "the same files: 0 new rows, no new file, no new snapshot", {"new": 0}

    def _quarantine(self) -> tuple[str, dict[str, Any]]:
        rows = samples.plain()
        spoiled = {
            100: ("ohlc_inconsistent", {"high": "1"}),
            200: ("bad_number", {"close": "n/a"}),
            300: ("off_grid", {"timestamp": rows[300]["timestamp"][:-3] + "17Z"}),
        }
        for place, (_, cells) in spoiled.items():
            rows[place] |= cells
        report = self._take(samples.write(self.config.root, "planted-bad-rows.csv", rows), _BAD)
        wanted = dict.fromkeys((reason for reason, _ in spoiled.values()), 1)
        check("quarantine", "reasons", report.rejected, wanted=wanted)
        check("quarantine", "good rows stored", report.rows["new"], wanted=len(rows) - len(spoiled))
        with Manifest.open(self.config) as manifest:
            kept = sorted((row.line, row.reason) for row in manifest.quarantine_rows(report.run or ""))
        # Line 1 is the header.
        check("quarantine", "lines", kept, wanted=[(place + 2, reason) for place, (reason, _) in spoiled.items()])
        reasons = ", ".join(f"{reason} on line {line}" for line, reason in kept)
        return f"3 bad rows planted → 3 kept aside: {reasons}", {"rejected": report.rejected, "run": report.run}

    def _overlap(self) -> tuple[str, dict[str, Any]]:
        rows = samples.plain()
        first = self._take(samples.write(self.config.root, "first-part.csv", rows[:_HALF]), _PARTS)
        second = self._take(samples.write(self.config.root, "second-part.csv", rows[_HALF - _OVERLAP :]), _PARTS)
        check("overlap", "first part: new", first.rows["new"], wanted=_HALF)
        found = {name: second.rows[name] for name in ("new", "identical", "corrected")}
        check("overlap", "second part", found, wanted={"new": len(rows) - _HALF, "identical": _OVERLAP, "corrected": 0})
        compare(self.config, "overlap", _PARTS, OHLCV, list(plain_rows(samples.folder() / samples.PLAIN)))
        return f"two files that share {_OVERLAP} rows: {_OVERLAP} identical, the rest new, together the whole", found

    def _read_back(self) -> tuple[str, dict[str, Any]]:
        total = 0
        for sample in SAMPLES:
            rows = sample.rows()
            compare(self.config, "read back", sample.address, sample.columns, rows)
            total += len(rows)
        return f"{total:,} rows equal to the sources, as csv and zipfile alone read them", {"rows": total}

    def _as_of(self) -> tuple[str, dict[str, Any]]:
        rows = samples.plain()
        old = rows[_CORRECTED_ROW]
        new = old | {"volume": str(float(old["volume"]) + 1)}
        before = self._snapshot()
        path = samples.write(
            self.config.root, "correction.csv", [rows[_CORRECTED_ROW - 1], new, rows[_CORRECTED_ROW + 1]]
        )
        report = self._take(path, _BTCUSD)
        found = {name: report.rows[name] for name in ("new", "identical", "corrected")}
        check("as-of", "correction", found, wanted={"new": 0, "identical": 2, "corrected": 1})
        for snapshot, row in ((before, old), (report.snapshot, new)):
            with Lake(self.config) as lake:
                result = lake.read(_BTCUSD, start=old["timestamp"], as_of=snapshot, columns=["volume"])
                volume = result.head(1)["volume"][0].as_py()
            check("as-of", f"volume at snapshot {snapshot}", volume, wanted=float(row["volume"]))
        facts = {"before": {"snapshot": before, "volume": float(old["volume"])}}
        facts["after"] = {"snapshot": report.snapshot, "volume": float(new["volume"])}
        text = (
            f"1 bar corrected: volume {old['volume']} as of snapshot {before}, {new['volume']} as of {report.snapshot}"
        )
        return text, facts

    def _verify(self) -> tuple[str, dict[str, Any]]:
        clean = verify(self.config)
        check("verify", "clean", clean.ok, wanted=True)
        victim = min(self.config.data.rglob("*.parquet"))
        original = victim.read_bytes()
        middle = len(original) // 2
        mode = victim.stat().st_mode
        victim.chmod(0o644)  # a disk that rots asks no permission
        try:
            victim.write_bytes(original[:middle] + bytes([original[middle] ^ 1]) + original[middle + 1 :])
            found = [damage.path for damage in verify(self.config).damaged]
        finally:
            victim.write_bytes(original)
            victim.chmod(mode)
        name = victim.relative_to(self.config.data).as_posix()
        check("verify", "the damaged file", found, wanted=[name])
        check("verify", "clean when put back", verify(self.config).ok, wanted=True)
        text = f"{clean.files_ok:,} files as stored; one bit flipped on purpose → found in {name} → put back"
        return text, {"files_ok": clean.files_ok, "damaged": found}

    def _take(self, path: Path, address: str) -> FileReport:
        place = Address.parse(address)
        request = IngestRequest(sources=(str(path),), exchange=place.exchange, market=place.market, symbol=place.symbol)
        [report] = ingest(self.config, request).files
        return report

    def _snapshot(self) -> int:
        with Manifest.open(self.config) as manifest:
            return manifest.snapshot()


def prepare(folder: Path) -> None:
    """Make an empty folder for the demo: only one that an earlier demo made is taken down."""
    if folder.is_symlink() or (folder.exists() and not (folder / MARK).is_file()):
        raise LakeError(
            "USAGE",
            f"{folder} exists and is not a demo lake",
            why="The demo takes its own folder down and makes it anew; it touches no other.",
            fix=["dl demo OTHER_FOLDER"],
        )
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARK).write_text("Made by `dl demo`, which takes this folder down when it runs again.\n")
