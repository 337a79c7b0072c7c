"""`dl assets`: the declared datasets and their state, from the declarations and the manifest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.assets import AssetInfo, asset_info, asset_infos, counts
from dl_datalake.commands import materialize
from dl_datalake.commands._base import Session, command, group
from dl_datalake.dates import format_ns, format_short
from dl_datalake.output import facts, plural, table
from dl_datalake.states import choose, judge, read_states
from lake.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lake.lineage import PartitionState, SeriesStatus
    from lake.manifest import Manifest
    from pipelines.selection import Selection
    from schemas.graph import Registry
    from schemas.keys import Address

SELECTION = "Assets (bars/1h, bars/*, +bars/1d, bars/1m+, tag:NAME), addresses, or either with @2024-03; else all."
_NS = 1_000_000_000
_SETS_SHOWN = 20
_PARTITIONS_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    part = group("Look at the declared datasets, their state and their lineage, and make what is missing or stale.")
    command(part, "list")(list_)
    command(part, "show")(show)
    command(part, "status")(status)
    from dl_datalake.commands import lineage

    command(part, "graph")(lineage.graph)
    command(part, "lineage")(lineage.lineage)
    materialize.register(part)
    app.add_typer(part, name="assets")


def list_(session: Session) -> None:
    """List the declared assets, with the state of their partitions."""
    registry, states = look(session)
    infos = asset_infos(registry, states)
    head = (
        "asset",
        "made",
        "grain",
        "series",
        "partitions",
        "missing",
        "stale",
        "failed",
        "late",
        "checks",
        "upstreams",
    )
    numbers = head[3:9]
    rows = [
        (
            info.key,
            info.made,
            info.grain,
            *(f"{number:,}" if number else "-" for number in (info.series, *info.partitions.values())),
            f"{info.failed_checks:,} failed" if info.failed_checks else "-",
            ", ".join(info.upstreams) or "-",
        )
        for info in infos
    ]
    if session.out.json:
        session.out.answer("assets.list", [info_data(info) for info in infos], ())
        return
    first, *lines = table(head, rows, right=numbers)
    coloured = [session.out.red(line) if info.restated else line for info, line in zip(infos, lines, strict=True)]
    session.out.text([first, *coloured, *_restated_lines(infos)])


def _restated_lines(infos: Sequence[AssetInfo]) -> Iterator[str]:
    """Name the sets whose inputs were restated after they were written, with the rows that changed."""
    stale = [info for info in infos if info.restated]
    for info in stale[:_SETS_SHOWN]:
        series = len({each.address for each in info.restated})
        yield ""
        yield f"{info.key} is stale in {plural(len(info.restated), 'partition')} of {plural(series, 'series')}:"
        for each in info.restated[:_PARTITIONS_SHOWN]:
            yield f"  {each.address}@{each.partition}  {'; '.join(each.reasons)}"
        more = len(info.restated) - _PARTITIONS_SHOWN
        if more > 0:
            yield f"  … and {more:,} more: dl assets status {info.key} --stale --partitions"
    if len(stale) > _SETS_SHOWN:
        yield ""
        yield f"… and {len(stale) - _SETS_SHOWN:,} more sets: dl assets status --stale --partitions"


def show(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="ASSET", help="An asset, such as bars/1m or ticks/trade.")],
) -> None:
    """Show one asset: schema, natural key, grain, upstreams, checks, freshness, and its series."""
    registry, states = look(session)
    info = asset_info(registry, key, states)
    stored = [state for state in states if state.address.key == info.key and state.partitions]
    data = {
        **info_data(info),
        "columns": info.columns,
        "checks": info.checks,
        "addresses": [str(state.address) for state in stored],
    }
    session.out.answer("assets.show", data, [*_lines(info, stored), *_restated_lines([info])])


def status(
    session: Session,
    selection: Annotated[list[str] | None, typer.Argument(metavar="[SELECTION]...", help=SELECTION)] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Only what is stale.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only what is missing.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only what failed, also in a check.")] = False,
    late: Annotated[bool, typer.Option("--late", help="Only what is late.")] = False,
    partitions: Annotated[bool, typer.Option("--partitions", help="Name the partitions, and why.")] = False,
    fail: Annotated[bool, typer.Option("--fail", help="Exit with 4 when something is to be told of.")] = False,
) -> None:
    """Tell what is there, missing, stale, failed and late.

    Of series that are stored, and of those that are to be made of them. Without options, all of them.
    """
    wanted = {
        name for name, given in (("stale", stale), ("missing", missing), ("failed", failed), ("late", late)) if given
    }
    with session.manifest() as manifest:
        registry = session.registry(manifest.config)
        chosen = choose(manifest, registry, selection)
        found = read_states(manifest, registry, chosen.fits)
        shown = [state for state in found if not wanted or wanted & _troubles(state)]
        details = _details(manifest, registry, shown, chosen, wanted) if partitions else {}
    data = {
        "series": [
            state_data(state) | ({"states": list(map(_partition_data, details[state.address]))} if partitions else {})
            for state in shown
        ],
        "partitions": counts(found),
        "failed_checks": sum(state.failed_checks for state in found),
    }
    session.out.answer("assets.status", data, _status_lines(shown, details, found))
    if fail and any(_troubles(state) for state in shown):
        raise typer.Exit(Exit.FINDINGS)


def look(session: Session) -> tuple[Registry, list[SeriesStatus]]:
    """Return what is declared and in which state it is; no states where there is no lake: declarations need none."""
    config = session.config(must_exist=False)
    registry = session.registry(config)
    if not config.manifest.is_file():
        if session.root is not None or session.db_path is not None:
            session.config()
        session.out.root = None
        return registry, []
    with session.manifest() as manifest:
        return registry, read_states(manifest, registry)


def info_data(info: AssetInfo) -> dict[str, Any]:
    """Return one asset as scripts read it."""
    kind, _, period = info.key.partition("/")
    return {
        "key": info.key,
        "type": kind,
        "period": period,
        "schema": {"name": info.schema, "version": info.schema_version},
        "natural_key": info.natural_key,
        "grain": info.grain,
        "made": info.made,
        "upstreams": list(info.upstreams),
        "downstreams": list(info.downstreams),
        "series": info.series,
        "partitions": info.partitions,
        "restated": [
            {"address": str(each.address), "partition": each.partition, "reasons": list(each.reasons)}
            for each in info.restated
        ],
        "failed_checks": info.failed_checks,
        "owner": info.owner,
        "tags": list(info.tags),
        "code_version": info.code_version,
        "freshness": info.freshness,
        "description": info.description,
    }


def state_data(state: SeriesStatus) -> dict[str, Any]:
    """Return the state of one series as scripts read it."""
    return {
        "address": str(state.address),
        "made": state.made,
        "partitions": {
            "materialized": state.partitions,
            "missing": state.missing,
            "stale": state.stale,
            "failed": state.failed,
        },
        "failed_checks": state.failed_checks,
        "last": None if state.last_ns is None else format_ns(state.last_ns),
        "late_s": None if state.late_ns is None else state.late_ns // _NS,
    }


def _partition_data(state: PartitionState) -> dict[str, Any]:
    return {
        "partition": state.partition,
        "state": state.state,
        "reasons": list(state.reasons),
        "rows": state.rows,
        "content_hash": state.content_hash,
        "snapshot": state.snapshot,
        "failed_checks": list(state.failed_checks),
    }


def _troubles(state: SeriesStatus) -> set[str]:
    """Return what is to be told of a series."""
    found = {
        "stale": state.stale,
        "missing": state.missing,
        "failed": state.failed or state.failed_checks,
        "late": state.late_ns is not None,
    }
    return {name for name, count in found.items() if count}


def _details(
    manifest: Manifest, registry: Registry, shown: Sequence[SeriesStatus], chosen: Selection, wanted: set[str]
) -> dict[Address, list[PartitionState]]:
    """Return the partitions of some series that are selected, in one of the wanted states where some are named."""
    from lake import lineage
    from schemas.keys import Partition

    counted = lineage.census(manifest)
    found: dict[Address, list[PartitionState]] = {}
    for state in shown:
        found[state.address] = []
        for each in lineage.partition_states(manifest, registry, state.address, counted, judge=judge(manifest)):
            partition = Partition.parse(each.partition)
            troubles = {each.state, *(("failed",) if each.failed_checks else ())}
            if wanted and not wanted & troubles:
                continue
            if chosen.covers(state.address, partition.start_ns, partition.end_ns):
                found[state.address].append(each)
    return found


def _status_lines(
    shown: Sequence[SeriesStatus], details: dict[Address, list[PartitionState]], found: Sequence[SeriesStatus]
) -> list[str]:
    head = ("series", "made", "partitions", "missing", "stale", "failed", "checks", "last", "late")
    rows = [
        (
            state.address,
            state.made,
            *(f"{n:,}" if n else "-" for n in (state.partitions, state.missing, state.stale, state.failed)),
            f"{state.failed_checks:,} failed" if state.failed_checks else "-",
            "-" if state.last_ns is None else format_short(state.last_ns)[:16],
            "-" if state.late_ns is None else duration(state.late_ns),
        )
        for state in shown
    ]
    lines = table(head, rows, right=head[2:6]) if rows else []
    for address, states in details.items():
        cells = [(each.partition, each.state, f"{each.rows:,}", _why(each)) for each in states]
        if cells:
            lines += ["", str(address)]
            lines += [f"  {line}" for line in table(("partition", "state", "rows", "why"), cells, right=("rows",))]
    total = counts(found)
    told = ", ".join(f"{number:,} {name}" for name, number in total.items() if number) or "nothing"
    return [*lines, *([""] if lines else []), f"{plural(len(found), 'series')}: {told}"]


def _why(state: PartitionState) -> str:
    return "; ".join([*state.reasons, *(f"check {name} failed" for name in state.failed_checks)]) or "-"


def duration(ns: int) -> str:
    """Return a length of time for people: `3 d 4 h`, `12 min`."""
    minutes = ns // (60 * _NS)
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min" if minutes else f"{ns // _NS} s"


def _lines(info: AssetInfo, states: Sequence[SeriesStatus]) -> list[str]:
    pairs: dict[str, object] = {
        "asset": info.key,
        "description": info.description,
        "made": info.made,
        "grain": info.grain,
        "natural key": info.natural_key,
        "upstreams": ", ".join(info.upstreams) or "none",
        "downstreams": ", ".join(info.downstreams) or "none",
        "schema": f"{info.schema} version {info.schema_version}",
        "code version": info.code_version,
        "owner": info.owner,
        "tags": ", ".join(info.tags) or "none",
        "fresh within": info.freshness or "not said",
        "partitions": ", ".join(f"{number:,} {name}" for name, number in info.partitions.items() if number) or "none",
        "series": "\n".join([plural(len(states), "series"), *(str(state.address) for state in states)]),
    }
    lines = facts(pairs)
    if info.checks:
        rows = [(c["name"], "yes" if c["blocking"] else "no", c["description"]) for c in info.checks]
        lines += ["", *table(("check", "blocks", "description"), rows)]
    columns = [(c["name"], c["type"], "null" if c["nullable"] else "", c["unit"]) for c in info.columns]
    return [*lines, "", *table(("column", "type", "may be", "unit"), columns)]
