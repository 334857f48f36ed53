"""Progress on stderr for long work, the same look everywhere: a bar on a terminal, and in a pipe no bar.

A log keeps one line per step of long work, so that who reads it later sees how far it came.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def track_total(text: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar of `total` steps (a spinner when unknown); yields the function that moves it on by a number of steps."""
    with _build_progress(Console(stderr=True)) as progress:
        task = progress.add_task(text, total=total)
        yield lambda steps: progress.advance(task, steps)


@contextmanager
def track_steps(text: str, *, steps: int) -> Iterator[Callable[[str], None]]:
    """A bar over named steps, in a pipe a line per step; yields the function that says which step begins."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with _build_progress(console) as progress:
        task = progress.add_task(text, total=steps)
        begun = False

        def begin(step: str) -> None:
            nonlocal begun
            progress.update(task, description=f"{text}: {step}", advance=1 if begun else 0)
            begun = True
            if not console.is_terminal:
                console.print(f"{text}: {step}", markup=False)

        yield begin
        progress.update(task, description=text, completed=steps)


def _build_progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
