"""The asset graph in its forms: a tree of text, Mermaid for a README, SVG for a page, and data for scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from schemas.graph import Registry

STATES = ("failed", "stale", "missing", "late", "materialized")
"""From the worst to the best."""
_COLOURS = {
    "failed": ("#f8d7da", "#b02a37"),
    "stale": ("#fff3cd", "#b58105"),
    "missing": ("#fff3cd", "#b58105"),
    "late": ("#ffe5d0", "#ca6510"),
    "materialized": ("#d1e7dd", "#146c43"),
    "none": ("#f1f3f5", "#868e96"),
}
_BOX_WIDTH, _BOX_HEIGHT = 190, 40
_GAP_X, _GAP_Y, _MARGIN = 70, 16, 16
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Node:
    """One asset of the graph, with how many of its partitions are in which state."""

    key: str
    made: str
    upstreams: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """The worst state a partition of it is in; `none` without any."""
        return next((name for name in STATES if self.counts.get(name)), "none")

    @property
    def said(self) -> str:
        """The counts in words, the worst first."""
        return ", ".join(f"{self.counts[name]:,} {name}" for name in STATES if self.counts.get(name))


def nodes(registry: Registry, keys: Iterable[str], counts: Mapping[str, Mapping[str, int]]) -> list[Node]:
    """Return the assets of some keys, each after what it is made from; edges to other keys are left out."""
    wanted = registry.in_order(keys)
    found = []
    for key in wanted:
        spec = registry.resolve(key)
        upstreams = tuple(name for name in spec.upstreams if name in wanted)
        found.append(Node(key, spec.made, upstreams, counts.get(key, {})))
    return found


def data(graph: Sequence[Node]) -> dict[str, Any]:
    """Return nodes and edges as scripts read them; an asset can do without an alternative edge."""
    return {
        "nodes": [
            {
                "key": node.key,
                "made": node.made,
                "state": node.state,
                "partitions": {name: node.counts.get(name, 0) for name in STATES},
            }
            for node in graph
        ],
        "edges": [
            {"from": upstream, "to": node.key, "alternative": node.made == "source"}
            for node in graph
            for upstream in node.upstreams
        ],
    }


def text(graph: Sequence[Node]) -> list[str]:
    """Return the graph as a tree for each asset that is made from nothing; what comes again is not unfolded again."""
    below: dict[str, list[Node]] = {}
    for node in graph:
        for upstream in node.upstreams:
            below.setdefault(upstream, []).append(node)
    seen: set[str] = set()
    lines: list[str] = []
    for node in graph:
        if not node.upstreams:
            lines += _branch(node, below, seen, "", "")
    return lines


def _branch(node: Node, below: Mapping[str, list[Node]], seen: set[str], first: str, rest: str) -> Iterator[str]:
    again = node.key in seen and node.key in below
    yield f"{first}{node.key}{f'  {node.said}' if node.said else ''}{' …' if again else ''}"
    seen.add(node.key)
    children = [] if again else below.get(node.key, [])
    for child in children:
        last = child is children[-1]
        yield from _branch(child, below, seen, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))


def mermaid(graph: Sequence[Node]) -> list[str]:
    """Return the graph as a Mermaid flow chart; what an asset can be made from instead is a dotted line."""
    numbers = {node.key: f"n{number}" for number, node in enumerate(graph)}
    lines = ["flowchart LR"]
    for node in graph:
        said = f"<br/>{node.said}" if node.said else ""
        lines.append(f'  {numbers[node.key]}["{node.key}{said}"]:::{node.state}')
    for node in graph:
        arrow = "-.->" if node.made == "source" else "-->"
        lines += [f"  {numbers[upstream]} {arrow} {numbers[node.key]}" for upstream in node.upstreams]
    used = dict.fromkeys(node.state for node in graph)
    lines += [f"  classDef {name} fill:{_COLOURS[name][0]},stroke:{_COLOURS[name][1]},color:#212529" for name in used]
    return lines


def svg(graph: Sequence[Node]) -> list[str]:
    """Return the graph as an SVG drawing, in layers from left to right."""
    places = _places(graph)
    width = max((x for x, _ in places.values()), default=0) + _BOX_WIDTH + _MARGIN
    height = max((y for _, y in places.values()), default=0) + _BOX_HEIGHT + _MARGIN
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    font = 'font-family="system-ui, sans-serif" font-size="13"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>']
    for node in graph:
        x, y = places[node.key]
        dashes = ' stroke-dasharray="4 4"' if node.made == "source" else ""
        for upstream in node.upstreams:
            from_x, from_y = places[upstream][0] + _BOX_WIDTH, places[upstream][1] + _BOX_HEIGHT // 2
            to_y, middle = y + _BOX_HEIGHT // 2, (from_x + x) // 2
            curve = f"M{from_x} {from_y} C{middle} {from_y} {middle} {to_y} {x} {to_y}"
            lines.append(f'<path d="{curve}" fill="none" stroke="#adb5bd" stroke-width="1.5"{dashes}/>')
    for node in graph:
        x, y = places[node.key]
        fill, edge = _COLOURS[node.state]
        size = f'x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}"'
        at = f'x="{x + _BOX_WIDTH // 2}" text-anchor="middle"'
        up = 17 if node.said else 25
        lines.append(f"<g><title>{escape(f'{node.key}: {node.said or node.made}')}</title>")
        lines.append(f'<rect {size} rx="6" fill="{fill}" stroke="{edge}"/>')
        lines.append(f'<text {at} y="{y + up}" fill="#212529">{escape(node.key)}</text>')
        if node.said:
            lines.append(f'<text {at} y="{y + 32}" font-size="11" fill="{edge}">{escape(node.said)}</text>')
        lines.append("</g>")
    return [*lines, "</svg>"]


def _places(graph: Sequence[Node]) -> dict[str, tuple[int, int]]:
    """Return where each box stands: its layer is its longest way from the left, its row is near its neighbours'."""
    layer: dict[str, int] = {}
    for node in graph:
        layer[node.key] = max((layer[upstream] + 1 for upstream in node.upstreams), default=0)
    rows: dict[int, list[Node]] = {}
    for node in graph:
        rows.setdefault(layer[node.key], []).append(node)
    neighbours: dict[str, list[str]] = {node.key: list(node.upstreams) for node in graph}
    for node in graph:
        for upstream in node.upstreams:
            neighbours[upstream].append(node.key)
    place = {node.key: float(row) for nodes_ in rows.values() for row, node in enumerate(nodes_)}
    for _ in range(_SWEEPS):
        for column in rows.values():
            column.sort(key=lambda node: _mean([place[key] for key in neighbours[node.key]], place[node.key]))
            place |= {node.key: float(row) for row, node in enumerate(column)}
    return {
        node.key: (_MARGIN + number * (_BOX_WIDTH + _GAP_X), _MARGIN + row * (_BOX_HEIGHT + _GAP_Y))
        for number, column in rows.items()
        for row, node in enumerate(column)
    }


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
