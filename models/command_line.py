"""The one `levensloop` command: it finds its verbs through the entry-point group `levensloop.commands`.

Verbs live beside what they do (in models, training and serving) and are found, not imported, so neither training nor
serving has to know the other. Every error of ours becomes one sentence and its exit code.
"""

import gc
import os
import sys
from importlib.metadata import entry_points

import typer
from rich.console import Console

from models.errors import LevensloopError
from models.home import VAULT_VARIABLES

INTERRUPTED = 130  # 128 + SIGINT, what a shell expects after Ctrl-C
# Telemetry of the libraries below us is off before any of them is imported.
TELEMETRY_OFF = {
    "BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true",
    # BentoML traces every request, and keeps what no exporter takes: 4 kB of memory a request.
    "OTEL_SDK_DISABLED": "true",
}  # fmt: skip
# Imports make a million objects that stay. At Python's 700, looking through them again and again took a short verb a
# seventh of its time.
OBJECTS_BEFORE_CLEANING = 100_000
# The only verbs that receive the key of the vault.
VAULT_VERBS = frozenset({"audit", "monitor", "vault"})


def build_app() -> typer.Typer:
    """All verbs of all installed packages in one application."""
    app = typer.Typer(
        name="levensloop",
        help="Life events from bank bookings: learned openly, checked for equal treatment, permission first.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_show_locals=False,  # locals hold bookings
        rich_markup_mode=None,
    )
    for point in sorted(entry_points(group="levensloop.commands"), key=lambda point: point.name):
        app.add_typer(point.load())
    return app


def main() -> None:
    """Run the command line; our errors and Ctrl-C end in one sentence on stderr and their exit code."""
    os.environ.update(TELEMETRY_OFF)
    gc.set_threshold(OBJECTS_BEFORE_CLEANING)
    if not VAULT_VERBS & set(sys.argv[1:2]):
        for name in VAULT_VARIABLES:
            os.environ.pop(name, None)
    try:
        build_app()()
    except LevensloopError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as stop:
        # Typer turns a Ctrl-C inside a verb into an exit without a word; before any verb it is still a Ctrl-C.
        if isinstance(stop, KeyboardInterrupt) or stop.code == INTERRUPTED:
            _say("Interrupted before the end. Run the command again to get its result.")
            sys.exit(INTERRUPTED)
        raise


def _say(sentence: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"levensloop: {sentence}", markup=False)


if __name__ == "__main__":
    main()
