from __future__ import annotations

import hashlib
import re
import zipfile

from dl_datalake.demo import samples
from dl_datalake.demo.samples import PLAIN, SAMPLES, plain_rows


def test_sources_page_tells_of_every_file_and_its_hash() -> None:
    text = (samples.folder() / "SOURCES.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^## (\S+)\n.*?- sha256: `([0-9a-f]{64})`", text, re.MULTILINE | re.DOTALL))
    files = {p.name: p for p in samples.folder().iterdir() if p.name not in {"SOURCES.md", ".gitattributes"}}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == stated
    assert set(files) == {sample.file for sample in SAMPLES} | {PLAIN}


def test_plain_file_has_the_digits_of_its_origin() -> None:
    with zipfile.ZipFile(SAMPLES[0].path) as archive:
        origin = archive.read(archive.namelist()[0]).decode().split()
    plain = (samples.folder() / PLAIN).read_text(encoding="utf-8").splitlines()[1:]
    assert [line.split(",", 1)[1] for line in plain] == [line.split(",", 1)[1] for line in origin]
    assert list(plain_rows(samples.folder() / PLAIN)) == SAMPLES[0].rows()


def test_independent_reading_knows_each_file() -> None:
    facts = {sample.file.split(".")[0]: (len(rows), *rows[0]) for sample in SAMPLES for rows in [sample.rows()]}
    assert facts == {
        "crypto_coinbase_minute_btcusd_20161007_trade": (
            1419, 1475798400000000000, 611.78, 611.91, 611.78, 611.9, 1.13872,
        ),
        "equity_usa_minute_spy_20131007_trade": (828, 1381132800000000000, 167.41, 167.41, 167.25, 167.27, 3197.0),
        "equity_usa_tick_ibm_20131008_trade": (33381, 1381236469457000000, 182.1, 300.0),
        "forex_oanda_tick_eurusd_20140502_quote": (49341, 1398988800277000000, 1.38694, 1.38705),
        "gemini__eth-usd__2021-07-02__trade": (16394, 1625184005549000000, 2107.16, 0.29),
        "data_sber_minutes30": (4498, 1420441200000000000, 54.03, 54.61, 53.58, 54.3, 5175910.0),
    }  # fmt: skip
