"""Refuse to start when another module hides one of our packages.

`python -m` and notebooks put the current folder first on the import path, so a user's own `schemas.py` there would be
imported in place of ours and fail somewhere far from the cause.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("schemas", "lake", "pipelines")


def check() -> None:
    """Raise ImportError unless our packages are the ones beside this one."""
    site = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            raise ImportError(f"dl-datalake's package {name!r} is missing; install dl-datalake again", name=name)
        # A namespace package, a folder without __init__.py, has no origin.
        found = spec.origin or next(iter(spec.submodule_search_locations or ()), "something without a file")
        if Path(found).resolve() != site / name / "__init__.py":
            raise ImportError(
                f"{found} was found where dl-datalake's package {name!r} should be; "
                "rename it, use the `dl` command, or run `python -P`",
                name=name,
                path=found,
            )
