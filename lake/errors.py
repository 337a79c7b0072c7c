"""Every error the lake raises on purpose: one class, and one table of codes with exit status and the way out.

raise LakeError("UNKNOWN_SYMBOL", '"BTCUSD" is not in the lake', where="exchange BINANCE", fix=["dl list"])
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
"""How Python keeps a byte that is no UTF-8 in the name of a file."""


class Exit(IntEnum):
    """Exit status of `dl`; any other status means failure too."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    PARTIAL = 3
    FINDINGS = 4
    DECLINED = 5
    NOT_INITIALISED = 10
    LOCKED = 11
    REFUSED = 12
    SOURCE = 13
    STORAGE = 14
    NOT_FOUND = 15
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means: its exit status, why it comes about, and the usual way out."""

    exit: Exit
    why: str
    fix: tuple[str, ...] = ()


CODES: dict[str, Code] = {
    "UNEXPECTED": Code(
        Exit.UNEXPECTED, "This is a bug in dl-datalake.", ("run the command again with -v and report it",)
    ),
    "USAGE": Code(Exit.USAGE, "The command's words do not fit together.", ("see the command's --help",)),
    "BAD_DATE": Code(
        Exit.USAGE, "Dates are UTC: 2024, 2024-03, 2024-03-05, 2024-03-05T10:00Z, -7d or now.", ("write the date so",)
    ),
    "AMBIGUOUS": Code(Exit.USAGE, "More than one thing fits, and the lake does not guess.", ("name the one you mean",)),
    "PERIOD": Code(Exit.USAGE, "The period cannot be told from the data, or does not fit it.", ("give --period",)),
    "LAKE_NOT_INITIALISED": Code(
        Exit.NOT_INITIALISED, "There is no manifest.db here or in any folder above.", ("dl init", "or --root FOLDER")
    ),
    "MANIFEST_TOO_NEW": Code(
        Exit.UNEXPECTED, "The manifest was written by a newer dl-datalake.", ("upgrade dl-datalake",)
    ),
    "MANIFEST_DAMAGED": Code(
        Exit.FINDINGS,
        "manifest.db cannot be read, or its hash chain is broken.",
        ("dl repair --from log --plan", "dl verify tells more, where it can be read"),
    ),
    "LOCKED": Code(Exit.LOCKED, "Another process is writing.", ("try again", "or wait longer with --wait SECONDS")),
    "FORKED": Code(
        Exit.UNEXPECTED,
        "An open lake cannot be used in a forked process: SQLite would lose committed rows.",
        ("open the lake in the new process", "or start processes with the 'spawn' method"),
    ),
    "SOURCE_NOT_FOUND": Code(Exit.NOT_FOUND, "No file has this name or matches this pattern.", ("check the path",)),
    "SOURCE_UNREADABLE": Code(
        Exit.REFUSED, "The file is truncated, damaged or not what its name says.", ("fetch it again from the vendor",)
    ),
    "SOURCE_CHECKSUM": Code(
        Exit.REFUSED,
        "The file's SHA-256 is not the one its .CHECKSUM file states.",
        ("fetch both again from the vendor",),
    ),
    "SOURCE_UNSAFE": Code(
        Exit.REFUSED,
        "The archive would unpack to far more than a data file does.",
        ("unpack it by hand and look at it",),
    ),
    "FORMAT_UNKNOWN": Code(
        Exit.REFUSED,
        "No known vendor format fits the file, and its columns are not recognised.",
        ("name the columns: --map open=o,high=h", "or the format: --format NAME"),
    ),
    "FORMAT_MISMATCH": Code(Exit.REFUSED, "The file does not fit the format that was asked for.", ("drop --format",)),
    "COLUMN_MISSING": Code(Exit.REFUSED, "The schema needs a column the source does not have.", ("--map NAME=COLUMN",)),
    "TIME_FORMAT": Code(
        Exit.REFUSED,
        "The times cannot be read without guessing.",
        ("--time-format 'DD.MM.YYYY HH:MM', or as they are written", "or --map ts=COLUMN, if it is another column"),
    ),
    "SCHEMA": Code(
        Exit.REFUSED,
        "Too many rows break the schema, so nothing was written: the columns, unit or delimiter may be wrong.",
        ("look at the rows named above", "--map NAME=COLUMN", "or accept the loss with --max-bad 100%"),
    ),
    "CONFLICT": Code(
        Exit.REFUSED,
        "Rows differ from what is stored under the same key, and --on-conflict fail was given.",
        ("--on-conflict newest", "or --on-conflict keep"),
    ),
    "CHECK": Code(
        Exit.REFUSED,
        "A check of the asset failed, and partitions that fail one are not stored.",
        ("correct the rows, or the check", "dl assets status"),
    ),
    "ADJUST": Code(
        Exit.REFUSED,
        "What is known of an instrument's dividends does not fit its prices.",
        ("dl actions list INSTRUMENT", "correct it: dl actions import FILE", "or adjust for splits only"),
    ),
    "MAKE": Code(
        Exit.REFUSED,
        "The function that makes the asset raised, or what it gave is not that partition's rows.",
        ("correct the function", "dl assets materialize again: what is stored already stays"),
    ),
    "FEATURE_CHANGED": Code(
        Exit.REFUSED,
        "A version of a feature set may gain nullable columns; whatever else changes is another version.",
        ("register the next version: dl features register NAME.v2", "dl features show NAME"),
    ),
    "LOOKAHEAD": Code(
        Exit.REFUSED,
        "A feature row is stamped as known before what it was made from could be.",
        ("dl features audit NAME", "set known_at to when each row could be known", "or shift the rows"),
    ),
    "SYMBOL_CASE": Code(
        Exit.REFUSED,
        "Two vendor symbols that differ only in case would share one folder.",
        ("use the spelling the series was made with", "or another --symbol"),
    ),
    "DERIVED": Code(
        Exit.REFUSED,
        "A series is made from others or is stored as it came; mixed, neither could be told from the other.",
        ("choose another symbol or period for the data", "or remove what the series holds first"),
    ),
    "OTHER_IDS": Code(
        Exit.REFUSED,
        "The trade ids are of two unrelated numberings: one's trades would be taken for corrections of the other's.",
        ("keep them apart by --market, such as SPOT-AGG", "or by another --symbol"),
    ),
    "PREFECT_DOWN": Code(
        Exit.SOURCE,
        "A flow run needs a Prefect server, and none answers.",
        (
            "prefect server start --host 127.0.0.1, in another terminal",
            "or drop --via prefect: the same is done here, without a server",
        ),
    ),
    "DISK_FULL": Code(Exit.STORAGE, "The disk is full; nothing was changed.", ("free some space and run it again",)),
    "STORAGE": Code(Exit.STORAGE, "The disk or the file system refused.", ("check the disk and its permissions",)),
    "FILE_MISSING": Code(
        Exit.FINDINGS,
        "A file the manifest names is not there.",
        ("dl verify", "dl repair --from cold, or --from source", "or restore it from a backup"),
    ),
    "FILE_DAMAGED": Code(
        Exit.FINDINGS,
        "The file's bytes are not those that were stored, or its asset was declared anew with other columns.",
        ("dl verify", "dl repair --from cold, or --from source", "or restore it from a backup"),
    ),
    "TIER_UNAVAILABLE": Code(
        Exit.STORAGE,
        "Files lie in a tier that is not there now; the disk may not be mounted.",
        ("mount the disk and try again", "or say in dl.toml where the tier is"),
    ),
    "TIER_FOREIGN": Code(
        Exit.REFUSED,
        "A tier is a folder of its own: what lies there is not this tier's.",
        ("name an empty or a new folder", "or the tier's own"),
    ),
    "GRACE": Code(
        Exit.REFUSED,
        "Who reads the lake now may have planned on files that would go.",
        ("a longer grace", "or --force, when nobody reads"),
    ),
    "UNKNOWN_SERIES": Code(
        Exit.NOT_FOUND, "The lake holds no such series, or no row of it at that snapshot.", ("dl list",)
    ),
    "UNKNOWN_TIER": Code(Exit.NOT_FOUND, "The lake knows no such tier.", ("dl tiers",)),
    "UNKNOWN_ASSET": Code(Exit.NOT_FOUND, "No such asset is declared.", ("dl assets list",)),
    "UNKNOWN_FEATURES": Code(
        Exit.NOT_FOUND,
        "No feature set of this name and version is registered.",
        ("dl features list", "dl features register NAME --schema FILE.toml"),
    ),
    "UNKNOWN_PARTITION": Code(
        Exit.NOT_FOUND, "The series has no such partition.", ("dl assets status ADDRESS --partitions",)
    ),
    "ASSETS": Code(
        Exit.USAGE,
        "The assets that a module of this lake declares cannot be used as they stand.",
        ("correct the file named above", "or leave it out of [assets] in dl.toml"),
    ),
    "UNKNOWN_SNAPSHOT": Code(Exit.NOT_FOUND, "The lake has no such snapshot.", ("dl history",)),
    "SNAPSHOT_EXPIRED": Code(
        Exit.NOT_FOUND,
        "The snapshot was forgotten by dl expire, and files of it may be gone.",
        ("dl history", "name snapshots that are to stay: dl snapshot create NAME --as-of N"),
    ),
    "SNAPSHOT_NAME": Code(
        Exit.REFUSED,
        "A snapshot's name begins with a letter, has up to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`, and is given once.",
        ("another name", "dl snapshot list", "dl snapshot drop NAME"),
    ),
    "STUDY_CHANGED": Code(
        Exit.FINDINGS,
        "The lake no longer has the rows that the study read.",
        ("dl history ADDRESS", "dl diff ADDRESS@SNAPSHOT ADDRESS", "lock the study anew"),
    ),
    "CONFIRM": Code(
        Exit.USAGE,
        "What removes rows or snapshots asks first, and there is no terminal to ask on.",
        ("--yes", "--dry-run shows what would be done"),
    ),
    "DECLINED": Code(
        Exit.DECLINED,
        "What was asked for was answered with no, and nothing was changed.",
        ("answer y to have it done", "--dry-run shows what would be done", "--yes does not ask"),
    ),
    "BACKUP": Code(
        Exit.REFUSED,
        "A backup is a folder of its own, and a lake is made of a whole one where no other lake is.",
        ("name another folder",),
    ),
    "UNREPAIRABLE": Code(
        Exit.FINDINGS,
        "What is left of the lake does not tell what is lost, and nothing is made up.",
        ("dl repair --from log --plan shows what can be had", "restore a backup: dl restore-backup"),
    ),
    "SQL": Code(
        Exit.USAGE,
        "A statement is one query of the lake's own tables, in DuckDB's SQL.",
        ("see what a table has: dl sql 'describe bars'", "docs/sql.md"),
    ),
    "UNKNOWN_RUN": Code(Exit.NOT_FOUND, "The lake has no such run.", ("dl quarantine list",)),
    "MISSING_EXTRA": Code(Exit.UNEXPECTED, "An optional package is needed for this.", ("pip install it",)),
    "INTERRUPTED": Code(
        Exit.INTERRUPTED, "It was stopped from outside; what was acknowledged is safe.", ("run it again to go on",)
    ),
}
"""Code without its `E_` prefix → meaning. docs/errors.md has an anchor for each."""


def printable(text: object) -> str:
    r"""Return a path or other text as it can be shown, hashed and stored: bytes that are no UTF-8 become `\xff`."""
    said = _ESCAPED_BYTE.sub(lambda byte: f"\\x{ord(byte[0]) & 0xFF:02x}", str(text))
    return said.encode("utf-8", "backslashreplace").decode()


class LakeError(Exception):
    """An error with a code, and with what, where, why and how to fix; `exit` is the exit status of `dl`."""

    def __init__(
        self, code: str, message: str, *, where: str = "", why: str = "", fix: list[str] | tuple[str, ...] = ()
    ) -> None:
        """Take the code (a key of CODES) and what happened; why and fix default to the code's own."""
        entry = CODES[code]
        self.code = f"E_{code}"
        self.exit = entry.exit
        # Other programs' errors, quoted in ours, may be of several lines.
        self.message = " ".join(filter(None, map(str.strip, printable(message).splitlines())))
        self.where = printable(where)
        self.why = printable(why) or entry.why
        self.fix = tuple(map(printable, fix)) or entry.fix
        super().__init__(self.message)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by code and parts, so that worker processes can pass it on."""
        return (_rebuild, (self.code[2:], self.message, self.where, self.why, self.fix))


def _rebuild(code: str, message: str, where: str, why: str, fix: tuple[str, ...]) -> LakeError:
    return LakeError(code, message, where=where, why=why, fix=fix)
