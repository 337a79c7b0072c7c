"""The smallest Typer app with one command: the floor for the start of a command line."""

import typer

app = typer.Typer()


@app.command("list")
def list_() -> None:
    """Say nothing."""


@app.callback()
def main() -> None:
    """A bare app."""


if __name__ == "__main__":
    app()
