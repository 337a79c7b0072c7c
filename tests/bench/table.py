"""Measured figures as text: a table for the terminal and the page docs/benchmarks.md.

A page is made of the measured JSON alone; only what stands between its two notes markers is written by hand, and kept.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOTES_START, NOTES_END = "<!-- notes: written by hand, kept when the page is made again -->", "<!-- end of notes -->"
FIGURE_HEAD = ("workload", "figure", "measured", "target", "met", "stretch")
RATIO_HEAD = ("workload", "ours", "peer", "wall", "CPU", "RSS", "disk")
MET = {True: "yes", False: "**no**", None: "-"}

# Further columns of a contender's table, in this order, where any contender has them: name in the JSON, heading, digits
EXTRAS = (
    ("files_mb", "files MB", 2),
    ("disk_mb", "disk MB", 2),
    ("root_mb", "with manifest, disk MB", 2),
    ("files", "files", 0),
    ("first_ms", "first ms", 2),
    ("p50_ms", "p50 ms", 2),
    ("p99_ms", "p99 ms", 2),
    ("last_ms", "last close ms", 2),
    ("hour_ms", "one hour ms", 2),
)

RATIO_TEXT = """\
Ours over the peer's: medians of wall clock and CPU of whole processes, the largest memory, and bytes on the disk.
"""
PREFACE = """\
# Benchmarks

What the lake takes on its own workloads, beside the best peer of each, in one run: the contenders take turns, each run
is its own process, and wall clock and memory include interpreter start and imports. CPU is user and system time of the
whole process; memory is the largest peak of all runs; everything else is the median. Inputs are in the page cache,
stores start empty, the disk has nothing left to flush when a clock starts, and a first round is not counted. Quote the
ratios: clocks are this machine's and the hour's.

`make bench` measures the daily work again and writes this page from what it measured (`tests/bench/results.json`);
`python -m tests.bench NAME --runs 9` measures one workload, `--all` every one. No test and no push depends on a clock.
"""


def number(value: float | None, digits: int) -> str:
    """A number with so many decimals, or a dash."""
    return "-" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def quantity(value: float | None, unit: str) -> str:
    """A figure with its unit."""
    if value is None:
        return "not measured"
    return f"{number(value, 0 if unit == 'MiB' else 2)} {unit}"


def target(limit: float | None, unit: str) -> str:
    """What a figure must not exceed."""
    return "-" if limit is None else f"≤ {limit:g} {unit}"


def stretch(figure: dict[str, Any]) -> str:
    """What a figure might be, and whether it is."""
    aim = figure.get("stretch")
    if aim is None or figure["value"] is None:
        return target(aim, figure["unit"])
    return f"{target(aim, figure['unit'])}: {'yes' if figure['value'] <= aim else 'no'}"


def ratio_rows(results: dict[str, Any]) -> list[list[str]]:
    """Ours over the peer's, for every pair that was measured: medians, and of memory the largest."""
    rows = []
    for name, workload in results.items():
        lanes = {lane["name"]: lane["runs"] for lane in workload["lanes"] if lane["runs"]}
        for ours, peer in workload.get("pairs", ()):
            if ours in lanes and peer in lanes:
                both = lanes[ours], lanes[peer]
                middle = [ratio(*both, figure, statistics.median) for figure in ("wall_s", "cpu_s")]
                rows.append([name, ours, peer, *middle, ratio(*both, "rss_mib", max), disk_ratio(*both)])
    return rows


def ratio(
    ours: Sequence[dict[str, float]],
    theirs: Sequence[dict[str, float]],
    figure: str,
    of: Callable[[Sequence[float]], float],
) -> str:
    """One figure of ours over that of a peer."""
    both = [[run[figure] for run in runs if figure in run] for runs in (ours, theirs)]
    return f"{of(both[0]) / of(both[1]):.2f} x" if all(both) and of(both[1]) else "-"


def disk_ratio(ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]]) -> str:
    """Bytes on the disk, where both stored something."""
    return (
        "-"
        if any(run.get("files") == 0 for run in [*ours, *theirs])
        else ratio(ours, theirs, "disk_mb", statistics.median)
    )


