"""Words of the command line as values, without pydantic.

Typer imports pydantic to convert the first value it meets, which takes longer and holds more memory than `dl list`
itself. Our options have few types, so their values are converted here. Where Typer's insides are no longer those this
was written for, Typer converts as it always does: slower, and to the same values.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_KINDS: dict[object, tuple[Callable[[str], object], str]] = {
    str: (str, "a text"),
    Path: (Path, "a path"),
    int: (int, "a whole number"),
    float: (float, "a number"),
    bool: (bool, "a flag"),
}


class Command(TyperCommand):
    """A command whose words are converted here."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own context
        """Parse as Typer does, converting as said above."""
        convert_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)


class Group(TyperGroup):
    """A group of commands whose own words are converted here."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own context
        """Parse as Typer does, converting as said above."""
        convert_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)


def convert_plainly(parameters: Iterable[Any]) -> None:
    """Give every parameter of a type we know its own conversion, in the place where Typer keeps the one it makes."""
    for parameter in parameters:
        kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
        if getattr(parameter, "_runtime_param", kind) is None and _words_of(kind) is not None:
            parameter._runtime_param = _Plain(kind)  # noqa: SLF001 - see above


def _words_of(kind: object) -> tuple[Callable[[str], object], str] | None:
    """Return how to convert one word, and what it must be; None for a type that is left to Typer."""
    known = _KINDS.get(kind)
    if known is not None:
        return known
    choices = get_args(kind)
    if kind == list[str]:
        return _KINDS[str]
    if choices and all(isinstance(choice, str) for choice in choices):
        return (lambda word: choices[choices.index(word)]), f"one of {', '.join(choices)}"
    return None


class _Plain:
    """Converts the words of one parameter; stands in for Typer's RuntimeParam."""

    def __init__(self, kind: object) -> None:
        self.kind = kind

    def coerce(self, value: Any, param: Any, ctx: typer.Context) -> Any:  # noqa: ANN401 - what Typer passes
        """Return the parameter's value; BadParameter when it is none."""
        found = _words_of(self.kind)
        if value is None or found is None:
            return () if value is None and param.multiple else value
        convert, expected = found
        words = list(value) if isinstance(value, list | tuple) else [value]
        try:
            values = [convert(word) for word in words]
        except ValueError:
            raise typer.BadParameter(f"{value!r} is not {expected}", ctx=ctx, param=param) from None
        info = param.type_descriptor.parameter_info
        if self.kind in {int, float} and info.min is not None and any(number < info.min for number in values):
            raise typer.BadParameter(f"{value} is less than {info.min}", ctx=ctx, param=param)
        return values if isinstance(value, list | tuple) else values[0]
