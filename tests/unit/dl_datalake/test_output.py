from __future__ import annotations

import io
import json
import time

import pytest

from dl_datalake.output import Output, Step, clear, facts, plural, size, table, to_json
from lake.errors import LakeError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_table_aligns_numbers_to_the_right() -> None:
    assert table(("name", "rows"), [("a", "1"), ("long name", "1,000")], right=("rows",)) == [
        "name        rows",
        "a              1",
        "long name  1,000",
    ]
    assert table(("name", "rows"), []) == ["name  rows"]


def test_facts_keep_the_indent_of_further_lines() -> None:
    assert facts({"a": 1, "long": "x\ny"}) == ["a     1", "long  x\n      y"]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_440_000, "1.4 MB"), (3 * 10**12, "3.0 TB")]
)
def test_sizes_are_read_by_people(count: int, text: str) -> None:
    assert size(count) == text


def test_plural_knows_series() -> None:
    assert [plural(1, "row"), plural(2, "row"), plural(1, "series"), plural(1234, "series")] == [
        "1 row",
        "2 rows",
        "1 series",
        "1,234 series",
    ]


def test_json_is_strict_and_on_one_line() -> None:
    assert to_json({"ä": "a\nb"}) == '{"ä": "a\\nb"}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


def test_quiet_says_nothing_of_what_was_done_but_answers(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(quiet=True)
    out.done("init", {}, ["made"])
    out.note(["hint"])
    assert capsys.readouterr() == ("", "")
    out.answer("list", [], ["row"])
    assert capsys.readouterr().out == "row\n"


def test_json_goes_before_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    Output(quiet=True, json=True).done("init", {"a": 1}, ["made"])
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["ok"], document["data"]) == ("dl.init/1", True, {"a": 1})


def test_error_has_all_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    error = LakeError("LOCKED", "someone writes", where="here", fix=["wait", "or go"])
    Output(verbose=True).error(error, 11, trace="Traceback: …\n")
    assert capsys.readouterr().err == (
        "Traceback: …\nerror[E_LOCKED]: someone writes\n  --> here\n  why: Another process is writing.\n"
        "  fix: wait\n       or go\n"
    )


def test_progress_is_redrawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.delenv("CI", raising=False)
    report = Output().reporter()
    assert report is not None
    started = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: started + 4)
    report(Step(1_000_000, 2_000_000, "a file", "bytes"))
    clear(report)
    assert "━━━━━━━━━━──────────  50%  a file  4 s, 250.0 kB/s, 4 s left" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_progress_is_a_line_now_and_then_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([100.0, 101.0, 109.0, 111.0, 112.0, 122.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    report = Output().reporter()
    assert report is not None
    for _ in range(5):
        report(Step(1, 4, "a file", "rows"))
    assert capsys.readouterr().err.splitlines() == [
        " 25%  a file  11 s, 0 rows/s, 33 s left",
        " 25%  a file  22 s, 0 rows/s, 66 s left",
    ]


@pytest.mark.parametrize("output", [Output(quiet=True), Output(progress=False), Output(json=True)])
def test_nobody_to_see_progress(output: Output) -> None:
    assert output.reporter() is None
