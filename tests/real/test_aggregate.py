"""Real vendor files made coarser by the command, digest for digest as an independent program made them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import dl_datalake
from tests.conftest import VENDOR_DATA
from tests.runs import Dl, runner

if TYPE_CHECKING:
    from pathlib import Path

PERIODS = {60: "1m", 300: "5m", 3600: "1h", 86_400: "1d"}
SOURCES = {
    "binance_um_klines_header/FILUSDT-1m-2024-09.csv": 3,
    "cryptochassis_csv/gemini__eth-usd__2021-07-02__trade.csv": 2,
    "lean_zip/equity_usa_tick_ibm_20131008_trade.zip": 1,
}
"""The sources of the expected digests, and how many each has."""


@pytest.fixture
def dl(capfdbinary: pytest.CaptureFixture[bytes]) -> Dl:
    return runner(capfdbinary)


@pytest.mark.parametrize("source", SOURCES)
def test_digest_for_digest(dl: Dl, vendor_data: Path, tmp_path: Path, source: str) -> None:
    expected = _expected(source)
    assert len(expected) == SOURCES[source]
    root = tmp_path / "lake"
    assert dl("init", root).status == 0
    [address] = dl("ingest", "--source", vendor_data / source, "--root", root, "--json").data["files"][0]["addresses"]
    # In one pass: the coarser ones are aggregates of the finer ones.
    words = ("aggregate", address, "--to", ",".join(PERIODS[entry["period_s"]] for entry in expected), "--root", root)
    made = dl(*words, "--json")
    assert made.status == 0
    assert [each["withheld"] for each in made.data["series"][0]["targets"]] == [None] * len(expected)
    series = address.rsplit("/", 2)[0]
    with dl_datalake.open(root) as lake:
        for entry in expected:
            rows = lake.read(f"{series}/bars/{PERIODS[entry['period_s']]}").to_arrow()
            assert rows.num_rows == entry["bars"]
            assert _digest(rows) == entry["digest_sha256"]
    assert "nothing to do" in dl(*words).out


def _expected(source: str) -> list[dict[str, Any]]:
    by_source = defaultdict(list)
    for entry in json.loads((VENDOR_DATA / "expected_resample.json").read_text()):
        by_source[entry["source"]].append(entry)
    assert set(by_source) == set(SOURCES)
    return by_source[source]


def _digest(rows: Any) -> str:  # noqa: ANN401 -- an Arrow table
    digest = hashlib.sha256()
    columns = [rows.column(name).to_pylist() for name in ("open", "high", "low", "close", "volume")]
    for ts, *values in zip(rows.column("ts").cast("int64").to_pylist(), *columns, strict=True):
        digest.update(f"{ts * 1000},{','.join(map(_plain, values))}\n".encode())
    return digest.hexdigest()


def _plain(value: float) -> str:
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