def figure_rows(results: dict[str, Any]) -> list[list[str]]:
    """One row a figure, workload by workload."""
    return [
        [
            name,
            figure["name"],
            quantity(figure["value"], figure["unit"]),
            target(figure["limit"], figure["unit"]),
            MET[figure["met"]],
            stretch(figure),
        ]
        for name, workload in results.items()
        for figure in workload["figures"]
    ]


def lane_table(lanes: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    """Heading and rows of one workload's contenders; one that failed is left to `failures`."""
    ran = [lane for lane in lanes if lane["runs"]]
    extras = [extra for extra in EXTRAS if any(extra[0] in run for lane in ran for run in lane["runs"])]
    head = ["contender", "n", "wall s (min to max)", "CPU s", "RSS MiB", *(heading for _, heading, _ in extras)]
    return head, [lane_row(lane, extras) for lane in ran]


def lane_row(lane: dict[str, Any], extras: Sequence[tuple[str, str, int]]) -> list[str]:
    """One contender's medians."""
    runs = lane["runs"]

    def column(name: str) -> list[float]:
        return [run[name] for run in runs if name in run]

    def median(name: str, digits: int) -> str:
        return number(statistics.median(column(name)), digits) if column(name) else "-"

    walls = column("wall_s")
    spread = f" ({number(min(walls), 2)} to {number(max(walls), 2)})" if len(walls) > 1 else ""
    return [
        lane["name"],
        str(len(runs)),
        median("wall_s", 2) + spread,
        median("cpu_s", 2),
        number(max(column("rss_mib")), 0),
        *(median(name, digits) for name, _, digits in extras),
    ]


def failures(lanes: Sequence[dict[str, Any]]) -> list[str]:
    """A sentence for every contender that has no figures."""
    return [f"{lane['name']} did not finish: {lane['error']}" for lane in lanes if lane["error"]]


def text(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table for the terminal: columns as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(results: dict[str, Any]) -> str:
    """Everything measured, for the terminal."""
    blocks = []
    for name, workload in results.items():
        lines = [f"{name}: {workload['says'].splitlines()[0]}", text(*lane_table(workload["lanes"]))]
        blocks.append("\n".join([*lines, *failures(workload["lanes"])]))
    blocks.append(text(FIGURE_HEAD, figure_rows(results)))
    return "\n\n".join(blocks) + "\n"


def conditions(workload: dict[str, Any]) -> str:
    """When and where a workload was measured, with what, on which input."""
    others = [run["others"] for lane in workload["lanes"] for run in lane["runs"]]
    load = f", other processes keeping {min(others):.1f} to {max(others):.1f} cores busy meanwhile" if others else ""
    machine = workload["machine"]
    inputs = "; ".join(
        f"{number(facts['rows'], 0)} rows, {number(facts['bytes'] / 1e6, 1)} MB" for facts in workload["inputs"]
    )
    return (
        f"Measured {workload['measured_on']} on {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gib']:.0f} GiB, {machine['file_system']}{load}. "
        f"{versions(workload['versions'])}.{f' Input: {inputs}.' if inputs else ''}"
    )


def versions(found: dict[str, str]) -> str:
    """Names with their versions."""
    return ", ".join(f"{name} {version}" for name, version in found.items())


def notes(page: str) -> str:
    """What stands between the notes markers of a page, if it has them."""
    if NOTES_START not in page or NOTES_END not in page:
        return "\n"
    return page.split(NOTES_START, 1)[1].split(NOTES_END, 1)[0]


def page(results: dict[str, Any], old: str = "") -> str:
    """The page docs/benchmarks.md, with the notes of the old one."""
    parts = [PREFACE, "## What is promised, and what was measured\n", markdown(FIGURE_HEAD, figure_rows(results)), ""]
    parts += ["A figure without a target is there to be known. Why one is missed stands in the notes.\n"]
    if ratios := ratio_rows(results):
        parts += ["## Ours beside the peers\n", RATIO_TEXT, markdown(RATIO_HEAD, ratios), ""]
    parts += ["## Notes\n"]
    parts.append(NOTES_START + notes(old) + NOTES_END + "\n")
    for name, workload in results.items():
        parts += [f"## {name}\n", workload["says"] + "\n", markdown(*lane_table(workload["lanes"])), ""]
        parts += [f"{sentence}\n" for sentence in failures(workload["lanes"])]
        parts.append(conditions(workload) + "\n")
    return "\n".join(parts).rstrip() + "\n"
