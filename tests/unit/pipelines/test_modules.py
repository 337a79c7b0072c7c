"""Assets of a lake's owner: found by dl.toml and by entry points, and refused with file and line."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lake.config import locate
from lake.errors import LakeError
from pipelines.assets import ASSETS, load
from schemas.assets import schema_of

if TYPE_CHECKING:
    from pathlib import Path

    from lake.config import Config

OWN = """
from dl_datalake.assets import asset

@asset("metrics/modules-range", columns={"range": "float64"}, upstreams=["bars/1m"], tags=["mine"])
def range_(bars):
    "High less low."
"""


def lake(root: Path, text: str, more: str = "", *, name: str = "my_assets") -> Config:
    (root / "dl.toml").write_text(f'[assets]\nmodules = ["{name}"]\n{more}')
    (root / f"{name}.py").write_text(text)
    return locate(root, must_exist=False)


def refused(config: Config) -> LakeError:
    with pytest.raises(LakeError) as caught:
        load(config)
    assert caught.value.code == "E_ASSETS"
    return caught.value


def test_a_module_beside_dl_toml_adds_its_assets(tmp_path: Path) -> None:
    before = list(sys.path)
    registry = load(lake(tmp_path, OWN))
    assert sys.path == before
    spec = registry.get("metrics/modules-range")
    assert (spec.made, spec.tags, spec.description) == ("derived", ("mine",), "High less low.")
    assert "metrics/modules-range" in registry.downstreams("bars/1m")
    assert schema_of("metrics/modules-range") == spec.schema
    assert "metrics/modules-range" not in ASSETS


def test_a_module_is_read_anew_each_time(tmp_path: Path) -> None:
    own = OWN.replace("-range", "-anew")
    config = lake(tmp_path, own)
    load(config)
    (tmp_path / "my_assets.py").write_text(own.replace('"range"', '"width"'))
    assert "width" in load(config).get("metrics/modules-anew").schema.names
    assert schema_of("metrics/modules-anew").names[1] == "width"


def test_a_module_may_import_its_neighbours_and_be_a_package(tmp_path: Path) -> None:
    (tmp_path / "modules_neighbour.py").write_text("COLUMNS = {'x': 'float64'}")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .inner import SPECS")
    (folder / "inner.py").write_text(
        "from modules_neighbour import COLUMNS\nfrom dl_datalake.assets import AssetSpec\n"
        "SPECS = [AssetSpec.of('features/modules-set.v1', columns=COLUMNS)]"
    )
    (tmp_path / "dl.toml").write_text('[assets]\nmodules = ["mine"]')
    assert load(locate(tmp_path, must_exist=False)).get("features/modules-set.v1").made == "external"


def test_freshness_is_said_in_dl_toml(tmp_path: Path) -> None:
    more = '[assets.freshness]\n"bars/1m" = "2h"\n"OANDA/*/*/bars/*" = { within = "1h", calendar = "FX" }'
    registry = load(lake(tmp_path, OWN, more))
    from schemas.keys import Address

    assert str(registry.freshness(Address.of("OANDA", "FX", "EURUSD", "bars", "1m"))) == "1h, FX"
    assert str(registry.freshness(Address.of("X", "SPOT", "BTC", "bars", "1m"))) == "2h"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("x = 1", "declares no asset", None),
        ("import nonsense_of_modules", "cannot be loaded: ModuleNotFoundError: No module named", 1),
        ("a = 1\nb = )", "cannot be loaded: SyntaxError", 2),
        ("def f():\n    return 1 / 0\nf()", "ZeroDivisionError: division by zero", 2),
        (OWN.replace("bars/1m", "bars/1x"), "cannot be loaded: 'bars/1x' is not an asset key", 4),
        (OWN.replace("bars/1m", "metrics/modules-none"), "made from metrics/modules-none, which is not declared", 4),
        (OWN.replace("metrics/modules-range", "metrics/funding"), "metrics/funding already has another schema", 4),
        (OWN.replace('["bars/1m"]', '{"bars/1m": ["cloze"]}'), "reads cloze of bars/1m", 4),
        (OWN.replace('"bars/1m"', '"metrics/modules-range"'), "made from itself: metrics/modules-range", 4),
        (OWN + OWN.replace("range_", "other"), "metrics/modules-range is declared twice", 10),
        ("raise SystemExit(3)", "cannot be loaded: SystemExit: 3", 1),
        (OWN.replace('["mine"]', '["mine"], code_verison="2"'), "'code_verison': did you mean code_version?", 4),
        (OWN.replace('["mine"]', '["mine"], zzz=1'), "unknown word 'zzz': known: columns,", 4),
        (OWN.replace('["mine"]', '["mine"], freshness="soon"'), "ValueError: 'soon' is no length of time", 4),
    ],
)
def test_what_cannot_be_used_is_refused_with_file_and_line(
    tmp_path: Path, text: str, message: str, line: int | None
) -> None:
    error = refused(lake(tmp_path, text))
    assert message in error.message
    assert error.where == str(tmp_path / "my_assets.py") + (f":{line}" if line else "")
    assert error.fix


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "dl.toml").write_text('[assets]\nmodules = ["mine.assets"]')
    error = refused(locate(tmp_path, must_exist=False))
    assert (error.message, error.where) == ("there is no module mine.assets", str(tmp_path / "dl.toml"))
    assert "mine/assets.py" in error.why


def test_a_freshness_of_nothing_is_refused(tmp_path: Path) -> None:
    error = refused(lake(tmp_path, OWN, '[assets.freshness]\nOANDA = "1h"'))
    assert (error.message[:30], error.where) == ("[assets.freshness]: 'OANDA' is", str(tmp_path / "dl.toml"))


@pytest.mark.parametrize(
    "text",
    ["modules = 'mine'", "modules = [1]", "freshness = 1", "freshness = {'bars/1m' = 'soon'}", "freshness = {a = 1}"],
)
def test_settings_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "dl.toml").write_text(f"[assets]\n{text}")
    with pytest.raises(LakeError) as caught:
        locate(tmp_path, must_exist=False)
    assert (caught.value.code, caught.value.where) == ("E_USAGE", str(tmp_path / "dl.toml"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install two packages that offer assets: a good one, and one that breaks."""
    for name, text in (("modules_good", OWN.replace("-range", "-good")), ("modules_bad", "raise OSError('no luck')")):
        (tmp_path / f"{name}.py").write_text(text)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[dl.assets]\nmine = {name}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("package")
def test_installed_packages_add_theirs_and_a_broken_one_is_left_out() -> None:
    warnings: list[str] = []
    registry = load(None, warnings.append)
    assert "metrics/modules-good" in registry
    assert warnings == ["the assets mine of modules_bad are left out: OSError: no luck"]


def test_loading_ones_own_assets_loads_nothing_heavy(tmp_path: Path) -> None:
    lake(tmp_path, OWN)
    code = (
        "import sys\nfrom lake.config import locate\nfrom pipelines.assets import load\n"
        f"load(locate({str(tmp_path)!r}, must_exist=False))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pyarrow", "pandas", "pandera", "prefect", "sqlite_utils"} & set(loaded)
