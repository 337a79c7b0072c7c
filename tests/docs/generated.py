"""Parts of the documents that are made from the code: `python -m tests.docs.generated` writes them anew.

A part stands between `<!-- made: NAME -->` and `<!-- end -->`; a test fails when it is not what would be made now.
"""

from __future__ import annotations

import re
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dl_datalake.commands._mapping import OPTIONS
from dl_datalake.exports.targets import TARGETS
from lake.encoding import encoding
from lake.quality import RULES
from lake.sources import names
from lake.sources.dialects import DIALECTS
from lake.sources.words import WORDS
from schemas.bars import BARS
from schemas.columns import IDENTITY
from schemas.keys import TYPES, Address
from schemas.orderbook import BOOK_L2, BOOK_L3
from schemas.ticks import QUOTES, TRADES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lake.sources.dialects import Dialect

REPO = Path(__file__).resolve().parents[2]
MADE = re.compile(r"<!-- made: (?P<name>\w+) -->\n.*?<!-- end -->", re.DOTALL)

_KINDS = {
    "bars": ("bars", "свечи"),
    "ticks/trade": ("trades", "сделки"),
    "ticks/quote": ("quotes", "котировки"),
    "orderbook/l2": ("order books", "стаканы"),
    "orderbook/l3": ("orders", "заявки"),
    "metrics/funding": ("funding rates", "ставки финансирования"),
    "metrics/open_interest": ("open interest", "открытый интерес"),
    "metrics/long_short_ratio": ("long/short ratios", "отношения long/short"),
}
"""Asset → what it is called in the READMEs, in English and in Russian."""
_BARS = Address.of("KRAKEN", "SPOT", "ABC", "bars", "1m")
_HEADERS = {"never": "none", "maybe": "with or without", "always": "yes"}
_OF_FILES = {
    "tz": "As `--tz`.",
    "type": "As `--type`: bars, ticks/trade or ticks/quote.",
    "exchange": "As `--exchange`.",
    "market": "As `--market`.",
    "title": "What to call it; said to the reader.",
    "header": "The header of a file whose `columns` are named in order.",
    "file": "A pattern of file names; its groups may be symbol, exchange, market and period.",
}
"""What words say that are options for themselves, or mean something in a file alone."""
_TABLES = {
    "lake": "the lake's own identity",
    "runs": "every run that began: what, when, by which process, how it ended, and the error it ended with",
    "snapshots": "the numbered states, each with its hash and its parent's",
    "series": "addresses, with the vendor's spelling, the tick size, the time zone, and whether prices may be ≤ 0",
    "files": "every file ever stored: partition, path, rows, bytes, hashes, and between which snapshots it is live",
    "parts": "the days in a sealed file, each with its rows, times and content hash",
    "lineage": "what a stored file was made from: sources, or other files",
    "derivations": "how a derived partition was made: from which range of which series, its content hash, code, schema",
    "tiers": "the places files can lie in, besides the data root",
    "moves": "which file went to which tier, and whether its hot copy is gone",
    "feature_sets": "every registration of a feature set: what it declares, its stage, and from when to when",
    "reference": "every imported record of an instrument, alias or action: what it says, and from when to when",
    "names": "which snapshot has which name, and the snapshots that gave the name and took it away",
    "expiries": "which snapshots are forgotten, and by which snapshot",
    "reclaims": "the bytes of which files were given back, and by which snapshot",
    "failures": "the partitions that could not be made when that was last tried, and why",
    "sources": "the vendors' files: hash, name, size, format, options, what spoke for the format and against others",
    "ingests": "which source went in under which options, so that the same is not done twice",
    "ingest_partitions": "the partitions an ingest touched: when one is corrected later, the ingest may be done again",
    "ledger": "where every record of a source went",
    "quarantine": "the rejected records: line, reason, detail, raw text",
    "checks": "what was checked on a partition, and how it came out",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in lines)


def _code(*words: str) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _became(asset: str, side: str) -> str:
    return f"bars/<period>{f'-{side}' if side else ''}" if asset == "bars" else asset


