"""Reads a document as its reader does: finds its fenced blocks, runs them in order, and compares what they show.

Blocks marked `sh`, `console` and `python` are run; all others are looked at and nothing more.

- `sh`: a script, run line by line unless a here-document binds lines together.
- `console`: lines after `$ ` are typed, the others are what the terminal shows. Without such lines nothing is compared.
- `python`: a program; `print(…)  # this` says what it prints.

A command must succeed unless it ends in `# exit N`. In what is shown, `…` stands for anything: alone on its line for
any lines, inside one for any text. Times, seconds, run ids and names of data files are told apart from other text and
may differ; a run id that is shown may be typed again later, and then stands for the real one. Sizes depend on how
well the rows are packed, and may be a quarter off.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

RUNNABLE = frozenset({"sh", "console", "python"})
_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"\s+# exit (?P<status>\d+)$")
_HEREDOC = re.compile(r"<<\s*'?(?P<end>\w+)'?")
_PRINTS = re.compile(r"^\s*print\(.*\)  # (?P<shown>.+)$", re.MULTILINE)
_RUN_ID = r"[0-9A-HJKMNP-TV-Z]{26}"
_VARYING = {
    r"\b20(?:2[6-9]|[3-9]\d)-\d\d-\d\d \d\d:\d\d:\d\d": r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d",
    r"\b\d+\.\d s\b": r"\d+\.\d s",
    r"\b[0-9a-f]{16}-[0-9a-f]{12}-[0-9a-f]{8}\.parquet\b": r"[0-9a-f]{16}-[0-9a-f]{12}-[0-9a-f]{8}\.parquet",
    "…": ".*",
}
"""What may differ → what it must look like all the same: wall clock (market data is older), seconds, data files."""
_SIZE = r"\b\d+\.\d [kMG]B\b"
_SIZE_OFF = 1.1
_TOKEN = re.compile("|".join(f"({pattern})" for pattern in (*_VARYING, _SIZE, rf"\b{_RUN_ID}\b")))


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it starts, its language, its text."""

    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the reader does: a shell command or a Python program, and what is to come of it."""

    line: int
    language: str
    text: str
    shown: tuple[str, ...] = ()
    status: int = 0


def blocks(document: str) -> list[Block]:
    """Return the fenced blocks of a document, in order."""
    return [
        Block(document.count("\n", 0, found.start()) + 1, found["language"], found["text"])
        for found in _FENCE.finditer(document)
    ]


def steps(document: str) -> list[Step]:
    """Return all that a reader who types every runnable block does, in order."""
    return [step for block in blocks(document) if block.language in RUNNABLE for step in _steps(block)]


def _steps(block: Block) -> Iterable[Step]:
    if block.language == "python":
        shown = tuple(found["shown"] for found in _PRINTS.finditer(block.text))
        yield Step(block.line, "python", block.text, shown)
        return
    lines = list(enumerate(block.text.splitlines(), block.line + 1))
    prompt = "$ " if block.language == "console" else ""
    while lines:
        number, first = lines.pop(0)
        if not first.startswith(prompt):
            raise ValueError(f"line {number} is shown before anything was typed: {first}")
        typed = [first.removeprefix(prompt)]
        heredoc = _HEREDOC.search(first)
        while heredoc and typed[-1] != heredoc["end"]:
            typed.append(lines.pop(0)[1])
        printed = []
        while prompt and lines and not lines[0][1].startswith(prompt):
            printed.append(lines.pop(0)[1])
        if typed == [""] or typed[0].startswith("#"):
            continue
        status = _STATUS.search(typed[0])
        typed[0] = _STATUS.sub("", typed[0])
        yield Step(number, "sh", "\n".join(typed), tuple(printed), int(status["status"]) if status else 0)


@dataclass(slots=True)
class Terminal:
    """Where the reader types: one folder, one environment, and the run ids that were seen."""

    folder: Path
    environment: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    """Id in the document → id in this run."""
    timeout: float = 120
    """Seconds a step may take."""

    def run(self, step: Step) -> None:
        """Run one step; AssertionError, with all there is to see, when it does not do what the document says."""
        typed = step.text
        for old, new in self.ids.items():
            typed = typed.replace(old, new)
        words = ["python", "-"] if step.language == "python" else ["bash", "-c", typed]
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            input=typed if step.language == "python" else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
            timeout=self.timeout,
        )
        scene = f"line {step.line}: {typed}\n--- it printed (exit {done.returncode}) ---\n{done.stdout}"
        assert done.returncode == step.status, f"{scene}--- exit {step.status} was expected ---"
        if step.shown:
            found = re.fullmatch(pattern(step.shown, self.ids), _plain(done.stdout.splitlines()), re.DOTALL)
            shown = "\n".join(step.shown)
            assert found, f"{scene}--- the document shows ---\n{shown}"
            for told, real in zip(re.findall(_SIZE, shown), _named(found, "size_").values(), strict=True):
                assert 1 / _SIZE_OFF < _bytes(told) / _bytes(real) < _SIZE_OFF, f"{scene}--- shown is {told} ---"
            self.ids |= _named(found, "id_")


def pattern(shown: Iterable[str], known: dict[str, str]) -> str:
    """Return a pattern that what is really printed must match: the shown lines, but for what may differ."""
    seen: set[str] = set()
    sizes = count()
    lines = []
    for line in shown:
        if line.strip() == "…":
            lines.append(r"(?:[^\n]*\n)*?")
        else:
            lines.append("".join(_part(part, known, seen, sizes) for part in _parts(line.rstrip())) + r"\n")
    return "".join(lines)


def _parts(line: str) -> list[str]:
    ends = [0, *(end for found in _TOKEN.finditer(line) for end in found.span()), len(line)]
    return [line[start:end] for start, end in pairwise(ends)]


def _part(part: str, known: dict[str, str], seen: set[str], sizes: Iterator[int]) -> str:
    for token, form in _VARYING.items():
        if re.fullmatch(token, part):
            return form.replace(".*", r"[^\n]*")
    if re.fullmatch(_SIZE, part):
        return f"(?P<size_{next(sizes)}>{_SIZE})"
    if not re.fullmatch(_RUN_ID, part):
        return re.escape(part)
    if part in known:
        return re.escape(known[part])
    if part in seen:
        return f"(?P=id_{part})"
    seen.add(part)
    return f"(?P<id_{part}>{_RUN_ID})"


def _named(found: re.Match[str], prefix: str) -> dict[str, str]:
    """Return the named groups that begin with `prefix`, without it."""
    return {name.removeprefix(prefix): real for name, real in found.groupdict().items() if name.startswith(prefix)}


def _bytes(text: str) -> float:
    number, unit = text.split()
    return float(number) * {"kB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


def _plain(lines: Iterable[str]) -> str:
    return "".join(f"{line.rstrip()}\n" for line in lines)
