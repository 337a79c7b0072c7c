"""The fuzzer's inputs mean what they say, what it once found stays mended, and at night it looks for more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lake.ingest import IngestRequest
from lake.sources import SourceOptions
from tests.fuzz.inputs import LAKE, NAMES, TOKENS, WORDS, packed, seeds, unpacked
from tests.ledgers import ingest_adds_up, read_adds_up
from tests.manifests import make_lake

REPO = Path(__file__).resolve().parents[2]
FOUND = Path(__file__).with_name("found")
"""Inputs that once broke something; the nightly run puts what it finds here."""
SECONDS = int(os.environ.get("DL_FUZZ_SECONDS", "3600"))
CORPUS = os.environ.get("DL_FUZZ_CORPUS", "")
MOST_MB = 768
"""Twice what the interpreter takes with all that is loaded, instrumented."""


def test_an_input_stands_for_the_file_it_was_made_of() -> None:
    case = unpacked(packed("quotes.csv", b"abc", {"period": "1h"}, wrapping=0, lake=False))
    assert case is not None
    assert (case.name, case.data, case.words["period"]) == ("quotes.csv", b"abc", "1h")
    assert len(NAMES) < 256 > len(WORDS)
    assert unpacked(b"abc") is None


def test_seeds_reach_every_kind_of_file(tmp_path: Path) -> None:
    dialects = set()
    for data in seeds().values():
        case = unpacked(data)
        assert case is not None
        path = tmp_path / case.name
        path.write_bytes(case.data)
        dialects.add(read_adds_up(path, SourceOptions(**case.words)))
        path.unlink()
    assert {"binance-spot-klines", "histdata-m1", "lean-minute-trade", "csv", "parquet", "arrow"} <= dialects


def test_what_was_found_once_stays_mended(tmp_path: Path) -> None:
    for number, found in enumerate(sorted(FOUND.glob("*"))):
        case = unpacked(found.read_bytes())
        assert case is not None
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / case.name
        path.write_bytes(case.data)
        read_adds_up(path, SourceOptions(**case.words))
        if case.into == LAKE:
            (folder / "lake").mkdir()
            ingest_adds_up(make_lake(folder / "lake"), IngestRequest((str(path),), **case.words))


@pytest.mark.nightly
@pytest.mark.timeout(SECONDS + 600)
def test_fuzzing_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="the extra 'fuzz' is not installed")
    corpus, words = Path(CORPUS or tmp_path / "corpus"), tmp_path / "words"
    corpus.mkdir(exist_ok=True)
    for name, data in seeds().items():
        (corpus / name).write_bytes(data)
    words.write_text("".join(f'"{token}"\n' for token in TOKENS))
    FOUND.mkdir(exist_ok=True)
    limits = [f"-max_total_time={SECONDS}", "-timeout=60", f"-rss_limit_mb={MOST_MB}", "-max_len=8192"]
    places = [str(corpus), f"-dict={words}", f"-artifact_prefix={FOUND}/"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.target", *places, *limits],
        cwd=REPO,
        env=os.environ | {"DL_FUZZ_FOLDER": str(tmp_path / "files")},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert "Done" in ran.stderr
