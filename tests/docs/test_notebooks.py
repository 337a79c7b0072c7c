"""The notebooks say what is so: they are run as a reader runs them, and give the outputs they are stored with."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

REPO = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPO / "docs" / "notebooks").glob("*.ipynb"))
TOLD = {"text/plain", "text/html"}


def read(path: Path) -> Any:  # noqa: ANN401 -- nbformat has no types
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # so say its own stubs


def ran(path: Path, folder: Path, environment: dict[str, str]) -> Any:  # noqa: ANN401 -- nbformat has no types
    """Run a notebook in a folder, and return it with what came of it."""
    notebook = read(path)
    # Through files of this folder: a port of the machine is open to everyone on it.
    files = Config({"KernelManager": {"transport": "ipc", "connection_file": str(folder / "kernel.json")}})
    client = NotebookClient(notebook, config=files, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    return notebook


def outputs(notebook: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- nbformat has no types
    """Yield each code cell's source with what it shows; an error shows nothing, it stops the run."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        shown = [
            output.text
            if output.output_type == "stream"
            else "\n".join(text for kind, text in sorted(output.data.items()) if kind in TOLD)
            for output in cell.outputs
        ]
        yield cell.source, "\n".join(shown)


def test_there_are_notebooks_without_traces_of_who_ran_them() -> None:
    assert [path.name for path in NOTEBOOKS] == ["first_day.ipynb", "ticks_and_trust.ipynb", "training_set.ipynb"]
    for path in NOTEBOOKS:
        notebook = read(path)
        nbformat.validate(notebook)
        assert set(notebook.metadata) == {"kernelspec", "language_info"}, path.name
        assert not any(cell.metadata for cell in notebook.cells), path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_what_it_is_stored_with(path: Path, tmp_path: Path) -> None:
    shutil.copytree(REPO / "data" / "samples", tmp_path / "data" / "samples")
    home = tmp_path / "home"
    home.mkdir()
    words = {
        "HOME": str(home),
        "IPYTHONDIR": str(home),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "DL_ROOT": "",
    }
    expected = [*outputs(read(path))]
    assert [*outputs(ran(path, tmp_path, os.environ | words))] == expected
