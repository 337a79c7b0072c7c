"""The documents say what is so: their commands are run as a reader would run them, and what they show is compared."""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path

import pytest

from lake.errors import CODES, Exit
from lake.files import ROW_GROUP
from tests.docs.generated import MADE, renewed
from tests.docs.reader import RUNNABLE, Step, Terminal, blocks, steps

REPO = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
READMES = ("README.md", "README.ru.md")
DOCUMENTS = sorted(
    [*READMES, "CHANGELOG.md", "data/README.md", "data/samples/SOURCES.md"]
    + [path.relative_to(REPO).as_posix() for path in (REPO / "docs").rglob("*.md")]
)
SERVED = {"docs/prefect.md"}
"""Documents whose commands need a server: tests/flows runs them."""
RUN = [*READMES] + [
    name for name in DOCUMENTS if name not in {*READMES, *SERVED} and steps((REPO / name).read_text("utf-8"))
]
MAKEFILE = (REPO / "Makefile").read_text("utf-8")
TARGETS = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split()  # type: ignore[index]  # there is one
RECIPES_RUN = {"demo"}
"""Targets whose recipe is run here, in the environment there is, instead of by make, which would build another."""
LOOKED_AT = {"", "ini", "toml"}
"""Languages of blocks that nobody runs: settings, and drawings of text."""
OF_OTHERS = {"--all", "--no-prompt", "--now", "--param", "--strict", "--user", "--version", "--watch"}
"""Options of prefect, systemctl and the tools of development."""
INSTALLS = {"python3 -m venv .venv", ". .venv/bin/activate", "pip install -r requirements.txt"}
"""Lines that are run for real only in the nightly test; `make test` itself has done the same."""


def read(name: str) -> str:
    return (REPO / name).read_text("utf-8")


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """Return a fresh folder with what a clone has there, apart from the code, which is installed."""
    try:
        distribution("dl-datalake")
    except PackageNotFoundError:
        pytest.skip("dl-datalake is not installed in this environment, so there is no `dl` to run; `make test` has it")
    clone = tmp_path / "clone"
    shutil.copytree(REPO / "data" / "samples", clone / "data" / "samples")
    return Terminal(clone, environment(tmp_path, BIN))


def environment(home: Path, *first: Path) -> dict[str, str]:
    """Return what a reader's shell has: a home, a path, and no word about Python or lakes."""
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    kept = {n: v for n, v in os.environ.items() if n not in dropped and not n.startswith(("DL_", "PYTEST_", "COV_"))}
    path = os.pathsep.join([*map(str, first), "/usr/local/bin", "/usr/bin", "/bin"])
    return kept | {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def instead(step: Step) -> Step | None:
    """Return what is run in place of a step that builds an environment; None for nothing, the step itself if usual."""
    if step.text in INSTALLS:
        return None
    if not step.text.startswith("make"):
        return step
    target = step.text.removeprefix("make").strip()
    assert target in TARGETS, f"line {step.line}: the Makefile has no target {target!r}"
    if target not in RECIPES_RUN:
        return None
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    return Step(step.line, "sh", recipe[1].replace("\t", "").replace("$(BIN)/", "").strip(), step.shown, step.status)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", RUN)
def test_every_command_does_what_the_document_says(name: str, terminal: Terminal) -> None:
    for step in steps(read(name)):
        todo = instead(step)
        if todo is not None:
            terminal.run(todo)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_every_command_works_in_a_clean_clone(tmp_path: Path) -> None:
    # One README is enough: the other has the same commands, as a test below holds.
    clone = tmp_path / "clone"
    unwanted = shutil.ignore_patterns(".?*", "__pycache__", "demo-lake", "dist", "manifest.db*")
    shutil.copytree(REPO, clone, ignore=unwanted)
    for entry in (clone / "data").iterdir():
        if entry.is_dir() and entry.name != "samples":
            shutil.rmtree(entry)
    terminal = Terminal(clone, environment(tmp_path, Path(sys.base_prefix) / "bin"), timeout=3600)
    for step in steps(read(READMES[0])):
        terminal.run(step)
        if step.text == ". .venv/bin/activate":  # each step has a shell of its own
            terminal.environment = environment(tmp_path, clone / ".venv" / "bin", Path(sys.base_prefix) / "bin")


def test_first_calls_stand_in_both_readmes() -> None:
    calls = [
        "make demo",
        "pip install -r requirements.txt",
        "python -m dl_datalake.cli init",
        "cp data/samples/btcusd-1m.csv raw_data.csv",
        "python -m dl_datalake.cli ingest --source ./raw_data.csv --exchange BINANCE --symbol BTCUSDT",
        "python -m dl_datalake.cli list --symbol BTCUSDT",
        "make test",
    ]
    for name in READMES:
        typed = [step.text for step in steps(read(name))]
        assert [call for call in calls if call not in typed] == []


def test_readmes_say_the_same() -> None:
    english, russian = (read(name) for name in READMES)
    assert blocks_of(english) == blocks_of(russian)
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(russian)]
    assert shape_of_tables(english) == shape_of_tables(russian)
    assert targets(english) - set(READMES) == targets(russian) - set(READMES)
    assert code_words(english) == code_words(russian)
    assert sum("CYRILLIC" in unicodedata.name(letter, "") for letter in russian) > len(english) // 3


