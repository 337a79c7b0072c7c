"""Bits that flip and files that end too early: a lake laid out for it, and what is found of the damage."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lake import files
from lake.check import VerifyReport, verify, verify_manifest
from lake.errors import LakeError
from lake.ingest import IngestRequest, ingest
from lake.manifest import Manifest
from lake.read import Scan
from lake.snapshots import create
from lake.write import write
from schemas.keys import Address
from tests.fault.harness.sweep import Tally
from tests.rotten import overwrite
from tests.sealing import seal_all
from tests.tables import bar, bars, quote, quotes, trade, trades

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable
    from pathlib import Path

    import pyarrow as pa

    from lake.config import Config

BARS, TRADES, QUOTES = (
    Address.of("BINANCE", "SPOT", "BTCUSDT", *key.split("/")) for key in ("bars/1m", "ticks/trade", "ticks/quote")
)
FOUND = "verify finds every flipped bit and every file that was cut short"
SILENT = "what is read is what was stored, or an error"
CLEAN = "damage is a LakeError"
DAY = 1440
DAY_NS = 86_400 * 10**9
PASSED_OVER = 0.98
"""Of zeros nearly all: much of a small manifest is room nobody has used yet."""
FREE = {
    "runs": {"status", "ended_ns", "error", "snapshot"},
    "files": {"verified_at_ns"},
    "lake": {"created_ns"},
    "_sqlite_migrations": {"id", "applied_at"},
    "quarantine": {"id"},
    "checks": {"id"},
    "moves": {"hot_gone"},
    "derivations": {"suspect"},
}
"""Columns that tell of this machine or follow from others: no snapshot's hash covers them."""


def lay_out(config: Config, source: Path) -> None:
    """Fill a lake: days, a sealed month of several row groups, a replaced file, ticks, and records in quarantine."""
    dice = random.Random(9)  # noqa: S311 -- the same rows every time
    write(config, BARS, bars(*(bar(minute, 100 + dice.random()) for minute in range(0, 3 * DAY, 29))))
    write(config, TRADES, trades(*(trade(at * 10**9, float(dice.randint(1, 9)), str(at)) for at in range(80))))
    write(config, QUOTES, quotes(*(quote(at * 10**9, 1.0 + dice.random()) for at in range(60))))
    create(config, "first")
    write(config, BARS, bars(bar(DAY + 7, 50.0)))
    files.ROW_GROUP, whole = 64, files.ROW_GROUP
    try:
        seal_all(config)
    finally:
        files.ROW_GROUP = whole
    write(config, BARS, bars(*(bar(40 * DAY + minute, 70.0 + minute) for minute in range(30))))
    lines = [f"{(45 * DAY + minute) * 60},5,6,4,5,1\n" for minute in range(60)]
    lines[7] = lines[7].replace(",6,4,", ",3,4,")
    source.write_text("ts,open,high,low,close,volume\n" + "".join(lines))
    told = IngestRequest((str(source),), exchange="BINANCE", symbol="BTCUSDT", period="1m", words={"time-unit": "s"})
    [report] = ingest(config, told).files
    assert report.rows["quarantined"] == 1


@dataclass(frozen=True)
class Question:
    """Something to be read."""

    address: Address
    as_of: int | str | None = None
    columns: tuple[str, ...] | None = None
    start_ns: int | None = None
    end_ns: int | None = None

    def ask(self, config: Config) -> pa.Table:
        """Read it."""
        with Manifest.open(config) as manifest:
            scan = Scan(
                config,
                manifest,
                [self.address],
                columns=self.columns,
                as_of=self.as_of,
                start_ns=self.start_ns,
                end_ns=self.end_ns,
            )
            return scan.to_arrow()


