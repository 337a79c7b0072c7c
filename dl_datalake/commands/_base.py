"""What every command shares: the global options, which work before and after the command's name, and the lake."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dl_datalake.commands._completing import completing
from dl_datalake.commands._words import Command, Group
from dl_datalake.output import Output
from lake.errors import Exit, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lake.config import Config
    from lake.manifest import Manifest
    from schemas.graph import Registry

EPILOG = "Global options (--root, --json, --quiet, …) work here too: see dl --help."

GLOBALS: dict[str, tuple[Any, tuple[str, ...], str]] = {
    "root": (Path | None, ("--root",), "The lake's folder (DL_ROOT; else found upwards from here)."),
    "data_root": (Path | None, ("--data-root",), "The data folder, if not ROOT/data (DL_DATA_ROOT)."),
    "db_path": (Path | None, ("--db-path",), "The manifest, if not ROOT/manifest.db (DL_DB_PATH)."),
    "wait": (float | None, ("--wait",), "Seconds to wait while another process writes (DL_WAIT)."),
    "json": (bool, ("--json",), "Answer with one JSON document on stdout."),
    "quiet": (bool, ("--quiet", "-q"), "No progress, no hints, no report of what was done."),
    "verbose": (bool, ("--verbose", "-v"), "Show the traceback of an error."),
    "no_progress": (bool, ("--no-progress",), "No progress on stderr."),
}
"""Name → type, words, help."""


@dataclass(slots=True)
class Session:
    """One run of `dl`: its output, and where the lake is."""

    out: Output = field(default_factory=Output)
    root: Path | None = None
    data_root: Path | None = None
    db_path: Path | None = None
    wait: float | None = None
    safe: str = "The lake was only read."
    """What to tell a user who stops the command."""
    others: list[LakeError] = field(default_factory=list)
    """Errors to print before the one that ends the command."""

    def apply(self, given: dict[str, Any]) -> None:
        """Take over the global options that were given; those not given leave earlier ones alone."""
        for name in ("root", "data_root", "db_path", "wait"):
            if given[name] is not None:
                setattr(self, name, given[name])
        self.out.json |= given["json"]
        self.out.quiet |= given["quiet"]
        self.out.verbose |= given["verbose"]
        self.out.progress &= not given["no_progress"]

    def config(self, root: Path | None = None, *, must_exist: bool = True) -> Config:
        """Return the lake's configuration; LAKE_NOT_INITIALISED when there is none and there must be."""
        from lake.config import locate
        from pipelines.remembering import remember

        overrides: dict[str, Any] = {} if self.wait is None else {"wait_s": self.wait}
        found = locate(
            root or self.root, data_root=self.data_root, db_path=self.db_path, must_exist=must_exist, **overrides
        )
        self.out.root = found.root
        remember(found, self.out.warn)
        return found

    def registry(self, config: Config | None) -> Registry:
        """Return the declared assets, the lake's own among them; without a lake those of the project."""
        from pipelines.assets import load

        return load(config, self.out.warn)

    def manifest(self) -> Manifest:
        """Open the lake for reading; close it by `with`."""
        from lake.manifest import Manifest

        return Manifest.open(self.config())


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function `f(session, …)` as the command `name`, with the global options added to its own."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function, eval_str=True)

        def run(ctx: typer.Context, **given: Any) -> None:  # noqa: ANN401 - whatever the command takes
            session: Session = ctx.obj
            session.apply({option: given.pop(option) for option in GLOBALS})
            function(session, **given)

        own_words = [
            completing(p).replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in list(own.parameters.values())[1:]
        ]
        _describe(run, [_CONTEXT, *own_words, *_options(hidden=True)], function.__doc__)
        app.command(name, cls=Command, epilog=EPILOG)(run)
        return function

    return register


def group(title: str, *, top: bool = False) -> typer.Typer:
    """Return an app for commands, with the global options before their names; only the top one's help shows them."""
    app = typer.Typer(
        name="dl" if top else None,
        cls=Group,
        add_completion=top,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    def take(ctx: typer.Context, **given: Any) -> None:  # noqa: ANN401 - the global options
        ctx.obj.apply(given)
        if ctx.invoked_subcommand is None:
            if ctx.obj.out.json:
                raise LakeError(
                    "USAGE",
                    "no command was named",
                    why="--json asks for a command's answer.",
                    fix=[f"{ctx.command_path} --help"],
                )
            ctx.obj.out.text([ctx.get_help()])
            raise typer.Exit(Exit.USAGE)

    _describe(take, [_CONTEXT, *_options(hidden=not top)], title)
    app.callback(invoke_without_command=True)(take)
    return app


_CONTEXT = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


def _describe(function: Any, parameters: list[inspect.Parameter], doc: str | None) -> None:  # noqa: ANN401 - mypy knows no __signature__
    """Give a function that takes anything the parameters Typer is to read."""
    function.__signature__ = inspect.Signature(parameters)
    function.__annotations__ = {each.name: each.annotation for each in parameters}
    function.__doc__ = doc


def _options(*, hidden: bool) -> list[inspect.Parameter]:
    """Return the global options as parameters; hidden ones work but stay out of a command's help."""
    parameters = []
    for name, (kind, words, text) in GLOBALS.items():
        option = typer.Option(*words, help=text, hidden=hidden)
        default = False if kind is bool else None
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
        )
    return parameters
