from __future__ import annotations

from typing import TYPE_CHECKING

from dl_datalake.commands._base import Session
from dl_datalake.commands.ingest import _Watch
from lake.ingest import Progress

if TYPE_CHECKING:
    from typing import Literal


def at(source: str, phase: Literal["read", "merge", "commit"] = "read") -> Progress:
    return Progress(source, 1, 2, 3, phase)


def told(*steps: Progress) -> str:
    """Return what a user who stops the command after these steps is told."""
    session = Session()
    watch = _Watch(session, None)
    for step in steps:
        watch(step)
    return session.safe


def test_stop_before_the_first_commit_says_that_nothing_was_stored() -> None:
    assert told() == "Every file that was finished is safely in the lake; of the one being read, nothing is."
    assert told(at("a.csv"), at("a.csv"), at("a.csv", "merge")) == (
        "Nothing of a.csv was stored; what was stored before is safely in the lake."
    )


def test_stop_during_a_commit_says_that_it_is_whole() -> None:
    assert told(at("a.csv"), at("a.csv", "commit")) == (
        "All of a.csv was stored, or nothing: its commit was under way; what was stored before is safely in the lake."
    )


def test_stop_later_counts_the_files_that_were_committed() -> None:
    one = [at("a.csv"), at("a.csv", "merge"), at("a.csv", "commit")]
    assert told(*one, at("b.csv")) == "1 file of this run is safely in the lake; nothing of b.csv was stored."
    refused = [at("b.csv"), at("c.csv"), at("c.csv", "commit")]
    assert told(*one, *refused, at("d.csv")) == (
        "2 files of this run are safely in the lake; nothing of d.csv was stored."
    )
    assert told(*one, *refused) == (
        "1 file of this run is safely in the lake; all of c.csv was stored, or nothing: its commit was under way."
    )
