"""The table of all dialects: the built-in ones, those of installed packages, and those that are registered."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest

from lake.sources.dialects import DIALECTS, Dialect
from lake.sources.dialects.table import Table
from tests.conftest import REPO

if TYPE_CHECKING:
    from pathlib import Path

OWN = Dialect(
    name="own-bars",
    title="Bars of our own",
    asset="bars",
    vendor="nobody but us",
    sample="none",
    columns=("ts", "open", "high", "low", "close", "volume"),
    headers=(("t", "o", "h", "l", "c", "v"),),
    header="always",
    exchange="OURS",
)
MODULE = """
from lake.sources.dialects import Dialect
ONE = Dialect(
    name="plugged-trades", title="Trades that are plugged in", asset="ticks/trade", vendor="the package itself",
    sample="none", columns=("ts", "price", "size"), headers=(("when", "paid", "much"),), header="always",
    exchange="PLUGGED", market="SPOT", file=r"(?P<symbol>[A-Z]+)\\.plug\\.csv", example="ABC.plug.csv",
)
def several():
    yield ONE
    yield "no dialect"
"""
TRADES = "when,paid,much\n1704067200,10,1\n1704067201,11,2\n"


def install(folder: Path, name: str, text: str, points: str) -> None:
    """Install a package of one module that offers dialects."""
    (folder / f"{name}.py").write_text(text)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dl.dialects]\n{points}\n")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `dl` where the packages of a folder are installed."""
    code = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(REPO)!r}]\n"
        "from dl_datalake.cli import run\nstatus = run(sys.argv[1:])\n"
        "print('loaded', *sorted(name for name in sys.modules if name.startswith('plug_')), file=sys.stderr)\n"
        "sys.exit(status)"
    )
    return subprocess.run([sys.executable, "-c", code, *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a folder with packages that offer dialects: a good one, and bad ones of each kind."""
    install(tmp_path, "plug_good", MODULE, "all = plug_good:several")
    install(tmp_path, "plug_error", "raise OSError('no luck')", "x = plug_error")
    install(tmp_path, "plug_exit", "import sys\nsys.exit('gone')", "x = plug_exit")
    install(tmp_path, "plug_absent", "", "x = plug_absent:nothing")
    taken = "from dataclasses import replace\nfrom lake.sources.dialects import DIALECTS\n"
    install(tmp_path, "plug_taken", taken + "ALL = [DIALECTS['kraken-trades']]", "x = plug_taken:ALL")
    wrong = "WRONG = replace(DIALECTS['kraken-trades'], name='plug-wrong', columns=('ts', 'prise', 'size'))"
    install(tmp_path, "plug_wrong", taken + wrong, "x = plug_wrong:WRONG")
    (tmp_path / "ABC.plug.csv").write_text(TRADES)
    return tmp_path


def test_packages_add_theirs_and_broken_ones_are_left_out_by_name(installed: Path) -> None:
    ran = run(installed, "formats", "list")
    assert ran.returncode == 0
    assert "plugged-trades" in ran.stdout
    warnings = sorted(line for line in ran.stderr.splitlines() if line.startswith("warning: "))
    assert len(warnings) == 6
    absent, error, gone, taken, no_dialect, wrong = (
        next(line for line in warnings if f"{name} 1.0" in line)
        for name in ("plug_absent", "plug_error", "plug_exit", "plug_taken", "plug_good", "plug_wrong")
    )
    assert "AttributeError" in absent
    assert error.endswith("the dialects of plug_error 1.0 (x) are left out: OSError: no luck")
    assert gone.endswith("SystemExit: gone")
    assert taken.endswith("its name is taken by dl-datalake")
    assert no_dialect.endswith("'no dialect' is no Dialect")
    assert "ticks/trade has no column prise; ticks/trade needs price" in wrong


def test_files_are_read_by_a_dialect_of_a_package(installed: Path) -> None:
    shown = run(installed, "formats", "show", "plugged-trades")
    assert "plug_good 1.0 (all)" in shown.stdout
    assert run(installed, "init", "lake").returncode == 0
    taken = run(installed, "ingest", "--source", "ABC.plug.csv", "--root", "lake")
    assert taken.returncode == 0, taken.stderr
    assert "PLUGGED/SPOT/ABC/ticks/trade" in taken.stdout
    assert "read 2 · new 2" in taken.stdout
    assert "warning: the dialects of plug_error 1.0 (x) are left out" in taken.stderr
    (installed / "odd.csv").write_text("1,2\n3,4\n")
    refused = run(installed, "ingest", "--source", "odd.csv", "--root", "lake")
    assert refused.returncode == 12
    assert "warning: the dialects of plug_error 1.0 (x) are left out" in refused.stderr


def test_what_needs_no_dialects_loads_no_package(installed: Path) -> None:
    assert run(installed, "init", "lake").returncode == 0
    for words in (("list",), ("history",), ("assets", "list"), ("--help",)):
        ran = run(installed, *words, *(() if words == ("--help",) else ("--root", "lake")))
        assert (ran.returncode, ran.stderr.splitlines()[-1].split()) == (0, ["loaded"]), words


def test_what_is_registered_is_loaded_once_and_late() -> None:
    load = Mock(return_value=[OWN])
    table = Table(DIALECTS)
    table.register("own.toml", load)
    assert load.call_count == 0
    assert table.known()["own-bars"] is OWN
    assert (table.known()["own-bars"], table.origin_of("own-bars"), load.call_count) == (OWN, "own.toml", 1)
    assert list(table.known())[:-1] == list(DIALECTS)


def test_what_is_registered_again_takes_the_place_of_the_first() -> None:
    table = Table(DIALECTS)
    table.register("own.toml", lambda: [OWN, "nothing"])
    assert "own-bars" in table.known()
    assert table.left_out() == ("what own.toml offers is left out: 'nothing' is no Dialect",)
    table.register("own.toml", lambda: replace(OWN, name="other-bars"))
    assert {"own-bars", "other-bars"} & set(table.known()) == {"other-bars"}
    assert table.left_out() == ()


@pytest.mark.parametrize(
    "offered", [OWN, [OWN], (OWN,), {"own": OWN}, lambda: OWN, lambda: iter([OWN])], ids=lambda o: type(o).__name__
)
def test_every_way_of_offering_is_understood(offered: object) -> None:
    table = Table({})
    table.register("own", lambda: offered)
    assert dict(table.known()) == {"own-bars": OWN}


@pytest.mark.parametrize(
    ("offered", "said"),
    [(None, "None is no Dialect"), ("own-bars", "'own-bars' is no Dialect"), (5, "5 is no Dialect")],
)
def test_anything_else_is_left_out(offered: object, said: str) -> None:
    table = Table(DIALECTS)
    table.register("own", lambda: offered)
    assert dict(table.known()) == DIALECTS
    assert table.left_out() == (f"what own offers is left out: {said}",)


def test_a_package_may_look_into_the_table_while_it_is_loaded() -> None:
    table = Table(DIALECTS)
    table.register("own", lambda: replace(table.known()["kraken-trades"], name="kraken-too"))
    assert "kraken-too" in table.known()


def test_threads_that_look_at_once_see_one_table() -> None:
    table, ready = Table(DIALECTS), threading.Barrier(8)
    seen: list[int] = []
    load = Mock(return_value=OWN)
    table.register("own", load)

    def look() -> None:
        ready.wait()
        seen.append(len(table.known()))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [len(DIALECTS) + 1] * 8
    assert load.call_count == 1


def test_looking_into_the_table_loads_nothing_heavy() -> None:
    code = "import sys\nfrom lake.sources.dialects import known\nknown()\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO).stdout
    assert not {"numpy", "pyarrow", "pandas", "importlib.metadata"} & set(loaded.split())
