"""What every test shares: a quiet environment, and the real vendor files where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
VENDOR_DATA = Path(os.environ.get("DL_VENDOR_DATA", REPO.parent / "shared" / "data"))
NO_VENDOR_DATA = "no real vendor files"


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make output independent of the terminal, and of a lake the developer may have open."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    for name in [name for name in os.environ if name.startswith("DL_") and name != "DL_VENDOR_DATA"] + ["FORCE_COLOR"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_other_lake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the lakes that earlier tests opened in this process: their owners' modules are none of the next one's."""
    monkeypatch.setattr("lake.lookup._later", {})


@pytest.fixture(scope="session")
def vendor_data() -> Path:
    """Return the folder of real vendor files, or skip: their terms forbid keeping them in the repository."""
    if not (VENDOR_DATA / "expected.json").is_file():
        pytest.skip(f"{NO_VENDOR_DATA}: set DL_VENDOR_DATA to the folder that holds their expected.json")
    return VENDOR_DATA


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was not tested for lack of vendor files, so that a green run is not mistaken for a full one."""
    skipped = sum(NO_VENDOR_DATA in str(report.longrepr) for report in terminalreporter.getreports("skipped"))
    if skipped:
        terminalreporter.write_sep("=", f"{skipped} tests skipped: {NO_VENDOR_DATA} (DL_VENDOR_DATA)", yellow=True)
