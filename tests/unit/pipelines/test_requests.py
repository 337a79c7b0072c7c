from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lake.aggregate import AggregateRequest
from lake.config import Config, locate
from lake.errors import LakeError
from lake.ingest import IngestRequest
from lake.manifest import Manifest
from lake.offload import OffloadRequest, RestoreRequest
from lake.seal import SealRequest
from pipelines.flows import maintain, offload
from pipelines.requests import options_of, place, plain, request_of, settings_of
from schemas.keys import Address

if TYPE_CHECKING:
    from pathlib import Path

REQUESTS: list[Any] = [
    IngestRequest(("a.csv", "b*.zip"), columns={"open": "o"}, start_ns=5, on_bad="fail", max_bad="5%", dry_run=True),
    IngestRequest(
        ("a.csv",),
        words={"columns": ["ts", "-", "price"], "side": {"K": "buy"}, "skip-preamble": 2, "volume-suffixes": True},
        save_dialect="mine",
    ),
    AggregateRequest(
        Address.parse("BINANCE/SPOT/BTC%2FUSDT/bars/1m"),
        ("5m", "1h"),
        only=frozenset({("bars/1h", "2024-03"), ("bars/5m", "2024-03-01")}),
        code_versions={"bars/1h": "2"},
        force=True,
    ),
    SealRequest(("BINANCE/*/*/bars/1m",), max_bytes=5),
    OffloadRequest(("A/*/*/*/*",), to="cold", grace_s=7200.0),
    RestoreRequest(("A/*/*/*/*",), 1, 2),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_request_survives_json(request_: object) -> None:
    options = json.loads(json.dumps(options_of(request_)))
    assert request_of(type(request_), options) == request_


def test_defaults_are_not_told() -> None:
    assert options_of(IngestRequest(("a.csv",))) == {"sources": ["a.csv"]}


@pytest.mark.parametrize(
    "options",
    [
        {"sources": ["a.csv"], "colour": "red"},
        {"sources": "a.csv"},
        {"sources": [1]},
        {"sources": ["a.csv"], "on_bad": "ignore"},
        {"sources": ["a.csv"], "start_ns": "soon"},
        {"sources": ["a.csv"], "dry_run": 1},
        {"sources": ["a.csv"], "columns": ["open"]},
        {},
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(LakeError) as caught:
        request_of(IngestRequest, options)
    assert caught.value.code == "E_USAGE"


def test_no_series_is_refused_by_name() -> None:
    with pytest.raises(LakeError, match="nonsense"):
        request_of(AggregateRequest, {"address": "nonsense", "to": ["1h"]})


def test_settings_find_the_same_lake(tmp_path: Path) -> None:
    config = Config(tmp_path, tmp_path / "elsewhere", tmp_path / "here.db", wait_s=7.0)
    Manifest.create(config)
    root, settings = settings_of(config)
    assert json.loads(json.dumps(settings)) == settings
    found = place(root, settings)
    assert (found.root, found.data, found.manifest, found.wait_s) == (tmp_path, config.data, config.manifest, 7.0)
    with pytest.raises(LakeError, match="colour"):
        place(root, {"colour": "red"})


def test_report_is_told_as_json(tmp_path: Path) -> None:
    error = LakeError("LOCKED", "busy", where="here")
    told = plain({"at": Address.parse("A/B/C/bars/1m"), "path": tmp_path, "errors": [error], "who": {"b", "a"}})
    assert json.loads(json.dumps(told))["errors"][0]["code"] == "E_LOCKED"
    assert (told["at"], told["path"], told["who"]) == ("A/B/C/bars/1m", str(tmp_path), ["a", "b"])


def test_flows_and_commands_take_the_same_ages() -> None:
    """Options of a default are not told to a flow, so its own default must be the same."""
    from lake.amounts import duration_ns
    from lake.offload.model import OLDER_THAN_NS as OFFLOAD_NS
    from lake.seal import OLDER_THAN_NS as SEAL_NS

    assert duration_ns(maintain.OLDER_THAN) == SEAL_NS
    assert duration_ns(offload.OLDER_THAN) == OFFLOAD_NS


def test_lake_is_found_as_dl_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Manifest.create(locate(tmp_path, must_exist=False))
    monkeypatch.setenv("DL_ROOT", str(tmp_path))
    assert place(None, None).root == tmp_path


def test_an_aggregation_is_understood_outside_of_type_checkers_too() -> None:
    from lake.aggregate import AggregateRequest

    request = request_of(AggregateRequest, {"address": "TEST/SPOT/ABC/bars/1m", "to": ["1h"]})
    assert (str(request.address), request.to, dict(request.checks)) == ("TEST/SPOT/ABC/bars/1m", ("1h",), {})
