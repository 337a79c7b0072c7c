"""An export from the address to the report: which series, for which target, into which folder."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, get_args

from dl_datalake.exports.folder import Folder
from dl_datalake.exports.job import Job, Source
from dl_datalake.exports.model import ExportReport
from dl_datalake.exports.words import Layout
from dl_datalake.series import Filters, parse_address
from lake.errors import LakeError
from lake.instruments import facts
from lake.selection import unknown
from lake.spellings import is_pattern

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dl_datalake.exports.model import Progress, Target, Wishes
    from dl_datalake.result import Result
    from lake.book import Reader
    from lake.config import Config
    from lake.manifest import Manifest
    from schemas.keys import Address

    Read = Callable[[Address, tuple[str, ...] | None], Result]

LAYOUTS: tuple[Layout, ...] = get_args(Layout)


def export(  # noqa: PLR0913 - what is asked for, where it is and where it goes
    config: Config,
    manifest: Manifest,
    text: str,
    snapshot: int,
    *,
    target: Target,
    wishes: Wishes,
    read: Read,
    folder: Path,
    progress: Callable[[Progress], None],
) -> ExportReport:
    """Write the series that fit an address or a pattern, as files of a target; all of them, or none.

    Args:
        config: The lake's.
        manifest: The lake's.
        text: The address, or the pattern.
        snapshot: What is read.
        target: What rows are written for.
        wishes: What is asked for besides.
        read: Reads some columns of a series, all of them for None.
        folder: Where files go.
        progress: Told as rows are written.

    Raises:
        LakeError: UNKNOWN_SERIES; USAGE for wishes that the target has not, for series it does not take, when there is
            no row, and for files that are there already; AMBIGUOUS for symbols that do not say which pair they are.
    """
    _refuse(target, wishes)
    addresses, left_out = _chosen(manifest, text, snapshot, target)
    results, counts = [], []
    for address in addresses:
        result = read(address, _columns(target, wishes, address))
        count = result.count()
        if count:
            results.append(result)
            counts.append(count)
        else:
            left_out.append(f"{address} has no row there")
    if not results:
        raise LakeError(
            "USAGE", f"there is nothing to export of {text}", why="No row lies in the range.", fix=["dl list"]
        )
    spellings = {row.address: row.vendor_symbol for row in manifest.series(snapshot=snapshot)}
    with Folder(folder, config.data, force=wishes.force) as place:

        def book(address: Address) -> Reader:
            from lake.book import Reader
            from lake.read import Scan

            return Reader(config, Scan(config, manifest, [address], as_of=snapshot))

        told = partial(facts, manifest, snapshot=snapshot)
        job = Job(target, wishes, place, Source(read, book, told, spellings, sum(counts), progress))
        for group in _groups(results, target):
            target.write(job, group)
        files = place.land()
    return ExportReport(target.name, folder, snapshot, files, tuple(left_out), dict(job.losses))


def _chosen(manifest: Manifest, text: str, snapshot: int, target: Target) -> tuple[list[Address], list[str]]:
    """Return the series to write, and which ones of a pattern are not, with the reason."""
    if is_pattern(text):
        found = [row.address for row in manifest.series(**Filters.parse(text).words(), snapshot=snapshot)]
        if not found:
            raise unknown(manifest, text, snapshot)
    else:
        found = [parse_address(text)]
    taken = [address for address in found if target.accepts(address)]
    if not taken:
        raise LakeError(
            "USAGE",
            f"{target.title} takes no {found[0].type if len(found) == 1 else 'such series'}",
            where=text,
            why=f"It takes {', '.join(target.takes)}.",
            fix=["another --to", "dl list"],
        )
    left = [f"{address}: {target.title} takes no {address.key}" for address in found if not target.accepts(address)]
    return taken, left


def _columns(target: Target, wishes: Wishes, address: Address) -> tuple[str, ...] | None:
    """Return the columns to read of a series; None for all."""
    if target.choice == "any":
        return wishes.columns
    reads = target.reads.get(address.key, target.reads.get(address.type))
    return None if reads is None else tuple(dict.fromkeys((*reads, *(wishes.columns or ()))))


def _groups(results: Sequence[Result], target: Target) -> list[list[Result]]:
    """Return which results are written at once: each alone, or those of one instrument."""
    if not target.together:
        return [[result] for result in results]

    def instrument(result: Result) -> tuple[str, str, str]:
        return result.address.exchange, result.address.market, result.address.symbol

    return [list(group) for _, group in groupby(sorted(results, key=instrument), key=instrument)]


def _refuse(target: Target, wishes: Wishes) -> None:
    """Refuse what is asked of a target that has no such choice."""
    if wishes.layout not in LAYOUTS:
        raise LakeError(
            "USAGE", f'there is no layout "{wishes.layout}"', why=f"There are {', '.join(LAYOUTS)}.", fix=["path"]
        )
    if wishes.layout != "path" and wishes.layout not in target.layouts:
        why = f"It finds files by their names{': ' + target.file if not target.layouts else ''}."
        raise LakeError("USAGE", f"{target.title} has no layout {wishes.layout}", why=why, fix=["leave it out"])
    if wishes.columns is not None and not target.choice:
        raise LakeError(
            "USAGE",
            f"the columns of {target.title} are not to be chosen",
            why=f"It reads {target.columns}.",
            fix=["leave the columns out", "or --to csv, which has any"],
        )
    if wishes.filtered and target.together:
        raise LakeError(
            "USAGE",
            f"{target.title} takes no condition on rows",
            why="A book without some of its changes is another book.",
            fix=["leave it out", "or --start and --end"],
        )
    for name, value in (("pair", wishes.pairs), ("place", wishes.place), ("tz", wishes.tz)):
        if value and name not in target.asks:
            raise LakeError(
                "USAGE",
                f"{target.title} needs no --{name}",
                why="Nothing of what it reads depends on it.",
                fix=["leave it out"],
            )
