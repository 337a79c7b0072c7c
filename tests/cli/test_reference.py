"""`dl instruments` and `dl actions`: imported, listed as of snapshots, and refused in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runs import BTCUSDT, Dl, heavy

if TYPE_CHECKING:
    from pathlib import Path

TOML = """[[instrument]]
exchange = "NASDAQ"
market = "EQUITY"
symbol = "META"
tick_size = 0.01
price_may_be_negative = false
renames = [{ from = "FB", on = 2022-06-09 }]

[aliases]
XBT = "BTC"
"""
ACTIONS = (
    "symbol,ex_date,action,ratio,amount,currency\nAAPL,2020-08-31,split,4:1,,\nAAPL,2020-08-07,dividend,,0.82,USD\n"
)
PLACE = ("--exchange", "nasdaq", "--market", "equity")


@pytest.fixture
def root(dl: Dl, tmp_path: Path) -> Path:
    """Return an empty lake, beside which the files to import lie."""
    (tmp_path / "i.toml").write_text(TOML)
    (tmp_path / "a.csv").write_text(ACTIONS)
    assert dl("init", tmp_path / "lake").status == 0
    return tmp_path / "lake"


def test_instruments_are_imported_once_and_shown_with_where_they_were_said(dl: Dl, root: Path, tmp_path: Path) -> None:
    words = ("instruments", "import", tmp_path / "i.toml", "--root", root)
    first = dl(*words, "--json").data
    assert (first["status"], first["snapshot"], first["complete"]) == ("committed", 1, True)
    assert first["records"] == {"read": 2, "new": 2, "changed": 0, "identical": 0}
    assert [(each["key"], each["line"]) for each in first["changes"]] == [("NASDAQ/EQUITY/META", 1), ("XBT", 10)]
    assert first["unmatched"] == ["NASDAQ/EQUITY/META"]
    again = dl(*words)
    assert "0 new, 0 changed, 2 identical → nothing to do" in again.out
    assert "the lake has no series yet of 1 instrument: NASDAQ/EQUITY/META" in again.err
    listed = dl("instruments", "list", "--root", root, "--json").data
    [meta], [alias] = listed["instruments"], listed["aliases"]
    assert (meta["symbol"], meta["tick_size"], meta["currency"], meta["aliases"]) == ("META", 0.01, None, [])
    assert (meta["source"], meta["sha256"], meta["snapshot"]) == ("i.toml", first["sha256"], 1)
    assert (alias["name"], alias["of"]) == ("XBT", "BTC")
    assert dl("instruments", "show", "meta", "--root", root, "--json").data == meta
    shown = dl("instruments", "show", "*/*/META", "--root", root).out
    assert "renames                FB until 2022-06-09\n" in shown
    assert "price may be negative  no\n" in shown
    assert "XBT = BTC\n" in dl("instruments", "list", "--root", root).out
    assert dl("instruments", "list", "--as-of", "1", "BTC", "--root", root).out == ""


def test_actions_are_listed_as_they_were_known(dl: Dl, root: Path, tmp_path: Path) -> None:
    words = ("actions", "import", tmp_path / "a.csv", *PLACE, "--root", root)
    assert dl(*words, "--dry-run", "--json").data["status"] == "dry_run"
    assert dl(*words, "-m", "from the exchange").out == "a.csv: 2 records, 2 new, 0 changed, 0 identical → snapshot 1\n"
    gone = dl("actions", "remove", "NASDAQ/EQUITY/AAPL/2020-08-07/dividend", "--root", root, "--json").data
    assert gone["snapshot"] == 2
    [split] = dl("actions", "list", "AAPL", "--root", root, "--json").data
    assert (split["ex_date"], split["action"], split["ratio"], split["amount"]) == ("2020-08-31", "split", "4", None)
    then = dl("actions", "list", "--as-of", "1", "--root", root, "--json").data
    assert [row["key"].rpartition("/")[2] for row in then] == ["dividend", "split"]
    assert "2020-08-07  dividend   0.82  USD" in dl("actions", "list", "--as-of", "1", "--root", root).out
    assert dl("actions", "list", "--action", "dividend", "--root", root, "--json").data == []
    history = dl("history", "--root", root, "--json").data
    assert [(row["operation"], row["did"], row["source"]) for row in history] == [
        ("import", "action removed: NASDAQ/EQUITY/AAPL/2020-08-07/dividend", None),
        ("import", "2 actions", "a.csv"),
    ]


def test_what_is_not_known_or_not_clear_is_told(dl: Dl, root: Path, tmp_path: Path) -> None:
    none = dl("instruments", "show", "META", "--root", root, "--json").error
    assert (none["code"], none["message"]) == ("E_UNKNOWN_SERIES", "nothing is known of META")
    (tmp_path / "two.csv").write_text("exchange,market,symbol\nA,B,X\nC,D,X\n")
    assert dl("instruments", "import", tmp_path / "two.csv", "--root", root).status == 0
    assert dl("instruments", "show", "X", "--root", root, "--json").error["code"] == "E_AMBIGUOUS"
    assert dl("instruments", "list", "a/b", "--root", root, "--json").error["code"] == "E_USAGE"
    assert dl("actions", "list", "--action", "merger", "--root", root, "--json").error["code"] == "E_USAGE"
    bad = dl("actions", "import", tmp_path / "a.csv", "--exchange", "nasdaq", "--root", root, "--json").error
    assert (bad["code"], bad["exit"]) == ("E_SCHEMA", 12)
    assert bad["message"] == "line 2: market is not said; line 3: market is not said"


def test_reads_are_adjusted_and_say_by_what(dl: Dl, root: Path, tmp_path: Path) -> None:
    days = ("2020-08-06,400", "2020-08-07,410", "2020-08-28,500", "2020-08-31,130")
    rows = [f"{day},{close},{close},{close},{close},100\n" for day, close in (line.split(",") for line in days)]
    (tmp_path / "d.csv").write_text("ts,open,high,low,close,volume\n" + "".join(rows))
    words = ("--exchange", "NASDAQ", "--market", "EQUITY", "--symbol", "AAPL", "--period", "1d", "--root", root)
    assert dl("ingest", "--source", tmp_path / "d.csv", *words).status == 0
    assert dl("actions", "import", tmp_path / "a.csv", *PLACE, "--root", root).status == 0
    series = "NASDAQ/EQUITY/AAPL/bars/1d"

    def closes(*more: str) -> list[float]:
        read = dl("read", series, "--columns", "close,volume", *more, "--root", root, "--json").data
        return [row["close"] for row in read["rows"]]

    factor = (1 - 0.82 / 400) / 4
    assert closes() == [400, 410, 500, 130]
    assert closes("--adjust", "split") == [100, 102.5, 125, 130]
    assert closes("--adjust", "total") == pytest.approx([400 * factor, 102.5, 125, 130], rel=1e-15)
    assert closes("--adjust", "total", "--as-of", "1") == [400, 410, 500, 130]
    assert dl("export", series, tmp_path / "x", "--to", "csv", "--adjust", "split", "--root", root).status == 0
    [exported] = (tmp_path / "x").rglob("*.csv")
    assert [line.split(",")[4] for line in exported.read_text().splitlines()[1:]] == ["100", "102.5", "125", "130"]
    told = dl("actions", "factors", series, "--root", root, "--json").data
    assert (told["address"], told["snapshot"], told["adjust"]) == (series, 2, "total")
    dividend, split = told["steps"]
    assert dividend == {
        "ex_date": "2020-08-07",
        "before": "2020-08-07T00:00:00.000000000Z",
        "actions": [{"action": "dividend", "label": None, "value": "0.82", "currency": "USD"}],
        "close": 400.0,
        "prices": pytest.approx(0.99795, rel=1e-15),
        "prices_in_all": pytest.approx(factor, rel=1e-15),
        "sizes": 1.0,
        "sizes_in_all": 4.0,
    }
    assert (split["close"], split["prices"], split["sizes_in_all"]) == (None, 0.25, 4.0)
    assert dl("actions", "factors", series, "--adjust", "split", "--root", root).out.splitlines()[1:] == [
        "2020-08-31  split 4             -    0.25           0.25      4             4"
    ]
    wrong = dl("read", series, "--adjust", "all", "--root", root, "--json").error
    assert (wrong["code"], wrong["message"]) == ("E_USAGE", "'all' is no adjustment")
    (tmp_path / "big.csv").write_text("symbol,ex_date,action,amount\nAAPL,2020-08-07,dividend,400\n")
    assert dl("actions", "import", tmp_path / "big.csv", *PLACE, "--root", root).status == 0
    error = dl("read", series, "--adjust", "total", "--root", root, "--json").error
    assert (error["code"], error["exit"]) == ("E_ADJUST", 12)
    lock = dl("lock", tmp_path / "s.lock", series, "--root", root)
    assert lock.status == 0, lock.err
    locked = dl("read", "--lock", tmp_path / "s.lock", "--adjust", "split", "--root", root, "--json")
    assert "nor an adjustment" in locked.error["message"]


def test_addresses_by_other_names_are_found(dl: Dl, lake: Path, tmp_path: Path) -> None:
    (tmp_path / "i.toml").write_text('[aliases]\nXBT = "BTC"\n')
    other = BTCUSDT.replace("BTC", "XBT")
    unknown = dl("show", other, "--root", lake, "--json").error
    assert unknown["code"] == "E_UNKNOWN_SERIES"
    assert dl("instruments", "import", tmp_path / "i.toml", "--root", lake).status == 0
    assert dl("show", other, "--root", lake, "--json").data["address"] == BTCUSDT
    read = dl("read", other, "--limit", "1", "--root", lake, "--json").data
    assert (read["address"], len(read["rows"])) == (BTCUSDT, 1)
    assert dl("show", other.replace("1m", "1h"), "--root", lake, "--json").error["code"] == "E_UNKNOWN_SERIES"


@pytest.mark.parametrize("words", [("instruments", "list"), ("actions", "list")])
def test_lists_import_nothing_heavy(root: Path, words: tuple[str, ...]) -> None:
    assert heavy(root, words) == []
