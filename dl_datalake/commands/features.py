"""`dl features`: feature sets, their versions, and their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands import feature_audit, feature_rows, feature_writes
from dl_datalake.commands._base import Session, command, group
from dl_datalake.commands.feature_rows import AsOf
from dl_datalake.dates import format_ns, format_short, parse_as_of
from dl_datalake.features import FeatureInfo, infos
from dl_datalake.output import facts, plural, size, table
from schemas.features import length_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lake.features.registering import Registered
    from lake.features.sets import Known
    from lake.manifest.feature_sets import Held

Text = str | None
Name = Annotated[str, typer.Argument(metavar="NAME", help="A set, such as returns, or one version of it: returns.v2.")]


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    part = group("Register feature sets, store their rows with what they were made from, and serve them without leaks.")
    command(part, "register")(register_)
    command(part, "promote")(promote)
    command(part, "deprecate")(deprecate)
    command(part, "list")(list_)
    command(part, "show")(show)
    command(part, "read")(feature_rows.read)
    command(part, "write")(feature_writes.write)
    command(part, "delete")(feature_writes.delete)
    command(part, "audit")(feature_audit.audit)
    command(part, "diff")(feature_rows.diff)
    app.add_typer(part, name="features")
    feature_writes.register(app)


def register_(
    session: Session,
    name: Name,
    schema: Annotated[
        str, typer.Option(metavar="FILE.toml|module:Model", help="Its columns: a TOML file, or a Pandera model.")
    ],
    inputs: Annotated[Text, typer.Option(metavar="ASSETS", help="What it is made from, with commas: bars/1m.")] = None,
    ttl: Annotated[Text, typer.Option(metavar="2h", help="How long after its ts a row is good; else for ever.")] = None,
    delay: Annotated[
        Text, typer.Option(metavar="5s", help="How long after its inputs are complete a row is known.")
    ] = None,
    stamp: Annotated[
        Text, typer.Option(metavar="open|close", help="Whether ts is the open or the close of the input bar.")
    ] = None,
    lookback: Annotated[
        Text, typer.Option(metavar="1d", help="How far before a row's day its inputs reach back.")
    ] = None,
    keys: Annotated[
        Text, typer.Option(metavar="NAMES", help="exchange,market,symbol, or fewer for a set that series share.")
    ] = None,
    owner: Annotated[Text, typer.Option(metavar="TEXT", help="Who answers for it.")] = None,
    description: Annotated[Text, typer.Option(metavar="TEXT", help="What it is.")] = None,
    promote: Annotated[
        bool | None,
        typer.Option(
            "--promote/--no-promote",
            help="Whether it may be the latest version; unless said a new one may.",
            show_default=False,
        ),
    ] = None,
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="Why, for the history.")] = "",
) -> None:
    """Register a version of a feature set, or add nullable columns to it.

    Whatever else changes needs another version: dl features register NAME.v2.
    """
    from dl_datalake.features import said
    from pipelines.feature_sets import register as engine

    session.safe = "It was registered whole, or not at all. Run it again to be sure."
    config = session.config()
    words = said(
        {
            "inputs": inputs,
            "ttl": ttl,
            "delay": delay,
            "stamp": stamp,
            "lookback": lookback,
            "keys": None if keys is None else [key.strip() for key in keys.split(",") if key.strip()],
            "owner": owner,
            "description": description,
        }
    )
    told = engine(config, session.registry(config), name, words, schema=schema, promote=promote, message=message)
    _answer(session, "features.register", told)


def promote(session: Session, name: Name) -> None:
    """Let a version be served as the latest one."""
    _answer(session, "features.promote", _staged(session, name, promoted=True))


def deprecate(session: Session, name: Name) -> None:
    """Let a version no longer be served as the latest one; by its name it still is."""
    _answer(session, "features.deprecate", _staged(session, name, promoted=False))


def _staged(session: Session, name: str, *, promoted: bool) -> Registered:
    from lake.features.registering import set_stage
    from pipelines.feature_sets import declared

    config = session.config()
    own = declared(config, session.out.warn)
    return set_stage(config, name, "promoted" if promoted else "deprecated", declared=own)


def _answer(session: Session, name: str, told: Registered) -> None:
    lines = [f"{told.set.label} {told.status}, {told.stage} · snapshot {told.snapshot}"]
    session.out.done(name, {"status": told.status, "snapshot": told.snapshot, **set_data(told.set.key, told)}, lines)


def set_data(key: str, told: Registered | Known) -> dict[str, Any]:
    """Return a version of a set as scripts read it."""
    from schemas.describing import describe

    found = told.set
    return {
        "set": found.name,
        "version": found.version,
        "asset": key,
        "stage": told.stage,
        "revision": found.revision,
        "inputs": list(found.inputs),
        "keys": list(found.serving.keys),
        "ttl": None if found.serving.ttl_us is None else length_text(found.serving.ttl_us),
        "delay": length_text(found.serving.delay_us),
        "stamp": found.serving.stamp,
        "lookback": length_text(found.serving.lookback_us),
        "owner": found.owner,
        "description": found.description,
        "columns": describe(found.schema),
    }


def list_(
    session: Session,
    name: Annotated[Text, typer.Argument(metavar="[NAME]", help="Only this set.", show_default=False)] = None,
    series: Annotated[bool, typer.Option("--series", help="A line a series instead of a line a version.")] = False,
    as_of: AsOf = None,
) -> None:
    """List the feature sets, and what the lake holds of each version."""
    from lake.features.sets import Sets
    from lake.manifest import Manifest
    from lake.manifest.feature_sets import held, held_by_series
    from pipelines.feature_sets import declared

    config = session.config()
    with Manifest.open(config) as manifest:
        snapshot = manifest.snapshot(None if as_of is None else parse_as_of(as_of))
        sets = Sets(manifest, declared(config, session.out.warn), snapshot)
        by_series = held_by_series(manifest, snapshot) if series else {}
        found = infos(sets, {} if series and not session.out.json else held(manifest, snapshot), name)
    labels = {info.known.label for info in found}
    rows = [(address, each) for address, each in by_series.items() if address.rpartition("/")[2] in labels]
    if session.out.json:
        data = {
            "snapshot": snapshot,
            "sets": [_info_data(info) for info in found],
            "series": [{"address": address, **_held_data(each)} for address, each in rows] if series else None,
        }
        session.out.answer("features.list", data, ())
    else:
        session.out.text(_series_lines(rows) if series else _set_lines(found))


def _info_data(info: FeatureInfo) -> dict[str, Any]:
    return {
        "set": info.known.name,
        "version": info.known.version,
        "stage": info.known.stage,
        "latest": info.latest,
        "declared": "code" if info.known.registration is None else "lake",
        "series": info.held.series if info.held else 0,
        **_held_data(info.held),
    }


def _held_data(held: Held | None) -> dict[str, Any]:
    return {
        "rows": held.rows if held else 0,
        "bytes": held.bytes if held else 0,
        "first": format_ns(held.first_ns) if held else None,
        "last": format_ns(held.last_ns) if held else None,
    }


def _set_lines(found: list[FeatureInfo]) -> list[str]:
    if not found:
        return ["no feature set is registered: dl features register NAME --schema FILE.toml"]
    head = ("set", "version", "stage", "series", "rows", "size", "first", "last")
    cells = [
        (
            info.known.name,
            info.known.version,
            "latest" if info.latest else info.known.stage,
            *((f"{info.held.series:,}", *_held_cells(info.held)) if info.held else ("-",) * 5),
        )
        for info in found
    ]
    return table(head, cells, right=("series", "rows", "size"))


def _held_cells(held: Held) -> tuple[str, ...]:
    return f"{held.rows:,}", size(held.bytes), format_short(held.first_ns)[:16], format_short(held.last_ns)[:16]


def _series_lines(rows: list[tuple[str, Held]]) -> list[str]:
    head = ("series", "rows", "size", "first", "last")
    return table(head, [(address, *_held_cells(each)) for address, each in rows], right=("rows", "size"))


def show(session: Session, name: Name, as_of: AsOf = None) -> None:
    """Show one version of a set: its columns, what it is made from, how it is served, and what is stored."""
    from lake.features.sets import Sets
    from lake.manifest import Manifest
    from lake.manifest.feature_sets import held
    from pipelines.feature_sets import declared

    config = session.config()
    with Manifest.open(config) as manifest:
        snapshot = manifest.snapshot(None if as_of is None else parse_as_of(as_of))
        sets = Sets(manifest, declared(config, session.out.warn), snapshot)
        stored = held(manifest, snapshot)
        known = sets.named(name, holds=lambda each: each.key in stored)
        [info] = infos(sets, stored, known.label)
        versions = [each.version for each in sets.versions(known.name)]
    data = {"snapshot": snapshot, "versions": versions, **_info_data(info), **set_data(known.key, known)}
    session.out.answer("features.show", data, _show_lines(info, versions, data))


def _show_lines(info: FeatureInfo, versions: list[str], data: Mapping[str, Any]) -> list[str]:
    held = info.held
    stored = f"{plural(held.rows, 'row')} of {plural(held.series, 'series')}, {size(held.bytes)}" if held else "nothing"
    pairs: dict[str, object] = {
        "set": data["set"],
        "version": f"{data['version']} of {', '.join(versions)}",
        "stage": f"{data['stage']}, the latest" if info.latest else data["stage"],
        "description": data["description"],
        "owner": data["owner"],
        "inputs": ", ".join(data["inputs"]) or "none",
        "told apart by": ", ".join(data["keys"]) or "nothing: one series for all",
        "ttl": data["ttl"] or "for ever",
        "known": _known_from(info),
        "lookback": data["lookback"],
        "stored": stored,
    }
    if held:
        pairs["covers"] = f"{format_short(held.first_ns)[:16]} → {format_short(held.last_ns)[:16]} UTC"
    columns = [(c["name"], c["type"], "null" if c["nullable"] else "", c["unit"]) for c in data["columns"]]
    return [*facts(pairs), "", *table(("column", "type", "may be", "unit"), columns)]


def _known_from(info: FeatureInfo) -> str:
    found = info.known.set
    wait = f"{length_text(found.wait_us)} after ts, when the input bar closes" if found.wait_us else "from ts on"
    delay = found.serving.delay_us
    return f"{wait}, and {length_text(delay)} more unless the row says when" if delay else wait