QUESTIONS = (
    Question(BARS),
    Question(TRADES),
    Question(QUOTES),
    Question(BARS, "first"),
    Question(BARS, 4, ("ts", "close")),
    Question(BARS, None, ("close",), DAY_NS // 2, 2 * DAY_NS),
)


class Rot:
    """A lake whose files are changed and put back, one after the other."""

    def __init__(self, config: Config, seed: int) -> None:
        """Remember the lake as it is.

        Args:
            config: The lake of `lay_out`.
            seed: For what is left to chance.
        """
        self.config = config
        self.dice = random.Random(seed)  # noqa: S311 -- the same damage every time
        assert verify(config).ok
        self.answers = [question.ask(config) for question in QUESTIONS]
        with Manifest.open(config) as manifest:
            names = [file.path for file in manifest.all_files()]
        self.data = {path: path.read_bytes() for path in map(self._place, names)}
        assert len(self.data) == len(names)
        self.manifest, self.log = config.manifest.read_bytes(), config.log.read_bytes()
        self.dump = dump(config.manifest)

    def _place(self, name: str) -> Path:
        return next(path for path in (self.config.data / name, files.retired(self.config.data, name)) if path.exists())

    def damaged(self, content: bytes, *, cut: bool) -> tuple[bytes, str]:
        """Return the content with one bit flipped, or cut short, and what was done to it."""
        at = self.dice.randrange(len(content))
        while not cut and not content[at] and self.dice.random() < PASSED_OVER:
            at = self.dice.randrange(len(content))
        if cut:
            return content[:at], f"cut at {at} of {len(content)}"
        bit = self.dice.randrange(8)
        flipped = bytearray(content)
        flipped[at] ^= 1 << bit
        return bytes(flipped), f"bit {bit} of byte {at} of {len(content)}"

    def _read(self, tally: Tally, what: str, seen: Counter[str]) -> bool:
        """Ask all questions; return whether one was answered otherwise than before."""
        other = False
        for question, answer in zip(QUESTIONS, self.answers, strict=True):
            try:
                found = question.ask(self.config)
            except LakeError as error:
                seen[f"read: {error.code}"] += 1
            except Exception as error:  # noqa: BLE001 -- that is what is looked for
                tally.note(what, CLEAN, f"{question}: {type(error).__name__}: {error}")
            else:
                other = other or not found.equals(answer)
                seen["read: as it was" if found.equals(answer) else "read: other rows"] += 1
        return other

    def files(self, count: int, *, cut: bool, footers: bool = False) -> Tally:
        """Damage data files, anywhere or in their footers only."""
        tally = Tally()
        for _ in range(count):
            path = self.dice.choice([*self.data])
            content = self.data[path]
            if footers:
                start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
                tail, told = self.damaged(content[start:], cut=cut)
                changed = content[:start] + tail
            else:
                changed, told = self.damaged(content, cut=cut)
            what = f"{path.relative_to(self.config.data)}, {told}"
            overwrite(path, changed)
            tally.points += 1
            if self._read(tally, what, tally.refusals):
                tally.note(what, SILENT, "other rows")
            report = self._verify(tally, what)
            if report is not None and [found.path for found in report.damaged] != [self._name(path)]:
                tally.note(what, FOUND, str(report.damaged))
            overwrite(path, content)
        return tally

    def _name(self, path: Path) -> str:
        return path.relative_to(self.config.data).as_posix().removeprefix("_replaced/")

    def _verify(self, tally: Tally, what: str) -> VerifyReport | None:
        try:
            return verify(self.config)
        except LakeError as error:
            tally.note(what, FOUND, f"{error.code}: {error.message}")
        except Exception as error:  # noqa: BLE001 -- that is what is looked for
            tally.note(what, CLEAN, f"verify: {type(error).__name__}: {error}")
        return None

    def records(self, count: int, *, cut: bool) -> Tally:
        """Damage the commit log: found, and in nobody's way."""
        tally = Tally()
        for _ in range(count):
            changed, told = self.damaged(self.log, cut=cut)
            what = f"commit log, {told}"
            self.config.log.write_bytes(changed)
            tally.points += 1
            if self._read(tally, what, tally.refusals):
                tally.note(what, SILENT, "other rows")
            if not self._findings(tally, what):
                tally.note(what, FOUND, "nothing was found")
        self.config.log.write_bytes(self.log)
        if tally.refusals.keys() - {"read: as it was"}:
            tally.note("commit log", SILENT, f"reading needs it: {tally.refusals}")
        return tally

    def tables(self, count: int, *, cut: bool) -> Tally:
        """Damage the manifest: found, unless no table says anything else; other rows are read only where it is."""
        tally = Tally()
        for _ in range(count):
            changed, told = self.damaged(self.manifest, cut=cut)
            what = f"manifest, {told}"
            self._put(changed)
            tally.points += 1
            now = dump(self.config.manifest)
            other = self._read(tally, what, tally.refusals)
            found = self._findings(tally, what)
            tally.refusals[_kind(found=bool(found), same=now == self.dump, other=other)] += 1
            if not found and (now != self.dump or other):
                tally.note(what, FOUND, f"{_difference(self.dump, now)}, other rows read: {other}")
        self._put(self.manifest)
        return tally

    def _put(self, content: bytes) -> None:
        # As another file: what a connection still holds of the old one is not what is there now.
        self.config.manifest.with_name("manifest.db-journal").unlink(missing_ok=True)
        other = self.config.manifest.with_name("next.db")
        other.write_bytes(content)
        other.replace(self.config.manifest)

    def _findings(self, tally: Tally, what: str) -> list[str]:
        """Return what a verification says of the manifest and its log."""
        report = VerifyReport()
        try:
            with Manifest.open(self.config) as manifest:
                verify_manifest(manifest, report)
        except LakeError as error:
            return [f"{error.code}: {error.message}"]
        except Exception as error:  # noqa: BLE001 -- that is what is looked for
            tally.note(what, CLEAN, f"verify: {type(error).__name__}: {error}")
            return ["not a LakeError"]
        return report.chain


def _kind(*, found: bool, same: bool, other: bool) -> str:
    if not found:
        return "flip: of no consequence" if same and not other else "flip: MISSED"
    return "flip: found, other rows until then" if other else "flip: found"


Dump = dict[str, Any]


def dump(path: Path) -> Dump:
    """Return all that the tables of a database say, by table, without what no hash covers; where unreadable, why.

    How the tables are declared is left out: a bit that flips in there makes them unreadable, or changes no row of them.
    """
    told: Dump = {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        connection.text_factory = bytes
        try:
            # As SQLite knows them, not as its own table of tables says: it goes by the declarations.
            rows = connection.execute("PRAGMA main.table_list").fetchall()
            tables = [row[1].decode() for row in rows if row[2] == b"table" and row[1] != b"sqlite_schema"]
        except (sqlite3.Error, UnicodeDecodeError) as error:
            return {"sqlite_master": str(error)}
        for table in tables:
            told[table.lower()] = _rows(connection, table)  # SQLite does not mind the case either
        with suppress(sqlite3.Error):
            told["version"] = connection.execute("PRAGMA user_version").fetchall()
    return told


def _rows(connection: sqlite3.Connection, table: str) -> Any:  # noqa: ANN401 -- rows, or why there are none
    try:
        names = [row[1].decode() for row in connection.execute(f'PRAGMA table_xinfo("{table}")')]
        wanted = ", ".join(f'"{name}"' for name in names if name not in FREE.get(table, ()))
        return sorted(connection.execute(f'SELECT {wanted} FROM "{table}" NOT INDEXED').fetchall(), key=repr)  # noqa: S608 -- names of our own tables
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return str(error)


def _difference(was: Dump, now: Dump) -> str:
    for table in sorted({*was, *now}):
        old, new = was.get(table), now.get(table)
        if old != new:
            if isinstance(old, list) and isinstance(new, list):
                lost, come = _only(old, new), _only(new, old)
                return f"{table}: {lost[:2]} became {come[:2]}"
            return f"{table}: {str(new)[:200]}"
    return "no table differs"


def _only(these: Iterable[object], those: list[object]) -> list[object]:
    return [row for row in these if row not in those]
