"""Pictures of a run's figures, for people who would rather look than read. They draw facts and compute nothing."""

from collections.abc import Mapping
from typing import Any


def plot_labels(facts: Mapping[str, Any]) -> Any:
    """F1 per booking label on unseen customers, as a bar chart; None when there is nothing to draw."""
    rows = {name: (figures["f1"] or 0.0, figures["n"]) for name, figures in facts["bookings"]["per_label"].items()}
    return _bars(rows, title="Bookings: F1 per label, customers not seen in training")


def plot_events(facts: Mapping[str, Any]) -> Any:
    """F1 per life event on unseen customers, as a bar chart; None when there is nothing to draw."""
    rows = {n: (f["f1"], f["n_true"]) for n, f in facts["events"]["per_event"].items() if f["n_true"]}
    return _bars(rows, title="Life events: F1, dated inside the true event's span, one to one")


def _bars(rows: Mapping[str, tuple[float, int]], *, title: str) -> Any:
    if not rows:
        return None
    from matplotlib.figure import Figure

    names = sorted(rows, key=lambda name: rows[name][0])
    figure = Figure(figsize=(8, 0.3 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh([f"{name} (n={rows[name][1]})" for name in names], [rows[name][0] for name in names], color="#1f6f8b")
    axes.set(xlim=(0, 1), title=title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
