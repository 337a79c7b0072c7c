"""The house rules that no linter knows: sizes, places, who may import what, and what a light command may load."""

from __future__ import annotations

import ast
import functools
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dl_datalake
from lake.errors import CODES, Exit
from tests.fault.harness.verbs import RECORDS_ONLY, VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator

REPO = Path(__file__).resolve().parent.parent
PACKAGES = ("dl_datalake", "lake", "pipelines", "schemas")
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400

# What may be longer, and why it would be worse cut up.
LONG_FUNCTIONS = {
    "lake/manifest/migrations.py:m001_snapshots_and_files": "a schema is read whole, one table after the other",
    "lake/manifest/migrations.py:m002_provenance": "a schema is read whole, one table after the other",
    "lake/manifest/slimming.py:slim_files": "a schema is read whole, one table after the other",
}
LONG_MODULES: dict[str, str] = {
    "tests/cli/test_errors.py": "one table: every code, and how it is made to happen",
    "tests/unit/lake/test_ingest.py": "one room: a file from its bytes to its report, case by case",
}

# Raised inside the lake and always caught there: no user ever sees one.
SIGNALS = {
    "lake/book/index.py:IndexDamagedError": "a checkpoint that is not whole: lake.book.reading makes it anew",
    "lake/delete.py:Overtaken": "a lost race that cuts partitions in another way: lake.delete plans anew",
    "lake/manifest/rows.py:AlreadyIngested": "the same ingest became current meanwhile: lake.ingest reports it so",
    "lake/manifest/rows.py:Conflict": "a lost race: lake.write merges again",
    "lake/sources/careful.py:Bad": "the verdict on one record",
    "lake/sources/fit.py:Unfit": "the verdict on one dialect",
}