def blocks_of(document: str) -> list[tuple[str, str]]:
    return [(block.language, block.text) for block in blocks(document)]


def prose(document: str) -> str:
    """Return a document without its fenced blocks."""
    for block in blocks(document):
        document = document.replace(f"```{block.language}\n{block.text}```", "", 1)
    return document


def headings(document: str) -> list[tuple[str, str]]:
    return re.findall(r"^(#+) (.+)$", prose(document), re.MULTILINE)


def shape_of_tables(document: str) -> list[int]:
    """Return the number of cells of each line of each table."""
    return [len(re.findall(r"(?<!\\)\|", line)) for line in prose(document).splitlines() if line.startswith("|")]


def code_words(document: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", prose(document)))


def targets(document: str) -> set[str]:
    """Return where a document's links lead, other sites left out."""
    return {link for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)) if "://" not in link}


def anchors(document: str) -> set[str]:
    """Return the names that headings can be linked by, as code hosts make them."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in headings(document)}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    broken = []
    for target in sorted(targets(read(name))):
        path, _, anchor = target.partition("#")
        file = (REPO / name).parent / path if path else REPO / name
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            broken.append(target)
    if [Path(target).name for target in broken] == ["benchmarks.md"]:
        pytest.xfail("docs/benchmarks.md is not written yet: python -m tests.bench --write-docs")
    assert broken == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_document_speaks_of_one_machine(name: str) -> None:
    assert re.findall(r"(?<![\w.])/(?:work|tmp|home|root|Users)/\S*", read(name)) == []


@pytest.mark.parametrize("name", READMES)
def test_exit_codes_are_all_there_and_no_other(name: str) -> None:
    told = [int(number) for number in re.findall(r"^\| (\d+) \|", read(name), re.MULTILINE)]
    assert told == sorted(Exit)


def test_errors_page_has_the_same_exit_codes_and_every_error() -> None:
    page = read("docs/errors.md")
    rows = re.findall(r"^\| \d+ \|.*$", page, re.MULTILINE)
    assert rows == re.findall(r"^\| \d+ \|.*$", read("README.md"), re.MULTILINE)
    assert {code.removeprefix("E_") for _, code in headings(page) if code.startswith("E_")} == set(CODES)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_options_and_commands_that_are_named_exist(name: str) -> None:
    options, commands = known_words()
    text = "\n".join([*code_words(read(name)), *(step.text for step in steps(read(name)))])
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - options - OF_OTHERS - options_of_the_bench() == set()
    assert set(re.findall(r"(?<![\w/.-])dl ([a-z]+(?:-[a-z]+)*)", text)) - commands == set()


def options_of_the_bench() -> set[str]:
    """Return the options of `python -m tests.bench`, as its first line names them."""
    from tests.bench import __main__ as bench

    return set(re.findall(r"--[a-z-]+", bench.__doc__ or ""))


def known_words() -> tuple[set[str], set[str]]:
    """Return all options and all commands of `dl`."""
    import typer

    from dl_datalake.cli import app

    options, commands = {"--help"}, set()
    waiting = [typer.main.get_command(app)]
    while waiting:
        command = waiting.pop()
        options |= {word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)}
        children = getattr(command, "commands", {})
        commands |= set(children)
        waiting += children.values()
    return options, commands


def test_development_page_has_every_target_and_every_folder() -> None:
    page = read("docs/development.md")
    assert sorted(re.findall(r"^\| `make (\w+)` \|", page, re.MULTILINE)) == sorted(TARGETS)
    folders = {
        f"tests/{path.name}/" for path in (REPO / "tests").iterdir() if path.is_dir() and path.name[0] not in "_."
    }
    assert folders - code_words(page) == set()
    assert [word for word in code_words(page) if word.endswith("/") and not (REPO / word).is_dir()] == []


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if MADE.search(read(name))])
def test_made_parts_are_those_of_the_code(name: str) -> None:
    assert read(name) == renewed(read(name)), "python -m tests.docs.generated writes them anew"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_paragraph_cuts_a_list_in_two(name: str) -> None:
    """What stands right above a bullet is another one, or the rest of one, which is indented."""
    lines = re.sub(r"^```.*?^```$", "", read(name), flags=re.MULTILINE | re.DOTALL).splitlines()
    cut = [below for above, below in pairwise(lines) if below.startswith("- ") and above and above[0] not in "- "]
    assert cut == []


def test_storage_page_has_the_row_group_of_the_code() -> None:
    assert f"row groups of {ROW_GROUP:,} rows" in read("docs/storage.md")


def test_documents_hold_only_languages_that_are_known() -> None:
    told = {block.language for name in RUN for block in blocks(read(name))}
    assert told <= RUNNABLE | LOOKED_AT
