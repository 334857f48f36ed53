"""Progress on stderr for long work, the same look everywhere; silent where nobody is looking (no terminal)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def track_total(text: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar of `total` steps (a spinner when unknown); yields the function that moves it on by a number of steps."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(text, total=total)
        yield lambda steps: progress.advance(task, steps)


@contextmanager
def track_steps(text: str, *, steps: int) -> Iterator[Callable[[str], None]]:
    """A bar over named steps; yields the function that says which step begins."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(text, total=steps)
        begun = False

        def begin(step: str) -> None:
            nonlocal begun
            progress.update(task, description=f"{text}: {step}", advance=1 if begun else 0)
            begun = True

        yield begin
        progress.update(task, description=text, completed=steps)
