from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer

from dl_datalake.commands._words import Command

SEEN: dict[str, Any] = {}


def take(
    text: Annotated[str | None, typer.Option()] = None,
    path: Annotated[Path | None, typer.Option()] = None,
    count: Annotated[int | None, typer.Option(min=1)] = None,
    share: Annotated[float | None, typer.Option()] = None,
    many: Annotated[list[str] | None, typer.Option()] = None,
    choice: Annotated[Literal["a", "b"], typer.Option()] = "a",
    flag: Annotated[bool, typer.Option("--flag")] = False,  # noqa: FBT002 - a flag of a command
) -> None:
    SEEN.update(locals())


def program(**settings: Any) -> Any:  # noqa: ANN401 - Typer's own
    app = typer.Typer(rich_markup_mode=None)
    app.command(**settings)(take)
    return typer.main.get_command(app)


@pytest.mark.parametrize("settings", [{"cls": Command}, {}], ids=["ours", "Typer's own"])
@pytest.mark.parametrize(
    ("words", "seen"),
    [
        ([], {"text": None, "path": None, "count": None, "share": None, "choice": "a", "flag": False}),
        (["--text", "5"], {"text": "5"}),
        (["--path", "a/b"], {"path": Path("a/b")}),
        (["--count", "12"], {"count": 12}),
        (["--share", "0.5"], {"share": 0.5}),
        (["--many", "a", "--many", "b"], {"many": ["a", "b"]}),
        (["--choice", "b"], {"choice": "b"}),
        (["--flag"], {"flag": True}),
    ],
    ids=str,
)
def test_values_are_those_typer_makes(settings: dict[str, Any], words: list[str], seen: dict[str, Any]) -> None:
    program(**settings).main(words, standalone_mode=False)
    assert {name: SEEN[name] for name in seen} == seen


@pytest.mark.parametrize("settings", [{"cls": Command}, {}], ids=["ours", "Typer's own"])
@pytest.mark.parametrize("words", [["--count", "x"], ["--count", "0"], ["--share", "much"], ["--choice", "c"]], ids=str)
def test_what_typer_refuses_is_refused(settings: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(typer.BadParameter) as caught:
        program(**settings).main(words, standalone_mode=False)
    assert words[0] in caught.value.format_message()