VAGUE_WORDS = {"common", "handler", "handlers", "helper", "helpers", "manager", "misc", "util", "utils"}
HEAVY = ("pandas", "pyarrow", "pandera", "prefect", "sqlite_utils")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(*roots: str) -> list[Path]:
    return sorted(path for root in roots for path in (REPO / root).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@functools.cache
def code_lines(path: Path) -> frozenset[int]:
    """Return the lines that hold code: neither blank, nor comment, nor docstring."""
    idle = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type not in idle:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree(path)):
        if isinstance(node, Function | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            lines.difference_update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return frozenset(lines)


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def called(node: ast.Call) -> str:
    """Return the last part of what is called: `LakeError` for `errors.LakeError(...)`."""
    return ast.unparse(node.func).rpartition(".")[2]


def imports(path: Path) -> Iterator[str]:
    """Yield the top-level name of every import, wherever in the file it stands."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {
            "import_module",
            "__import__",
        }:
            yield from (str(arg.value).split(".")[0] for arg in node.args if isinstance(arg, ast.Constant))


def test_functions_fit_on_a_screen() -> None:
    long = {
        f"{name_of(path)}:{node.name}"
        for path in modules(*PACKAGES, "tests")
        for node in functions(path)
        if len(code_lines(path) & set(range(node.lineno, (node.end_lineno or 0) + 1))) > FUNCTION_LINES_MAX
    }
    assert long == set(LONG_FUNCTIONS)


def test_modules_are_one_room_each() -> None:
    long = {
        name_of(path)
        for path in modules(*PACKAGES, "tests")
        if path.read_text(encoding="utf-8").count("\n") > MODULE_LINES_MAX
    }
    assert long == set(LONG_MODULES)


def test_every_package_folder_is_a_typed_package() -> None:
    assert [folder for folder in PACKAGES if not (REPO / folder / "py.typed").is_file()] == []
    bare = {name_of(path.parent) for path in modules(*PACKAGES) if not (path.parent / "__init__.py").is_file()}
    assert bare == set()


def test_names_say_what_is_inside() -> None:
    vague = {name_of(path) for path in modules(*PACKAGES) if VAGUE_WORDS & set(path.stem.split("_"))}
    classes = {
        f"{name_of(path)}:{node.name}"
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Handler|Helper|Utils?)$", node.name)
    }
    assert vague | classes == set()


def test_code_lies_nowhere_but_in_its_packages() -> None:
    stray = [
        path
        for path in subprocess.run(  # the index, not the disk: a developer's scratch files are nobody's business
            ["git", "ls-files", "*.py"],  # noqa: S607 - git is where the developer has it
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        if path.split("/")[0] not in {*PACKAGES, "tests"}
    ]
    assert stray == []


def test_unit_tests_mirror_the_packages() -> None:
    """A file tests/unit/<package>/test_<module>[_<aspect>].py is about that module, or that folder of modules."""
    lost = []
    for path in modules("tests/unit"):
        if not path.name.startswith("test_"):
            continue
        home = REPO / path.parent.relative_to(REPO / "tests" / "unit")
        stems = {item.stem.lstrip("_") for item in home.glob("*") if item.suffix in {".py", ""}}
        words = path.stem.removeprefix("test_").split("_")
        if not stems & {"_".join(words[: n + 1]) for n in range(len(words))}:
            lost.append(name_of(path))
    assert lost == []


@pytest.mark.parametrize(
    ("package", "home"), [("sqlite3", "lake/manifest"), ("sqlite_utils", "lake/manifest"), ("prefect", "pipelines/")]
)
def test_package_is_imported_at_home_only(package: str, home: str) -> None:
    strangers = {name_of(path) for path in modules(*PACKAGES) if package in imports(path)}
    assert {name for name in strangers if not name.startswith(home)} == set()


def test_only_the_printers_print() -> None:
    printing = {
        name_of(path)
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "typer.echo", "click.echo", "rich.print"}
    }
    assert printing <= {"dl_datalake/output.py"}


def test_public_names_are_those_of_all() -> None:
    init = tree(REPO / "dl_datalake" / "__init__.py")
    [block] = [node for node in init.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    typed = {
        alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    } | {ast.unparse(node.target) for node in block.body if isinstance(node, ast.AnnAssign)}
    assert typed == set(dl_datalake.__all__)
    assert {name for name in dl_datalake.__all__ if getattr(dl_datalake, name, None) is None} == set()
    assert dir(dl_datalake) == sorted(dl_datalake.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = dl_datalake.nonsense


def public_definitions(path: Path) -> Iterator[Function | ast.ClassDef]:
    """Yield the public functions and classes of a module, and the public methods of its classes."""
    for node in tree(path).body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (item for item in node.body if isinstance(item, Function) and not item.name.startswith("_"))


def test_docstrings_say_more_than_the_name() -> None:
    echoes = []
    for path in modules(*PACKAGES):
        for node in public_definitions(path):
            if any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list):
                continue  # it says a type; what is done stands with the function
            said = set(re.findall(r"[a-z]+", (ast.get_docstring(node) or "").lower()))
            named = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", node.name).lower()))
            if not said - named - {"a", "an", "the", "of", "for", "class", "function", "method"}:
                echoes.append(f"{name_of(path)}:{node.name}")
    assert echoes == []


def test_every_code_has_an_exit_a_reason_and_a_way_out() -> None:
    failing = set(Exit) - {Exit.OK}
    assert [name for name, code in CODES.items() if code.exit not in failing or not code.why or not code.fix] == []


def test_every_code_has_its_place_in_the_docs() -> None:
    headings = re.findall(
        r"^#+ `?(E_\w+)`?\s*$", (REPO / "docs" / "errors.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(headings) == sorted(f"E_{name}" for name in CODES)


def test_codes_raised_and_codes_declared_are_the_same() -> None:
    """A typing slip in a code is a KeyError in front of the user; a code nobody raises is a promise nobody keeps."""
    raised: set[object] = set()
    mentioned: set[object] = set()
    for path in modules(*PACKAGES):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and called(node) == "LakeError":
                raised.update(arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant))
            if isinstance(node, ast.Constant) and name_of(path) != "lake/errors.py":
                mentioned.add(node.value)
    assert raised - set(CODES) == set()
    assert set(CODES) - mentioned == set()


def test_whatever_reaches_a_user_is_a_lake_error() -> None:
    """One root, so that `except LakeError` catches it; schemas, a leaf that cannot know it, raises ValueErrors."""
    stray = set()
    for path in modules(*PACKAGES):
        root = {"ValueError", "GraphError"} if "schemas" in path.parts else {"LakeError"}
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                foreign = {ast.unparse(base) for base in node.bases} - root
                if any(base.endswith(("Error", "Exception", "Interrupt")) for base in foreign):
                    stray.add(f"{name_of(path)}:{node.name}")
    assert stray == {*SIGNALS, "lake/errors.py:LakeError"}


def test_every_verb_that_writes_is_struck_by_faults() -> None:
    """What opens the manifest to write, or makes it, is named by an entry of the table that faults work through."""
    writing = {
        name_of(path).removesuffix(".py").replace("/", ".")
        for path in modules("lake", "pipelines")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (called(node) in {"Writer", "migrate"} or ast.unparse(node.func) == "Manifest.create")
    }
    covered = {module for verb in VERBS.values() for module in verb.covers}
    assert writing - covered == set(RECORDS_ONLY)
    assert [module for module in covered if not (REPO / f"{module.replace('.', '/')}.py").is_file()] == []


PROBE = f"""
import sys
from dl_datalake.cli import main
sys.argv = ["dl", *sys.argv[1:]]
try:
    main()
finally:
    print("loaded:", *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""


def run_dl(cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROBE, *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def small_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a lake that holds two bars."""
    root = tmp_path_factory.mktemp("lake")
    source = root / "bars.csv"
    source.write_text(
        "ts,open,high,low,close,volume\n2024-03-01T00:00:00Z,100,102,99,101,5\n2024-03-01T00:01:00Z,101,103,100,102,6\n"
    )
    for words in (["init"], ["ingest", "--source", str(source), "--exchange", "TEST", "--symbol", "ABC"]):
        done = run_dl(root, *words)
        assert done.returncode == 0, done.stderr
    return root


@pytest.mark.parametrize("words", [["--help"], ["list"], ["history"], ["assets", "list"]], ids=" ".join)
def test_light_command_loads_nothing_heavy(small_lake: Path, words: list[str]) -> None:
    done = run_dl(small_lake, *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1].split() == ["loaded:"]


def test_importing_the_public_package_loads_nothing_heavy() -> None:
    code = f"import sys, dl_datalake; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