def _times(dialect: Dialect) -> str:
    if dialect.container == "bi5":
        return "counted from the path's; UTC"
    if dialect.time in {"epoch", "any"}:
        return "a count since 1970" + ("; UTC" if dialect.time == "epoch" else ", or date and time; UTC")
    if dialect.time == "day":
        return f"{dialect.unit or 'ms'} since midnight; {dialect.zone or 'zone by place'}"
    if dialect.time == "clock":
        return f"HHMMSS and a fraction in digits; {dialect.zone or 'UTC'}"
    return f"date and time; {dialect.zone or ('asked for' if dialect.zone_asked else 'UTC')}"


def formats() -> str:
    """Return the table of dialects."""
    rows = [
        (
            _code(name),
            dialect.title,
            _code(*(_became(asset, side) for asset, side in dialect.made)),
            " / ".join(word or "*" for word in (dialect.exchange, dialect.market)).replace(
                "* / *", "from the file, or given"
            ),
            _HEADERS[dialect.header] if dialect.container in {"text", "zip"} else "-",
            _times(dialect),
            _proof(dialect),
        )
        for name, dialect in DIALECTS.items()
    ]
    return _table(("format", "what it is", "becomes", "exchange / market", "header", "times", "proved by"), rows)


def _proof(dialect: Dialect) -> str:
    """Return the file that proves a dialect: a vendor's own, or the test that holds the vendor's documented lines."""
    name = dialect.sample.rpartition("/")[2]
    return f"[{name}](../{dialect.sample})" if dialect.sample.startswith("tests/") else _code(name)


def _by_maker(language: int, head: Sequence[str]) -> str:
    """Return who writes the files that are read, and what is in them."""
    kinds: dict[str, dict[str, None]] = {}
    markets: dict[str, dict[str, None]] = {}
    for dialect in DIALECTS.values():
        maker = dialect.maker or dialect.title
        for asset, _ in dialect.made:
            kind = _KINDS.get(asset, (asset, asset))[language]
            kinds.setdefault(maker, {})[kind] = None
        found = [dialect.market, *(place.market for place in dialect.places.values())]
        markets.setdefault(maker, {}).update((_code(market), None) for market in found if market)
    rows = [
        (maker, ", ".join(found) + (f" ({', '.join(markets[maker])})" if markets[maker] else ""))
        for maker, found in kinds.items()
    ]
    return _table(head, rows)


def makers() -> str:
    """Return the README's table of formats."""
    return _by_maker(0, ("vendor or program", "what is read"))


def makers_ru() -> str:
    """Return the Russian README's table of formats."""
    return _by_maker(1, ("поставщик или программа", "что читается"))


def file_names() -> str:
    """Return which names are recognised, by an example each, and what else must be there."""
    said = {
        "file": "only under such a name",
        "folder": "only in such folders",
        "folder-or-header": "in a folder of its market, or with the vendor's header",
        "member": "the name inside the zip must agree",
    }
    rows = [
        (_code(name), _code(dialect.example), "; ".join(said[need] for need in dialect.needs) or "whenever it fits")
        for name, dialect in DIALECTS.items()
        if dialect.example
    ]
    return _table(("format", "a name the vendor gives", "taken unasked"), rows)


def cautions() -> str:
    """Return what to mind about single dialects."""
    rows = [(_code(name), text) for name, d in DIALECTS.items() for text in (d.caution, d.doubt) if text]
    return _table(("format", "what to mind"), rows)


def places() -> str:
    """Return what LEAN's asset class and market decide."""
    found = {place: told for dialect in DIALECTS.values() for place, told in dialect.places.items()}
    rows = [
        (_code(place), told.market, told.zone or "must be given by --tz", f"{told.price_scale:,}")
        for place, told in found.items()
    ]
    return _table(("asset class and market", "market", "time zone", "prices are divided by"), rows)


def vendors() -> str:
    """Return the vendors' own words that the dialects stand on."""
    rows = [(_code(name), dialect.vendor.replace("<", "&lt;")) for name, dialect in DIALECTS.items()]
    return _table(("format", "the vendor's words"), rows)


def columns() -> str:
    """Return the column names that are recognised without being asked about."""
    rows = [("all", _code(target), _code(*words)) for target, words in names.TIMES.items()]
    rows += [("all", _code(target), _code(*words)) for target, words in names.CONSTANTS.items()]
    for asset, targets in names.COLUMNS.items():
        for target, words in targets.items():
            needed = " (needed)" if target in names.NEEDED[asset] else ""
            rows.append((asset, _code(target) + needed, _code(*words)))
    return _table(("data", "column of the lake", "recognised names"), rows)


