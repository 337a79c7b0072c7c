"""`dl read`: the formats, exact to the digit, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dl_datalake.demo import samples
from dl_datalake.demo.samples import OHLCV, SAMPLES, plain_rows
from lake.write import write
from tests.embeddings import VECTORS, embedded, vectors
from tests.manifests import make_lake
from tests.runs import BTCUSDT, REPO, Dl

if TYPE_CHECKING:
    from pathlib import Path


def test_csv_gives_back_the_source_digit_for_digit(dl: Dl, lake: Path) -> None:
    text = dl("read", BTCUSDT, "--format", "csv", "--columns", ",".join(OHLCV), "--root", lake).out
    source = (samples.folder() / samples.PLAIN).read_text(encoding="utf-8")
    assert text == source.replace("timestamp", "ts", 1).replace("Z,", ".000000000Z,")


def test_csv_has_every_column_and_leaves_nulls_empty(dl: Dl, lake: Path) -> None:
    header, first, *_ = dl("read", BTCUSDT, "--format", "csv", "--root", lake).out.splitlines()
    row = dict(zip(header.split(","), first.split(","), strict=True))
    assert row["ts"] == "2016-10-07T00:00:00.000000000Z"
    assert (row["close"], row["trades"], row["exchange"], row["symbol"]) == ("611.9", "", "BINANCE", "BTCUSDT")


def test_jsonl_is_one_object_a_row(dl: Dl, lake: Path) -> None:
    lines = dl("read", BTCUSDT, "--format", "jsonl", "--limit", "3", "--root", lake).out.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["close"] for row in rows] == [611.9, 611.88, 611.87]
    assert rows[0]["ts"] == "2016-10-07T00:00:00.000000000Z"
    assert rows[0]["trades"] is None


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_binary_formats_hold_the_same_rows(dl: Dl, lake: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"bars.{form}"
    assert dl("read", BTCUSDT, "--output", path, "--root", lake).err == f"1,419 rows → {path}\n"
    table = pq.read_table(path) if form == "parquet" else pa.ipc.open_stream(path.read_bytes()).read_all()
    assert table["close"].to_pylist() == [row[4] for row in plain_rows(samples.folder() / samples.PLAIN)]
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted([path.name, "lake"])


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_binary_formats_go_through_a_pipe(lake: Path, form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dl_datalake.cli", "read", BTCUSDT, "--format", form, "--root", lake],
        cwd=REPO,
        capture_output=True,
        check=True,
    )
    read = pq.read_table if form == "parquet" else lambda data: pa.ipc.open_stream(data).read_all()
    assert read(io.BytesIO(done.stdout)).num_rows == 1419


def test_table_shows_both_ends_and_names_empty_columns(dl: Dl, lake: Path) -> None:
    lines = dl("read", BTCUSDT, "--root", lake).out.splitlines()
    assert len(lines) == 1 + 20 + 1 + 1
    assert lines[0].split() == [*OHLCV, "exchange", "market", "symbol"]
    assert lines[1].startswith("2016-10-07T00:00:00.000000000Z")
    assert lines[11] == "… 1,399 rows between …"
    assert lines[21].startswith("2016-10-07T23:59:00.000000000Z")
    assert "trades" in lines[22]


def test_range_is_half_open(dl: Dl, lake: Path) -> None:
    words = ("--start", "2016-10-07T12:00", "--end", "2016-10-07T12:03Z", "--columns", "ts", "--format", "csv")
    rows = dl("read", BTCUSDT, *words, "--root", lake).out.split()[1:]
    assert rows == ["2016-10-07T12:00:00.000000000Z", "2016-10-07T12:01:00.000000000Z"]


def test_pattern_that_fits_one_series_is_enough(dl: Dl, lake: Path) -> None:
    assert dl("read", "*/*/BTC*/bars/1m", "--limit", "1", "--root", lake).status == 0


def test_range_without_rows_is_an_empty_answer(dl: Dl, lake: Path) -> None:
    ran = dl("read", BTCUSDT, "--start", "2030", "--format", "csv", "--columns", "ts,close", "--root", lake)
    assert (ran.status, ran.out) == (0, "ts,close\n")
    assert dl("read", BTCUSDT, "--start", "2030", "--root", lake, "--json").data["rows"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--columns", "close,colour"), "there is no column 'colour'"),
        (("--start", "2016-10-08", "--end", "2016-10-07"), "nothing lies between 2016-10-08 and 2016-10-07"),
        (("--output", "bars.xls"), "the format cannot be told from bars.xls"),
        (("--json", "--format", "csv"), "--json goes with neither --format nor --output"),
        (("--json", "--limit", "100001"), "--json holds at most 100,000 rows"),
    ],
)
def test_words_that_do_not_fit_are_refused(dl: Dl, lake: Path, words: tuple[str, ...], said: str) -> None:
    ran = dl("read", BTCUSDT, *words, "--root", lake)
    assert ran.status == 2
    assert said in (ran.out if "--json" in words else ran.err)


def test_nothing_is_written_among_the_lakes_own_files(dl: Dl, lake: Path) -> None:
    ran = dl("read", BTCUSDT, "--output", lake / "data" / "BINANCE" / "bars.csv", "--root", lake)
    assert (ran.status, "lies among the lake's own files" in ran.err) == (2, True)


def test_as_of_reads_the_lake_as_it_was(dl: Dl, lake: Path, tmp_path: Path) -> None:
    path = tmp_path / "correction.csv"
    path.write_text("timestamp,open,high,low,close,volume\n2016-10-07T00:00:00Z,611.78,611.91,611.78,611.9,7\n")
    words = ("--exchange", "BINANCE", "--symbol", "BTCUSDT", "--period", "1m", "--root", lake)
    assert dl("ingest", "--source", path, *words).status == 0

    def volume(*more: str) -> str:
        words = ("read", BTCUSDT, "--columns", "volume", "--format", "csv", "--limit", "1", "--root", lake)
        return dl(*words, *more).out.split()[1]

    assert [volume(), volume("--as-of", "1"), volume("--as-of", "2"), volume("--as-of", "now")] == [
        "7",
        "1.13872",
        "7",
        "7",
    ]


def test_closed_pipe_is_no_error(lake: Path) -> None:
    words = ["read", BTCUSDT, "--format", "csv", "--root", str(lake)]
    with subprocess.Popen(
        [sys.executable, "-m", "dl_datalake.cli", *words], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Closed before anything is written, and far less than all of it fits into the pipe.
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_trades_without_ids_stay_as_many_and_in_order(dl: Dl, tmp_path: Path) -> None:
    [sample] = [each for each in SAMPLES if each.file.startswith("gemini")]
    dl("init", tmp_path)
    words = ("--exchange", "GEMINI", "--symbol", "ETH-USD", "--root", tmp_path)
    for _ in range(2):
        assert dl("ingest", "--source", sample.path, *words).status == 0
    text = dl("read", sample.address, "--columns", "ts,price,size", "--format", "csv", "--root", tmp_path).out
    source = (sample.path).read_text(encoding="utf-8")
    found = [(row["price"], row["size"]) for row in csv.DictReader(io.StringIO(text))]
    wanted = [(row["price"], row["size"]) for row in csv.DictReader(io.StringIO(source))]
    assert [(float(price), float(size)) for price, size in found] == [(float(p), float(s)) for p, s in wanted]


@pytest.mark.parametrize("words", [("--limit", "0"), ("--start", "2030")], ids=" ".join)
def test_no_rows_are_a_header_alone(dl: Dl, lake: Path, words: tuple[str, ...]) -> None:
    more = ("--columns", "ts,close,symbol", "--root", lake)
    assert dl("read", BTCUSDT, *words, *more).out == "ts  close  symbol\n"
    assert dl("read", BTCUSDT, *words, *more, "--format", "csv").out == "ts,close,symbol\n"
    assert dl("read", BTCUSDT, *words, *more, "--format", "jsonl").out == ""


def test_lists_are_json_arrays_in_every_form(dl: Dl, tmp_path: Path) -> None:
    config = make_lake(tmp_path)
    write(config, VECTORS, vectors(embedded(0, (0.5, -1.25, 2.0), (3, 4)), embedded(1, None, score=None)))
    words = (str(VECTORS), "--columns", "vector,levels,score", "--root", config.root)
    assert dl("read", *words, "--format", "csv").out == 'vector,levels,score\n"[0.5,-1.25,2]","[3,4]",0.5\n,"[1,2]",\n'
    expected = [
        {"vector": [0.5, -1.25, 2.0], "levels": [3, 4], "score": 0.5},
        {"vector": None, "levels": [1, 2], "score": None},
    ]
    assert [json.loads(line) for line in dl("read", *words, "--format", "jsonl").out.splitlines()] == expected
    assert dl("read", *words, "--json").data["rows"] == expected
    head, first, second = dl("read", *words).out.splitlines()
    assert head.split() == ["vector", "levels", "score"]
    assert first.split("  ")[0] == "[0.5, -1.25, 2]"
    assert second.split() == ["-", "[1,", "2]", "-"]
    for form, read in (("parquet", pq.read_table), ("arrow", lambda path: pa.ipc.open_stream(path).read_all())):
        assert dl("read", *words, "--output", tmp_path / f"rows.{form}").status == 0
        assert read(tmp_path / f"rows.{form}").to_pylist() == expected


def test_a_condition_keeps_the_rows_for_which_it_is_true(dl: Dl, lake: Path) -> None:
    read = ("read", BTCUSDT, "--columns", "close,ts", "--format", "csv", "--root", lake)
    every = dl(*read).out.splitlines()[1:]
    middle = sorted(float(line.split(",")[0]) for line in every)[len(every) // 2]
    above = [line for line in every if float(line.split(",")[0]) > middle]
    assert dl(*read, "--where", f"close > {middle}").out.splitlines()[1:] == above
    refused = dl(*read, "--where", "close = 1")
    assert refused.status == 2
    assert "two values are equal where it says ==" in refused.err
