"""The verbs of `serving` on the command line; what they need is imported when they run, so that `--help` is quick."""

import typer

app = typer.Typer()
