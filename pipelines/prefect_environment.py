"""What Prefect is told by environment variables, which it reads when it is imported: import this first."""

from __future__ import annotations

import os

HEARTBEAT_S = 30
"""The least Prefect allows; a run that is silent for three of them is dead."""
VARIABLES = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
}
"""No telemetry; heartbeats, so that dead runs are found; no hidden server where the real one is down."""


def settle(**more: str) -> None:
    """Set what nobody has set yet, in this process and those it starts."""
    for name, value in (VARIABLES | more).items():
        os.environ.setdefault(name, value)
