"""The asset graph in its forms: text, Mermaid, SVG and data."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from dl_datalake import graph
from pipelines.assets import ASSETS

COUNTS = {"bars/1m": {"materialized": 30}, "bars/1h": {"materialized": 1, "stale": 2}, "bars/1d": {"missing": 1}}
NODES = graph.nodes(ASSETS, ["bars/1d", "bars/1h", "bars/1m", "ticks/trade"], COUNTS)


def test_each_comes_after_what_it_is_made_from() -> None:
    keys = [node.key for node in NODES]
    assert keys.index("ticks/trade") < keys.index("bars/1m") < min(keys.index("bars/1h"), keys.index("bars/1d"))
    assert {node.key: node.state for node in NODES} == {
        "ticks/trade": "none",
        "bars/1m": "materialized",
        "bars/1h": "stale",
        "bars/1d": "missing",
    }


def test_text_is_a_tree() -> None:
    assert graph.text(NODES)[:2] == ["ticks/trade", "└─ bars/1m  30 materialized"]
    assert {line[3:].lstrip("├└─ ") for line in graph.text(NODES)[2:]} == {
        "bars/1h  2 stale, 1 materialized",
        "bars/1d  1 missing",
    }


def test_what_comes_twice_is_unfolded_once() -> None:
    diamond = [
        graph.Node("a", "source", ()),
        graph.Node("b", "source", ()),
        graph.Node("c", "derived", ("a", "b")),
        graph.Node("d", "derived", ("c",)),
    ]
    assert graph.text(diamond) == ["a", "└─ c", "   └─ d", "b", "└─ c …"]


def test_mermaid_names_every_node_and_edge() -> None:
    lines = graph.mermaid(NODES)
    assert lines[0] == "flowchart LR"
    number = {line.split('"')[1].split("<")[0]: line.split("[")[0].strip() for line in lines if '["' in line}
    assert f"  {number['ticks/trade']} -.-> {number['bars/1m']}" in lines
    assert f"  {number['bars/1m']} --> {number['bars/1h']}" in lines
    assert f'  {number["bars/1h"]}["bars/1h<br/>2 stale, 1 materialized"]:::stale' in lines
    assert any(line.startswith("  classDef stale fill:") for line in lines)


def test_svg_is_a_drawing_whose_boxes_do_not_meet() -> None:
    root = ET.fromstring("\n".join(graph.svg(graph.nodes(ASSETS, ASSETS.keys(), COUNTS))))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    boxes = [
        tuple(int(box.attrib[name]) for name in ("x", "y", "width", "height")) for box in root.iter(f"{space}rect")
    ]
    assert len(boxes) == len(ASSETS)
    for i, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, *_ in boxes[i + 1 :]:
            assert abs(x - other_x) >= width or abs(y - other_y) >= height
    edges = sum(len(spec.upstreams) for spec in ASSETS)
    assert len(list(root.iter(f"{space}path"))) == edges
    assert {text.text for text in root.iter(f"{space}text")} >= set(ASSETS.keys())


def test_data_tells_alternatives_from_demands() -> None:
    document = graph.data(NODES)
    assert {"from": "ticks/trade", "to": "bars/1m", "alternative": True} in document["edges"]
    assert {"from": "bars/1m", "to": "bars/1d", "alternative": False} in document["edges"]
    [hour] = [node for node in document["nodes"] if node["key"] == "bars/1h"]
    assert hour["partitions"] == {"failed": 0, "stale": 2, "missing": 0, "late": 0, "materialized": 1}
