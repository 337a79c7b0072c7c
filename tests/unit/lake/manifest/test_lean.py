"""sqlite-utils is imported without pandas, and nothing else in the process is kept from it."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from lake.manifest.lean import _without

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_manifest_is_written_without_pandas() -> None:
    program = "import sys, lake.manifest.lean; assert 'pandas' not in sys.modules; import pandas; print(pandas.NA)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "<NA>\n"


def test_a_module_is_hidden_from_one_thread_and_for_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_that_hides.py").write_text("found = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[bool] = []

    def look() -> None:
        try:
            seen.append(importlib.import_module("module_that_hides").found)
        except ModuleNotFoundError:
            seen.append(False)
        sys.modules.pop("module_that_hides", None)

    with _without("module_that_hides"):
        look()
        other = threading.Thread(target=look)
        other.start()
        other.join()
    look()
    assert seen == [False, True, True]
