"""Loading the assets of a lake's owner: from modules that dl.toml names, and from packages that offer some."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import sys
import traceback
from contextlib import contextmanager, suppress
from importlib.machinery import SourceFileLoader
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from lake.config import FILE_NAME
from lake.errors import LakeError
from pipelines.assets import ENTRY_POINTS
from schemas.assets import (
    AssetCycleError,
    AssetSpec,
    DuplicateAssetError,
    GraphError,
    SchemaMismatchError,
    UnknownAssetError,
    declare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from lake.config import Config
    from schemas.graph import Registry

_FIXES: dict[type[GraphError], tuple[str, ...]] = {
    AssetCycleError: ("drop one of these upstreams",),
    DuplicateAssetError: ("give one of them another key", "how late is late may be said in [assets.freshness]"),
    UnknownAssetError: ("declare it too", "dl assets list"),
    SchemaMismatchError: ("give a changed set the next version as its key", "or correct the columns"),
}


def enter_named(registry: Registry, config: Config) -> None:
    """Add what the modules declare that dl.toml names; LakeError ASSETS with file, line and way out when it cannot be.

    They are added together, so that one may be made from what another declares.
    """
    found: list[tuple[AssetSpec, Path]] = []
    for name in config.modules:
        module, file = imported(config.root, name)
        specs = list(_specs(module))
        if not specs:
            raise LakeError(
                "ASSETS",
                f"{name} declares no asset",
                where=str(file),
                why="An asset is a function with @asset above it, or an AssetSpec, in the module itself.",
                fix=["from dl_datalake.assets import asset, AssetSpec", f"or leave it out of {FILE_NAME}"],
            )
        found += [(spec, file) for spec in specs if spec not in [known for known, _ in found]]
    try:
        for spec, file in found:
            _declare(spec, str(file))
        registry.add(*(spec for spec, _ in found))
    except GraphError as error:
        raise LakeError(
            "ASSETS", str(error), where=_place(str(error), found), fix=_FIXES.get(type(error), ())
        ) from error


def enter_installed(registry: Registry, warn: Callable[[str], None]) -> None:
    """Add what installed packages offer; one that cannot be loaded is left out with a warning."""
    for point in entry_points(group=ENTRY_POINTS):
        try:
            specs = list(_specs(point.load()))
            for spec in specs:
                _declare(spec, point.value)
            registry.add(*specs)
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever is wrong with another's package must not stop the lake
            owner = point.dist.name if point.dist else point.value
            warn(f"the assets {point.name} of {owner} are left out: {type(error).__name__}: {error}")


def _declare(spec: AssetSpec, origin: str) -> None:
    if spec.type in {"metrics", "features"}:
        declare(spec.key, spec.schema, origin)


def _specs(found: object) -> Iterator[AssetSpec]:
    """Yield the specs that a module holds by name or in lists; or those that were handed over themselves."""
    values = list(vars(found).values()) if isinstance(found, ModuleType) else [found]
    seen: list[AssetSpec] = []
    for value in values:
        for each in value if isinstance(value, list | tuple) else [value]:
            if isinstance(each, AssetSpec) and not any(each is one for one in seen):
                seen.append(each)
                yield each


class _Fresh(SourceFileLoader):
    """Compiles a module anew each time: cached byte code is told by seconds, and a file may be saved twice in one."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def imported(root: Path, name: str, asked: str = "") -> tuple[ModuleType, Path]:
    """Return a module found beside dl.toml, else an installed one, and its file.

    Args:
        root: The folder of dl.toml.
        name: The module.
        asked: What a user wrote to ask for it; unless given dl.toml names it.

    Raises:
        LakeError: ASSETS when there is none, or it cannot be loaded.
    """
    stem = root.joinpath(*name.split("."))
    file = next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
    if file is None and not _is_installed(name):
        raise LakeError(
            "ASSETS",
            f"there is no module {name}",
            where=asked or str(root / FILE_NAME),
            why=f"It is looked for as {name.replace('.', '/')}.py beside {FILE_NAME}, and among installed packages.",
            fix=[
                f"write {name.replace('.', '/')}.py",
                f"or correct what names it: {asked or f'[assets] modules in {FILE_NAME}'}",
            ],
        )
    with _explained(name, file or root / FILE_NAME), _importable(root):
        if file is None:
            module = importlib.import_module(name)
            return module, Path(module.__file__ or name)
        # Two lakes of one process may each have its own my_assets.
        unique = f"_dl_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}_{name.replace('.', '_')}"
        places = [str(file.parent)] if file.name == "__init__.py" else None
        found = importlib.util.spec_from_file_location(
            unique, file, loader=_Fresh(unique, str(file)), submodule_search_locations=places
        )
        if found is None or found.loader is None:
            raise ImportError(f"{file} is no Python module")
        module = importlib.util.module_from_spec(found)
        sys.modules[unique] = module
        found.loader.exec_module(module)
        return module, file


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


@contextmanager
def _importable(root: Path) -> Iterator[None]:
    """Let a module import what lies beside it, for as long as it is loaded."""
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        with suppress(ValueError):
            sys.path.remove(str(root))


@contextmanager
def _explained(name: str, file: Path) -> Iterator[None]:
    """Turn whatever a module raises while it is loaded into an error with its line."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise _broken(name, file, error) from error


def _broken(name: str, file: Path, error: Exception | SystemExit) -> LakeError:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    line = error.lineno if isinstance(error, SyntaxError) else next(reversed(lines), None)
    said = str(error) if isinstance(error, GraphError) else f"{type(error).__name__}: {error}"
    return LakeError(
        "ASSETS",
        f"{name} cannot be loaded: {said}",
        where=f"{file}:{line}" if line else str(file),
        fix=_FIXES.get(type(error), ()) if isinstance(error, GraphError) else (),
    )


def _place(message: str, found: list[tuple[AssetSpec, Path]]) -> str:
    """Return file and line of the last declared key that a message names."""
    named = [(spec.key, file) for spec, file in found if spec.key in message]
    if not named:
        return ", ".join(sorted({str(file) for _, file in found}))
    key, file = named[-1]
    tree = ast.parse(file.read_bytes())
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Constant) and node.value == key]
    return f"{file}:{max(lines)}" if lines else str(file)
