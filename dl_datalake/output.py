"""The only place that prints: answers on stdout as text or as one JSON document, everything else on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

from lake.amounts import plural as plural  # noqa: PLC0414 - what prints takes it from here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from lake.errors import LakeError

_PROGRESS_EVERY_S = 10.0
_REDRAW_EVERY_S = 0.1
_BAR_WIDTH = 20


@dataclass(frozen=True, slots=True)
class Step:
    """What a long operation reports while it runs: how much of how much is done, and of what."""

    done: int
    total: int
    text: str
    unit: str = ""
    """What is counted, where the pace is to be told: `bytes`, or a plural such as `rows`."""

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Output:
    """Where one command's answer goes, and in which form."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    progress: bool = True
    root: Path | None = None
    warnings: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def answer(self, command: str, data: object, lines: Iterable[str]) -> None:
        """Print what was asked for: `lines`, or with --json the envelope of `dl.<command>/1` around `data`."""
        if not self.json:
            _write(sys.stdout, lines)
            return
        document = {
            "schema": f"dl.{command}/1",
            "ok": True,
            "root": None if self.root is None else str(self.root),
            "data": data,
            "warnings": self.warnings,
            "elapsed_s": round(time.monotonic() - self.started, 6),
        }
        _write(sys.stdout, [to_json(document)])

    def done(self, command: str, data: object, lines: Iterable[str]) -> None:
        """Print what a command did; nothing with --quiet, unless --json asks for the document."""
        self.answer(command, data, () if self.quiet else lines)

    def warn(self, text: str) -> None:
        """Say on stderr, or in the document's warnings, what the user should know about the answer."""
        self.warnings.append(text)
        if not self.json:
            _write(sys.stderr, [f"warning: {text}"])

    def note(self, lines: Iterable[str]) -> None:
        """Say on stderr what helps to go on; nothing with --quiet or --json."""
        if not (self.quiet or self.json):
            _write(sys.stderr, lines)

    def error(self, error: LakeError, exit_status: int, *, others: Sequence[LakeError] = (), trace: str = "") -> None:
        """Print an error: text on stderr, with --json a `dl.error/1` document on stdout; a traceback only with -v."""
        if trace and self.verbose:
            _write(sys.stderr, [trace.rstrip()])
        if self.json:
            document: dict[str, object] = {"schema": "dl.error/1", "ok": False, "error": error_data(error, exit_status)}
            if others:
                document["others"] = [error_data(other) for other in others]
            try:
                _write(sys.stdout, [to_json(document)])
            except OSError:  # stdout is what went wrong
                pass
            else:
                return
        for each in (*others, error):
            _write(sys.stderr, error_lines(each))

    def stream(self) -> BinaryIO:
        """Return stdout for bytes, with what was printed so far before them."""
        sys.stdout.flush()
        return sys.stdout.buffer

    def text(self, lines: Iterable[str]) -> None:
        """Write lines of text to stdout as they come, whatever form was asked for."""
        _write(sys.stdout, lines)

    def reporter(self) -> Callable[[Step], None] | None:
        """Return what draws progress on stderr, or None when nobody is to see it."""
        if self.quiet or not self.progress:
            return None
        alive = sys.stderr.isatty() and not os.environ.get("CI")
        if self.json and not alive:
            return None
        return _Progress(alive=alive)

    def red(self, line: str) -> str:
        """Return a line of an answer in red, where it goes to a terminal that may be coloured."""
        plain = self.json or not self.to_terminal or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return line if plain else f"\x1b[31m{line}\x1b[0m"

    @property
    def to_terminal(self) -> bool:
        """Whether stdout is a terminal: binary formats would garble it."""
        return sys.stdout.isatty()


class _Progress:
    """One line redrawn in place on a terminal; elsewhere a line every ten seconds."""

    def __init__(self, *, alive: bool) -> None:
        self.alive = alive
        self.every = _REDRAW_EVERY_S if alive else _PROGRESS_EVERY_S
        self.started = time.monotonic()
        self.last = self.started

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if now - self.last < self.every:
            return
        self.last = now
        part = min(1.0, step.done / step.total) if step.total else 0.0
        text = f"{part:4.0%}  {step}  {_pace(step, part, now - self.started)}"
        if self.alive:
            filled = round(part * _BAR_WIDTH)
            sys.stderr.write(f"\r\x1b[K{'━' * filled}{'─' * (_BAR_WIDTH - filled)} {text}\r")
            sys.stderr.flush()
        else:
            _write(sys.stderr, [text])

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self.alive:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _pace(step: Step, part: float, seconds: float) -> str:
    """Say how long it took so far, how fast it goes, and how long the rest will take."""
    words = [f"{seconds:.0f} s"]
    if step.unit and step.done:
        rate = step.done / seconds
        words.append(f"{size(round(rate))}/s" if step.unit == "bytes" else f"{rate:,.0f} {step.unit}/s")
    if part:
        words.append(f"{seconds * (1 - part) / part:.0f} s left")
    return ", ".join(words)


def clear(reporter: Callable[[Step], None] | None) -> None:
    """Take a progress line off the terminal before an answer is printed."""
    if isinstance(reporter, _Progress):
        reporter.clear()


def error_lines(error: LakeError) -> list[str]:
    """Return an error as people read it: what, where, why, and how to go on."""
    lines = [f"error[{error.code}]: {error.message}"]
    if error.where:
        lines.append(f"  --> {error.where}")
    lines.append(f"  why: {error.why}")
    lines += [f"  {'fix:' if not place else '    '} {fix}" for place, fix in enumerate(error.fix)]
    return lines


def error_data(error: LakeError, exit_status: int | None = None) -> dict[str, object]:
    """Return an error as scripts read it."""
    return {
        "code": error.code,
        "exit": int(error.exit if exit_status is None else exit_status),
        "message": error.message,
        "where": error.where,
        "why": error.why,
        "fix": list(error.fix),
        "docs": f"docs/errors.md#{error.code.lower()}",
    }


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> list[str]:
    """Return rows as aligned text; the columns named in `right` are numbers."""
    lines = [tuple(head), *(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    sides = (f"{{:{'>' if name in right else '<'}{width}}}" for name, width in zip(head, widths, strict=True))
    aligned = "  ".join(sides).format
    return [aligned(*cells).rstrip() for cells in lines]


def facts(pairs: Mapping[str, object]) -> list[str]:
    """Return names and values as two aligned columns; a value of several lines keeps its indent."""
    width = max(map(len, pairs), default=0)
    return [
        f"{name.ljust(width)}  {str(value).replace(chr(10), chr(10) + ' ' * (width + 2))}".rstrip()
        for name, value in pairs.items()
    ]


def size(count: int) -> str:
    """Return a number of bytes for people: `1.4 MB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def to_json(value: object) -> str:
    """Return strict JSON on one line: no NaN, no infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> object:  # noqa: ANN401 - json hands over whatever it does not know
    return str(value)


def _write(stream: TextIO, lines: Iterable[str]) -> None:
    stream.writelines(line + "\n" for line in lines)
    stream.flush()
