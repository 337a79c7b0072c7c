"""A lake that every verb has been at, and all that can be asked of it, to compare what a repair makes of it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lake.aggregate import AggregateRequest, aggregate
from lake.config import Config, TierSettings
from lake.delete import DeleteRequest, delete
from lake.expire import ExpireRequest, expire
from lake.features.registering import register
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest, Writer
from lake.offload import OffloadRequest, RestoreRequest, offload, restore
from lake.read import Scan
from lake.reference import ImportRequest, import_file
from lake.rollback import RollbackRequest, rollback
from lake.seal import SealRequest, seal
from lake.snapshots import create, drop
from lake.vacuum import VacuumRequest, vacuum
from lake.write import write
from schemas.columns import Column
from schemas.features import FeatureSet
from schemas.keys import Address
from tests.sealing import FAR_NS
from tests.tables import trade, trades

if TYPE_CHECKING:
    from pathlib import Path

BTC = Address.of("BINANCE", "SPOT", "BTCUSDT", "bars", "1m")
ETH = Address.of("BINANCE", "SPOT", "ETH/USDT", "bars", "1m")
TICKS = Address.of("BINANCE", "SPOT", "BTCUSDT", "ticks", "trade")
DAY = 19_000
"""2022-01-08, in days since the epoch."""
DAY_NS = 86_400 * 10**9
ONLY_IN_THE_MANIFEST = {
    ("lake", "created_ns"),
    ("runs", "ended_ns"),
    ("files", "verified_at_ns"),
}
"""Columns that the log does not tell."""


def bare(root: Path, *, tier: bool = True) -> Config:
    """Return the configuration of a lake, with a tier or without, of which nothing is there yet."""
    cold = {"cold": TierSettings(root / "cold")} if tier else {}
    lake = root / "lake"
    return Config(lake, lake / "data", lake / "manifest.db", threads=2, wait_s=5.0, tiers=cold)


def source(path: Path, days: range, close: float, *, bad: int = 0) -> str:
    """Write a vendor's file of a few bars of each day, with some lines that are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        stream.write("ts,open,high,low,close,volume\n")
        for day in days:
            for minute in range(5):
                ms = (DAY + day) * 86_400_000 + minute * 60_000
                stream.write(f"{ms},100.5,{2000 + day},0.25,{close + day + minute / 100},0.1\n")
        for line in range(bad):
            stream.write(f"{(DAY + days.start) * 86_400_000 + (600 + line) * 60_000},x,1,1,1,é{line}\n")
    return str(path)


def take(config: Config, path: str, symbol: str = "BTCUSDT") -> None:
    """Ingest a source."""
    [file] = ingest(config, IngestRequest((path,), exchange="BINANCE", symbol=symbol, period="1m")).files
    assert file.status == "committed"


A_SET = FeatureSet("mood", "1", (Column("mood", "float64"),), inputs=("bars/1m",))


def lake_of_many_verbs(root: Path) -> Config:
    """Return a lake that was written to in every way, with a tier beside it."""
    config = bare(root)
    inbox = root / "inbox"
    Manifest.create(config)
    take(config, source(inbox / "a.csv", range(40), 100.0, bad=3))
    take(config, source(inbox / "b.csv", range(10), 50.0), "ETH/USDT")
    write(config, TICKS, trades(*(trade(DAY * DAY_NS + n, 1.0 + n, str(n)) for n in range(20))))
    aggregate(config, AggregateRequest(BTC, ("5m", "1h", "1d")))
    take(config, source(inbox / "c.csv", range(5, 9), 101.0, bad=2))
    create(config, "before-delete", message="to come back to")
    delete(config, DeleteRequest((str(BTC),), (DAY + 35) * DAY_NS, (DAY + 37) * DAY_NS))
    rollback(config, RollbackRequest((str(ETH),), "before-delete"))
    delete(config, DeleteRequest((str(ETH),), (DAY + 8) * DAY_NS, None))
    rollback(config, RollbackRequest((str(ETH),), "before-delete"))
    seal(config, SealRequest((str(BTC), str(ETH))), now_ns=FAR_NS)
    take(config, source(inbox / "d.csv", range(3, 4), 102.0))
    offload(config, OffloadRequest((str(ETH),), to="cold", older_than_ns=0, grace_s=0, force=True))
    offload(config, OffloadRequest((str(TICKS),), to="cold", older_than_ns=0))
    aggregate(config, AggregateRequest(BTC, ("5m", "1h", "1d")))
    restore(config, RestoreRequest((str(ETH),)))
    create(config, "late")
    drop(config, "late")
    create(config, "late")
    register(config, A_SET)
    register(config, replace(A_SET, columns=(*A_SET.columns, Column("more", "float64", nullable=True))))
    known = inbox / "known.csv"
    for line in ("0.01,XNYS", "0.02,"):
        known.write_text(f"tick_size,calendar\n{line}\n")
        import_file(config, ImportRequest("instrument", known, "BINANCE", "SPOT", "BTCUSDT"))
    expire(config, ExpireRequest(keep_last=5, force=True))
    vacuum(config, VacuumRequest(grace_s=0, force=True))
    take(config, source(inbox / "e.csv", range(41, 42), 103.0))
    with Writer(config) as writer:
        writer.end_run(writer.start_run("ingest", "in vain"), "refused", {"code": "E_X", "message": "", "where": ""})
    return config


def dump(config: Config) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, but for what only the manifest knew."""
    connection = sqlite3.connect(config.manifest)
    connection.row_factory = sqlite3.Row
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        if not name.startswith(("sqlite_", "_sqlite_migrations"))
    ]
    found: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 -- our own tables
        if table == "runs":
            rows = [row for row in rows if row["snapshot"] is not None]
        if table == "moves":  # of earlier moves nobody asks any more
            last = {row["file_id"]: row["id"] for row in rows}
            rows = [row if row["id"] == last[row["file_id"]] else row | {"hot_gone": None} for row in rows]
        for row in rows:
            for key in row:
                if (table, key) in ONLY_IN_THE_MANIFEST:
                    row[key] = None
        found[table] = sorted(rows, key=repr)
    connection.close()
    return found


def reads(config: Config) -> dict[tuple[int, str], Any]:
    """Read every series as of every snapshot that can be read; what it gives, or how it fails."""
    from lake.errors import LakeError

    found: dict[tuple[int, str], Any] = {}
    with Manifest.open(config) as manifest:
        for snapshot in range(1, manifest.snapshot() + 1):
            try:
                manifest.refuse_expired(snapshot)
                addresses = [series.address for series in manifest.series(snapshot=snapshot)]
            except LakeError as error:
                found[snapshot, ""] = error.code
                continue
            for address in addresses:
                found[snapshot, str(address)] = Scan(config, manifest, [address], as_of=snapshot).to_arrow().to_pylist()
    return found
