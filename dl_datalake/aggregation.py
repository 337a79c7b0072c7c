"""What the command and the client share of an aggregation: the request, with what the declared assets say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_datalake.dates import parse_ns, parse_range
from lake.aggregate import AggregateRequest, target_addresses
from pipelines.assets import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dl_datalake.dates import DateLike
    from lake.config import Config
    from schemas.keys import Address


def request_of(  # noqa: PLR0913 - one argument an option
    config: Config,
    address: Address,
    to: Sequence[str],
    *,
    start: DateLike | None = None,
    end: DateLike | None = None,
    session_tz: str | None = None,
    session_start: str | None = None,
    calendar: str | None = None,
    complete_to: DateLike | None = None,
    force: bool = False,
    dry_run: bool = False,
    warn: Callable[[str], None] | None = None,
) -> AggregateRequest:
    """Return the request for one series.

    Raises:
        LakeError: PERIOD, USAGE, BAD_DATE; ASSETS when the lake's own assets cannot be loaded.
    """
    start_ns, end_ns = parse_range(start, end)
    registry = load(config, warn)
    specs = {target.key: registry.resolve(target.key) for target in target_addresses(address, tuple(to))}
    return AggregateRequest(
        address=address,
        to=tuple(to),
        start_ns=start_ns,
        end_ns=end_ns,
        session_tz=session_tz,
        session_start=session_start,
        calendar=calendar,
        complete_to_ns=None if complete_to is None else parse_ns(complete_to),
        force=force,
        dry_run=dry_run,
        code_versions={key: spec.code_version for key, spec in specs.items()},
        checks={key: spec.checks for key, spec in specs.items()},
    )
