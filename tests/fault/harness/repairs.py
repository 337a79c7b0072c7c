"""Lakes that lost something, and what is asked of their repair: for the table of verbs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from lake.check import verify
from lake.encoding import encoding
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.offload import OffloadRequest, offload
from lake.repair import RepairReport, RepairRequest, repair
from lake.seal import SealRequest, seal
from lake.snapshots import create
from tests.fault.harness.lakes import FAR_NS, FIRST_DAY, state, take, write_source

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

# ---- the lakes before ------------------------------------------------------------------------------------------------


def _months(config: Config, folder: Path) -> None:
    """Make a lake of sealed months, one of which was opened again by a late day; its source holds a bad line, too."""
    write_source(folder / "base.csv", range(0, 75, 15), 100.0)
    write_source(folder / "late.csv", (15, 31), 102.0)
    with (folder / "late.csv").open("a") as stream:
        stream.write(f"{(FIRST_DAY + 40) * 86_400_000},x,1,1,1,1\n")
    Manifest.create(config)
    take(config, folder / "base.csv")
    seal(config, SealRequest(), now_ns=FAR_NS)
    create(config, "clean")
    ingest(
        config,
        IngestRequest((str(folder / "late.csv"),), exchange="BINANCE", symbol="BTCUSDT", period="1m", max_bad="50%"),
    )


def _offload(config: Config, folder: Path, *, remove: bool) -> None:
    grace_s = 0.0 if remove else 3600.0
    offload(config, OffloadRequest(to=str(folder / "cold"), older_than_ns=0, grace_s=grace_s, force=remove))


def without_manifest(config: Config, folder: Path) -> None:
    """Lose the manifest of a lake that holds records in quarantine, a tier, a name and sealed months."""
    _months(config, folder)
    _offload(config, folder, remove=True)
    config.manifest.unlink()


def without_log(config: Config, folder: Path) -> None:
    """Spoil the log of such a lake, records in quarantine included, at its end and in the middle."""
    _months(config, folder)
    text = config.log.read_bytes()
    middle = len(text) // 2
    config.log.write_bytes(text[:middle] + b"#" + text[middle + 1 : -9])


def without_records(config: Config, folder: Path) -> None:
    """Lose the manifest and the log of a lake, and have a file in it that no commit took."""
    _months(config, folder)
    _offload(config, folder, remove=False)
    whole = next(config.data.glob("BINANCE/**/*.parquet"))
    stray = whole.with_name(f"f{whole.name[1:]}")
    shutil.copyfile(whole, stray)
    config.manifest.unlink()
    config.log.unlink()


def spoilt_copies(config: Config, folder: Path) -> None:
    """Have files of a tier damaged or missing there, and whole in the data root, and one the other way round."""
    _months(config, folder)
    _offload(config, folder, remove=False)
    first, second, third, *_ = sorted((folder / "cold").rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:-9])
    second.unlink()
    _spoil(config.data / third.relative_to(folder / "cold"))


def spoilt_files(config: Config, folder: Path) -> None:
    """Have a day damaged that only its source tells."""
    _months(config, folder)
    _spoil(next(config.data.glob("BINANCE/*/*/*/*/*/*/*/*.parquet")))


def _spoil(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-9])


# ---- the acts --------------------------------------------------------------------------------------------------------


def repair_log(config: Config, _folder: Path) -> RepairReport:
    return repair(config, RepairRequest("log"))


def repair_manifest(config: Config, _folder: Path) -> RepairReport:
    return repair(config, RepairRequest("manifest"))


def repair_copies(config: Config, _folder: Path) -> RepairReport:
    report = repair(config, RepairRequest("cold"))
    assert report.ok, report.broken
    return report


def repair_sources(config: Config, _folder: Path) -> RepairReport:
    report = repair(config, RepairRequest("source"))
    assert report.ok, report.broken
    return report


def repair_sources_anew(config: Config, _folder: Path) -> RepairReport:
    """Repair as a program does that writes other bytes than the one that wrote the files."""
    with patch("lake.files.encoding", lambda *given: encoding(*given) | {"compression": "gzip"}):
        return repair(config, RepairRequest("source"))


def told_of_repair(report: Any, finished: bool) -> None:  # noqa: ANN401, FBT001 -- as Verb says
    assert report.status == ("unchanged" if finished else "repaired")


def all_whole(config: Config, _folder: Path) -> None:
    """Find every file as it was stored, wherever it is read from."""
    assert verify(config).ok
    assert state(config) == state(config, read=False)


def present_whole(config: Config, _folder: Path) -> None:
    """Find every live file as it was stored."""
    with Manifest.open(config) as manifest:
        live = {file.path for file in manifest.all_files(live_only=True)}
    assert not live & {damage.path for damage in verify(config).damaged}
    assert state(config) == state(config, read=False)
