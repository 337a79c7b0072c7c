"""Tables of unknown origin: what their columns mean, by name or by the caller's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from lake.errors import LakeError
from lake.lookup import schema_of
from lake.sources import names
from lake.sources.resolve import TIME_TARGETS, Draft
from lake.sources.words import NOT_KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lake.sources.model import SourceOptions
    from lake.sources.words import Told

T = TypeVar("T")
_TYPES = {asset: asset for asset in names.COLUMNS} | {
    "trade": "ticks/trade",
    "trades": "ticks/trade",
    "quote": "ticks/quote",
    "quotes": "ticks/quote",
}
_WHY_NOT_DEPTH = (
    "It is summed up to each percentage: no book can be made of it, and a metric has one row a time, where it has a"
    " dozen, of percentages that have changed."
)
_ALIASES = {"date": "ts.date", "time": "ts.time"}
OTHERS = {*TIME_TARGETS, "ts.date", "ts.time", "date", "time", "symbol", "exchange", "buyer_maker"}


def draft_by_names(
    header: Sequence[str], rows: Sequence[Sequence[str]], width: int, options: SourceOptions, said: Told
) -> Draft:
    """Return what the columns are; FORMAT_UNKNOWN, COLUMN_MISSING or AMBIGUOUS when that cannot be told."""
    labels = list(header) or [str(number) for number in range(width)]
    if said.columns:
        mapped, header = _in_order(said.columns, width, options), ()
        labels = [name or NOT_KEPT for name in said.columns]
    else:
        mapped = _mapped(labels, {**said.named, **options.columns})
    asset = _asset(labels, mapped, options)
    allowed = {*OTHERS, *names.COLUMNS[asset]}
    wrong = [target for target in mapped if target not in allowed]
    if wrong:
        raise LakeError(
            "USAGE",
            f"{asset} has no column {wrong[0]!r}",
            why="--map and --columns say which column of the file is which of ours, by our names.",
            fix=[f"one of: {', '.join(sorted(allowed))}"],
        )
    taken = set(mapped.values())
    synonyms = {t: words for t, words in names.COLUMNS[asset].items() if t not in mapped}
    if "side" in mapped or "buyer_maker" in mapped:
        synonyms = {t: words for t, words in synonyms.items() if t not in {"side", "buyer_maker"}}
    found = {t: c for t, c in names.find(synonyms, header).items() if c not in taken} if header else {}
    clocks = _clocks(header, rows, mapped) if header else {}
    constants = {t: c for t, c in names.find(names.CONSTANTS, header).items() if c not in taken} if header else {}
    targets = constants | found | clocks | mapped
    if "side" in targets and "buyer_maker" in targets:
        raise LakeError("AMBIGUOUS", "there is both a side and a buyer-is-maker column", fix=["--map side=COLUMN"])
    needed = names.LEAST if said.columns else names.NEEDED  # who names all columns says that there is no size
    absent = [t for t in needed[asset] if t not in targets]
    absent += [] if {"ts", "ts.date"} & set(targets) else ["ts"]
    if absent:
        raise LakeError(
            "COLUMN_MISSING",
            f"no column is recognised as {', '.join(absent)} among {', '.join(labels[:20])}",
            fix=[f"--map {t}=COLUMN" for t in absent],
        )
    draft = Draft(asset, targets, zone=options.tz)
    if "side" in targets and asset.startswith("orderbook"):
        draft.sides = names.FLAGS.get(names.normal(labels[targets["side"]]), {})
    draft.evidence = [
        f"{t} from column {labels[c]!r}" + (", as mapped" if t in mapped else "") for t, c in targets.items()
    ]
    unused = [label for place, label in enumerate(labels) if place not in targets.values() and label]
    if unused:
        draft.evidence.append(f"not kept: {', '.join(unused[:20])}")
    return draft


def _in_order(columns: Sequence[str | None], width: int, options: SourceOptions) -> dict[str, int]:
    """Return target → column of columns that are named in order, all of them."""
    if len(columns) != width:
        raise LakeError(
            "COLUMN_MISSING",
            f"--columns names {len(columns)} columns, and the records have {width}",
            why="Every column is named, and what is not kept by a -.",
            fix=["name as many as there are", "--delimiter, if they are parted by something else"],
        )
    if options.columns:
        why = "A column is named once."
        raise LakeError("USAGE", "the columns are named in order or by --map, not both", why=why, fix=["drop --map"])
    return clocked({target: place for place, target in enumerate(columns) if target is not None})


def _mapped(labels: Sequence[str], named: Mapping[str, str]) -> dict[str, int]:
    return clocked({target: names.position(column, labels) for target, column in named.items()})


def clocked(mapped: dict[str, T]) -> dict[str, T]:
    """Return the columns with those of time under the names we have for them."""
    if "date" in mapped or "ts.date" in mapped:
        mapped = {_ALIASES.get(target, target): column for target, column in mapped.items()}
    elif "time" in mapped and "ts" not in mapped:
        mapped["ts"] = mapped.pop("time")
    return mapped


def asked_asset(options: SourceOptions) -> str | None:
    """Return the asset `--type` names, None when it leaves open which ticks.

    Raises:
        LakeError: UNKNOWN_ASSET when it names none, USAGE for one that no format is read for.
    """
    word = (options.type or "").casefold()
    word = "bars" if word.startswith("bars/") else word
    if word == "ticks":
        word = f"ticks/{options.period}" if options.period else ""
    if word.startswith("metrics/"):
        schema_of(word)
        return word
    if word.startswith("features"):
        raise LakeError(
            "USAGE",
            "features are written, not ingested",
            why="A set's rows are held to when they could be known, and kept with what they were made from.",
            fix=["dl features write NAME FILE"],
        )
    if word and word not in _TYPES:
        if "/" in word:
            schema_of(word)
        raise LakeError(
            "USAGE",
            f"there is no type {word!r} to ingest",
            why="Files are read as bars, trades, quotes, order books or metrics.",
            fix=["--type bars, ticks/trade, ticks/quote, orderbook/l2 or orderbook/l3"],
        )
    return _TYPES.get(word)


def _refuse_scaled(plain: set[str], mapped: dict[str, int]) -> None:
    """Refuse a table whose prices may have to be divided."""
    if plain >= names.SCALED and not mapped:
        said = ", ".join(sorted(names.SCALED))
        raise LakeError(
            "FORMAT_UNKNOWN",
            f"{said}: these are columns of Databento's, in a schema that is not read",
            why="Its prices may be whole numbers of 1e-9, and no name of a column says so.",
            fix=["name the columns, and --price-scale 1000000000 where prices have no decimal point"],
        )


def _asset(labels: Sequence[str], mapped: dict[str, int], options: SourceOptions) -> str:
    """Return the kind of table: as asked, or the only one whose needed columns are there."""
    if options.type is not None and (asked := asked_asset(options)):
        if asked not in names.COLUMNS:
            why = "Metrics are read from the declared formats that hold them."
            raise LakeError("FORMAT_UNKNOWN", f"the table is in no format of {asked}", why=why)
        return asked
    plain = {names.normal(label) for label in labels}
    if plain == names.DEPTH_BY_PERCENTAGE:
        raise LakeError("FORMAT_UNKNOWN", "the columns are depth by distance from the mid price", why=_WHY_NOT_DEPTH)
    share: dict[str, int] = {}
    guessed = {asset: needed for asset, needed in names.NEEDED.items() if not asset.startswith("orderbook")}
    for asset, needed in guessed.items():
        share[asset] = sum(t in mapped or bool(plain & set(names.COLUMNS[asset][t])) for t in needed)
    whole = [asset for asset, needed in guessed.items() if share[asset] == len(needed)]
    _refuse_scaled(plain, mapped)
    if plain & names.BOOK and not mapped:
        said = ", ".join(label for label in labels if names.normal(label) in names.BOOK)
        raise LakeError(
            "FORMAT_UNKNOWN",
            f"{said}: these are columns of an order book, in no known format",
            fix=["--type orderbook/l2 for levels, orderbook/l3 for single orders", "--map side=COLUMN and so on"],
        )
    if "bars" in whole or all(t in mapped or plain & set(names.COLUMNS["bars"][t]) for t in ("open", "high", "low")):
        return "bars"  # where the close has a name of its own, such as price or last, it is asked for
    if len(whole) > 1:
        raise LakeError(
            "AMBIGUOUS", f"the columns make {' or '.join(whole)}", fix=[f"--type {asset}" for asset in whole]
        )
    if whole:
        return whole[0]
    nearest = max(share, key=lambda asset: share[asset])
    if share[nearest] >= 2 or (share[nearest] and nearest != "bars"):
        return nearest
    raise LakeError("FORMAT_UNKNOWN", f"the columns are not recognised: {', '.join(labels[:20])}")


def _clocks(header: Sequence[str], rows: Sequence[Sequence[str]], mapped: dict[str, int]) -> dict[str, int]:
    """Return the time columns that were not mapped."""
    if {"ts", "ts.date"} & set(mapped):
        return {}
    taken = set(mapped.values())
    plain = [names.normal(name) for name in header]
    if plain.count("date") == plain.count("time") == 1:
        date, time = plain.index("date"), plain.index("time")
        dates = [row[date] for row in rows if len(row) == len(header)][:100]
        if dates and not any(":" in cell for cell in dates) and all(len(cell.strip()) <= 10 for cell in dates):
            return {"ts.date": date, "ts.time": time}
    found = {
        t: c for t, c in names.find(names.TIMES, header, ranked=True).items() if c not in taken and t not in mapped
    }
    if found.get("ts_event") == found.get("ts"):
        found.pop("ts_event", None)
    return found
