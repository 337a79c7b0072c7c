from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prefect.states import exception_to_failed_state

from lake import aggregate, ingest, seal
from lake.errors import LakeError
from pipelines import answers
from pipelines.flows import records, steps
from pipelines.materialize import Progress as Materializing
from schemas.keys import Address

SERIES = Address.parse("A/B/C/bars/1m")


@pytest.mark.parametrize(
    ("at", "percent"),
    [
        (ingest.Progress("a.csv", 25, 100, 7, "read"), 25),
        (ingest.Progress("a.csv", 0, 0, 0, "read"), 0),
        (aggregate.Progress(SERIES, 30, 60, 1, 9), 50),
        (seal.Progress("2024-03", 1, 4, 75, 100), 75),
        (Materializing(1, 8, "bars/1h"), 12.5),
        (ingest.Progress("grown.csv", 300, 100, 7, "read"), 100),
    ],
)
def test_progress_of_every_verb_is_a_share(at: object, percent: float) -> None:
    assert steps._percent(at) == percent


def test_progress_is_said_in_words() -> None:
    assert steps._words(ingest.Progress("a.csv", 1, 2, 3, "read")) == (
        "source a.csv, bytes done 1, bytes total 2, rows 3, phase read, file 1, files 1, all done 0, all total 0"
    )


def test_waiting_caller_is_told_of_progress_and_a_failing_server_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_key: str) -> None:
        raise ConnectionError("busy")

    class Log:
        def debug(self, *_words: object) -> None:
            return

    monkeypatch.setattr(records, "Progress", broken)
    monkeypatch.setattr(steps, "get_run_logger", Log)
    monkeypatch.setattr(steps.Watch, "EVERY_S", 0.0)
    told: list[Any] = []
    with answers.awaited(told.append):
        watch = steps.Watch("ingest-progress")
        at = ingest.Progress("a.csv", 1, 2, 3, "read")
        watch(at)
        watch.close(whole=True)
    assert told == [at]


@pytest.mark.parametrize(
    ("code", "again"), [("LOCKED", True), ("DISK_FULL", True), ("SCHEMA", False), ("USAGE", False)]
)
def test_prefect_is_told_what_to_try_again(code: str, *, again: bool) -> None:
    state = asyncio.run(exception_to_failed_state(LakeError(code, "said")))
    assert steps._try_again(steps._call, None, state) is again


def test_delays_grow() -> None:
    assert steps._call.retries == 5
    assert steps._call.retry_delay_seconds == [4, 8, 16, 32, 64]
    assert steps._call.retry_jitter_factor == 0.5