def words() -> str:
    """Return the words that say how a table is written, as options and as a file has them."""
    rows = [
        (
            _code(f"--{name}") if word.option else "",
            _code(f"{name} = {word.example}"),
            OPTIONS[name][2] if word.option else _OF_FILES[name],
        )
        for name, word in WORDS.items()
        if name != "map"
    ]
    rows.insert(1, (_code("--map"), _code(f"map = {WORDS['map'].example}"), "Our names of columns, and the file's."))
    return _table(("option", "in a file", "what it says"), rows)


def _compression(told: dict[str, Any]) -> str:
    """Return which columns are compressed, and how."""
    by_kind: dict[str, list[str]] = {}
    for column, kind in told["compression"].items():
        level = told["compression_level"].get(column)
        by_kind.setdefault(f"{kind} {level}" if level is not None else kind, []).append(column)
    packed = {kind: columns for kind, columns in by_kind.items() if kind != "none"}
    return "; ".join(f"{kind}: {_code(*c) if len(by_kind) > 1 else 'all'}" for kind, c in packed.items())


def encodings() -> str:
    """Return how the columns of each schema are written."""
    rows = []
    identity = {column.name for column in IDENTITY}
    for schema in (BARS, TRADES, QUOTES, BOOK_L2, BOOK_L3):
        told = encoding(schema)
        by_kind: dict[str, list[str]] = {}
        for column, kind in told["column_encoding"].items():
            by_kind.setdefault(kind, []).append(column)
        dictionary = [name for name in told["use_dictionary"] if name not in identity]
        others = "; ".join(f"{kind}: {_code(*found)}" for kind, found in by_kind.items())
        rows.append((schema.name, _compression(told), _code(*dictionary) or "none", others))
    return _table(("schema", "compression", "dictionary", "other encodings"), rows)


def tables() -> str:
    """Return the manifest's tables, as a new manifest has them."""
    import sqlite3

    from lake.config import Config
    from lake.manifest import Manifest

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = Config(root, root / "data", root / "manifest.db")
        Manifest.create(config)
        with closing(sqlite3.connect(config.manifest)) as connection:
            found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = {name for name in found if not name.startswith(("sqlite_", "_sqlite_"))}
    if ours != set(_TABLES):
        raise ValueError(f"tables without a sentence, or sentences without a table: {sorted(ours ^ set(_TABLES))}")
    return _table(("table", "what it holds"), [(_code(name), text) for name, text in _TABLES.items()])


def rules() -> str:
    """Return the rules that stored rows are held to."""
    rows = [
        (
            _code(rule.name),
            ", ".join(rule.of) or "every series",
            f"{rule.threshold:g} {rule.unit}",
            rule.severity,
            rule.meaning,
            rule.remedy,
        )
        for rule in RULES
    ]
    return _table(("rule", "of", "what counts", "severity", "what it means", "what to do"), rows)


def targets() -> str:
    """Return what rows are exported for."""
    rows = [
        (
            _code(f"--to {name}"),
            f"[{target.title}]({target.page})",
            _code(*target.takes) if len(target.takes) < len(TYPES) else "any",
            target.file.replace("<", "&lt;"),
            target.columns.replace("<", "&lt;"),
            f"{target.times}; bars at their {target.stamp}" if target.accepts(_BARS) else target.times,
            target.lost,
        )
        for name, target in TARGETS.items()
    ]
    return _table(("", "for", "takes", "files", "columns", "times", "not kept"), rows)


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        formats,
        file_names,
        makers,
        makers_ru,
        cautions,
        places,
        vendors,
        columns,
        words,
        encodings,
        tables,
        rules,
        targets,
    )
}


def renewed(text: str) -> str:
    """Return a document with its made parts made anew."""
    return MADE.sub(lambda found: f"<!-- made: {found['name']} -->\n\n{PARTS[found['name']]()}\n<!-- end -->", text)


def main() -> int:
    """Write every document's made parts; say which documents changed."""
    for path in sorted([*REPO.glob("*.md"), *(REPO / "docs").glob("*.md")]):
        old = path.read_text("utf-8")
        if (new := renewed(old)) != old:
            path.write_text(new, "utf-8")
            sys.stdout.write(f"{path.relative_to(REPO)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
