"""`dl assets`: the declared datasets, from the declarations and the manifest alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.assets import AssetInfo, asset_info, asset_infos
from dl_datalake.commands._base import Session, command, group
from dl_datalake.output import facts, plural, table
from lake.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lake.manifest import SeriesRow


def register(app: typer.Typer) -> None:
    """Add the group's commands to the program."""
    part = group("Look at the declared datasets.")
    command(part, "list")(list_)
    command(part, "show")(show)
    app.add_typer(part, name="assets")


def list_(session: Session) -> None:
    """List the declared assets, and how many series the lake holds of each."""
    infos = asset_infos(_series(session))
    head = ("asset", "made", "grain", "upstreams", "series", "description")
    rows = [(i.key, i.made, i.grain, ", ".join(i.upstreams) or "-", i.series, i.description) for i in infos]
    session.out.answer("assets.list", [info_data(info) for info in infos], table(head, rows, right=("series",)))


def show(
    session: Session,
    key: Annotated[str, typer.Argument(metavar="ASSET", help="An asset, such as bars/1m or ticks/trade.")],
) -> None:
    """Show one asset: schema, natural key, grain, upstreams, checks, and its series."""
    series = _series(session)
    info = asset_info(key, series)
    data = {
        **info_data(info),
        "columns": info.columns,
        "checks": info.checks,
        "addresses": [str(row.address) for row in series if row.address.key == info.key],
    }
    session.out.answer("assets.show", data, _lines(info, data["addresses"]))


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
        "owner": info.owner,
        "code_version": info.code_version,
        "description": info.description,
    }


def _series(session: Session) -> list[SeriesRow]:
    """Return the lake's series; none where there is no lake: the declarations can be read without one."""
    try:
        with session.manifest() as manifest:
            return manifest.series()
    except LakeError as error:
        if error.code != "E_LAKE_NOT_INITIALISED" or session.root is not None:
            raise
        return []


def _lines(info: AssetInfo, addresses: Sequence[str]) -> list[str]:
    pairs: dict[str, object] = {
        "asset": info.key,
        "description": info.description,
        "made": info.made,
        "grain": info.grain,
        "natural key": info.natural_key,
        "upstreams": ", ".join(info.upstreams) or "none",
        "downstreams": ", ".join(info.downstreams) or "none",
        "schema": f"{info.schema} version {info.schema_version}",
        "owner": info.owner,
        "series": "\n".join([plural(len(addresses), "series"), *addresses]),
    }
    lines = facts(pairs)
    if info.checks:
        rows = [(c["name"], "yes" if c["blocking"] else "no", c["description"]) for c in info.checks]
        lines += ["", *table(("check", "blocks", "description"), rows)]
    columns = [(c["name"], c["type"], "null" if c["nullable"] else "", c["unit"]) for c in info.columns]
    return [*lines, "", *table(("column", "type", "may be", "unit"), columns)]
